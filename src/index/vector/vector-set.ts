import { assert } from '../../base/index.ts';
import type { VectorDataType, VectorDistanceFunction } from '../../resource/index.ts';

/** Place of a vector in a set; places of removed vectors are used again. */
export type Slot = number;

type Elements = Float32Array | Int8Array | Uint8Array;

/** Vectors in one block of memory. */
const BLOCK_SLOTS = 1024;
const BLOCK_SHIFT = 10;

/**
 * Vectors of one length in typed arrays, with what it takes to compare them. Whole numbers of eight bits are
 * kept as such; `float16` has no array type in this language and is kept in 32 bits. Nothing is lost that
 * decides a query: scores are worked out from the items, and only the choice of items rests on these arrays.
 *
 * Distances here are only good for ordering: less is nearer, whatever the function.
 */
export class VectorSet {
  readonly dimensions: number;
  readonly dataType: VectorDataType;
  readonly #function: VectorDistanceFunction;
  readonly #blocks: Elements[] = [];
  /** For cosine: what makes each vector's length 1. */
  readonly #scales: Float64Array[] = [];
  readonly #free: Slot[] = [];
  #slots = 0;
  /** Comparisons made, for measuring. */
  comparisons = 0;

  constructor(options: {
    readonly dimensions: number;
    readonly dataType: VectorDataType;
    readonly distanceFunction: VectorDistanceFunction;
  }) {
    this.dimensions = options.dimensions;
    this.dataType = options.dataType;
    this.#function = options.distanceFunction;
  }

  /** Slots handed out so far, free ones included: one more than the highest. */
  get slots(): number {
    return this.#slots;
  }

  get count(): number {
    return this.#slots - this.#free.length;
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.#blocks.length * BLOCK_SLOTS * bytesPerVector(this);
  }

  /**
   * Whether the arrays can hold the vector as it is; if not, it has to be looked at in its item. A vector
   * without direction is near nothing by cosine, and is not held either.
   */
  fits(vector: readonly number[]): boolean {
    if (vector.length !== this.dimensions) return false;
    const { dataType } = this;
    if (dataType === 'int8' || dataType === 'uint8') {
      const [min, max] = dataType === 'int8' ? [-128, 127] : [0, 255];
      for (const x of vector) if (!Number.isInteger(x) || x < min || x > max) return false;
    } else {
      for (const x of vector) if (!Number.isFinite(Math.fround(x))) return false;
    }
    return this.#function !== 'cosine' || vector.some((x) => Math.fround(x) !== 0);
  }

