import { expect, test } from 'vitest';
import { compareBytes, type Json } from '../base/index.ts';
import { compositeIndex, compositeValue, orderIn, placesOf, toldLength } from './composite.ts';

const A = { path: ['a'], isDescending: false };
const B = { path: ['b', 'c'], isDescending: true };
const index = compositeIndex([A, B]);
const VALUES: Json[] = [null, false, true, -3, 0, 255, 1e300, '', '\u0000', 'a', 'aa', '\u00ff', [], {}];

test('entries stand as their values do, path by path, falling where the path descends', () => {
  const pairs = VALUES.flatMap((a, i) => VALUES.map((b, j) => ({ i, j, places: placesOf([a, b]) })));
  for (const one of pairs) {
    for (const other of pairs) {
      const wanted = Math.sign(one.i - other.i || other.j - one.j);
      const found = compareBytes(compositeValue(one.places, index), compositeValue(other.places, index));
      expect(Math.sign(found)).toBe(wanted);
    }
  }
});

test('an entry tells all but long strings', () => {
  const long = 'x'.repeat(700);
  const told = (...values: Json[]) => toldLength(compositeValue(placesOf(values), index), index);
  expect(told('a', 'b')).toBeUndefined();
  expect(told(1, [])).toBeUndefined();
  const [first, second] = [placesOf([long, 1])[0]?.length ?? 0, placesOf([1, long])[1]?.length ?? 0];
  expect(told(long, 1)).toBe(first);
  expect(told(long, long)).toBe(first);
  expect(told(1, long)).toBe(9 + second);
});

test('an index has its order and the one that is turned round', () => {
  const turned = [
    { ...A, isDescending: true },
    { ...B, isDescending: false },
  ];
  expect(orderIn(index, [A, B])).toBe('forward');
  expect(orderIn(index, turned)).toBe('reverse');
  expect(orderIn(index, [A, { ...B, isDescending: false }])).toBeUndefined();
  expect(orderIn(index, [B, A])).toBeUndefined();
  expect(orderIn(index, [A])).toBeUndefined();
});
