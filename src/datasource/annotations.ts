import { AnnotationEventFieldSource, type AnnotationQuery, type AnnotationSupport } from '@grafana/data';

import type { PlayheadQuery } from './types';

const defaults = { queryType: 'annotations', kinds: ['signal', 'error'] } satisfies Partial<PlayheadQuery>;

/** What happened as annotations: signals and errors unless the user asks for other kinds. */
export const momentAnnotations: AnnotationSupport<PlayheadQuery> = {
  getDefaultQuery: () => defaults,
  // Grafana shows the defaults in the editor but keeps only what the user has changed.
  prepareQuery: (annotation) => ({ refId: 'Anno', ...defaults, ...annotation.target }),
  prepareAnnotation: withTitle,
};

/**
 * Grafana takes `time`, `title` and `text` from fields of that name; moments have no title but their kind. What needs no
 * change must come back as the same object, because Grafana's editor asks again after every change.
 */
function withTitle(annotation: AnnotationQuery<PlayheadQuery>): AnnotationQuery<PlayheadQuery> {
  if (annotation.mappings || annotation.target?.queryType !== 'moments') {
    return annotation;
  }
  return { ...annotation, mappings: { title: { source: AnnotationEventFieldSource.Field, value: 'kind' } } };
}
