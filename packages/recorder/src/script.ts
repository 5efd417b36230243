import { createApi, type PlayheadApi } from './api';
import { type Options, type PrivacyMode } from './options';

declare global {
  interface Window {
    playhead?: PlayheadApi;
  }
}

/** The options in the `data-` attributes of the recorder's own script tag; see docs/record.md. */
function optionsOf(script: HTMLScriptElement): Options {
  const { key, endpoint, privacyMode, sampleRate, traceOrigins, release, environment } = script.dataset;
  return {
    key: key ?? '',
    endpoint: endpoint ?? (script.src && new URL(script.src).origin),
    privacyMode: privacyMode as PrivacyMode | undefined,
    sampleRate: sampleRate === undefined ? undefined : Number(sampleRate),
    traceOrigins: traceOrigins?.split(/[\s,]+/).filter(Boolean),
    release,
    environment,
  };
}

const script = document.currentScript;
// An element with the id "playhead" is found under this name too.
if (typeof window.playhead?.start !== 'function') {
  window.playhead = createApi();
  // Without a key the page starts the recorder itself.
  if (script instanceof HTMLScriptElement && script.dataset.key) {
    window.playhead.start(optionsOf(script));
  }
}
