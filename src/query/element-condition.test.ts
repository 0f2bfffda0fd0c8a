import { expect, test } from 'vitest';
import { ArraySource, DEFAULT_POLICY, NO_POLICY, randomSource, rows } from '../../test/kit/array-source.ts';
import { seeds } from '../../test/kit/properties.ts';
import { randomItems, SCALARS } from '../../test/kit/query-generator.ts';
import type { JsonObject } from '../base/index.ts';

const ITEMS = Array.from(
  { length: 400 },
  (_, i): JsonObject => ({
    id: String(i),
    tags: i % 3 === 0 ? 'none' : [`t${i % 50}`, i % 7, null],
    kids: [
      { g: i % 40, name: `k${i % 10}`, toys: [{ n: i % 100 }] },
      { g: (i + 1) % 40, ...(i % 2 === 0 ? { name: 'kid' } : {}) },
    ],
  }),
);

/** `loads`: items that have to be looked at; the more precise the index, the fewer. */
test.each<[query: string, loads: number]>([
  ['SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = "t7")', 6],
  [
    'SELECT VALUE COUNT(1) FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = "t7" OR t = "t9")',
    0,
  ],
  ['SELECT VALUE COUNT(1) FROM c WHERE EXISTS(SELECT * FROM k IN c.kids WHERE k.g IN (3, 4))', 0],
  ['SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE k.name FROM k IN c.kids WHERE k.g = 3)', 20],
  ['SELECT VALUE c.id FROM c WHERE EXISTS(SELECT * FROM k IN c.kids WHERE k.g = 3 AND k.name = "k3")', 20],
  [
    'SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE 1 FROM k IN c.kids JOIN t IN k.toys WHERE t.n = 3)',
    4,
  ],
  ['SELECT VALUE t FROM c JOIN t IN c.tags WHERE t = "t7"', 6],
  ['SELECT VALUE t.n FROM c JOIN k IN c.kids JOIN t IN k.toys WHERE t.n = 5 AND k.g = 5', 4],
  ['SELECT VALUE k FROM k IN c.kids WHERE k.g = 17', 20],
  ['SELECT VALUE k.g FROM c JOIN (SELECT VALUE x FROM x IN c.kids) AS k WHERE k.g = 17', 400],
  ['SELECT VALUE c.id FROM c WHERE ARRAY_CONTAINS(c.kids, {g: 9, name: "k9"}, true)', 10],
  ['SELECT VALUE c.id FROM c WHERE ARRAY_CONTAINS_ANY(c.tags, "t1", "t2")', 12],
  ['SELECT VALUE c.id FROM c WHERE ARRAY_CONTAINS_ALL(c.tags, "t1", 1)', 8],
])('%s: elements are found by their index', async (query, loads) => {
  const source = new ArraySource(ITEMS, DEFAULT_POLICY);
  const found = await rows(source, query);
  expect(found).toEqual(await rows(new ArraySource(ITEMS, NO_POLICY), query));
  expect(found.length).toBeGreaterThan(0);
  expect(source.loads).toBeLessThanOrEqual(loads);
});

test.each([
  'SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE COUNT(1) FROM t IN c.tags WHERE t = "t7")',
  'SELECT VALUE c.id FROM c WHERE NOT EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = "t7")',
  'SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE NOT (t = "t7"))',
  'SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE id FROM id IN c.kids WHERE id.g = 3) = false',
  'SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = "t7" OR c.id < "3")',
  'SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = "t7" OR c.kids[0].g = 3 OR true)',
  'SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE EXISTS(SELECT * FROM k IN c.kids WHERE k.g = 3))',
  'SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE ARRAY_CONTAINS(c.kids, {g: 9}, true))',
  'SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = null AND EXISTS(SELECT * FROM k IN c.kids WHERE k.g < 9))',
  'SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE k FROM k IN c.kids WHERE k.g < 20 AND EXISTS(SELECT * FROM t IN k.toys WHERE t.n > 50 OR k.name = "kid"))',
])('%s: what an index of elements does not say is not taken from it', async (query) => {
  const found = await rows(new ArraySource(ITEMS, DEFAULT_POLICY), query);
  expect(found).toEqual(await rows(new ArraySource(ITEMS, NO_POLICY), query));
  expect(found.length).toBeGreaterThan(10);
});

test.each(seeds(30))('JOIN with any conditions, seed %i', async (seed) => {
  const random = randomSource(100 + seed);
  const objects = randomItems(random, 60);
  const [byIndex, byScan] = [new ArraySource(objects, DEFAULT_POLICY), new ArraySource(objects, NO_POLICY)];
  const one = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const scalar = () => JSON.stringify(one(SCALARS));
  for (let i = 0; i < 15; i++) {
    const [from, terms] = one([
      ['c JOIN t IN c.tags', [`t = ${scalar()}`, `t > ${scalar()}`, `c.a = ${scalar()}`, 'IS_STRING(t)']],
      ['c JOIN k IN c.kids', [`k.g = ${random(4)}`, `k.s = ${scalar()}`, 'NOT IS_DEFINED(k.s)', 'k']],
      ['k IN c.kids', [`k.g = ${random(4)}`, `k.s >= ${scalar()}`, 'root.a = 1']],
      ['c.o AS o', ['o.x = 1', 'IS_DEFINED(o.y)', `root.a = ${scalar()}`]],
    ] as const);
    const where = `${one(terms)} ${one(['AND', 'OR'])} ${one(terms)}`;
    const alias = from.includes('k IN') ? 'k' : from.includes('AS o') ? 'o' : 't';
    const query = `SELECT VALUE [root.id, ${alias}] FROM ${from} WHERE ${where}`;
    expect(await rows(byIndex, query), query).toEqual(await rows(byScan, query));
  }
});