  add(vector: readonly number[]): Slot {
    assert(this.fits(vector), 'only vectors that fit are added');
    const slot = this.#free.pop() ?? this.#slots++;
    if (slot >> BLOCK_SHIFT >= this.#blocks.length) this.#grow();
    this.#block(slot).set(vector, this.#offset(slot));
    if (this.#function === 'cosine') {
      let squares = 0;
      for (const x of vector) squares += x * x;
      (this.#scales[slot >> BLOCK_SHIFT] as Float64Array)[slot % BLOCK_SLOTS] = 1 / Math.sqrt(squares);
    }
    return slot;
  }

  /** The vector as it is kept; a view. */
  elements(slot: Slot): Elements {
    const offset = this.#offset(slot);
    return this.#block(slot).subarray(offset, offset + this.dimensions);
  }

  /** Whether adding the vector would keep the same elements that the slot has. */
  holds(slot: Slot, vector: readonly number[]): boolean {
    const block = this.#block(slot);
    const offset = this.#offset(slot);
    for (let i = 0; i < vector.length; i++) {
      if (Math.fround(vector[i] as number) !== block[offset + i]) return false;
    }
    return true;
  }

  /** The slot may be handed out again. */
  free(slot: Slot): void {
    this.#free.push(slot);
  }

  /** A vector that is not in the set, ready for `distanceTo`. */
  query(vector: readonly number[]): PreparedQuery {
    assert(vector.length === this.dimensions, 'a query has the dimensions of the set');
    let squares = 0;
    for (const x of vector) squares += x * x;
    return { elements: Float64Array.from(vector), scale: squares === 0 ? 0 : 1 / Math.sqrt(squares) };
  }

  distanceTo(query: PreparedQuery, slot: Slot): number {
    this.comparisons++;
    const block = this.#block(slot);
    const offset = this.#offset(slot);
    if (this.#function === 'euclidean')
      return squaredDistance(query.elements, 0, block, offset, this.dimensions);
    const dot = dotProduct(query.elements, 0, block, offset, this.dimensions);
    return this.#function === 'cosine' ? 1 - dot * query.scale * this.#scale(slot) : -dot;
  }

  distance(a: Slot, b: Slot): number {
    this.comparisons++;
    const { dimensions } = this;
    const blockA = this.#block(a);
    const blockB = this.#block(b);
    if (this.#function === 'euclidean')
      return squaredDistance(blockA, this.#offset(a), blockB, this.#offset(b), dimensions);
    const dot = dotProduct(blockA, this.#offset(a), blockB, this.#offset(b), dimensions);
    return this.#function === 'cosine' ? 1 - dot * this.#scale(a) * this.#scale(b) : -dot;
  }

  #grow(): void {
    const length = BLOCK_SLOTS * this.dimensions;
    const { dataType } = this;
    this.#blocks.push(
      dataType === 'int8'
        ? new Int8Array(length)
        : dataType === 'uint8'
          ? new Uint8Array(length)
          : new Float32Array(length),
    );
    if (this.#function === 'cosine') this.#scales.push(new Float64Array(BLOCK_SLOTS));
  }

  #block(slot: Slot): Elements {
    return this.#blocks[slot >> BLOCK_SHIFT] as Elements;
  }

  #offset(slot: Slot): number {
    return (slot & (BLOCK_SLOTS - 1)) * this.dimensions;
  }

  #scale(slot: Slot): number {
    return (this.#scales[slot >> BLOCK_SHIFT] as Float64Array)[slot & (BLOCK_SLOTS - 1)] as number;
  }
}

export interface PreparedQuery {
  readonly elements: Float64Array;
  readonly scale: number;
}

/** Memory of one vector, its scale included. */
export function bytesPerVector({ dimensions, dataType }: Pick<VectorSet, 'dimensions' | 'dataType'>): number {
  return dimensions * (dataType === 'int8' || dataType === 'uint8' ? 1 : 4) + 8;
}

// Four sums side by side: the processor need not wait for one addition before the next.
function dotProduct(
  a: Elements | Float64Array,
  aOffset: number,
  b: Elements,
  bOffset: number,
  length: number,
): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += (a[aOffset + i] as number) * (b[bOffset + i] as number);
    s1 += (a[aOffset + i + 1] as number) * (b[bOffset + i + 1] as number);
    s2 += (a[aOffset + i + 2] as number) * (b[bOffset + i + 2] as number);
    s3 += (a[aOffset + i + 3] as number) * (b[bOffset + i + 3] as number);
  }
  for (; i < length; i++) s0 += (a[aOffset + i] as number) * (b[bOffset + i] as number);
  return s0 + s1 + (s2 + s3);
}

function squaredDistance(
  a: Elements | Float64Array,
  aOffset: number,
  b: Elements,
  bOffset: number,
  length: number,
): number {
  let s0 = 0;
  let s1 = 0;
  let i = 0;
  for (; i + 1 < length; i += 2) {
    const x = (a[aOffset + i] as number) - (b[bOffset + i] as number);
    const y = (a[aOffset + i + 1] as number) - (b[bOffset + i + 1] as number);
    s0 += x * x;
    s1 += y * y;
  }
  if (i < length) {
    const x = (a[aOffset + i] as number) - (b[bOffset + i] as number);
    s0 += x * x;
  }
  return s0 + s1;
}
