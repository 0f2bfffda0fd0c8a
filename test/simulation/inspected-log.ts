import { VersionVector } from '../../src/causality/index.ts';
import { EMPTY_ITEM, type ItemOperation } from '../../src/merge/index.ts';
import { encodeEntry } from '../../src/partition/index.ts';
import type { InspectedPartition } from './region-under-test.ts';

/** A partition with nothing but a log, each entry one operation on `key`: for tests of models. */
export function inspectedLog(key: string, operations: readonly ItemOperation[]): InspectedPartition {
  const vector = new VersionVector();
  const entries = operations.map((operation) => {
    vector.advance(operation.dot.origin, operation.dot.n);
    return encodeEntry({ changes: [{ itemKey: key, operation }] });
  });
  return {
    number: 0,
    vector,
    tail: () => entries.length,
    read: async (fromLsn) => entries.slice(fromLsn - 1),
    lookup: () => ({ state: EMPTY_ITEM }),
    isQuiet: () => true,
  };
}
