import { assert } from '../base/index.ts';
import { ENTRY_BYTES_MAX, type Lsn, type PartitionNumber } from './log.ts';
import type { PartitionState } from './partition-table.ts';

/** All entries of one append are one write. */
const APPEND_BYTES_MAX = 1 << 30;
const PARTITION_MAX = 2 ** 32 - 1;

/** Both engines refuse the same arguments; no client's request can lead to them, so they are bugs. */
export function checkAppend(
  partition: PartitionNumber,
  expectedTail: Lsn,
  entries: readonly Uint8Array[],
): void {
  assert(
    Number.isInteger(partition) && partition >= 1 && partition <= PARTITION_MAX,
    'partitions are numbered from 1',
  );
  assert(Number.isSafeInteger(expectedTail) && expectedTail >= 0, 'an LSN is a natural number');
  let bytes = 0;
  for (const entry of entries) {
    assert(entry.length >= 1 && entry.length <= ENTRY_BYTES_MAX, 'an entry has 1 byte to 16 MiB');
    bytes += entry.length;
  }
  assert(bytes <= APPEND_BYTES_MAX, 'an append has at most 1 GiB');
}

/** @throws RangeError below the head of the log; `state` is undefined for one that never existed. */
export function checkRead(state: PartitionState | undefined, fromLsn: Lsn): void {
  const head = state?.head ?? 1;
  if (!(fromLsn >= head)) throw new RangeError(`the log starts at entry ${head}, ${fromLsn} is before that`);
}
