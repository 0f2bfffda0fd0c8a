/**
 * Vectors of a partition's items in memory, so that the nearest are found without reading all items. A view
 * is built when somebody first asks, from what that query reads, and then follows the items: writes only
 * note the numbers that changed, and the next query brings the view to its own moment.
 *
 * A query sees a fixed state of the items, and the view may be ahead of it or behind. Behind, it is brought
 * forward. Ahead, whatever changed in between is named as a candidate besides, so that no answer depends on
 * what others did meanwhile: candidates are always read, filtered and measured from the query's own state.
 */
import type { Json } from '../base/index.ts';
import { readVector, VectorIndex } from '../index/index.ts';
import type { Lsn } from '../log/index.ts';
import type { Incarnation } from '../merge/index.ts';
import type { Nearest, NearestRequest, QuerySource } from '../query/index.ts';
import type { VectorEmbedding } from '../resource/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { parseBody } from './dirty-item.ts';

/** What views are built from: a query's source, and the moment that it shows. */
export interface VectorSource extends Pick<QuerySource, 'scanNumbers' | 'load'> {
  readonly lsn: Lsn;
}

/** Memory for the vectors of all partitions of a node. The least used views give way to others. */
export class VectorMemory {
  readonly #bytesMax: number;
  /** In the order of their last use. */
  readonly #views = new Set<VectorView>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    let bytes = 0;
    for (const view of this.#views) bytes += view.bytes;
    return bytes;
  }

