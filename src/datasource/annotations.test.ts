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
  const moments = annotation({ target: { refId: 'Anno', queryType: 'moments' } });

  it('ask for signals and errors until the user asks for something else', () => {
    expect(momentAnnotations.prepareQuery?.(annotation({}))).toMatchObject({
      queryType: 'annotations',
      kinds: ['signal', 'error'],
    });
    expect(
      momentAnnotations.prepareQuery?.(annotation({ target: { refId: 'Anno', kinds: ['release'], sessionId: 's' } }))
    ).toMatchObject({ queryType: 'annotations', kinds: ['release'], sessionId: 's' });
  });

  it('are titled by their kind when they are moments', () => {
    expect(momentAnnotations.prepareAnnotation?.(moments).mappings?.title).toMatchObject({ value: 'kind' });
    expect(momentAnnotations.prepareAnnotation?.(annotation({})).mappings).toBeUndefined();
  });

  it('keep the mappings of the user, as the same object', () => {
    const mapped = annotation({ mappings: {} });
    expect(momentAnnotations.prepareAnnotation?.(mapped)).toBe(mapped);
    const titled = momentAnnotations.prepareAnnotation?.(moments);
    expect(momentAnnotations.prepareAnnotation?.(titled)).toBe(titled);
  });
});
