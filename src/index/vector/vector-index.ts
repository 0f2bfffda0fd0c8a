import type { VectorDataType, VectorDistanceFunction } from '../../resource/index.ts';
import { DistanceHeap } from './distance-heap.ts';
import { GRAPH_BYTES_PER_VECTOR, VectorGraph } from './vector-graph.ts';
import { bytesPerVector, type Slot, VectorSet } from './vector-set.ts';

export interface VectorIndexOptions {
  readonly dimensions: number;
  readonly dataType: VectorDataType;
  readonly distanceFunction: VectorDistanceFunction;
  /** Whether a graph may choose among many vectors; without one every search compares with all of them. */
  readonly isApproximate: boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface NearestOptions {
  readonly count: number;
  /** Vectors that a graph keeps in view while it searches: more finds more surely, and costs more. */
  readonly beam: number;
  /** Compares with every vector. */
  readonly isExact: boolean;
  /** Only these are wanted; needs `isExact`. */
  readonly members?: ReadonlySet<number>;
}

export interface Nearest {
  /** Numbers of items, nearest first; then those whose distance only their items tell. */
  readonly numbers: number[];
  /** Whether nothing nearer was missed. */
  readonly isExact: boolean;
  /** Whether these are all that have a vector, of the members if there are any. */
  readonly isComplete: boolean;
}

/** A graph pays from so many vectors on; the documentation of the original names the same figure. */
const GRAPH_MIN = 1_000;
/** Up to this share of the vectors may wait for the graph, or be bridges in it, and it still pays. */
const WAITING_SHARE = 4;
/** Removed vectors are repaired away when they are more than one in so many. */
const REPAIR_SHARE = 5;
const BYTES_PER_NUMBER = 64;

/**
 * The vectors of one path in one partition, by item number. New ones are found at once, by comparison, and go
 * into the graph when `work` is called: whoever changes an item never waits for that.
 */
export class VectorIndex {
  readonly #set: VectorSet;
  readonly #graph: VectorGraph | undefined;
  readonly #slots = new Map<number, Slot>();
  /**
   * Items with equal vectors share a slot: in a graph they would link to nothing but each other, and be cut
   * off from the rest. `#numbers` has the only holder of a slot, `#sharers` all of them when they are
   * several.
   */
  #numbers = new Float64Array(0);
  readonly #sharers = new Map<Slot, number[]>();
  readonly #byFingerprint = new Map<number, Slot>();
  /** Items whose vector has the right length but does not fit into the arrays. */
  readonly #odd = new Set<number>();
  /** Slots that the graph does not have yet. */
  readonly #waiting = new Set<Slot>();
  #isRepairing = false;

  constructor(options: VectorIndexOptions) {
    this.#set = new VectorSet(options);
    if (options.isApproximate) this.#graph = new VectorGraph({ vectors: this.#set, random: options.random });
  }

  /** Items with a vector. */
  get count(): number {
    return this.#slots.size + this.#odd.size;
  }

  /** Bytes of memory held, about. */
  get bytes(): number {
    const graph = this.#graph === undefined ? 0 : this.#set.slots * GRAPH_BYTES_PER_VECTOR;
    return this.#set.bytes + graph + BYTES_PER_NUMBER * this.count;
  }

  /** Comparisons of vectors made so far. */
  get comparisons(): number {
    return this.#set.comparisons;
  }

  /** Bytes that one more item takes. */
  static bytesPerItem(
    options: Pick<VectorIndexOptions, 'dimensions' | 'dataType' | 'isApproximate'>,
  ): number {
    const graph = options.isApproximate ? GRAPH_BYTES_PER_VECTOR : 0;
    return bytesPerVector(options) + graph + BYTES_PER_NUMBER;
  }

