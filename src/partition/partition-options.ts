import type { HybridClock, Origin } from '../causality/index.ts';
import type { Indexer } from '../index/index.ts';
import type { Log, PartitionNumber } from '../log/index.ts';
import type { UniqueKeys } from '../resource/index.ts';
import type { Store } from '../store/index.ts';
import type { PartitionCache } from './item-cache.ts';
import type { Partition } from './partition.ts';
import type { VectorViewsOptions } from './vector-views.ts';

/** What a partition is opened with. */
export interface PartitionOptions {
  readonly number: PartitionNumber;
  readonly origin: Origin;
  readonly log: Log;
  readonly store: Store;
  readonly cache: PartitionCache;
  readonly clock: HybridClock;
  readonly indexer: Indexer;
  /** Of the container; undefined when it has none. */
  readonly uniqueKeys: UniqueKeys | undefined;
  /** The region's wall clock, in Unix milliseconds. */
  readonly nowMs: () => number;
  readonly vectorViews: Pick<VectorViewsOptions, 'runtime' | 'memory'>;
  /** Called for each change of an item: the bytes of its body, and whether it was not waiting already. */
  readonly onDirty: (partition: Partition, bytes: number, isNew: boolean) => void;
  /** Resolves when the store has caught up enough for more; undefined when it has. */
  readonly room: () => Promise<void> | undefined;
  /** Resolves when others had their turn on this thread. */
  readonly turn: () => Promise<void>;
  /**
   * Called before each write of this region, with the number of its writes so far: throws when another one
   * would be too many for now. Undefined: nobody counts.
   */
  readonly admitWrite: ((partition: PartitionNumber, head: number) => void) | undefined;
  /** The log refused an append: this partition's memory is worth nothing any more. */
  readonly onBroken: (reason: unknown) => void;
}
