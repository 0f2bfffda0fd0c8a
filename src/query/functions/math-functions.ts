import type { Value } from '../values.ts';
import { type BuiltInFunction, builtIn, finite } from './built-in-function.ts';

function ofNumber(evaluate: (x: number) => number): BuiltInFunction {
  return builtIn(1, 1, (x) => (typeof x === 'number' ? finite(evaluate(x)) : undefined));
}

function ofTwoNumbers(evaluate: (x: number, y: number) => number): BuiltInFunction {
  return builtIn(2, 2, (x, y) =>
    typeof x === 'number' && typeof y === 'number' ? finite(evaluate(x, y)) : undefined,
  );
}

/** Rounds half away from zero, to `digits` places after the point. */
function roundTo(round: (x: number) => number): (...operands: Value[]) => Value {
  return (...operands) => {
    const [x, digits] = operands;
    if (typeof x !== 'number') return undefined;
    if (operands.length < 2) return finite(round(x));
    if (typeof digits !== 'number' || !Number.isInteger(digits)) return undefined;
    return finite(shift(round(shift(x, digits)), -digits));
  };
}

/** x · 10^digits by way of decimal text, since 1.005 · 100 in binary falls below 100.5. */
function shift(x: number, digits: number): number {
  const [mantissa, exponent] = x.toString().split('e');
  return Number(`${mantissa}e${Number(exponent ?? 0) + digits}`);
}

function roundHalfAway(x: number): number {
  return x < 0 ? -Math.round(-x) : Math.round(x);
}

function log(...operands: Value[]): Value {
  const [x, base] = operands;
  if (typeof x !== 'number') return undefined;
  if (operands.length < 2) return finite(Math.log(x));
  return typeof base === 'number' ? finite(Math.log(x) / Math.log(base)) : undefined;
}

export const MATH_FUNCTIONS: Readonly<Record<string, BuiltInFunction>> = {
  ABS: ofNumber(Math.abs),
  ACOS: ofNumber(Math.acos),
  ASIN: ofNumber(Math.asin),
  ATAN: ofNumber(Math.atan),
  ATN2: ofTwoNumbers(Math.atan2),
  CEILING: ofNumber(Math.ceil),
  COS: ofNumber(Math.cos),
  COT: ofNumber((x) => 1 / Math.tan(x)),
  DEGREES: ofNumber((x) => (x * 180) / Math.PI),
  EXP: ofNumber(Math.exp),
  FLOOR: ofNumber(Math.floor),
  LOG: builtIn(1, 2, log),
  LOG10: ofNumber(Math.log10),
  PI: builtIn(0, 0, () => Math.PI),
  POWER: ofTwoNumbers((x, y) => x ** y),
  RADIANS: ofNumber((x) => (x * Math.PI) / 180),
  ROUND: builtIn(1, 2, roundTo(roundHalfAway)),
  SIGN: ofNumber(Math.sign),
  SIN: ofNumber(Math.sin),
  SQRT: ofNumber(Math.sqrt),
  SQUARE: ofNumber((x) => x * x),
  TAN: ofNumber(Math.tan),
  TRUNC: builtIn(1, 2, roundTo(Math.trunc)),
};
