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
  it('ask for signals and errors until the user asks for something else', () => {
    expect(momentAnnotations.prepareQuery?.(annotation({}))).toMatchObject({
      queryType: 'annotations',
      kinds: ['signal', 'error'],
    });
    expect(
      momentAnnotations.prepareQuery?.(annotation({ target: { refId: 'Anno', kinds: ['release'], sessionId: 's' } }))
    ).toMatchObject({ queryType: 'annotations', kinds: ['release'], sessionId: 's' });
  });

  it('never ask for moments, whose text could be markup of a recorded page', () => {
    const moments = annotation({ target: { refId: 'Anno', queryType: 'moments', kinds: ['click'] } });
    expect(momentAnnotations.prepareQuery?.(moments)).toMatchObject({ queryType: 'annotations', kinds: ['click'] });
  });
});
