import { AnnotationEventFieldSource, type AnnotationQuery, type AnnotationSupport } from '@grafana/data';

import type { PlayheadQuery } from './types';

const defaults = { queryType: 'moments', kinds: ['error'] } satisfies Partial<PlayheadQuery>;

/** Moments as annotations: errors unless the user asks for other kinds. */
export const momentAnnotations: AnnotationSupport<PlayheadQuery> = {
  getDefaultQuery: () => defaults,
  // Grafana shows the defaults in the editor but keeps only what the user has changed.
  prepareQuery: (annotation) => ({ refId: 'Anno', ...defaults, ...annotation.target }),
  prepareAnnotation: withTitle,
};

/**
 * Grafana takes `time` and `text` from fields of that name; the title has to be pointed at the kind. What needs no
 * change must come back as the same object, because Grafana's editor asks again after every change.
 */
function withTitle(annotation: AnnotationQuery<PlayheadQuery>): AnnotationQuery<PlayheadQuery> {
  if (annotation.mappings) {
    return annotation;
  }
  return { ...annotation, mappings: { title: { source: AnnotationEventFieldSource.Field, value: 'kind' } } };
}
