import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBytes, prefixEnd } from './bytes.ts';
import { isJsonObject } from './json.ts';

test('the end of a prefix parts the keys that start with it from all later ones', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 6 }), (prefix, key) => {
      const end = prefixEnd(prefix);
      const starts = compareBytes(key.subarray(0, prefix.length), prefix) === 0;
      const inside = compareBytes(key, prefix) >= 0 && (end === undefined || compareBytes(key, end) < 0);
      expect(inside).toBe(starts);
    }),
  );
  expect(prefixEnd(Buffer.from([1, 0xff, 0xff]))).toEqual(Buffer.from([2]));
  expect(prefixEnd(Buffer.from([0xff, 0xff]))).toBeUndefined();
});

test('only an object is a JSON object', () => {
  expect([{}, { a: 1 }].every(isJsonObject)).toBe(true);
  expect([null, [], 'a', 1, true, undefined].some(isJsonObject)).toBe(false);
});
