import { assert, type ByteReader, type ByteWriter } from '../base/index.ts';

/**
 * Names one storage life of one region, for ever: a region that comes back with an empty or an older
 * disk gets a new origin, because numbers once given must never mean something else. From 1 to 1023.
 */
export type Origin = number;

export const ORIGIN_MAX = 1023;

/** The identity of one write for ever: the n-th write of `origin` in its partition set; n counts from 1. */
export interface Dot {
  readonly origin: Origin;
  readonly n: number;
}

export function sameDot(a: Dot, b: Dot): boolean {
  return a.origin === b.origin && a.n === b.n;
}

/** By origin, then by n: an order that every region has, and nothing more. */
export function compareDots(a: Dot, b: Dot): number {
  return a.origin - b.origin || a.n - b.n;
}

/**
 * Per origin, the highest n applied; 0 for an origin never heard of. Since n is contiguous it names a set
 * of writes.
 */
export class VersionVector {
  /** Indexed by origin; missing ends count as 0. */
  #applied: number[];

  constructor(entries: Iterable<readonly [Origin, number]> = []) {
    this.#applied = [];
    for (const [origin, n] of entries) this.advance(origin, n);
  }

  get(origin: Origin): number {
    return this.#applied[origin] ?? 0;
  }

  /** Raises the entry of `origin` to at least `n`. */
  advance(origin: Origin, n: number): void {
    assert(Number.isSafeInteger(origin) && origin >= 1 && origin <= ORIGIN_MAX, 'origins run from 1 to 1023');
    assert(Number.isSafeInteger(n) && n >= 0, 'positions are natural numbers');
    while (this.#applied.length <= origin) this.#applied.push(0);
    if (n > this.get(origin)) this.#applied[origin] = n;
  }

  covers(dot: Dot): boolean {
    return dot.n <= this.get(dot.origin);
  }

  /** Whether every write that `other` names is in this vector too. */
  coversAll(other: VersionVector): boolean {
    const theirs = other.#applied;
    for (let origin = 1; origin < theirs.length; origin++) {
      if ((theirs[origin] ?? 0) > this.get(origin)) return false;
    }
    return true;
  }

  equals(other: VersionVector): boolean {
    return this.coversAll(other) && other.coversAll(this);
  }

  /** Raises this vector to the entry-wise maximum of both. */
  join(other: VersionVector): void {
    const theirs = other.#applied;
    for (let origin = 1; origin < theirs.length; origin++) this.advance(origin, theirs[origin] ?? 0);
  }

  /** A new vector with the entry-wise minimum: the writes that both name. */
  meet(other: VersionVector): VersionVector {
    const both = new VersionVector();
    for (let origin = 1; origin < this.#applied.length; origin++) {
      const n = Math.min(this.get(origin), other.get(origin));
      if (n > 0) both.advance(origin, n);
    }
    return both;
  }

  clone(): VersionVector {
    const copy = new VersionVector();
    copy.#applied = this.#applied.slice();
    return copy;
  }

  /** The non-zero entries, by rising origin. */
  *entries(): Generator<[Origin, number]> {
    for (let origin = 1; origin < this.#applied.length; origin++) {
      const n = this.#applied[origin] ?? 0;
      if (n > 0) yield [origin, n];
    }
  }

  /** The sum of all entries: rises with every write applied, equal for equal vectors. */
  total(): number {
    let sum = 0;
    for (const n of this.#applied) sum += n;
    return sum;
  }

  encode(writer: ByteWriter): void {
    let count = 0;
    for (const n of this.#applied) if (n > 0) count++;
    writer.uint(count);
    for (let origin = 1; origin < this.#applied.length; origin++) {
      const n = this.#applied[origin] ?? 0;
      if (n > 0) writer.uint(origin).uint(n);
    }
  }

  /** @throws RangeError when the bytes are not a vector. */
  static decode(reader: ByteReader): VersionVector {
    const vector = new VersionVector();
    for (let left = reader.uint(); left > 0; left--) {
      const origin = reader.uint();
      if (origin < 1 || origin > ORIGIN_MAX) throw new RangeError(`a vector names origin ${origin}`);
      vector.advance(origin, reader.uint());
    }
    return vector;
  }

  toString(): string {
    return [...this.entries()].map(([origin, n]) => `${origin}:${n}`).join(' ');
  }
}