  /** What the item now has at the path; undefined for no vector, or none of the right length. */
  set(number: number, vector: readonly number[] | undefined): void {
    this.#delete(number);
    if (vector === undefined || vector.length !== this.#set.dimensions) return;
    if (!this.#set.fits(vector)) {
      this.#odd.add(number);
      return;
    }
    const fingerprint = fingerprintOf(vector);
    const equal = this.#byFingerprint.get(fingerprint);
    if (equal !== undefined && this.#set.holds(equal, vector)) {
      this.#slots.set(number, equal);
      this.#sharers.set(equal, [...this.#holders(equal), number]);
      return;
    }
    const slot = this.#set.add(vector);
    if (equal === undefined) this.#byFingerprint.set(fingerprint, slot);
    this.#slots.set(number, slot);
    if (slot >= this.#numbers.length) {
      const numbers = new Float64Array(Math.max(1024, Math.ceil((slot + 1) * 1.5)));
      numbers.set(this.#numbers);
      this.#numbers = numbers;
    }
    this.#numbers[slot] = number;
    if (this.#graph !== undefined) this.#waiting.add(slot);
  }

  #holders(slot: Slot): readonly number[] {
    return this.#sharers.get(slot) ?? [this.#numbers[slot] as number];
  }

  #delete(number: number): void {
    if (this.#odd.delete(number)) return;
    const slot = this.#slots.get(number);
    if (slot === undefined) return;
    this.#slots.delete(number);
    const [first, ...others] = this.#holders(slot).filter((holder) => holder !== number);
    if (first !== undefined) {
      this.#numbers[slot] = first;
      if (others.length === 0) this.#sharers.delete(slot);
      else this.#sharers.set(slot, [first, ...others]);
      return;
    }
    const fingerprint = fingerprintOf(this.#set.elements(slot));
    if (this.#byFingerprint.get(fingerprint) === slot) this.#byFingerprint.delete(fingerprint);
    this.#waiting.delete(slot);
    if (this.#graph?.has(slot) === true) this.#graph.remove(slot);
    else this.#set.free(slot);
  }

  /** Whether `work` has something to do. */
  get hasWork(): boolean {
    if (this.#graph === undefined || this.count < GRAPH_MIN) return false;
    return this.#waiting.size > 0 || this.#isRepairing || this.#needsRepair();
  }

  /** Brings the graph nearer to the vectors, by up to `count` of them. */
  work(count: number): void {
    const graph = this.#graph;
    if (graph === undefined || !this.hasWork) return;
    let left = count;
    for (const slot of this.#waiting) {
      if (left-- <= 0) return;
      this.#waiting.delete(slot);
      graph.insert(slot);
    }
    if (!this.#isRepairing && !this.#needsRepair()) return;
    const freed = graph.repair(count * 4);
    this.#isRepairing = freed === undefined;
    for (const slot of freed ?? []) this.#set.free(slot);
  }

  #needsRepair(): boolean {
    const graph = this.#graph;
    return graph !== undefined && graph.removedCount * REPAIR_SHARE > graph.count + graph.removedCount;
  }

  /** Items with a vector near the query, which has the index's dimensions. */
  nearest(vector: readonly number[], options: NearestOptions): Nearest {
    const { count, beam, isExact } = options;
    const graph = this.#graph;
    const isWorthIt =
      !isExact &&
      graph !== undefined &&
      graph.count >= GRAPH_MIN &&
      (this.#waiting.size + graph.removedCount) * WAITING_SHARE < graph.count &&
      Math.max(beam, count) * WAITING_SHARE < graph.count;
    if (graph === undefined || !isWorthIt) return this.#compareAll(vector, options);
    const query = this.#set.query(vector);
    const best = new DistanceHeap('farthest');
    const { slots, distances } = graph.search(query, count, beam);
    for (let place = 0; place < slots.length; place++)
      best.push(distances[place] as number, slots[place] as Slot);
    for (const slot of this.#waiting) offer(best, this.#set.distanceTo(query, slot), slot, count);
    const numbers = this.#drain(best, options);
    return {
      numbers: [...numbers, ...this.#odd],
      isExact: false,
      isComplete: numbers.length >= this.#slots.size,
    };
  }

  #compareAll(vector: readonly number[], options: NearestOptions): Nearest {
    const { count, members } = options;
    const query = this.#set.query(vector);
    const best = new DistanceHeap('farthest');
    for (const slot of this.#slotsOf(members)) offer(best, this.#set.distanceTo(query, slot), slot, count);
    const odd = members === undefined ? this.#odd : [...this.#odd].filter((number) => members.has(number));
    const numbers = this.#drain(best, options);
    return { numbers: [...numbers, ...odd], isExact: true, isComplete: numbers.length < count };
  }

  /** Each slot that any of the members holds, once. */
  #slotsOf(members: ReadonlySet<number> | undefined): Iterable<Slot> {
    if (members === undefined)
      return this.#sharers.size === 0 ? this.#slots.values() : new Set(this.#slots.values());
    const slots = new Set<Slot>();
    const hasFewer = members.size < this.#slots.size;
    for (const number of hasFewer ? members : this.#slots.keys()) {
      const slot = !hasFewer && !members.has(number) ? undefined : this.#slots.get(number);
      if (slot !== undefined) slots.add(slot);
    }
    return slots;
  }

  #drain(best: DistanceHeap, { count, members }: NearestOptions): number[] {
    const slots: Slot[] = new Array(best.length);
    for (let place = best.length - 1; place >= 0; place--) slots[place] = best.pop();
    const numbers: number[] = [];
    for (const slot of slots) {
      for (const number of this.#holders(slot)) {
        if (numbers.length < count && members?.has(number) !== false) numbers.push(number);
      }
    }
    return numbers;
  }
}

function offer(best: DistanceHeap, distance: number, slot: Slot, count: number): void {
  if (best.length >= count && distance >= best.topDistance) return;
  best.push(distance, slot);
  if (best.length > count) best.pop();
}

/** Equal vectors have equal fingerprints, also after they were rounded to 32 bits. */
function fingerprintOf(vector: ArrayLike<number>): number {
  let hash = vector.length;
  for (let i = 0; i < vector.length; i++) {
    // Adding zero makes minus zero plain zero, which it equals.
    SCRATCH_NUMBER[0] = (vector[i] as number) + 0;
    hash = Math.imul(hash ^ (SCRATCH_BITS[0] as number), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}

const SCRATCH_NUMBER = new Float32Array(1);
const SCRATCH_BITS = new Int32Array(SCRATCH_NUMBER.buffer);
