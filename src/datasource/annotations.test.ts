import type { AnnotationQuery } from '@grafana/data';

import { momentAnnotations } from './annotations';
import type { PlayheadQuery } from './types';

const annotation = (rest: Partial<AnnotationQuery<PlayheadQuery>>): AnnotationQuery<PlayheadQuery> => ({
  name: 'Errors',
  enable: true,
  iconColor: 'red',
  ...rest,
});

describe('annotations', () => {
  it('ask for errors until the user asks for something else', () => {
    expect(momentAnnotations.prepareQuery?.(annotation({}))).toMatchObject({ queryType: 'moments', kinds: ['error'] });
    expect(
      momentAnnotations.prepareQuery?.(annotation({ target: { refId: 'Anno', kinds: ['click'], sessionId: 's' } }))
    ).toMatchObject({ queryType: 'moments', kinds: ['click'], sessionId: 's' });
  });

  it('are titled by their kind', () => {
    expect(momentAnnotations.prepareAnnotation?.(annotation({})).mappings?.title).toMatchObject({ value: 'kind' });
  });

  it('keep the mappings of the user, as the same object', () => {
    const mapped = annotation({ mappings: {} });
    expect(momentAnnotations.prepareAnnotation?.(mapped)).toBe(mapped);
    const titled = momentAnnotations.prepareAnnotation?.(annotation({}));
    expect(momentAnnotations.prepareAnnotation?.(titled)).toBe(titled);
  });
});
