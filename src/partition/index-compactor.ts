/**
 * Merges the runs of indexes in the background. Each batch of the feeder leaves a run, and a query looks
 * into all of them, so runs of a size are merged when there are several: then there are few, and an item is
 * rewritten once for each tier, the number of which grows with the logarithm of the container.
 *
 * A merger is written under an id that no manifest names, a piece at a time; it counts from the feeder's next
 * batch on, whose manifest names it in place of what it was made from.
 */
import { assert, WeightedCache } from '../base/index.ts';
import { encodeFences, RunBuilder } from '../index/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Store, StoreBatch } from '../store/index.ts';
import { IndexReader } from './index-reader.ts';
import { type IndexRun, newRun } from './index-runs.ts';
import type { Partition } from './partition.ts';
import { blockKey, fencesKey } from './store-key.ts';

/** Runs of one tier that are merged; a run of the next tier is about so many times as large. */
const FAN_IN = 8;
/** Runs up to this size are in the lowest tier. */
const SMALLEST_TIER_BYTES = 16_384;
/** Parts of terms merged before the event loop gets its turn. */
const SLICE_PARTS = 512;
const BATCH_BYTES = 1 << 20;
/** Blocks deleted in one batch. */
const CLEARED_AT_ONCE = 512;
/** Blocks read ahead, of all runs of a merger. */
const READ_AHEAD_BYTES = 4 << 20;

export interface IndexCompactorOptions {
  readonly runtime: Runtime;
  readonly store: Store;
  /** A merger waits for the next batch of this partition. */
  readonly onMerged: (partition: Partition) => void;
  readonly onFailed: (reason: unknown) => void;
}

