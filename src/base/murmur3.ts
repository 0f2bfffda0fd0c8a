/**
 * MurmurHash3 by Austin Appleby (public domain), in 32-bit lanes: JavaScript numbers hold no 64-bit
 * integers, and BigInt costs four times as much here.
 */

/** h1 then h2, each as (high, low) unsigned 32-bit halves. */
export type Hash128 = readonly [h1High: number, h1Low: number, h2High: number, h2Low: number];

const C1_HIGH = 0x87c37b91 | 0;
const C1_LOW = 0x114253d5;
const C2_HIGH = 0x4cf5ad43;
const C2_LOW = 0x2745937f;

function rotl32(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function fmix32(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** The x86 32-bit variant, as an unsigned number. */
export function murmur3x86Hash32(bytes: Uint8Array, seed = 0): number {
  let h = seed | 0;
  const blocks = bytes.length & ~3;
  for (let i = 0; i < blocks; i += 4) {
    h ^= mixK32(wordAt(bytes, i));
    h = (Math.imul(rotl32(h, 13), 5) + 0xe6546b64) | 0;
  }
  if (bytes.length > blocks) h ^= mixK32(wordAt(bytes, blocks));
  return fmix32(h ^ bytes.length) >>> 0;
}

function mixK32(k: number): number {
  return Math.imul(rotl32(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593);
}

/** The x64 128-bit variant; `seed` fills both halves of the state, as in the reference. */
export function murmur3x64Hash128(bytes: Uint8Array, seed = 0): Hash128 {
  let h1Low = seed | 0;
  let h1 = 0;
  let h2Low = h1Low;
  let h2 = 0;
  const length = bytes.length;
  // A last block that is short reads as zeros, and zeros mix to nothing: the tail needs no code of its own
  // except that the state is not stirred after it.
  for (let i = 0; i < length; i += 16) {
    const whole = i + 16 <= length;
    let low = multiply(wordAt(bytes, i + 4), wordAt(bytes, i), C1_HIGH, C1_LOW);
    let high = overflow;
    let turned = (high << 31) | (low >>> 1);
    low = multiply(turned, (low << 31) | (high >>> 1), C2_HIGH, C2_LOW);
    h1Low ^= low;
    h1 ^= overflow;
    if (whole) {
      turned = (h1 << 27) | (h1Low >>> 5);
      h1Low = add((h1Low << 27) | (h1 >>> 5), h2Low);
      h1 = (turned + h2 + overflow) | 0;
      h1Low = multiply(h1, h1Low, 0, 5);
      high = overflow;
      h1Low = add(h1Low, 0x52dce729);
      h1 = (high + overflow) | 0;
    }
    low = multiply(wordAt(bytes, i + 12), wordAt(bytes, i + 8), C2_HIGH, C2_LOW);
    high = overflow;
    low = multiply((low << 1) | (high >>> 31), (high << 1) | (low >>> 31), C1_HIGH, C1_LOW);
    h2Low ^= low;
    h2 ^= overflow;
    if (whole) {
      turned = (h2 << 31) | (h2Low >>> 1);
      h2Low = add((h2Low << 31) | (h2 >>> 1), h1Low);
      h2 = (turned + h1 + overflow) | 0;
      h2Low = multiply(h2, h2Low, 0, 5);
      high = overflow;
      h2Low = add(h2Low, 0x38495ab5);
      h2 = (high + overflow) | 0;
    }
  }
  return finish(h1, h1Low ^ length, h2, h2Low ^ length);
}

function finish(h1: number, h1Low: number, h2: number, h2Low: number): Hash128 {
  let aLow = add(h1Low, h2Low);
  let a = (h1 + h2 + overflow) | 0;
  let bLow = add(h2Low, aLow);
  let b = (h2 + a + overflow) | 0;
  aLow = fmix64(a, aLow);
  a = overflow;
  bLow = fmix64(b, bLow);
  b = overflow;
  aLow = add(aLow, bLow);
  a = (a + b + overflow) | 0;
  bLow = add(bLow, aLow);
  b = (b + a + overflow) | 0;
  return [a >>> 0, aLow >>> 0, b >>> 0, bLow >>> 0];
}

/**
 * The second result of the functions below: a high word or a carry. A returned pair would be an allocation.
 */
let overflow = 0;

/** Low word of the 64-bit product; the high word is in `overflow`. */
function multiply(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  const a0 = aLow & 0xffff;
  const a1 = aLow >>> 16;
  const b0 = bLow & 0xffff;
  const b1 = bLow >>> 16;
  const middle = (Math.imul(a0, b1) >>> 0) + (Math.imul(a0, b0) >>> 16);
  const middle2 = (Math.imul(a1, b0) >>> 0) + (middle & 0xffff);
  const high = Math.imul(a1, b1) + (middle >>> 16) + (middle2 >>> 16);
  overflow = (high + Math.imul(aHigh, bLow) + Math.imul(aLow, bHigh)) | 0;
  return Math.imul(aLow, bLow);
}

/** Low word of the sum of two low words; the carry is in `overflow`. */
function add(aLow: number, bLow: number): number {
  const sum = (aLow + bLow) | 0;
  overflow = sum >>> 0 < aLow >>> 0 ? 1 : 0;
  return sum;
}

function fmix64(high: number, low: number): number {
  let l = multiply(high, low ^ (high >>> 1), 0xff51afd7 | 0, 0xed558ccd | 0);
  let h = overflow;
  l = multiply(h, l ^ (h >>> 1), 0xc4ceb9fe | 0, 0x1a85ec53);
  h = overflow;
  overflow = h;
  return l ^ (h >>> 1);
}

/** Four bytes, little-endian; zeros stand where the array has ended. */
function wordAt(bytes: Uint8Array, index: number): number {
  return (
    byteAt(bytes, index) |
    (byteAt(bytes, index + 1) << 8) |
    (byteAt(bytes, index + 2) << 16) |
    (byteAt(bytes, index + 3) << 24)
  );
}

function byteAt(bytes: Uint8Array, index: number): number {
  return index < bytes.length ? (bytes[index] as number) : 0;
}
