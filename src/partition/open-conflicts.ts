import type { Lsn } from '../log/index.ts';
import { conflictsOf, type Loser } from '../merge/index.ts';
import { isSuppressed } from './item-cache.ts';
import type { ItemKey } from './item-key.ts';
import type { Partition } from './partition.ts';

/** A losing write that nobody has dealt with yet, and the item that it was about. */
export interface OpenConflict {
  readonly key: ItemKey;
  readonly loser: Loser;
}

/** The other items that have a unique value of the losing write now; none without unique keys. */
export function holdersOf(partition: Partition, { key, loser }: OpenConflict): readonly ItemKey[] {
  const { unique } = partition;
  if (unique === undefined) return [];
  const holders = new Set<ItemKey>();
  for (const value of unique.valuesOf(key, loser.body)) {
    for (const other of unique.claimants(value)) {
      if (other !== key && partition.shown(partition.lookup(other)) !== undefined) holders.add(other);
    }
  }
  return [...holders];
}

/** The conflicts of one item. */
export function conflictsIn(partition: Partition, key: ItemKey): readonly Loser[] {
  const item = partition.lookup(key);
  return item === undefined ? [] : conflictsOf(item.state, isSuppressed(item));
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
    for (const loser of conflictsOf(item.state, isSuppressed(item))) conflicts.push({ key, loser });
  }
  // That an item has none, or none any more, may rest on what is newest.
  return { conflicts, basedOn: partition.applied.lsn };
}
