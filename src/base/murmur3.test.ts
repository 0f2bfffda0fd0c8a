import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runs } from '../../test/kit/properties.ts';
import { murmur3x64Hash128, murmur3x86Hash32 } from './murmur3.ts';

const MASK = (1n << 64n) - 1n;
const rotl = (x: bigint, r: bigint) => ((x << r) | (x >> (64n - r))) & MASK;
const fmix = (x: bigint) => {
  let k = x ^ (x >> 33n);
  k = (k * 0xff51afd7ed558ccdn) & MASK;
  k ^= k >> 33n;
  k = (k * 0xc4ceb9fe1a85ec53n) & MASK;
  return k ^ (k >> 33n);
};

/** The algorithm written down with 64-bit arithmetic, as slow and as plain as it can be. */
function reference(bytes: Uint8Array, seed: number): [bigint, bigint] {
  const c1 = 0x87c37b91114253d5n;
  const c2 = 0x4cf5ad432745937fn;
  let h1 = BigInt(seed);
  let h2 = BigInt(seed);
  const padded = Buffer.alloc(Math.ceil(bytes.length / 16) * 16);
  padded.set(bytes);
  for (let i = 0; i < padded.length; i += 16) {
    const whole = i + 16 <= bytes.length;
    const k1 = (rotl((padded.readBigUInt64LE(i) * c1) & MASK, 31n) * c2) & MASK;
    const k2 = (rotl((padded.readBigUInt64LE(i + 8) * c2) & MASK, 33n) * c1) & MASK;
    h1 ^= k1;
    if (whole) h1 = ((rotl(h1, 27n) + h2) * 5n + 0x52dce729n) & MASK;
    h2 ^= k2;
    if (whole) h2 = ((rotl(h2, 31n) + h1) * 5n + 0x38495ab5n) & MASK;
  }
  h1 ^= BigInt(bytes.length);
  h2 ^= BigInt(bytes.length);
  h1 = (h1 + h2) & MASK;
  h2 = fmix((h2 + h1) & MASK);
  h1 = (fmix(h1) + h2) & MASK;
  return [h1, (h2 + h1) & MASK];
}

test('the published 128-bit vectors', () => {
  const hex = (text: string, seed?: number) =>
    murmur3x64Hash128(Buffer.from(text), seed)
      .map((word) => word.toString(16).padStart(8, '0'))
      .join('');
  expect(hex('')).toBe('00000000000000000000000000000000');
  expect(hex('hello')).toBe('cbd8a7b341bd9b025b1e906a48ae1d19');
  expect(hex('The quick brown fox jumps over the lazy dog')).toBe('e34bbc7bbc071b6c7a433ca9c49a9347');
});

test('the 32-bit lanes agree with 64-bit arithmetic for every length and seed', () => {
  const seed = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0x7fffffff }), fc.constant(0xffffffff));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), seed, (bytes, start) => {
      const [a, b, c, d] = murmur3x64Hash128(bytes, start);
      const got = [(BigInt(a) << 32n) | BigInt(b), (BigInt(c) << 32n) | BigInt(d)];
      expect(got).toEqual(reference(bytes, start >>> 0));
    }),
    { numRuns: runs(2000) },
  );
});

test('the 32-bit variant gives published vectors', () => {
  const of = (text: string, seed?: number) => murmur3x86Hash32(Buffer.from(text, 'latin1'), seed);
  expect(of('')).toBe(0);
  expect(of('', 1)).toBe(0x514e28b7);
  expect(of('test')).toBe(0xba6bd213);
  expect(of('Hello, world!')).toBe(0xc0363e43);
  expect(of('The quick brown fox jumps over the lazy dog')).toBe(0x2e4ff723);
  expect(of('\x08redmond\x00'), 'a partition key as it is hashed').toBe(0xfe226086);
});
