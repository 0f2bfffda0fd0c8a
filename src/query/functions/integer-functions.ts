import type { Value } from '../values.ts';
import { type BuiltInFunction, type FunctionFamily, pure } from './built-in-function.ts';

const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 63n - 1n;

/** The argument as an integer of 64 bits; undefined when it is none. */
function toInteger(value: Value): bigint | undefined {
  if (typeof value !== 'number' || !Number.isInteger(value)) return undefined;
  // As a double, 2^63 is what the greatest integer of 64 bits becomes.
  if (value === 2 ** 63) return INTEGER_MAX;
  const integer = BigInt(value);
  return integer >= INTEGER_MIN && integer <= INTEGER_MAX ? integer : undefined;
}

/** `evaluate` gives undefined, or anything: what does not fit in 64 bits is no result either. */
function ofIntegers(
  signature: string,
  about: string,
  evaluate: (x: bigint, y: bigint) => bigint | undefined,
): BuiltInFunction {
  return pure(signature, about, (...operands) => {
    const x = toInteger(operands[0]);
    const y = operands.length < 2 ? 0n : toInteger(operands[1]);
    const result = x === undefined || y === undefined ? undefined : evaluate(x, y);
    if (result === undefined || result < INTEGER_MIN || result > INTEGER_MAX) return undefined;
    return Number(result);
  });
}

function shiftLeft(x: bigint, bits: bigint): bigint | undefined {
  if (bits < 0n) return undefined;
  return bits > 63n ? 0n : BigInt.asIntN(64, x << bits);
}

function shiftRight(x: bigint, bits: bigint): bigint | undefined {
  if (bits < 0n) return undefined;
  return x >> (bits > 63n ? 63n : bits);
}

/** Exact in 64 bits; what goes in and comes out are doubles, though, which hold 53 of them. */
export const INTEGER_FUNCTIONS: FunctionFamily = {
  title: 'Integers of 64 bits',
  functions: [
    ofIntegers('INTADD(integer, integer)', 'sum', (x, y) => x + y),
    ofIntegers('INTBITAND(integer, integer)', 'bits that both have', (x, y) => x & y),
    ofIntegers('INTBITLEFTSHIFT(integer, bits)', 'shifted left', shiftLeft),
    ofIntegers('INTBITNOT(integer)', 'all bits inverted', (x) => ~x),
    ofIntegers('INTBITOR(integer, integer)', 'bits that either has', (x, y) => x | y),
    ofIntegers('INTBITRIGHTSHIFT(integer, bits)', 'shifted right, the sign stays', shiftRight),
    ofIntegers('INTBITXOR(integer, integer)', 'bits that one of them has', (x, y) => x ^ y),
    ofIntegers('INTDIV(integer, integer)', 'quotient, cut off towards zero', (x, y) =>
      y === 0n ? undefined : x / y,
    ),
    ofIntegers('INTMOD(integer, integer)', 'remainder, with the sign of the first', (x, y) =>
      y === 0n ? undefined : x % y,
    ),
    ofIntegers('INTMUL(integer, integer)', 'product', (x, y) => x * y),
    ofIntegers('INTSUB(integer, integer)', 'difference', (x, y) => x - y),
  ],
};
