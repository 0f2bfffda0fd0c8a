import type { Json } from '../base/index.ts';
import { type QueryMemory, sizeOf } from './query-memory.ts';
import { canonicalText, compareForOrder, isPrimitive, type Value } from './values.ts';

export interface Accumulator {
  /** `identity`: a text that only equal values have; for what is a set. */
  add(value: Value, identity?: string): void;
  /** As so many calls of `add` with something that counts; only where it makes no difference with what. */
  addRows?(count: number): void;
  /** Undefined when the aggregate has no value. */
  result(): Value;
}

export interface Aggregate {
  readonly name: string;
  /** It tells values apart. */
  readonly isSet: boolean;
  /** What the accumulator keeps of its values is taken from `memory`. */
  create(memory: QueryMemory): Accumulator;
}

class Count implements Accumulator {
  #count = 0;

  add(value: Value): void {
    if (value !== undefined) this.#count++;
  }

  addRows(count: number): void {
    this.#count += count;
  }

  result(): Value {
    return this.#count;
  }
}

class CountIf implements Accumulator {
  #count = 0;

  add(value: Value): void {
    if (value === true) this.#count++;
  }

  addRows(count: number): void {
    this.#count += count;
  }

  result(): Value {
    return this.#count;
  }
}

/** One value that is no number spoils the whole sum: the language has no sum of numbers and strings. */
class Sum implements Accumulator {
  #sum = 0;
  #count = 0;

  add(value: Value): void {
    if (value === undefined) return;
    this.#sum += typeof value === 'number' ? value : Number.NaN;
    this.#count++;
  }

  result(): Value {
    return Number.isFinite(this.#sum) ? this.#sum : undefined;
  }

  average(): Value {
    const sum = this.result();
    return typeof sum === 'number' && this.#count > 0 ? sum / this.#count : undefined;
  }
}

class Average implements Accumulator {
  readonly #sum = new Sum();

  add(value: Value): void {
    this.#sum.add(value);
  }

  result(): Value {
    return this.#sum.average();
  }
}

/** MIN (`sign` 1) and MAX (`sign` -1) over primitives; any array or object spoils the result. */
class Extreme implements Accumulator {
  readonly #sign: 1 | -1;
  #best: Value;
  #isSpoiled = false;

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  add(value: Value): void {
    if (value === undefined) return;
    if (!isPrimitive(value)) this.#isSpoiled = true;
    else if (this.#best === undefined || compareForOrder(value, this.#best) * this.#sign < 0)
      this.#best = value;
  }

  result(): Value {
    return this.#isSpoiled ? undefined : this.#best;
  }
}

class List implements Accumulator {
  readonly #list: Json[] = [];
  readonly #memory: QueryMemory;
  readonly #seen: Set<string> | undefined;

  constructor(memory: QueryMemory, isSet: boolean) {
    this.#memory = memory;
    this.#seen = isSet ? new Set() : undefined;
  }

  add(value: Value, identity?: string): void {
    if (value === undefined) return;
    if (this.#seen !== undefined) {
      const text = identity ?? canonicalText(value);
      if (this.#seen.has(text)) return;
      this.#memory.take(2 * text.length);
      this.#seen.add(text);
    }
    this.#memory.take(sizeOf(value));
    this.#list.push(value);
  }

  result(): Value {
    return this.#list;
  }
}

const AGGREGATES: ReadonlyMap<string, Aggregate['create']> = new Map<string, Aggregate['create']>([
  ['COUNT', () => new Count()],
  ['COUNTIF', () => new CountIf()],
  ['SUM', () => new Sum()],
  ['AVG', () => new Average()],
  ['MIN', () => new Extreme(1)],
  ['MAX', () => new Extreme(-1)],
  ['MAKELIST', (memory) => new List(memory, false)],
  ['ARRAY_AGG', (memory) => new List(memory, false)],
  ['MAKESET', (memory) => new List(memory, true)],
]);

export function isAggregateName(name: string): boolean {
  return AGGREGATES.has(name.toUpperCase());
}

/** Undefined for a name (in any case) that is no aggregate. */
export function findAggregate(name: string): Aggregate | undefined {
  const upper = name.toUpperCase();
  const create = AGGREGATES.get(upper);
  return create === undefined ? undefined : { name: upper, isSet: upper === 'MAKESET', create };
}
