import type { Value } from './values.ts';

/** A pure function of its arguments; never throws, a wrong argument yields undefined. */
export interface BuiltInFunction {
  readonly operandsMin: number;
  /** Infinity for any number. */
  readonly operandsMax: number;
  readonly evaluate: (...operands: Value[]) => Value;
}

export function builtIn(
  operandsMin: number,
  operandsMax: number,
  evaluate: (...operands: Value[]) => Value,
): BuiltInFunction {
  return { operandsMin, operandsMax, evaluate };
}

/** Longest text that concatenation or replacement makes, in UTF-16 units; beyond it there is no value. */
export const TEXT_LENGTH_MAX = 16_777_216;
/** Longest array that concatenation makes. */
export const ARRAY_LENGTH_MAX = 1_048_576;

/** The texts in one; undefined when that is too long: a query of a few bytes must not fill the memory. */
export function joined(texts: readonly string[]): string | undefined {
  let length = 0;
  for (const text of texts) length += text.length;
  return length > TEXT_LENGTH_MAX ? undefined : texts.join('');
}

/** Numbers leave the language only when JSON can hold them. */
export function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