  /** Makes room for `more` bytes of `view`; false when there cannot be enough. */
  reserve(view: VectorView, more: number): boolean {
    this.#views.delete(view);
    this.#views.add(view);
    if (view.bytes + more > this.#bytesMax) return false;
    for (const other of this.#views) {
      if (this.bytes + more <= this.#bytesMax) return true;
      if (other !== view && !other.isBusy) this.forget(other);
    }
    return this.bytes + more <= this.#bytesMax;
  }

  forget(view: VectorView): void {
    this.#views.delete(view);
    view.clear();
  }
}

export interface VectorViewsOptions {
  readonly runtime: Pick<Runtime, 'random' | 'after' | 'soon'>;
  readonly memory: VectorMemory;
  /** The partition's position now; changes after it are noted. */
  readonly start: Lsn;
  /** Items in the partition: what a view will hold at the most. */
  readonly itemCount: () => number;
}

/** The views of one partition, one for each indexed path. */
export class VectorViews {
  readonly #options: VectorViewsOptions;
  readonly #changes: ChangeHistory;
  readonly #views = new Map<string, VectorView>();

  constructor(options: VectorViewsOptions) {
    this.#options = options;
    this.#changes = new ChangeHistory(options);
  }

  /** The item with these numbers changed, by the entry at `lsn`. */
  note(lsn: Lsn, before: Incarnation | undefined, after: Incarnation | undefined): void {
    if (before !== undefined) this.#changes.add(lsn, before);
    if (after !== undefined && after !== before) this.#changes.add(lsn, after);
  }

  /** Undefined when there is no room for the vectors, or too much changed since the source was opened. */
  nearest(
    source: VectorSource,
    embedding: VectorEmbedding,
    request: NearestRequest,
  ): Promise<Nearest | undefined> {
    const name = JSON.stringify(embedding);
    let view = this.#views.get(name);
    if (view === undefined) {
      view = new VectorView(embedding, this.#changes, this.#options);
      this.#views.set(name, view);
    }
    return view.nearest(source, request);
  }

  /** Gives the memory back. */
  close(): void {
    for (const view of this.#views.values()) this.#options.memory.forget(view);
    this.#views.clear();
  }
}

/** Changes remembered at the least; more when the partition has more items. */
const CHANGES_MIN = 65_536;

/** Numbers of items that changed, by the LSN of the change: a bounded past. */
class ChangeHistory {
  readonly #itemCount: () => number;
  #lsns: Lsn[] = [];
  #numbers: Incarnation[] = [];
  /** Every change after it is here. */
  #start: Lsn;

  constructor({ start, itemCount }: Pick<VectorViewsOptions, 'start' | 'itemCount'>) {
    this.#start = start;
    this.#itemCount = itemCount;
  }

  add(lsn: Lsn, number: Incarnation): void {
    this.#lsns.push(lsn);
    this.#numbers.push(number);
    const max = Math.max(CHANGES_MIN, this.#itemCount());
    if (this.#lsns.length <= 2 * max) return;
    this.#start = this.#lsns[max - 1] as Lsn;
    this.#lsns = this.#lsns.slice(max);
    this.#numbers = this.#numbers.slice(max);
  }

  /** Numbers that changed after `from`, up to `to`; undefined when that is too long ago. */
  between(from: Lsn, to: Lsn): Set<Incarnation> | undefined {
    if (from < this.#start) return undefined;
    const numbers = new Set<Incarnation>();
    for (let place = this.#lsns.length - 1; place >= 0; place--) {
      const lsn = this.#lsns[place] as Lsn;
      if (lsn <= from) break;
      if (lsn <= to) numbers.add(this.#numbers[place] as Incarnation);
    }
    return numbers;
  }
}

/** Items read at once while a view is built or brought forward. */
const CHUNK = 256;
/** Vectors put into the graph in one go, between pauses: some milliseconds of work. */
const WORK_SLICE = 4;
const WORK_PAUSE_MS = 2;

/** The vectors at one path. */
class VectorView {
  readonly #embedding: VectorEmbedding;
  readonly #changes: ChangeHistory;
  readonly #options: VectorViewsOptions;
  #index: VectorIndex | undefined;
  /** The moment whose items the index has. */
  #position: Lsn = 0;
  /** Those who use the view, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  /** Room taken while the index is built. */
  #reserved = 0;
  #isWorking = false;

  constructor(embedding: VectorEmbedding, changes: ChangeHistory, options: VectorViewsOptions) {
    this.#embedding = embedding;
    this.#changes = changes;
    this.#options = options;
  }

  get bytes(): number {
    return this.#index?.bytes ?? this.#reserved;
  }

  /** Somebody is reading or building it. */
  get isBusy(): boolean {
    return this.#waiting > 0;
  }

  clear(): void {
    this.#index = undefined;
  }

  nearest(source: VectorSource, request: NearestRequest): Promise<Nearest | undefined> {
    this.#waiting++;
    const answer = this.#turn
      .then(() => this.#nearest(source, request))
      .finally(() => {
        this.#waiting--;
      });
    this.#turn = answer.catch(() => undefined);
    return answer;
  }

  async #nearest(source: VectorSource, request: NearestRequest): Promise<Nearest | undefined> {
    const index = await this.#broughtTo(source);
    if (index === undefined) return undefined;
    const later = this.#changes.between(source.lsn, this.#position);
    if (later === undefined) return undefined;
    this.#workOn(index);
    const { members } = request;
    const found = index.nearest(request.vector, { ...request, count: request.count + later.size });
    const numbers = found.numbers.filter((number) => !later.has(number));
    for (const number of later) if (members?.has(number) !== false) numbers.push(number);
    return { numbers, isComplete: found.isComplete };
  }

  /** The index, no older than the source; undefined when there is no room for it. */
  async #broughtTo(source: VectorSource): Promise<VectorIndex | undefined> {
    const { memory } = this.#options;
    const changed = this.#index && this.#changes.between(this.#position, source.lsn);
    if (this.#index !== undefined && changed !== undefined) {
      await this.#read(source, this.#index, [...changed]);
      this.#position = Math.max(this.#position, source.lsn);
    } else {
      await this.#build(source);
    }
    if (this.#index === undefined || memory.reserve(this, 0)) return this.#index;
    memory.forget(this);
    return undefined;
  }

  async #build(source: VectorSource): Promise<void> {
    const { memory, runtime, itemCount } = this.#options;
    const { dimensions, dataType, distanceFunction, indexType } = this.#embedding;
    this.clear();
    const kind = { dimensions, dataType, distanceFunction, isApproximate: indexType === 'diskANN' };
    const bytes = itemCount() * VectorIndex.bytesPerItem(kind);
    if (!memory.reserve(this, bytes)) return;
    this.#reserved = bytes;
    const index = new VectorIndex({ ...kind, random: () => runtime.random() });
    const cursor = source.scanNumbers({});
    try {
      for (;;) {
        const numbers = await cursor.next(CHUNK);
        await this.#read(source, index, numbers);
        if (numbers.length < CHUNK) break;
      }
    } finally {
      this.#reserved = 0;
      await cursor.close();
    }
    this.#index = index;
    this.#position = source.lsn;
  }

  /** What the source has under the numbers goes into the index. */
  async #read(source: VectorSource, index: VectorIndex, numbers: readonly Incarnation[]): Promise<void> {
    for (let place = 0; place < numbers.length; place += CHUNK) {
      const chunk = numbers.slice(place, place + CHUNK);
      const items = await source.load(chunk);
      for (let i = 0; i < chunk.length; i++) {
        const item = items[i];
        index.set(chunk[i] as Incarnation, item && this.#vectorOf(item.text));
      }
      await new Promise<void>((resolve) => this.#options.runtime.soon(resolve));
    }
  }

  #vectorOf(text: Buffer): readonly number[] | undefined {
    let value: Json | undefined = parseBody(text);
    for (const name of this.#embedding.path) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
      value = Object.hasOwn(value, name) ? value[name] : undefined;
    }
    return readVector(value);
  }

  /** Lets the graph take in what waits for it, a little at a time. */
  #workOn(index: VectorIndex): void {
    if (this.#isWorking || !index.hasWork) return;
    this.#isWorking = true;
    this.#options.runtime.after(WORK_PAUSE_MS, () => {
      this.#isWorking = false;
      if (this.#index !== index) return;
      index.work(WORK_SLICE);
      this.#workOn(index);
    });
  }
}
