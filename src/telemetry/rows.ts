import type { DataFrame } from '@grafana/data';

import type { UnknownRecord } from '../shared/narrowing';

/** The rows of a frame, each by the names of its fields. */
export function rowsOf({ fields, length }: DataFrame): UnknownRecord[] {
  return Array.from({ length }, (_, index) =>
    Object.fromEntries(fields.map(({ name, values }): [string, unknown] => [name, values[index]]))
  );
}
