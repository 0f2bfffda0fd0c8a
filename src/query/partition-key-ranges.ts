import { type JsonObject, StepCounter, type Steps } from '../base/index.ts';
import {
  effectivePartitionKey,
  isKeyText,
  type KeyComponent,
  type PartitionKeyDefinition,
  partitionKeyRange,
  splitPath,
} from '../resource/index.ts';
import { Binder, type Frame } from './binder.ts';
import { itemAliases, itemQuery } from './block.ts';
import type { CompiledQuery } from './compiled-query.ts';
import { pathOf } from './document-path.ts';
import { compileExpression } from './evaluate.ts';
import { isLiteral } from './literal.ts';
import type { Expression } from './syntax.ts';
import { isPrimitive, type Value } from './values.ts';

/** A part of the key space as clients of query plans see it. */
export interface PlanRange extends JsonObject {
  min: string;
  max: string;
  isMinInclusive: boolean;
  isMaxInclusive: boolean;
}

/** Components of the partition key that a row must have, by position. */
type PartialKey = ReadonlyMap<number, KeyComponent>;

/** Any of these; one that is empty allows every key, none at all allows nothing. */
type Keys = readonly PartialKey[];

const ALL_KEYS: Keys = [new Map()];
/** What would be a longer list is not worth more than the shorter one it was made from. */
const KEYS_MAX = 20_000;
/** Conditions looked at between two turns of others, and what hashing a key counts as. */
const CONDITIONS_PER_STEP = 1_000;
const STEPS_OF_HASH = 4;

const FULL_RANGE: PlanRange = { min: '', max: 'FF', isMinInclusive: true, isMaxInclusive: false };
/** A point that lies in the first range, where a query without items has its one row. */
const FIRST_RANGE: PlanRange = { min: '', max: '', isMinInclusive: true, isMaxInclusive: true };

/**
 * Where the partition keys of all rows lie: sorted and disjoint. Only equalities narrow, since keys are
 * spread by hash. Rows outside cannot satisfy the condition; rows inside may or may not.
 */
export function* partitionKeyRanges(
  compiled: CompiledQuery,
  frame: Frame,
  definition: PartitionKeyDefinition,
): Steps<PlanRange[]> {
  const { where } = itemQuery(compiled.tree);
  if (!compiled.readsItems) return [FIRST_RANGE];
  if (where === undefined) return [FULL_RANGE];
  const finder = new KeyFinder(compiled, frame, definition);
  const ranges: PlanRange[] = [];
  for (const key of yield* finder.findSteps(where)) {
    ranges.push(rangeOf(key, definition));
    finder.steps.add(STEPS_OF_HASH);
    if (finder.steps.isDue()) yield;
  }
  return ranges.length === 0 ? [FIRST_RANGE] : disjoint(ranges);
}

export function isSinglePoint(ranges: readonly PlanRange[]): boolean {
  return ranges.length === 1 && ranges[0]?.isMaxInclusive === true;
}

const TRUE: Expression = { kind: 'constant', value: true };
const FALSE: Expression = { kind: 'constant', value: false };

class KeyFinder {
  readonly steps = new StepCounter(CONDITIONS_PER_STEP);
  readonly #aliases: ReadonlySet<string>;
  readonly #binder: Binder;
  readonly #frame: Frame;
  /** Component number by path, its names joined unambiguously. */
  readonly #components: ReadonlyMap<string, number>;

