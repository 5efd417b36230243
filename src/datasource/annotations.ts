import { AnnotationEventFieldSource, type AnnotationQuery, type AnnotationSupport } from '@grafana/data';

import type { PlayheadQuery } from './types';

/** Moments as annotations: errors unless the user asks for other kinds. */
export const momentAnnotations: AnnotationSupport<PlayheadQuery> = {
  getDefaultQuery: () => ({ queryType: 'moments', kinds: ['error'] }),
  // Grafana takes `time` and `text` from fields of that name; the title has to be pointed at the kind.
  prepareAnnotation: (annotation: AnnotationQuery<PlayheadQuery>) => ({
    ...annotation,
    mappings: annotation.mappings ?? { title: { source: AnnotationEventFieldSource.Field, value: 'kind' } },
  }),
};
