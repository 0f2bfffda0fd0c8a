import type { VersionVector } from '../causality/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import type { Store } from '../store/index.ts';
import type { HeldItem } from './item-cache.ts';
import type { ItemKey } from './item-key.ts';
import { boundKey, keyText, kindEnd } from './store-key.ts';
import { isUnsettled } from './view-writes.ts';

const CHUNK = 1000;

/** The items of one partition whose merge state is more than one settled write: collection has work there. */
export class UnsettledItems {
  readonly #keys = new Set<ItemKey>();
  /** Those that came or changed since the last round of collection. */
  #fresh = new Set<ItemKey>();
  /** What was stable in the last round. */
  #lookedAt: VersionVector | undefined;

  get size(): number {
    return this.#keys.size;
  }

  /** As of now. */
  keys(): ItemKey[] {
    return [...this.#keys];
  }

  note(item: HeldItem): void {
    if (isUnsettled(item)) {
      this.#keys.add(item.key);
      this.#fresh.add(item.key);
    } else {
      this.#keys.delete(item.key);
      this.#fresh.delete(item.key);
    }
  }

  /**
   * Begins a round of collection: the items that it may have an effect on. While nothing more becomes stable,
   * as when a region is away for long, these are only those that changed meanwhile.
   */
  takeCollectible(stable: VersionVector): ItemKey[] {
    const isNew = this.#lookedAt?.equals(stable) !== true;
    const keys = isNew ? [...this.#keys] : [...this.#fresh];
    this.#fresh = new Set();
    if (isNew) this.#lookedAt = stable.clone();
    return keys;
  }

  /** How many losing versions and marks of the dead there are. */
  count(itemOf: (key: ItemKey) => HeldItem | undefined): {
    readonly siblings: number;
    readonly tombstones: number;
  } {
    let siblings = 0;
    let tombstones = 0;
    for (const key of this.#keys) {
      const item = itemOf(key);
      if (item === undefined) continue;
      siblings += item.state.siblings.length - (item.visible === undefined ? 0 : 1);
      tombstones += item.state.dead.length;
    }
    return { siblings, tombstones };
  }

  /** Reads back what earlier processes stored. */
  async load(store: Store, partition: PartitionNumber): Promise<void> {
    const snapshot = store.snapshot();
    const cursor = snapshot.scan({ from: boundKey(partition, 'u'), to: kindEnd(partition, 'u') });
    for (;;) {
      const pairs = await cursor.next(CHUNK);
      for (const [key] of pairs) this.#keys.add(keyText(key));
      if (pairs.length < CHUNK) break;
    }
    await cursor.close();
    await snapshot.close();
  }
}