export class IndexCompactor {
  readonly #options: IndexCompactorOptions;
  readonly #due = new Set<Partition>();
  /** Runs that were merged and are named no more. */
  readonly #obsolete: { readonly partition: Partition; readonly runs: readonly IndexRun[] }[] = [];
  /** Partitions whose store was searched for what a crash left behind. */
  readonly #swept = new WeakSet<Partition>();
  #busyWith: Partition | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: IndexCompactorOptions) {
    this.#options = options;
  }

  /** A batch of this partition is in the store. */
  settled(partition: Partition): void {
    const { index } = partition;
    if (index.pending !== undefined) {
      const replaced = index.settle();
      if (replaced.length > 0) {
        index.isMerging = false;
        this.#obsolete.push({ partition, runs: replaced });
      }
    }
    if (!index.isMerging && chooseRuns(index.committed.runs) !== undefined) this.#due.add(partition);
    if (this.#due.size > 0 || this.#obsolete.length > 0) this.#start();
  }

  /** Resolves when nothing is written for `partition`, which has ended. */
  async leave(partition: Partition): Promise<void> {
    this.#due.delete(partition);
    if (this.#busyWith === partition) await this.#running;
  }

  /** Resolves when nothing is written any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  #start(): void {
    if (this.#isStopped || this.#running !== undefined) return;
    this.#running = this.#work()
      .catch((error: unknown) => {
        this.#isStopped = true;
        this.#options.onFailed(error);
      })
      .finally(() => {
        this.#running = undefined;
        this.#busyWith = undefined;
        if (this.#due.size > 0 || this.#obsolete.length > 0) this.#start();
      });
  }

  /** One partition at a time, so that whoever drops one waits for that one's merger at the most. */
  async #work(): Promise<void> {
    const obsolete = this.#obsolete.shift();
    if (obsolete !== undefined) {
      this.#busyWith = obsolete.partition;
      await this.#clear(obsolete.partition, obsolete.runs);
      return;
    }
    for (const partition of this.#due) {
      this.#due.delete(partition);
      this.#busyWith = partition;
      if (!partition.isEnded) await this.#merge(partition);
      return;
    }
  }

  #isOver(partition: Partition): boolean {
    return this.#isStopped || partition.isEnded;
  }

  async #clear(partition: Partition, runs: readonly IndexRun[]): Promise<void> {
    const { store } = this.#options;
    const { number } = partition;
    for (const { id, blockCount } of runs) {
      for (let from = 0; from < blockCount; from += CLEARED_AT_ONCE) {
        if (this.#isOver(partition)) return;
        const batch = store.batch();
        const to = Math.min(blockCount, from + CLEARED_AT_ONCE);
        for (let place = from; place < to; place++) batch.set(blockKey(number, id, place), undefined);
        if (to === blockCount && blockCount > 1) batch.set(fencesKey(number, id), undefined);
        await batch.commit();
      }
    }
  }

  /** Removes blocks of runs that no manifest names: a crash came between writing and naming or clearing. */
  async #sweep(partition: Partition): Promise<void> {
    if (this.#swept.has(partition)) return;
    this.#swept.add(partition);
    const { number, index } = partition;
    const { store } = this.#options;
    for (const [from, to] of index.gaps()) {
      await store.clear(blockKey(number, from, 0), blockKey(number, to, 0));
      await store.clear(fencesKey(number, from), fencesKey(number, to));
    }
  }

  async #merge(partition: Partition): Promise<void> {
    const { index, number } = partition;
    const { store } = this.#options;
    await this.#sweep(partition);
    // A batch that came meanwhile made it due once more; the merger there is has to be taken in first.
    if (index.isMerging || this.#isOver(partition)) return;
    const replaced = chooseRuns(index.committed.runs);
    if (replaced === undefined) return;
    index.isMerging = true;
    const isOldest = replaced[0] === index.committed.runs[0];
    const reader = new IndexReader(number, store, { runs: replaced }, new WeightedCache(READ_AHEAD_BYTES));
    const id = index.takeId();
    const writer = new RunWriter(partition, id, store);
    const scan = reader.scan({ from: '', to: LAST });
    for (let parts = 1; ; parts++) {
      const part = scan.next();
      if (part !== undefined) {
        const [first = 0] = part.numbers;
        assert(!isOldest || first >= 0, 'nothing is taken away that was never given');
        writer.builder.add(part.term, part.numbers);
      } else if (scan.pending === undefined) break;
      else await scan.pending;
      if (writer.isFull) await writer.flush();
      if (parts % SLICE_PARTS === 0)
        await new Promise<void>((resolve) => this.#options.runtime.soon(resolve));
      if (this.#isOver(partition)) return await writer.abandon();
    }
    const by = await writer.finish();
    if (this.#isOver(partition)) return;
    index.finish({ replaced, by });
    this.#options.onMerged(partition);
  }
}

/** After every term. */
const LAST = '\xff'.repeat(9);

/** A merger on its way into the store, some blocks at a time. */
class RunWriter {
  readonly builder: RunBuilder;
  readonly #partition: Partition;
  readonly #id: number;
  readonly #store: Store;
  #batch: StoreBatch;
  #bytes = 0;

  constructor(partition: Partition, id: number, store: Store) {
    this.#partition = partition;
    this.#id = id;
    this.#store = store;
    this.#batch = store.batch();
    this.builder = new RunBuilder((place, block) => {
      this.#batch.set(blockKey(partition.number, id, place), block);
      this.#bytes += block.length;
    });
  }

  get isFull(): boolean {
    return this.#bytes >= BATCH_BYTES;
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = this.#store.batch();
    this.#bytes = 0;
    await batch.commit();
  }

  abandon(): Promise<void> {
    return this.#batch.abandon();
  }

  /** Undefined when the runs cancelled each other out. */
  async finish(): Promise<IndexRun | undefined> {
    const fences = this.builder.finish();
    if (fences.terms.length === 0) {
      await this.abandon();
      return undefined;
    }
    if (fences.terms.length > 1) {
      this.#batch.set(fencesKey(this.#partition.number, this.#id), encodeFences(fences));
    }
    await this.#batch.commit();
    return newRun(this.#id, fences, this.builder.bytes);
  }
}

function tierOf({ bytes }: IndexRun): number {
  let tier = 0;
  for (let limit = SMALLEST_TIER_BYTES; bytes > limit; limit *= FAN_IN) tier++;
  return tier;
}

/**
 * The newest runs up to a tier of which there are enough; undefined when there is nothing to merge. Always
 * consecutive ones: what one of them takes away was given by itself or by an older one.
 */
export function chooseRuns(runs: readonly IndexRun[]): readonly IndexRun[] | undefined {
  let from = runs.length;
  for (let tier = 0; from > 0; tier++) {
    let count = 0;
    while (from > 0 && tierOf(runs[from - 1] as IndexRun) <= tier) {
      from--;
      if (tierOf(runs[from] as IndexRun) === tier) count++;
    }
    if (count >= FAN_IN) return runs.slice(from);
  }
  return undefined;
}
