import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssertionError, ByteReader, ByteWriter } from '../base/index.ts';
import { ORIGIN_MAX, sameDot, VersionVector } from './version-vector.ts';

const vectors = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 4 })), { maxLength: 6 })
  .map((entries) => new VersionVector(entries));

/** A vector as the set of dots that it names: what all operations must agree with. */
function dotsOf(vector: VersionVector): Set<string> {
  const dots = new Set<string>();
  for (const [origin, n] of vector.entries()) for (let i = 1; i <= n; i++) dots.add(`${origin}.${i}`);
  return dots;
}

function decoded(bytes: Uint8Array): VersionVector {
  return VersionVector.decode(new ByteReader(bytes));
}

describe('a vector is a set of dots', () => {
  test('covers is membership', () => {
    fc.assert(
      fc.property(
        vectors,
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 5 }),
        (vector, origin, n) => {
          expect(vector.covers({ origin, n })).toBe(dotsOf(vector).has(`${origin}.${n}`));
        },
      ),
    );
  });

  test('coversAll is inclusion, equals is equality', () => {
    fc.assert(
      fc.property(vectors, vectors, (a, b) => {
        const dots = dotsOf(a);
        expect(a.coversAll(b)).toBe([...dotsOf(b)].every((dot) => dots.has(dot)));
        expect(a.equals(b)).toBe(a.toString() === b.toString());
      }),
    );
  });

  test('join is union, meet is intersection, total is size', () => {
    fc.assert(
      fc.property(vectors, vectors, (a, b) => {
        const union = a.clone();
        union.join(b);
        expect(dotsOf(union)).toEqual(new Set([...dotsOf(a), ...dotsOf(b)]));
        const others = dotsOf(b);
        expect(dotsOf(a.meet(b))).toEqual(new Set([...dotsOf(a)].filter((dot) => others.has(dot))));
        expect(a.total()).toBe(dotsOf(a).size);
      }),
    );
  });
});

test('a clone does not follow its original', () => {
  const original = new VersionVector([[2, 5]]);
  const clone = original.clone();
  original.advance(2, 6);
  original.advance(9, 1);
  expect(clone.toString()).toBe('2:5');
  expect(original.toString()).toBe('2:6 9:1');
});

test('advancing never lowers an entry', () => {
  const vector = new VersionVector([[1, 5]]);
  vector.advance(1, 3);
  expect(vector.get(1)).toBe(5);
});

test('zero entries leave no trace: neither in equality, nor in text, nor in bytes', () => {
  const padded = new VersionVector([
    [1, 2],
    [700, 0],
  ]);
  const plain = new VersionVector([[1, 2]]);
  expect(padded.equals(plain)).toBe(true);
  expect(padded.toString()).toBe(plain.toString());
  const [a, b] = [new ByteWriter(), new ByteWriter()];
  padded.encode(a);
  plain.encode(b);
  expect(a.finish()).toEqual(b.finish());
});

test('origins and positions outside their ranges are refused', () => {
  const vector = new VersionVector();
  for (const origin of [0, -1, 1.5, ORIGIN_MAX + 1])
    expect(() => vector.advance(origin, 1)).toThrow(AssertionError);
  for (const n of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => vector.advance(1, n)).toThrow(AssertionError);
  vector.advance(ORIGIN_MAX, Number.MAX_SAFE_INTEGER);
  expect(vector.get(ORIGIN_MAX)).toBe(Number.MAX_SAFE_INTEGER);
});

describe('bytes', () => {
  test('round trip, also in the middle of other fields', () => {
    fc.assert(
      fc.property(vectors, (vector) => {
        const writer = new ByteWriter();
        writer.u8(7);
        vector.encode(writer);
        writer.u8(9);
        const reader = new ByteReader(writer.finish());
        expect(reader.u8()).toBe(7);
        expect(VersionVector.decode(reader).toString()).toBe(vector.toString());
        expect(reader.u8()).toBe(9);
      }),
    );
  });

  test('a vector of three regions takes a few bytes', () => {
    const writer = new ByteWriter();
    new VersionVector([
      [1, 100],
      [2, 10_000],
      [3, 1],
    ]).encode(writer);
    expect(writer.length).toBe(8);
  });

  test('damaged bytes are a RangeError, not a broken invariant', () => {
    expect(() => decoded(Uint8Array.of(1, 0, 5))).toThrow(RangeError);
    expect(() => decoded(Uint8Array.of(1, 0xff, 0x7f, 5))).toThrow(RangeError);
    expect(() => decoded(Uint8Array.of(2, 1, 5))).toThrow(RangeError);
  });
});

test('dots are compared by value', () => {
  expect(sameDot({ origin: 1, n: 2 }, { origin: 1, n: 2 })).toBe(true);
  expect(sameDot({ origin: 1, n: 2 }, { origin: 2, n: 2 })).toBe(false);
  expect(sameDot({ origin: 1, n: 2 }, { origin: 1, n: 3 })).toBe(false);
});
