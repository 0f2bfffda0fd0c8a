import type { Value } from '../values.ts';
import { type BuiltInFunction, type FunctionFamily, finite, pure, volatile } from './built-in-function.ts';

function ofNumber(name: string, about: string, evaluate: (x: number) => number): BuiltInFunction {
  return pure(`${name}(number)`, about, (x) => (typeof x === 'number' ? finite(evaluate(x)) : undefined));
}

function ofTwoNumbers(
  signature: string,
  about: string,
  evaluate: (x: number, y: number) => number,
): BuiltInFunction {
  return pure(signature, about, (x, y) =>
    typeof x === 'number' && typeof y === 'number' ? finite(evaluate(x, y)) : undefined,
  );
}

/** Rounds to `digits` places after the point. */
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
  if (typeof base !== 'number') return undefined;
  // The quotient of natural logarithms misses the last digit for the bases that people use.
  if (base === 10) return finite(Math.log10(x));
  return finite(Math.log2(x) / Math.log2(base));
}

/** The greatest multiple of `size` that is not above x; below it for a negative size. */
function numberBin(...operands: Value[]): Value {
  const [x, size] = operands.length < 2 ? [operands[0], 1] : operands;
  if (typeof x !== 'number' || typeof size !== 'number') return undefined;
  return finite(size * Math.floor(x / size));
}

export const MATH_FUNCTIONS: FunctionFamily = {
  title: 'Mathematics',
  functions: [
    ofNumber('ABS', 'without its sign', Math.abs),
    ofNumber('ACOS', 'arc cosine, in radians', Math.acos),
    ofNumber('ASIN', 'arc sine, in radians', Math.asin),
    ofNumber('ATAN', 'arc tangent, in radians', Math.atan),
    ofTwoNumbers('ATN2(y, x)', 'angle of the point (x, y), in radians', Math.atan2),
    ofNumber('CEILING', 'least integer that is not below', Math.ceil),
    ofNumber('COS', 'cosine of an angle in radians', Math.cos),
    ofNumber('COT', 'cotangent of an angle in radians', (x) => 1 / Math.tan(x)),
    ofNumber('DEGREES', 'radians to degrees', (x) => (x * 180) / Math.PI),
    ofNumber('EXP', 'e to the power of the number', Math.exp),
    ofNumber('FLOOR', 'greatest integer that is not above', Math.floor),
    pure('LOG(number[, base])', 'logarithm, natural unless a base is given', log),
    ofNumber('LOG10', 'logarithm to the base 10', Math.log10),
    pure('NUMBERBIN(number[, size])', 'rounded down to a multiple of `size`, 1 unless given', numberBin),
    pure('PI()', 'π', () => Math.PI),
    ofTwoNumbers('POWER(number, exponent)', 'the number to that power', (x, y) => x ** y),
    ofNumber('RADIANS', 'degrees to radians', (x) => (x * Math.PI) / 180),
    volatile('RAND()', 'a random number from 0 to below 1, another for each row', ({ random }) => random()),
    pure(
      'ROUND(number[, digits])',
      'rounded half away from zero, to `digits` after the point',
      roundTo(roundHalfAway),
    ),
    ofNumber('SIGN', '-1, 0 or 1', Math.sign),
    ofNumber('SIN', 'sine of an angle in radians', Math.sin),
    ofNumber('SQRT', 'square root', Math.sqrt),
    ofNumber('SQUARE', 'the number times itself', (x) => x * x),
    ofNumber('TAN', 'tangent of an angle in radians', Math.tan),
    pure('TRUNC(number[, digits])', 'cut off towards zero, `digits` after the point', roundTo(Math.trunc)),
  ],
};
