import { createDataFrame, FieldType } from '@grafana/data';

import { readReplay } from './readReplay';

const replayFrame = (rows: { ids: string[]; uids?: string[]; at?: Array<number | null> }) =>
  createDataFrame({
    name: 'replay',
    fields: [
      { name: 'session_id', type: FieldType.string, values: rows.ids },
      { name: 'datasource_uid', type: FieldType.string, values: rows.uids ?? rows.ids.map(() => 'playhead') },
      { name: 'at', type: FieldType.time, values: rows.at ?? rows.ids.map(() => null) },
    ],
  });

const sessionsFrame = (ids: string[]) =>
  createDataFrame({ name: 'sessions', fields: [{ name: 'session_id', type: FieldType.string, values: ids }] });

describe('readReplay', () => {
  it('finds the replay and its instant', () => {
    expect(readReplay([sessionsFrame(['x']), replayFrame({ ids: ['s'], at: [1763791872123] })])).toEqual({
      kind: 'replay',
      replay: { sessionId: 's', datasourceUid: 'playhead', at: 1763791872123 },
    });
  });

  it('starts at the beginning when the frame names no instant', () => {
    expect(readReplay([replayFrame({ ids: ['s'] })])).toMatchObject({ kind: 'replay', replay: { at: undefined } });
  });

  it('finds the fields when a transformation has dropped the name', () => {
    const { name: _, ...nameless } = replayFrame({ ids: ['s'] });
    expect(readReplay([nameless])).toMatchObject({ kind: 'replay' });
  });

  it('tells an unknown session from data of another kind and from no data', () => {
    expect(readReplay([replayFrame({ ids: [] })])).toEqual({ kind: 'not-found' });
    expect(readReplay([sessionsFrame(['s'])])).toEqual({ kind: 'other-data' });
    expect(readReplay([sessionsFrame([])])).toEqual({ kind: 'no-data' });
    expect(readReplay([])).toEqual({ kind: 'no-data' });
  });
});
