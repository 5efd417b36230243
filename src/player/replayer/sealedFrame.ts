/**
 * The frame that a recording is rebuilt in. A recording is untrusted: nothing in it may run, and nothing in it may
 * call out, neither to the recorded site nor to the site around the player. The policy of this document is inherited
 * by the frame that rrweb makes inside it.
 */
const SEALED_POLICY = [
  "default-src 'none'",
  "script-src 'none'",
  "style-src 'unsafe-inline'",
  'img-src data: blob:',
  'font-src data:',
  'media-src data: blob:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Without allow-scripts. allow-same-origin lets the player, which runs outside, build the document. */
export const SEALED_SANDBOX = 'allow-same-origin';

// Names in recorded links would be looked up otherwise: no policy covers that, and frames inside inherit this.
const NO_LOOKUPS = '<meta http-equiv="x-dns-prefetch-control" content="off">';

const ROOT_ID = 'playhead-root';

const CURSOR = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="24" viewBox="0 0 20 24"><path d="M2 1.5v17l4.4-4 3.2 7.3 3.2-1.4-3.2-7.1h6z" fill="#111217" stroke="#fff" stroke-width="1.6" stroke-linejoin="round"/></svg>'
)}`;

const STYLE = `
html, body { margin: 0; height: 100%; overflow: hidden; background: #fff; }
.replayer-wrapper { position: relative; }
.replayer-wrapper > iframe { display: block; border: 0; background: #fff; }
.replayer-mouse { position: absolute; z-index: 2; width: 20px; height: 24px; margin: -1px 0 0 -2px; pointer-events: none;
  background: url("${CURSOR}") no-repeat; }
.replayer-mouse::after { content: ""; position: absolute; left: 2px; top: 1px; width: 36px; height: 36px; margin: -18px 0 0 -18px;
  border-radius: 50%; border: 3px solid #3d71d9; background: rgba(61, 113, 217, 0.25); box-sizing: border-box; opacity: 0; }
.replayer-mouse.active::after { animation: playhead-click 0.45s ease-out; }
.replayer-mouse.touch-device { background: none; }
.replayer-mouse.touch-device.touch-active::after { opacity: 1; }
.replayer-mouse-tail { position: absolute; z-index: 1; pointer-events: none; }
@keyframes playhead-click { from { opacity: 1; transform: scale(0.3); } to { opacity: 0; transform: scale(1.2); } }
@media (prefers-reduced-motion: reduce) { .replayer-mouse.active::after { animation: none; opacity: 1; } }
`;

export const SEALED_DOCUMENT = `<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${SEALED_POLICY}">${NO_LOOKUPS}<style>${STYLE}</style></head><body><div id="${ROOT_ID}"></div></body></html>`;

/**
 * The element to build a recording in, once the frame has loaded. Throws when the frame is not sealed, for example
 * because something on the page rewrote its markup: then nothing may be played.
 */
export function sealedRoot(frame: HTMLIFrameElement): HTMLElement {
  const document = frame.contentDocument;
  const policy = document?.querySelector('meta[http-equiv="Content-Security-Policy"]')?.getAttribute('content');
  const root = document?.getElementById(ROOT_ID);
  if (!root || policy !== SEALED_POLICY || frame.getAttribute('sandbox') !== SEALED_SANDBOX) {
    throw new Error('The frame for the recording is not protected, so nothing is played');
  }
  return root;
}
