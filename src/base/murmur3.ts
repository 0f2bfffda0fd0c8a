/**
 * MurmurHash3 by Austin Appleby (public domain), in 32-bit lanes: JavaScript numbers hold no 64-bit
 * integers, and BigInt costs four times as much here.
 */

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
    const k = byteAt(bytes, i) | (byteAt(bytes, i + 1) << 8) | (byteAt(bytes, i + 2) << 16) | (byteAt(bytes, i + 3) << 24);
    h ^= mixK32(k);
    h = (Math.imul(rotl32(h, 13), 5) + 0xe6546b64) | 0;
  }
  let k = 0;
  for (let i = bytes.length - 1; i >= blocks; i--) k = (k << 8) | byteAt(bytes, i);
  if (bytes.length > blocks) h ^= mixK32(k);
  return fmix32(h ^ bytes.length) >>> 0;
}

function mixK32(k: number): number {
  return Math.imul(rotl32(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593);
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
