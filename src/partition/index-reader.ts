import { assert, type WeightedCache } from '../base/index.ts';
import {
  blocksWithin,
  decodeFences,
  estimateWithin,
  type Fences,
  PostingBlock,
  PostingMerge,
  type PostingRange,
  RunCursor,
  type TermPart,
  type TermText,
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

  /** Postings in [from, to): whole blocks are counted unread. */
  async count(from: TermText, to: TermText): Promise<number> {
    let count = 0;
    const edges: { readonly run: IndexRun; readonly place: number }[] = [];
    for (const run of this.#runs) {
      const { first, end } = blocksWithin(this.#fencesOf(run), from, to);
      for (let place = first; place < end; place++) {
        if (place === first || place === end - 1) edges.push({ run, place });
        else count += this.#fencesOf(run).sums[place] as number;
      }
    }
    const missing = edges.filter(({ run, place }) => this.#cache.get(this.#nameOf(run, place)) === undefined);
    if (missing.length > 0) await this.#load(missing);
    for (const { run, place } of edges) {
      const block = this.#cache.get(this.#nameOf(run, place)) ?? this.#read(run, place);
      count += new PostingBlock(block).sumBetween(from, to);
    }
    return count;
  }

  /** Between which bounds the count of postings in [from, to) lies; reads none. */
  estimate(from: TermText, to: TermText): { atLeast: number; atMost: number } {
    let atLeast = 0;
    let atMost = 0;
    for (const run of this.#runs) {
      const part = estimateWithin(this.#fencesOf(run), from, to);
      atLeast += part.atLeast;
      atMost += part.atMost;
    }
    // What one run takes away another gave, perhaps at an edge that was not counted.
    return { atLeast: Math.max(0, atLeast), atMost: Math.max(0, atMost) };
  }

  /** A block that even a cache which just took it did not keep. */
  #read(run: IndexRun, place: number): Buffer {
    const block = this.#store.get(blockKey(this.#partition, run.id, place));
    assert(block !== undefined, 'a run has the blocks that its manifest tells of');
    return block;
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
    const places: { readonly run: IndexRun; readonly place: number }[] = [];
    const firsts: number[] = [];
    for (const { run, cursor, ahead } of wanted) {
      firsts.push(places.length);
      for (const place of cursor.upcoming(ahead)) places.push({ run, place });
    }
    const blocks = await this.#load(places);
    for (let i = 0; i < wanted.length; i++) wanted[i]?.cursor.supply(blocks[firsts[i] as number] as Buffer);
  }

  async #load(places: readonly { readonly run: IndexRun; readonly place: number }[]): Promise<Buffer[]> {
    const keys = places.map(({ run, place }) => blockKey(this.#partition, run.id, place));
    const blocks = await this.#store.getMany(keys);
    return blocks.map((block, i) => {
      assert(block !== undefined, 'a run has the blocks that its manifest tells of');
      const { run, place } = places[i] as (typeof places)[number];
      this.#cache.set(this.#nameOf(run, place), block, block.length);
      return block;
    });
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
