import { cut } from './text';

/** A longer label would make the server refuse every segment. */
const LABEL_BYTES = 128;

/** What is hidden before anything leaves the page. The strictest rule that applies wins. */
export type PrivacyMode = 'mask-inputs' | 'mask-all' | 'mask-none';

export interface Options {
  /** Write key of the project, `pk_…`. It is public: it can only write. */
  key: string;
  /** Address of `playhead ingest`, without `/v1/segments`. */
  endpoint: string;
  /**
   * `mask-inputs` masks what people type, `mask-all` all text as well, `mask-none` only what is marked in the page.
   * An unknown value is taken as `mask-all`.
   * @default 'mask-inputs'
   */
  privacyMode?: PrivacyMode;
  /**
   * Share of the sessions that are recorded, 0 to 1; decided once per session.
   * @default 1
   */
  sampleRate?: number;
  /**
   * Origins besides the page's own whose requests carry the session id. Each must allow the headers `x-session-id`,
   * `baggage` and `traceparent` by CORS, or its requests will break.
   * @default []
   */
  traceOrigins?: string[];
  /** Version of the application, up to 128 bytes. */
  release?: string;
  /** Such as `production`, up to 128 bytes. */
  environment?: string;
}

export interface Settings {
  key: string;
  segmentsUrl: string;
  privacyMode: PrivacyMode;
  sampleRate: number;
  traceOrigins: ReadonlySet<string>;
  release?: string;
  environment?: string;
}

function parseOrigin(text: string): string {
  try {
    return new URL(text).origin;
  } catch {
    throw new Error(`the trace origin ${text} is not an origin such as https://api.example.com`);
  }
}

/** Checks options; throws an Error that says what to fix. */
export function resolveOptions(options: Options): Settings {
  if (!options.key) {
    throw new Error('the write key is missing');
  }
  if (!options.endpoint) {
    throw new Error('the endpoint is missing');
  }
  const rate = options.sampleRate ?? 1;
  if (!(rate >= 0 && rate <= 1)) {
    throw new Error('the sample rate must be between 0 and 1');
  }
  const mode = options.privacyMode ?? 'mask-inputs';
  return {
    key: options.key,
    segmentsUrl: new URL(options.endpoint.replace(/\/*$/, '/v1/segments'), document.baseURI).href,
    privacyMode: mode === 'mask-inputs' || mode === 'mask-none' ? mode : 'mask-all',
    sampleRate: rate,
    traceOrigins: new Set((options.traceOrigins ?? []).map(parseOrigin)),
    release: options.release && cut(options.release, LABEL_BYTES),
    environment: options.environment && cut(options.environment, LABEL_BYTES),
  };
}
