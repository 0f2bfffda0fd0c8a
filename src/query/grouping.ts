import { createHash } from 'node:crypto';
import { assert, type Json, type Steps } from '../base/index.ts';
import type { Accumulator } from './aggregates.ts';
import type { AggregateCall, Frame, GroupKey } from './binder.ts';
import { canonicalSteps, effortOf } from './long-values.ts';
import { EFFORT_AT_ONCE } from './long-work.ts';
import { ENTRY_BYTES, type QueryMemory, sizeOf } from './query-memory.ts';
import { canonicalText, type Value } from './values.ts';

/** How the rows of a query become fewer. Without keys all of them become one, even if there are none. */
export interface Grouping {
  readonly keys: readonly GroupKey[];
  readonly aggregates: readonly AggregateCall[];
  /** Where values are told apart: see `Binder.newSite`. */
  readonly site: number;
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
  /** Of the row that is being added. */
  readonly #values: Value[] = [];
  readonly #identities: string[] = [];
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
    const { aggregates, site } = this.#grouping;
    const values = this.#values;
    const identities = this.#identities;
    // All values before the first is added: an evaluation that is put off is made again.
    for (let i = 0; i < aggregates.length; i++) {
      const { aggregate, operand } = aggregates[i] as AggregateCall;
      const value = operand(frame);
      values[i] = value;
      if (aggregate.isSet && value !== undefined) identities[i] = identityOf(value, site, frame);
    }
    for (let i = 0; i < aggregates.length; i++) accumulators[i]?.add(values[i], identities[i]);
  }

  #groupOf(frame: Frame, origin: number): Group {
    const { keys, site } = this.#grouping;
    let text = '';
    const values: Value[] = [];
    for (const { evaluate } of keys) {
      const value = evaluate(frame);
      values.push(value);
      // JSON never begins with a comma: no two lists of keys have one text.
      text += `,${value === undefined ? '' : identityOf(value, site, frame)}`;
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
  readonly #site: number;
  readonly #seen = new Set<string>();

  /** `site`: as in `Grouping`. */
  constructor(memory: QueryMemory, site: number) {
    this.#memory = memory;
    this.#site = site;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Whether no equal row was added before. */
  add(value: Exclude<Value, undefined>, frame: Frame): boolean {
    const identity = this.unseen(value, frame);
    if (identity === undefined) return false;
    this.note(identity);
    return true;
  }

  /** What is to be noted of a row; undefined when an equal one was added before. */
  unseen(value: Exclude<Value, undefined>, frame: Frame): string | undefined {
    const identity = compact(identityOf(value, this.#site, frame));
    return this.#seen.has(identity) ? undefined : identity;
  }

  note(identity: string): void {
    this.#memory.take(ENTRY_BYTES + 2 * identity.length);
    this.#seen.add(identity);
  }
}

/** The same text for equal values; of what takes long to write, a digest of it. */
function identityOf(value: Exclude<Value, undefined>, site: number, frame: Frame): string {
  if (typeof value !== 'object' || value === null) return canonicalText(value);
  const effort = effortOf(value);
  if (effort <= EFFORT_AT_ONCE) {
    frame.work.effort += effort;
    return canonicalText(value);
  }
  const identity = frame.work.valueOf(
    site,
    effort,
    () => compact(canonicalText(value)),
    () => identitySteps(value),
  );
  assert(typeof identity === 'string', 'steps and what is done at once give the same');
  return identity;
}

function* identitySteps(value: Json): Steps<string> {
  return compact(yield* canonicalSteps(value));
}

const IDENTITY_LENGTH_MAX = 64;

/** The text, or a digest that stands for one that is long: nobody has ever found two texts with one. */
function compact(text: string): string {
  if (text.length <= IDENTITY_LENGTH_MAX) return text;
  return `#${createHash('sha256').update(text).digest('base64')}`;
}
