import { assert, finish, type Steps } from '../../base/index.ts';
import type { DocumentPath } from '../document-path.ts';
import type { QueryEnvironment } from '../environment.ts';
import type { Value } from '../values.ts';

/**
 * A built-in scalar function. A wrong or missing argument gives undefined, except where a family says
 * otherwise (type checks answer false); nothing is ever thrown for a value, save for a pattern that the
 * regular expressions here cannot express.
 */
export type BuiltInFunction = PureFunction | EnvironmentFunction;

interface Description {
  /** Upper case. */
  readonly name: string;
  /** As in `LOG(number[, base])`: what is in brackets may be left out, `...` stands for any number more. */
  readonly signature: string;
  /** What it gives, for the reference page. */
  readonly about: string;
  /** Whether so many arguments may be given. */
  readonly accepts: (count: number) => boolean;
}

/**
 * Its value depends on the arguments alone, so calls with constant arguments are evaluated once per text.
 */
export interface PureFunction extends Description {
  readonly volatility: 'immutable';
  /**
   * Makes the evaluator of one call in a query's text. It may keep what it made of an argument (a pattern, a
   * polygon) for the rows that follow; see `lastPrepared`.
   */
  readonly bind: () => Evaluate;
  /** For those that take long when an operand is large; made for each call in a text. */
  readonly long?: () => LongForm;
}

export type Evaluate = (...operands: Value[]) => Value;

/** The same function in pieces. */
export interface LongForm {
  /** About what a call takes, in the unit of `EFFORT_AT_ONCE`. Asked when an operand is more than small. */
  readonly effort: (...operands: Value[]) => number;
  readonly steps: (...operands: Value[]) => Steps<Value>;
  /** Small operands can take long too. */
  readonly isAlwaysCounted?: boolean;
}

/** A function of its arguments that is always done in steps, which end at once for small ones. */
export function stepwise(signature: string, about: string, long: LongForm): BuiltInFunction {
  return bound(signature, about, () => long);
}

/** The same of which each call in a text gets an evaluator of its own. */
export function bound(signature: string, about: string, long: () => LongForm): BuiltInFunction {
  const bind = () => {
    const { steps } = long();
    return (...operands: Value[]) => finish(steps(...operands));
  };
  return { ...describe(signature, about), volatility: 'immutable', bind, long };
}

/** Gives a function a second form, for large operands. */
export function withLong(found: BuiltInFunction, long: LongForm): BuiltInFunction {
  assert(found.volatility === 'immutable', 'others have no such form');
  return { ...found, long: () => long };
}

/** Effort of looking at each element and character of the operands, not at what is in elements. */
export function lengthOf(...operands: Value[]): number {
  let length = 0;
  for (const operand of operands) {
    if (typeof operand === 'string' || Array.isArray(operand)) length += operand.length;
  }
  return length;
}

/**
 * Depends on the environment too: `stable` functions give equal values for equal arguments throughout an
 * execution, so an index may be asked for them; `volatile` ones are called for every row.
 */
export interface EnvironmentFunction extends Description {
  readonly volatility: 'stable' | 'volatile';
  readonly bind: (call: CallSite) => EvaluateIn;
}

/** What a query's text says of one call. */
export interface CallSite {
  /** For each operand the property of the item that it is; undefined for other expressions. */
  readonly paths: readonly (DocumentPath | undefined)[];
}

export interface EvaluateIn {
  (environment: QueryEnvironment, ...operands: Value[]): Value;
  /** For those that take long when an operand is large. */
  readonly long?: LongFormIn;
}

/** As `LongForm`. */
export interface LongFormIn {
  readonly effort: (environment: QueryEnvironment, ...operands: Value[]) => number;
  readonly steps: (environment: QueryEnvironment, ...operands: Value[]) => Steps<Value>;
}

/** Functions that belong together, under the title they have in the reference page. */
export interface FunctionFamily {
  readonly title: string;
  readonly functions: readonly BuiltInFunction[];
}

/** A function of its arguments that needs no preparation. */
export function pure(signature: string, about: string, evaluate: Evaluate): BuiltInFunction {
  return { ...describe(signature, about), volatility: 'immutable', bind: () => evaluate };
}

/** A function of its arguments of which each call in a text gets an evaluator of its own. */
export function prepared(signature: string, about: string, bind: () => Evaluate): BuiltInFunction {
  return { ...describe(signature, about), volatility: 'immutable', bind };
}

/** A function of its arguments and of what stays the same throughout an execution. */
export function stable(signature: string, about: string, bind: EnvironmentFunction['bind']): BuiltInFunction {
  return { ...describe(signature, about), volatility: 'stable', bind };
}

/** A function that may give another value each time. */
export function volatile(signature: string, about: string, evaluate: EvaluateIn): BuiltInFunction {
  return { ...describe(signature, about), volatility: 'volatile', bind: () => evaluate };
}

function describe(signature: string, about: string): Description {
  const [, name, operands] = /^(_?[A-Z][A-Z0-9_]*)\((.*)\)$/.exec(signature) ?? [];
  assert(name !== undefined && operands !== undefined, `'${signature}' is the signature of a function`);
  const counts = new Set<number>();
  let count = 0;
  let isOpen = false;
  for (const [token] of operands.matchAll(/\.\.\.|\w+|\[/g)) {
    if (token === '[') counts.add(count);
    else if (token === '...') isOpen = true;
    else count++;
  }
  counts.add(count);
  const accepts = (given: number): boolean => counts.has(given) || (isOpen && given >= count);
  return { name, signature, about, accepts };
}

/** Remembers what `prepare` made of the argument seen last: nearly every call has one for all its rows. */
export function lastPrepared<K extends Value, P>(prepare: (argument: K) => P): (argument: K) => P {
  let lastArgument: K | undefined;
  let last: { readonly prepared: P } | undefined;
  return (argument) => {
    if (last === undefined || argument !== lastArgument) {
      last = { prepared: prepare(argument) };
      lastArgument = argument;
    }
    return last.prepared;
  };
}

/** Longest text that concatenation or replacement makes, in UTF-16 units; beyond it there is no value. */
export const TEXT_LENGTH_MAX = 16_777_216;
/** Longest array that a function makes. */
export const ARRAY_LENGTH_MAX = 1_048_576;

/** The texts in one; undefined when that is too long: a query of a few bytes must not fill the memory. */
export function joined(texts: readonly string[], separator = ''): string | undefined {
  let length = Math.max(0, texts.length - 1) * separator.length;
  for (const text of texts) length += text.length;
  return length > TEXT_LENGTH_MAX ? undefined : texts.join(separator);
}

/** Numbers leave the language only when JSON can hold them. */
export function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

export function isWholeNumber(value: Value): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}

/** OR and AND of the language over what `holds` says of each part; one part decides, undefined does not. */
export function anyOf(parts: readonly Value[], holds: (part: Value) => Value): Value {
  return combine(parts, holds, true);
}

export function allOf(parts: readonly Value[], holds: (part: Value) => Value): Value {
  return combine(parts, holds, false);
}

function combine(parts: readonly Value[], holds: (part: Value) => Value, decisive: boolean): Value {
  let isKnown = true;
  for (const part of parts) {
    const value = holds(part);
    if (value === decisive) return decisive;
    if (value === undefined) isKnown = false;
  }
  return isKnown ? !decisive : undefined;
}
