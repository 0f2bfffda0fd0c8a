import { assert, type WeightedCache } from '../base/index.ts';
import {
  decodeFences,
  type Fences,
  PostingMerge,
  type PostingRange,
  RunCursor,
  type TermPart,
} from '../index/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import type { Store, StoreSnapshot } from '../store/index.ts';
import type { IndexRun, Manifest } from './index-runs.ts';
import { blockKey, fencesKey } from './store-key.ts';

/** Blocks of all partitions of a node that were read of late. They never change, so none is ever wrong. */
export type BlockCache = WeightedCache<string, Buffer>;

type Reader = Pick<Store | StoreSnapshot, 'get' | 'getMany'>;

/** Blocks that a cursor fetches at once when it has read many already. */
const AHEAD_MAX = 16;

/** Reads an index as it is in a store at one moment. */
export class IndexReader {
  readonly #partition: PartitionNumber;
  readonly #store: Reader;
  readonly #runs: readonly IndexRun[];
  readonly #cache: BlockCache;

  constructor(
    partition: PartitionNumber,
    store: Reader,
    { runs }: Pick<Manifest, 'runs'>,
    cache: BlockCache,
  ) {
    this.#partition = partition;
    this.#store = store;
    this.#runs = runs;
    this.#cache = cache;
  }

  /** The sum of all runs in the range. */
  scan(range: PostingRange): PostingScan {
    const cursors = new Map<RunCursor, IndexRun>();
    for (const run of this.#runs) {
      const cursor = new RunCursor(this.#fencesOf(run), range);
      if (cursor.wanted !== undefined) cursors.set(cursor, run);
    }
    return new PostingScan(cursors, range.reverse === true, (wanted) => this.#supply(wanted));
  }

  #fencesOf(run: IndexRun): Fences {
    if (run.fences === undefined) {
      const bytes = this.#store.get(fencesKey(this.#partition, run.id));
      assert(bytes !== undefined, 'a run and its fences are written in one batch');
      run.fences = decodeFences(bytes);
    }
    return run.fences;
  }

  /** Brings each cursor the block it wants; undefined when all of them were in memory. */
  #supply(wanted: readonly WantedBlocks[]): Promise<void> | undefined {
    const missing: WantedBlocks[] = [];
    for (const want of wanted) {
      const block = this.#cache.get(this.#nameOf(want.run, want.cursor.wanted as number));
      if (block === undefined) missing.push(want);
      else want.cursor.supply(block);
    }
    return missing.length === 0 ? undefined : this.#fetch(missing);
  }

  async #fetch(wanted: readonly WantedBlocks[]): Promise<void> {
    const keys: Buffer[] = [];
    const names: string[] = [];
    const firsts: number[] = [];
    for (const { run, cursor, ahead } of wanted) {
      firsts.push(keys.length);
      for (const place of cursor.upcoming(ahead)) {
        keys.push(blockKey(this.#partition, run.id, place));
        names.push(this.#nameOf(run, place));
      }
    }
    const blocks = await this.#store.getMany(keys);
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i];
      assert(block !== undefined, 'a run has the blocks that its manifest tells of');
      this.#cache.set(names[i] as string, block, block.length);
    }
    for (let i = 0; i < wanted.length; i++) wanted[i]?.cursor.supply(blocks[firsts[i] as number] as Buffer);
  }

  #nameOf(run: IndexRun, place: number): string {
    return `${this.#partition}/${run.id}/${place}`;
  }
}

interface WantedBlocks {
  readonly run: IndexRun;
  readonly cursor: RunCursor;
  /** How many blocks to fetch. */
  readonly ahead: number;
}

/** Parts of terms in order. */
export class PostingScan {
  /**
   * Blocks are on their way: ask `next` again when it resolves. Undefined after `next` gave nothing: the
   * scan has ended.
   */
  pending: Promise<void> | undefined;
  readonly #cursors: ReadonlyMap<RunCursor, IndexRun>;
  readonly #merge: PostingMerge;
  readonly #supply: (wanted: readonly WantedBlocks[]) => Promise<void> | undefined;
  #ahead = 1;

  constructor(
    cursors: ReadonlyMap<RunCursor, IndexRun>,
    reverse: boolean,
    supply: (wanted: readonly WantedBlocks[]) => Promise<void> | undefined,
  ) {
    this.#cursors = cursors;
    this.#merge = new PostingMerge([...cursors.keys()], reverse);
    this.#supply = supply;
  }

  /** The next part; undefined at the end, and while blocks are on their way (see `pending`). */
  next(): TermPart | undefined {
    this.pending = undefined;
    for (;;) {
      const part = this.#merge.next();
      if (part !== undefined || this.#merge.lacking.length === 0) return part;
      const ahead = this.#ahead;
      this.#ahead = Math.min(AHEAD_MAX, ahead * 2);
      const wanted: WantedBlocks[] = [];
      for (const cursor of this.#merge.lacking) {
        wanted.push({ cursor, run: this.#cursors.get(cursor) as IndexRun, ahead });
      }
      const fetching = this.#supply(wanted);
      if (fetching !== undefined) {
        this.pending = fetching.then(() => this.#merge.supplied());
        return undefined;
      }
      this.#merge.supplied();
    }
  }
}
