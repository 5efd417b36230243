/** The words that a query may hold (docs/format/playback.md), for the editor's lists. */

const optionsOf = <Word extends string>(words: readonly Word[]) =>
  words.map((word) => ({ value: word, label: word.replaceAll('_', ' ') }));

export const signalOptions = optionsOf([
  'any',
  'rage_click',
  'dead_click',
  'error_click',
  'double_submit',
  'vanished_message',
  'validation_error',
  'form_abandoned',
  'failed_request',
  'slow_request',
  'frozen_page',
  'layout_thrash',
  'thrashed_cursor',
  'quick_back',
  'error',
  'error_loop',
  'blank_page',
]);

export const kindOptions = optionsOf([
  'page_load',
  'navigation',
  'click',
  'input',
  'submit',
  'scroll',
  'request',
  'console',
  'error',
  'vital',
  'visibility',
  'long_frame',
  'text_appeared',
  'text_vanished',
  'identify',
  'custom',
  'state',
  'gap',
  'signal',
]);

/** Of annotations: those of moments, and the first session of a release. */
export const annotationKindOptions = [...kindOptions, { value: 'release', label: 'release' }];

export const metricOptions = [
  { value: 'sessions', label: 'Sessions', description: 'Counted where they start' },
  { value: 'errors', label: 'Errors', description: 'Uncaught, and those of the console' },
  { value: 'clicks', label: 'Clicks' },
  { value: 'page_loads', label: 'Page loads', description: 'And navigations' },
  { value: 'requests', label: 'Requests' },
  { value: 'failed_requests', label: 'Failed requests', description: 'Without an answer, or status 400 and above' },
  { value: 'request_duration', label: 'Request duration', description: 'A quantile, in ms' },
  { value: 'vital', label: 'Web vital', description: 'A quantile of the vital that is named' },
  { value: 'signals', label: 'Signals' },
  { value: 'signal_sessions', label: 'Sessions with signals' },
];

export const labelOptions = [
  { value: 'name', label: 'Name', description: 'Of the signal, error or vital; of a request its method' },
  { value: 'url', label: 'URL', description: 'Without its query' },
  { value: 'element', label: 'Element' },
  { value: 'release', label: 'Release' },
  { value: 'environment', label: 'Environment' },
  { value: 'browser', label: 'Browser' },
  { value: 'country', label: 'Country' },
  { value: 'user', label: 'User' },
];
