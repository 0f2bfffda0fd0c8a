import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exactSum } from './exact-sum.ts';

const terms = fc.array(
  fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0.1, 1e16, 5e-324, -0),
  ),
  { minLength: 1, maxLength: 12 },
);

describe('sums of doubles', () => {
  test.each([
    [[0.1, 0.2, 0.3], 0.6],
    [[1e16, 1, 1], 1e16 + 2],
    [[1e308, 1e308, -1e308], 1e308],
    [[5e-324, 5e-324], 1e-323],
    [[-0], 0],
    [[1e308, 1e308], Number.MAX_VALUE],
  ])('of %j', (given, expected) => {
    expect(exactSum(given)[0]).toBe(expected);
  });

  test('are the same in every order and in parts', () => {
    fc.assert(
      fc.property(terms, fc.nat(), (given, cut) => {
        const place = cut % given.length;
        const whole = exactSum(given);
        expect(exactSum([...given].reverse())).toEqual(whole);
        expect(exactSum([...exactSum(given.slice(place)), ...given.slice(0, place)])).toEqual(whole);
      }),
    );
  });

  test('of two terms are what the machine says, rounded once', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e300, max: 1e300, noNaN: true }), fc.integer(), (a, b) => {
        expect(exactSum([a, b])[0]).toBe(a + b + 0);
      }),
    );
  });
});
