import type { DocumentPath } from '../document-path.ts';
import type { QueryEnvironment } from '../environment.ts';
import type { Value } from '../values.ts';

/**
 * A built-in scalar function. It never throws: a wrong argument yields undefined, except where a family says
 * otherwise (type checks answer false).
 */
export type BuiltInFunction = PureFunction | EnvironmentFunction;

interface Signature {
  readonly operandsMin: number;
  /** Infinity for any number. */
  readonly operandsMax: number;
}

/** Its value depends on the arguments alone, so calls with constant arguments are evaluated once per text. */
export interface PureFunction extends Signature {
  readonly volatility: 'immutable';
  /**
   * Makes the evaluator of one call in a query's text. It may keep what it made of an argument (a pattern, a
   * polygon) for the rows that follow; see `lastPrepared`.
   */
  readonly bind: () => (...operands: Value[]) => Value;
}

/**
 * Depends on the environment too: `stable` functions give equal values for equal arguments throughout an
 * execution, so an index may be asked for them; `volatile` ones are called for every row.
 */
export interface EnvironmentFunction extends Signature {
  readonly volatility: 'stable' | 'volatile';
  readonly bind: (call: CallSite) => (environment: QueryEnvironment, ...operands: Value[]) => Value;
}

/** What a query's text says of one call. */
export interface CallSite {
  /** For each operand the property of the item that it is; undefined for other expressions. */
  readonly paths: readonly (DocumentPath | undefined)[];
}

export function builtIn(
  operandsMin: number,
  operandsMax: number,
  evaluate: (...operands: Value[]) => Value,
): BuiltInFunction {
  return { operandsMin, operandsMax, volatility: 'immutable', bind: () => evaluate };
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
/** Longest array that concatenation makes. */
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
