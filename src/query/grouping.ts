import { createHash } from 'node:crypto';
import type { Accumulator } from './aggregates.ts';
import type { AggregateCall, Frame, GroupKey } from './binder.ts';
import { ENTRY_BYTES, type QueryMemory, sizeOf } from './query-memory.ts';
import { canonicalText, type Value } from './values.ts';

/** How the rows of a query become fewer. Without keys all of them become one, even if there are none. */
export interface Grouping {
  readonly keys: readonly GroupKey[];
  readonly aggregates: readonly AggregateCall[];
}

export interface Group {
  readonly keys: readonly Value[];
  readonly accumulators: readonly Accumulator[];
  /** Where its first row stood, in whatever counts rows. */
  readonly origin: number;
}

const ACCUMULATOR_BYTES = 64;

/** The groups of one execution, in the order of their first rows. */
export class Groups {
  readonly #grouping: Grouping;
  readonly #memory: QueryMemory;
  readonly #groups = new Map<string, Group>();
  /** The only one there is, when there are no keys. */
  readonly #whole: Group | undefined;

  constructor(grouping: Grouping, memory: QueryMemory) {
    this.#grouping = grouping;
    this.#memory = memory;
    if (grouping.keys.length > 0) return;
    this.#whole = this.#newGroup([], 0);
    this.#groups.set('', this.#whole);
  }

  /** Adds the row in the frame to its group. */
  add(frame: Frame, origin = 0): void {
    const { accumulators } = this.#whole ?? this.#groupOf(frame, origin);
    const { aggregates } = this.#grouping;
    for (let i = 0; i < aggregates.length; i++) {
      const call = aggregates[i];
      if (call !== undefined) accumulators[i]?.add(call.operand(frame));
    }
  }

  #groupOf(frame: Frame, origin: number): Group {
    const { keys } = this.#grouping;
    let text = '';
    const values: Value[] = [];
    for (const { evaluate } of keys) {
      const value = evaluate(frame);
      values.push(value);
      // JSON never begins with a comma: no two lists of keys have one text.
      text += `,${value === undefined ? '' : canonicalText(value)}`;
    }
    const identity = compact(text);
    const known = this.#groups.get(identity);
    if (known !== undefined) return known;
    this.#memory.take(ENTRY_BYTES + 2 * identity.length);
    for (const value of values) if (value !== undefined) this.#memory.take(sizeOf(value));
    const group = this.#newGroup(values, origin);
    this.#groups.set(identity, group);
    return group;
  }

  #newGroup(keys: readonly Value[], origin: number): Group {
    const { aggregates } = this.#grouping;
    this.#memory.take(ACCUMULATOR_BYTES * aggregates.length);
    return { keys, origin, accumulators: aggregates.map((call) => call.aggregate.create(this.#memory)) };
  }

  all(): Iterable<Group> {
    return this.#groups.values();
  }

  /** Makes the group the one that expressions see. */
  show(group: Group, frame: Frame): void {
    const { keys, aggregates } = this.#grouping;
    keys.forEach(({ slot }, index) => {
      frame.slots[slot] = group.keys[index];
    });
    aggregates.forEach(({ slot }, index) => {
      frame.slots[slot] = group.accumulators[index]?.result();
    });
  }
}

/** The rows of a query that exist only when all items were read, in order. */
export interface GatheredRows {
  /** Undefined when the rows are `texts`. */
  readonly groups: Groups | undefined;
  /** JSON texts of rows that are no groups. */
  readonly texts: readonly string[];
}

/** Rows that have come before, whatever the order of their members. */
export class DistinctRows {
  readonly #memory: QueryMemory;
  readonly #seen = new Set<string>();
  #last = '';

  constructor(memory: QueryMemory) {
    this.#memory = memory;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Whether no equal row was added before. */
  add(value: Exclude<Value, undefined>): boolean {
    const identity = compact(canonicalText(value));
    if (this.#seen.has(identity)) return false;
    this.#memory.take(ENTRY_BYTES + 2 * identity.length);
    this.#seen.add(identity);
    this.#last = identity;
    return true;
  }

  /** Takes back the row that was added last. */
  withdraw(): void {
    this.#seen.delete(this.#last);
  }
}

const IDENTITY_LENGTH_MAX = 64;

/** The text, or a digest that stands for one that is long: nobody has ever found two texts with one. */
function compact(text: string): string {
  if (text.length <= IDENTITY_LENGTH_MAX) return text;
  return `#${createHash('sha256').update(text).digest('base64')}`;
}
