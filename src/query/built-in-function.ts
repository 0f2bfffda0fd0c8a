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

/** Numbers leave the language only when JSON can hold them. */
export function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
