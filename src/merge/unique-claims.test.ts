import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Claim, losingClaims } from './unique-claims.ts';

/** The same said another way: a claim loses when a stronger one that does not lose shares a value with it. */
function reference(claims: readonly Claim[]): Set<string> {
  const rank = ({ put, key }: Claim) =>
    [put.priority ?? -1, put.time, put.dot.origin, put.dot.n, key] as const;
  const isStronger = (a: Claim, b: Claim) => {
    const place = rank(a).findIndex((part, at) => part !== rank(b)[at]);
    return (rank(a)[place] ?? 0) > (rank(b)[place] ?? 0);
  };
  const loses = (claim: Claim): boolean =>
    claims.some(
      (other) =>
        isStronger(other, claim) &&
        other.values.some((value) => claim.values.includes(value)) &&
        !loses(other),
    );
  return new Set(claims.filter(loses).map(({ key }) => key));
}

/** Few values, so that chains are long; equal ranks up to the name, as transactions have them. */
const claims: fc.Arbitrary<readonly Claim[]> = fc
  .array(
    fc.record({
      put: fc.record({
        priority: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
        time: fc.integer({ min: 1, max: 4 }),
        dot: fc.record({ origin: fc.integer({ min: 1, max: 3 }), n: fc.integer({ min: 1, max: 3 }) }),
      }),
      values: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
    { maxLength: 10 },
  )
  .map((list) => list.map((claim, place) => ({ ...claim, key: `item ${place}` })));

function componentsOf(all: readonly Claim[]): Claim[][] {
  const components: Claim[][] = [];
  for (const claim of all) {
    const touched = components.filter((one) =>
      one.some(({ values }) => values.some((value) => claim.values.includes(value))),
    );
    const rest = components.filter((one) => !touched.includes(one));
    components.splice(0, components.length, ...rest, [...touched.flat(), claim]);
  }
  return components;
}

describe('the verdict over claims', () => {
  test('is what the specification says', () => {
    fc.assert(
      fc.property(claims, (all) => {
        expect(losingClaims(all)).toEqual(reference(all));
      }),
    );
  });

  test('does not depend on the order of the claims', () => {
    const ordered = claims.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray([...all], { minLength: all.length })),
    );
    fc.assert(
      fc.property(ordered, ([all, shuffled]) => {
        expect(losingClaims(shuffled)).toEqual(losingClaims(all));
      }),
    );
  });

  test('is the verdicts over the parts that share no value', () => {
    fc.assert(
      fc.property(claims, (all) => {
        const parts = componentsOf(all).flatMap((part) => [...losingClaims(part)]);
        expect(losingClaims(all)).toEqual(new Set(parts));
      }),
    );
  });

  test('leaves no value to two of those that stand, and every loser to one that stands', () => {
    fc.assert(
      fc.property(claims, (all) => {
        const losing = losingClaims(all);
        const taken = all.filter(({ key }) => !losing.has(key)).flatMap(({ values }) => values);
        expect(new Set(taken).size).toBe(taken.length);
        for (const { key, values } of all) {
          if (losing.has(key)) expect(values.some((value) => taken.includes(value))).toBe(true);
        }
      }),
    );
  });

  test('a chain: whoever lost to a loser stands again', () => {
    const claim = (key: string, time: number, values: readonly string[]): Claim => ({
      key,
      values,
      put: { priority: undefined, time, dot: { origin: 1, n: time } },
    });
    const [a, b, c] = [claim('a', 1, ['x']), claim('b', 2, ['x', 'y']), claim('c', 3, ['y'])];
    expect([...losingClaims([a, b])]).toEqual(['a']);
    expect([...losingClaims([a, b, c])]).toEqual(['b']);
  });
});
