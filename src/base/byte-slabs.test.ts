import { expect, test } from 'vitest';
import { ByteSlabs } from './byte-slabs.ts';

test('pieces never overlap, whatever their lengths', () => {
  const slabs = new ByteSlabs();
  const lengths = [
    0,
    1,
    4_096,
    4_097,
    65_536,
    100_000,
    ...Array.from({ length: 100 }, (_, i) => 997 * (i % 5)),
  ];
  const pieces = lengths.map((length, place) => slabs.take(length).fill(place));
  for (const [place, piece] of pieces.entries()) {
    expect(piece.length).toBe(lengths[place]);
    expect(piece.every((byte) => byte === place)).toBe(true);
  }
});

test('small pieces share memory, large ones have their own', () => {
  const slabs = new ByteSlabs();
  expect(slabs.take(1_000).buffer).toBe(slabs.take(1_000).buffer);
  const large = slabs.take(5_000);
  expect(large.buffer.byteLength).toBe(5_000);
});
