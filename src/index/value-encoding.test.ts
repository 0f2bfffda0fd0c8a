import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runs } from '../../test/kit/properties.ts';
import type { Json } from '../base/index.ts';
import { decodeIndexValue, encodedValueLength, encodeIndexValue, isExact } from './value-encoding.ts';
import {
  allRange,
  definedRange,
  equalRange,
  type IndexedType,
  type IndexRange,
  intersectRanges,
  isEmptyRange,
  prefixRange,
  rangeAbove,
  rangeBelow,
  typeRange,
} from './value-range.ts';

type Value = Json | undefined;

const TYPES = ['undefined', 'null', 'boolean', 'number', 'string', 'array', 'object'] as const;

function typeOf(value: Value): IndexedType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as IndexedType;
}

function codePoints(text: string): number[] {
  return [...text].map((character) => character.codePointAt(0) as number);
}

function compareStrings(a: string, b: string): number {
  const left = codePoints(a);
  const right = codePoints(b);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return (left[i] as number) - (right[i] as number);
  }
  return left.length - right.length;
}

/** The documented order, without regard to any encoding. */
function compareValues(a: Value, b: Value): number {
  const [x, y] = [TYPES.indexOf(typeOf(a)), TYPES.indexOf(typeOf(b))];
  if (x !== y) return x - y;
  if (typeof a === 'string') return compareStrings(a, b as string);
  if (typeof a === 'boolean') return Number(a) - Number(b);
  if (typeof a === 'number') return a < (b as number) ? -1 : a > (b as number) ? 1 : 0;
  return 0;
}

// Few distinct characters, so that random strings share beginnings; all the odd ones among them.
const character = fc.constantFrom(
  'a',
  'b',
  '\0',
  '\x01',
  '\x02',
  '\x7f',
  'é',
  '߿',
  'ࠀ',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '😀',
  '\ud83d',
  '\ude00',
);
const oddString = fc.array(character, { maxLength: 6 }).map((parts) => parts.join(''));
const longString = fc
  .tuple(fc.integer({ min: 190, max: 203 }), oddString)
  .map(([length, end]) => 'x'.repeat(length) + end);
const text = fc.oneof({ weight: 3, arbitrary: oddString }, fc.string({ unit: 'binary' }), longString);
const number = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.constantFrom(
    0,
    -0,
    1,
    -1,
    0.1,
    2 ** 53,
    -(2 ** 53),
    5e-324,
    -5e-324,
    1.7976931348623157e308,
    Infinity,
    -Infinity,
  ),
);
const scalar: fc.Arbitrary<Value> = fc.oneof(number, text, fc.boolean(), fc.constantFrom(null, undefined));
const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 9, arbitrary: scalar },
  { weight: 1, arbitrary: fc.constantFrom<Value>([], [1], {}, { a: 1 }) },
);

const check = (...parts: Parameters<typeof fc.property<[Value, Value]>>) =>
  fc.assert(fc.property(...parts), { numRuns: runs(3000) });

describe('encoding', () => {
  test('bytes sort as values do; equal bytes only for equal values or inexact ones', () => {
    check(value, value, (a, b) => {
      const [x, y] = [encodeIndexValue(a), encodeIndexValue(b)];
      const order = Math.sign(Buffer.compare(x, y));
      if (order === 0 && !isExact(x)) expect(typeOf(a)).toBe(typeOf(b));
      else expect(order).toBe(Math.sign(compareValues(a, b)));
    });
  });

  test('exact values come back, inexact ones do not', () => {
    check(value, value, (a) => {
      const encoded = encodeIndexValue(a);
      const whole = typeof a !== 'object' || a === null ? (a === 0 ? 0 : a) : undefined;
      expect(decodeIndexValue(encoded)).toBe(isExact(encoded) ? whole : undefined);
    });
    expect(Object.is(decodeIndexValue(encodeIndexValue(-0)), 0)).toBe(true);
  });

  test('the end of a value is found whatever follows', () => {
    check(value, value, (a, b) => {
      const [x, y] = [encodeIndexValue(a), encodeIndexValue(b)];
      const joined = Buffer.concat([Buffer.of(0xff, 0), x, y, Buffer.alloc(8, 0xff)]);
      expect(encodedValueLength(joined, 2)).toBe(x.length);
      expect(encodedValueLength(joined, 2 + x.length)).toBe(y.length);
      expect(decodeIndexValue(joined.subarray(2))).toEqual(decodeIndexValue(x));
    });
  });

  test.each<[string, Value, string, boolean]>([
    ['undefined', undefined, '10', true],
    ['null', null, '20', true],
    ['false', false, '30', true],
    ['true', true, '31', true],
    ['zero', 0, '408000000000000000', true],
    ['negative zero', -0, '408000000000000000', true],
    ['one', 1, '40bff0000000000000', true],
    ['minus one', -1, '40400fffffffffffff', true],
    ['empty string', '', '5000', true],
    ['string', 'aé', '5061c3a900', true],
    ['control characters', '\0\x01\x02', '5001010102 0200'.replace(' ', ''), true],
    ['string of 200 bytes', 'x'.repeat(200), `50${'78'.repeat(200)}00`, true],
    ['string of 201 bytes', 'x'.repeat(201), `50${'78'.repeat(200)}ff`, false],
    ['cut inside a character', `${'x'.repeat(199)}é`, `50${'78'.repeat(199)}c3ff`, false],
    ['array', [1, 2], '60', false],
    ['object', { a: 1 }, '70', false],
  ])('%s keeps its bytes for ever', (_name, a, hex, exact) => {
    expect(encodeIndexValue(a).toString('hex')).toBe(hex);
    expect(isExact(encodeIndexValue(a))).toBe(exact);
  });
});

