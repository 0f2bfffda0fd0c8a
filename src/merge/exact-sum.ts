/**
 * Sums of doubles that do not depend on the order of their terms: increments of one counter arrive in another
 * order in every region, and all have to show the same number. Doubles are whole multiples of 2^-1074, so
 * big integers hold any sum of them exactly.
 */

/**
 * The exact sum as the fewest doubles, each the nearest to what those before it leave; the first is the sum
 * as well as one double can say it. Equal sums give equal lists. Terms are finite.
 */
export function exactSum(terms: readonly number[]): number[] {
  let plain = 0;
  let isPlain = true;
  for (const term of terms) {
    plain += term;
    isPlain &&= Number.isSafeInteger(term) && Number.isSafeInteger(plain);
  }
  // Counters nearly always count; -0 would be told from 0.
  if (isPlain) return [plain + 0];
  let rest = 0n;
  for (const term of terms) rest += unitsOf(term);
  const parts: number[] = [];
  do {
    const part = nearest(rest);
    parts.push(part);
    rest -= unitsOf(part);
  } while (rest !== 0n);
  return parts;
}

const scratch = new DataView(new ArrayBuffer(8));

/** How many times 2^-1074 a double is. */
function unitsOf(value: number): bigint {
  scratch.setFloat64(0, value);
  const bits = scratch.getBigUint64(0);
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  const exponent = (bits >> 52n) & 0x7ffn;
  const units = exponent === 0n ? fraction : (fraction | 0x10_0000_0000_0000n) << (exponent - 1n);
  return bits >> 63n === 1n ? -units : units;
}

/** The double nearest to so many units, halves to the even one; the largest for what is beyond all. */
function nearest(units: bigint): number {
  const isNegative = units < 0n;
  let rest = isNegative ? -units : units;
  const shift = BigInt(Math.max(0, rest.toString(2).length - 53));
  const low = rest & ((1n << shift) - 1n);
  rest >>= shift;
  const half = shift === 0n ? 1n : 1n << (shift - 1n);
  if (shift > 0n && (low > half || (low === half && (rest & 1n) === 1n))) rest += 1n;
  // Below 2^54 the conversion is exact; the scaling is by powers of two, in steps that stay in range.
  let value = Number(rest);
  let exponent = Number(shift) - 1074;
  if (exponent >= -1022) value *= 2 ** Math.min(exponent, 1023);
  else {
    value *= 2 ** -1022;
    exponent += 1022;
    value *= 2 ** exponent;
  }
  if (!Number.isFinite(value)) value = Number.MAX_VALUE;
  return (isNegative ? -value : value) + 0;
}
