import type { AnnotationSupport } from '@grafana/data';

import type { PlayheadQuery } from './types';

const defaults = { kinds: ['signal', 'error'] } satisfies Partial<PlayheadQuery>;

/**
 * What happened as annotations: signals and errors unless the user asks for other kinds. Whatever type the editor shows,
 * annotations are asked for: only their text is made for Grafana, which takes it for HTML.
 */
export const momentAnnotations: AnnotationSupport<PlayheadQuery> = {
  getDefaultQuery: () => ({ ...defaults, queryType: 'annotations' }),
  // Grafana shows the defaults in the editor but keeps only what the user has changed.
  prepareQuery: (annotation) => ({ refId: 'Anno', ...defaults, ...annotation.target, queryType: 'annotations' }),
};
