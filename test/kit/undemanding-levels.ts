import type { Origin } from '../../src/causality/index.ts';
import type { PartitionTable } from '../../src/partition/index.ts';
import { Levels } from '../../src/replication/index.ts';
import type { Runtime } from '../../src/runtime/index.ts';

/** Of an account at Session level: nothing is demanded of any region. */
export function undemanding(runtime: Runtime, table: PartitionTable, self: Origin): Levels {
  return new Levels({
    runtime,
    self,
    table,
    demand: () => ({
      kind: 'none',
      operationsMax: 1,
      lagMsMax: 1,
      members: [],
      retired: [],
      writers: [],
      quorum: { epoch: 1, origins: [] },
    }),
    changeQuorum: () => Promise.reject(new RangeError('no set is kept')),
  });
}
