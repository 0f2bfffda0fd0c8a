import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatEtag } from './etag.ts';

const source = fc.record({
  origin: fc.integer({ min: 0, max: 1023 }),
  n: fc.maxSafeNat(),
  time: fc.maxSafeNat(),
});

test('a quoted GUID', () => {
  fc.assert(
    fc.property(source, (each) => {
      expect(formatEtag(each)).toMatch(/^"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"$/);
    }),
  );
});

test('holds all of its source, so that no two writes share one', () => {
  fc.assert(
    fc.property(source, (each) => {
      const digits = BigInt(`0x${formatEtag(each).replace(/["-]/g, '')}`);
      const time = Number(digits & ((1n << 64n) - 1n));
      const place = (digits >> 64n) & 0xffffn;
      const n = ((place >> 11n) << 48n) | (((digits >> 80n) & 0xffffn) << 32n) | (digits >> 96n);
      expect({ origin: Number(place & 0x7ffn), n: Number(n), time }).toEqual(each);
    }),
  );
});
