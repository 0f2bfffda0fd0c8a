import type { Lsn } from '../log/index.ts';
import { conflictsOf, type Loser } from '../merge/index.ts';
import type { ItemKey } from './item-key.ts';
import type { Partition } from './partition.ts';

/** A losing write that nobody has dealt with yet, and the item that it was about. */
export interface OpenConflict {
  readonly key: ItemKey;
  readonly loser: Loser;
}

/** The conflicts of one item. */
export function conflictsIn(partition: Partition, key: ItemKey): readonly Loser[] {
  const item = partition.lookup(key);
  return item === undefined ? [] : conflictsOf(item.state);
}

/** The conflicts of all items, and the last entry that they rest on: to be shown once that is durable. */
export function openConflicts(partition: Partition): {
  readonly conflicts: readonly OpenConflict[];
  readonly basedOn: Lsn;
} {
  const conflicts: OpenConflict[] = [];
  for (const key of partition.unsettledKeys()) {
    const item = partition.lookup(key);
    if (item === undefined) continue;
    for (const loser of conflictsOf(item.state)) conflicts.push({ key, loser });
  }
  // That an item has none, or none any more, may rest on what is newest.
  return { conflicts, basedOn: partition.applied.lsn };
}
