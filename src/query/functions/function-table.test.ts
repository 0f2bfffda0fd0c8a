import { expect, test } from 'vitest';
import { randomSource } from '../../../test/kit/array-source.ts';
import { beginEnvironment } from '../environment.ts';
import type { Value } from '../values.ts';
import type { BuiltInFunction } from './built-in-function.ts';
import { FUNCTION_FAMILIES } from './function-table.ts';

const ENVIRONMENT = beginEnvironment({ nowMs: () => Date.UTC(2026, 1, 3), random: () => 0.5 });
const FUNCTIONS = FUNCTION_FAMILIES.flatMap((family) => family.functions);

const POINT = { type: 'Point', coordinates: [1, 2] };
const AREA = {
  type: 'Polygon',
  coordinates: [
    [
      [0, 0],
      [5, 0],
      [5, 5],
      [0, 0],
    ],
  ],
};

// biome-ignore format: values that belong together share a line
const VALUES: readonly Value[] = [
  undefined, null, true, false,
  0, -0, 1, -1, 2.5, 1e300, 2 ** 63,
  '', 'a', 'A.b', 'Straße', '\ud83d',
  '^a', '[', 'i',
  'day', 'yyyy-MM-dd', '2024-02-29', '2024-02-29T12:30:45.1234567Z',
  [], [1, 2], ['a', 'b'], [[1], { a: 1 }],
  {}, { a: 1 }, POINT, AREA,
];

function evaluatorOf(found: BuiltInFunction): (...operands: Value[]) => Value {
  const call = { paths: [] };
  if (found.volatility === 'immutable') return found.bind();
  const evaluate = found.bind(call);
  return (...operands) => evaluate(ENVIRONMENT, ...operands);
}

/** Numbers of arguments that the function takes, up to five. */
function countsOf(found: BuiltInFunction): number[] {
  return [0, 1, 2, 3, 4, 5].filter((count) => found.accepts(count));
}

test.each(FUNCTIONS.map((found) => [found.name, found] as const))(
  '%s: what a call remembers of one row changes nothing in the next',
  (_, found) => {
    const random = randomSource(found.name.length * 31 + found.name.charCodeAt(0));
    const shared = evaluatorOf(found);
    const counts = countsOf(found);
    for (let i = 0; i < 400; i++) {
      const count = counts[random(counts.length)] ?? 0;
      const operands = Array.from({ length: count }, () => VALUES[random(VALUES.length)]);
      const before = JSON.stringify(operands);
      const value = shared(...operands);
      expect(value).toEqual(evaluatorOf(found)(...operands));
      expect(JSON.stringify(operands), 'arguments are left alone').toBe(before);
      // What leaves a function has to be JSON.
      if (value !== undefined) expect(JSON.parse(JSON.stringify(value))).toEqual(value === 0 ? 0 : value);
    }
  },
);

test('a signature says how many arguments there may be', () => {
  const countsFor = (name: string): number[] =>
    countsOf(FUNCTIONS.find((found) => found.name === name) as BuiltInFunction);
  expect(countsFor('PI')).toEqual([0]);
  expect(countsFor('LENGTH')).toEqual([1]);
  expect(countsFor('LOG')).toEqual([1, 2]);
  expect(countsFor('NOW')).toEqual([0, 2]);
  expect(countsFor('CONCAT')).toEqual([2, 3, 4, 5]);
  expect(countsFor('DATETIMEFROMPARTS')).toEqual([3, 4, 5]);
});