  constructor(compiled: CompiledQuery, frame: Frame, definition: PartitionKeyDefinition) {
    this.#aliases = itemAliases(itemQuery(compiled.tree));
    this.#binder = new Binder();
    for (const name of compiled.parameterNames) this.#binder.parameterSlot(name);
    this.#frame = frame;
    this.#components = new Map(
      definition.paths.map((path, index) => [JSON.stringify(splitPath(path)), index]),
    );
  }

  *findSteps(expression: Expression): Steps<Keys> {
    if (expression.kind !== 'logical' || isLiteral(expression, 'parameters')) return this.#find(expression);
    const { operator, terms } = expression;
    let keys: Keys | undefined;
    const found: Keys[] = [];
    for (const term of terms) {
      const ofTerm = yield* this.findSteps(term);
      if (operator === 'AND') keys = keys === undefined ? ofTerm : both(keys, ofTerm);
      else found.push(ofTerm);
      this.steps.add();
      if (this.steps.isDue()) yield;
    }
    return keys ?? either(found);
  }

  /** Of anything but a chain of conditions. */
  #find(expression: Expression): Keys {
    if (isLiteral(expression, 'parameters')) return this.#valueOf(expression) === true ? ALL_KEYS : [];
    switch (expression.kind) {
      case 'member':
        return this.#keysOf(expression, [TRUE]);
      case 'unary':
        return expression.operator === 'NOT' ? this.#keysOf(expression.operand, [FALSE]) : ALL_KEYS;
      case 'binary': {
        const { operator, left, right } = expression;
        if (operator !== '=') return ALL_KEYS;
        if (isLiteral(right, 'parameters')) return this.#keysOf(left, [right]);
        return isLiteral(left, 'parameters') ? this.#keysOf(right, [left]) : ALL_KEYS;
      }
      case 'in': {
        const { operand, items, negated } = expression;
        if (negated || !items.every((item) => isLiteral(item, 'parameters'))) return ALL_KEYS;
        return this.#keysOf(operand, items);
      }
      default:
        return ALL_KEYS;
    }
  }

  #valueOf(expression: Expression): Value {
    return compileExpression(expression, this.#binder)(this.#frame);
  }

  /** The keys of rows where `expression` equals one of the values. */
  #keysOf(expression: Expression, values: readonly Expression[]): Keys {
    const path = pathOf(expression, this.#aliases);
    const component = path && this.#components.get(JSON.stringify(path));
    if (component === undefined) return ALL_KEYS;
    const keys: PartialKey[] = [];
    for (const each of values) {
      const value = this.#valueOf(each);
      if (value === undefined) continue;
      // No item has such a key.
      if (typeof value === 'string' && !isKeyText(value)) continue;
      // Items with an array or an object there live under the key "undefined".
      keys.push(new Map([[component, isPrimitive(value) ? value : undefined]]));
    }
    return keys;
  }
}

function either(lists: readonly Keys[]): Keys {
  const keys = lists.flat();
  return keys.some((key) => key.size === 0) || keys.length > KEYS_MAX ? ALL_KEYS : keys;
}

function both(a: Keys, b: Keys): Keys {
  if (a.length * b.length > KEYS_MAX) return a.length < b.length ? a : b;
  return a.flatMap((x) => b.flatMap((y) => merge(x, y)));
}

/** Both keys in one, or nothing when they contradict each other. */
function merge(a: PartialKey, b: PartialKey): PartialKey[] {
  const merged = new Map(a);
  for (const [component, value] of b) {
    if (merged.has(component) && merged.get(component) !== value) return [];
    merged.set(component, value);
  }
  return [merged];
}

function rangeOf(key: PartialKey, definition: PartitionKeyDefinition): PlanRange {
  const prefix: KeyComponent[] = [];
  while (key.has(prefix.length)) prefix.push(key.get(prefix.length));
  if (prefix.length === 0) return FULL_RANGE;
  if (prefix.length === definition.paths.length) {
    const epk = effectivePartitionKey(definition, prefix);
    return { min: epk, max: epk, isMinInclusive: true, isMaxInclusive: true };
  }
  return { ...partitionKeyRange(definition, prefix), isMinInclusive: true, isMaxInclusive: false };
}

/** Sorted, without what lies in another one. Ranges of keys and of their prefixes never overlap in part. */
function disjoint(ranges: PlanRange[]): PlanRange[] {
  const sorted = ranges.sort((a, b) => compareText(a.min, b.min) || compareText(b.max, a.max));
  const result: PlanRange[] = [];
  for (const range of sorted) {
    const last = result[result.length - 1];
    const isCovered =
      last !== undefined && (range.min < last.max || (range.min === last.min && range.max === last.max));
    if (!isCovered) result.push(range);
  }
  return result;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