const contains = ({ from, to }: IndexRange, encoded: Buffer) =>
  Buffer.compare(from, encoded) <= 0 && Buffer.compare(encoded, to) < 0;

/** Nothing that satisfies the predicate is missed; in an exact range there is nothing else. */
function expectRange(range: IndexRange, a: Value, satisfies: boolean): void {
  const isIn = contains(range, encodeIndexValue(a));
  if (satisfies) expect(isIn).toBe(true);
  else if (range.exact) expect(isIn).toBe(false);
  // The same with a number behind the value, as in the key of an entry.
  for (const byte of [0, 0xff]) {
    expect(contains(range, Buffer.concat([encodeIndexValue(a), Buffer.alloc(8, byte)]))).toBe(isIn);
  }
}

const isOrdered = (a: Value) => a !== undefined && (typeof a !== 'object' || a === null);
const sameOrdered = (a: Value, b: Value) => isOrdered(a) && typeOf(a) === typeOf(b);
const isSame = (a: Value, b: Value) =>
  typeOf(a) === typeOf(b) &&
  (isOrdered(a) ? compareValues(a, b) === 0 : JSON.stringify(a) === JSON.stringify(b));

describe('ranges', () => {
  test('equal', () => check(value, value, (bound, a) => expectRange(equalRange(bound), a, isSame(a, bound))));

  test.each([true, false])('above and below (inclusive: %s)', (inclusive) => {
    check(value, value, (bound, a) => {
      const order = sameOrdered(a, bound) ? compareValues(a, bound) : undefined;
      expectRange(
        rangeAbove(bound, inclusive),
        a,
        order !== undefined && (order > 0 || (inclusive && order === 0)),
      );
      expectRange(
        rangeBelow(bound, inclusive),
        a,
        order !== undefined && (order < 0 || (inclusive && order === 0)),
      );
    });
  });

  test('between', () => {
    fc.assert(
      fc.property(value, value, value, (low, high, a) => {
        const range = intersectRanges(rangeAbove(low, true), rangeBelow(high, true));
        const within =
          sameOrdered(a, low) &&
          sameOrdered(a, high) &&
          compareValues(a, low) >= 0 &&
          compareValues(a, high) <= 0;
        expectRange(range, a, within);
        if (sameOrdered(low, high) && compareValues(low, high) > 0 && range.exact)
          expect(isEmptyRange(range)).toBe(true);
      }),
      { numRuns: runs(3000) },
    );
  });

  test('strings with a prefix, in code units or in code points', () => {
    fc.assert(
      fc.property(text, text, fc.nat(4), (prefix, rest, kept) => {
        for (const a of [rest, prefix + rest, prefix.slice(0, kept) + rest]) {
          expectRange(prefixRange(prefix), a, a.startsWith(prefix));
        }
      }),
      { numRuns: runs(3000) },
    );
    expect(prefixRange('\ud83d')).toMatchObject({ exact: false });
    expectRange(prefixRange('\ud83d'), '😀', true);
    expectRange(prefixRange(''), '', true);
    expectRange(prefixRange(''), 1, false);
  });

  test('types, all that is defined, and all', () => {
    check(value, value, (a) => {
      for (const type of TYPES) expectRange(typeRange(type), a, typeOf(a) === type);
      expectRange(definedRange(), a, a !== undefined);
      expectRange(allRange(), a, true);
    });
  });

  test.each<[string, IndexRange]>([
    ['above null', rangeAbove(null, false)],
    ['below an array', rangeBelow([], true)],
    ['above undefined', rangeAbove(undefined, true)],
    ['equal to what is no number', equalRange(Number.NaN)],
    ['above what is no number', rangeAbove(Number.NaN, true)],
    ['above true', rangeAbove(true, false)],
    ['two types at once', intersectRanges(typeRange('null'), typeRange('number'))],
  ])('%s is nothing', (_name, range) => {
    expect(isEmptyRange(range)).toBe(true);
  });

  test('what is not ordered stays empty, what is exact says so', () => {
    expect(equalRange('short').exact).toBe(true);
    expect(equalRange('x'.repeat(300)).exact).toBe(false);
    expect(equalRange([1]).exact).toBe(false);
    expect(rangeAbove('x'.repeat(300), false).exact).toBe(false);
    expect(rangeAbove(5, false)).toMatchObject({ exact: true });
    expect(isEmptyRange(rangeAbove(null, true))).toBe(false);
    expect(isEmptyRange(rangeBelow(false, true))).toBe(false);
  });
});
