import type { ItemNumber, SourceItem } from '../query/index.ts';

interface Entry {
  readonly owner: PartitionDocuments;
  readonly item: SourceItem;
  /** The partition's batches when the store was read. */
  readonly since: number;
}

/** What an entry costs beside its text, in bytes. */
const OVERHEAD_BYTES = 250;

/**
 * Items that queries read from the store of late, over all partitions of a node, bounded in bytes together.
 * The cache of items holds what is written and read by key; queries find items by number and know nothing of
 * their state, so they have this one. Least recently used goes first.
 */
export class DocumentCache {
  readonly #bytesMax: number;
  /** The coldest first. */
  readonly #order = new Set<Entry>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  forPartition(): PartitionDocuments {
    return new PartitionDocuments(this);
  }

  /** @internal */
  insert(entry: Entry): void {
    this.#bytes += weigh(entry);
    this.#order.add(entry);
    for (const coldest of this.#order) {
      if (this.#bytes <= this.#bytesMax) break;
      coldest.owner.drop(coldest.item.number);
    }
  }

  /** @internal */
  touch(entry: Entry): void {
    this.#order.delete(entry);
    this.#order.add(entry);
  }

  /** @internal */
  remove(entry: Entry): void {
    this.#bytes -= weigh(entry);
    this.#order.delete(entry);
  }
}

/**
 * One partition's share. The store changes by batches, and whoever reads has a snapshot of it: an entry holds
 * for snapshots that are not older than the one it was read from, until a batch takes its item in.
 */
export class PartitionDocuments {
  /** How many batches were begun. */
  batches = 0;
  readonly #cache: DocumentCache;
  readonly #entries = new Map<ItemNumber, Entry>();

  constructor(cache: DocumentCache) {
    this.#cache = cache;
  }

  /** The item as a snapshot has it that was taken after `batches` were begun; undefined when not known. */
  get(number: ItemNumber, batches: number): SourceItem | undefined {
    const entry = this.#entries.get(number);
    if (entry === undefined || entry.since > batches) return undefined;
    this.#cache.touch(entry);
    return entry.item;
  }

  /**
   * Keeps what was read from such a snapshot, unless a batch was begun since: it may change the item. An item
   * of a batch that was under way when the snapshot was taken must not come here.
   */
  keep(item: SourceItem, batches: number): void {
    if (batches !== this.batches || this.#entries.has(item.number)) return;
    const entry = { owner: this, item, since: batches };
    this.#entries.set(item.number, entry);
    this.#cache.insert(entry);
  }

  /** Takes note that a batch will change the item. */
  drop(number: ItemNumber): void {
    const entry = this.#entries.get(number);
    if (entry === undefined) return;
    this.#entries.delete(number);
    this.#cache.remove(entry);
  }

  clear(): void {
    for (const number of [...this.#entries.keys()]) this.drop(number);
  }
}

function weigh({ item }: Entry): number {
  return item.text.length + OVERHEAD_BYTES;
}
