import { expect, test } from 'vitest';
import { ArraySource, DEFAULT_POLICY, NO_POLICY, randomSource, rows } from '../../test/kit/array-source.ts';
import { seeds } from '../../test/kit/properties.ts';
import { LONG, randomItems, SCALARS } from '../../test/kit/query-generator.ts';
import type { JsonObject } from '../base/index.ts';

const path = (name: string, order = 'ascending') => ({ path: name, order });
const policy = {
  ...DEFAULT_POLICY,
  compositeIndexes: [
    [path('/a'), path('/b', 'descending')],
    [path('/b'), path('/a')],
    [path('/o/x'), path('/b', 'descending'), path('/a')],
  ],
};

test.each<[where: string, loads: number]>([
  ['c.a = 3 AND c.b > 10 AND c.b <= 14', 4],
  ['c.a = 3 AND c.b >= 10 AND c.b < 12 AND c.o.x = 1', 10],
  ['c.o.x = 1 AND c.b = 7 AND c.a > 2', 25],
])('WHERE %s reads what a composite index tells of it together', async (where, loads) => {
  const objects = Array.from(
    { length: 900 },
    (_, i): JsonObject => ({
      id: String(i),
      a: i % 9,
      b: Math.floor(i / 9) % 20,
      o: { x: i % 2 },
    }),
  );
  const source = new ArraySource(objects, policy);
  const found = await rows(source, `SELECT VALUE c.id FROM c WHERE ${where}`);
  expect(found.sort()).toEqual(
    (await rows(new ArraySource(objects, NO_POLICY), `SELECT VALUE c.id FROM c WHERE ${where}`)).sort(),
  );
  expect(source.loads).toBeLessThanOrEqual(Math.max(loads, found.length));
  expect(source.postingsRead).toBeLessThan(3 * found.length + 20);
});

test.each(seeds(40))('ranges of every kind, seed %i', async (seed) => {
  const random = randomSource(500 + seed);
  const one = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const scalar = () => JSON.stringify(random(4) === 0 ? `${LONG}${random(3)}` : one(SCALARS));
  const objects = randomItems(random, 120).map(
    (item): JsonObject => ({
      ...item,
      ...(random(2) === 0 ? { a: one([1, 'a', LONG, null]) } : {}),
      ...(random(3) === 0 ? { o: { x: one(['a', 2, true]) } } : {}),
    }),
  );
  const [byIndex, byScan] = [new ArraySource(objects, policy), new ArraySource(objects, NO_POLICY)];
  const term = (name: string) =>
    one([
      () => `${name} = ${scalar()}`,
      () => `${name} ${one(['<', '<=', '>', '>='])} ${scalar()}`,
      () => `STARTSWITH(${name}, ${one(['"a"', '"long"', JSON.stringify(LONG)])})`,
      () => `IS_${one(['STRING', 'NUMBER', 'DEFINED', 'NULL'])}(${name})`,
    ])();
  for (let i = 0; i < 20; i++) {
    const names = [one(['c.a', 'c.o.x', 'c.b']), one(['c.b', 'c.a']), one(['c.a', 'c.b', 'c.o.x', 'c.id'])];
    const where = names.map((name) =>
      random(3) > 0 ? `${name} = ${one(['1', '"a"', 'null', scalar()])}` : term(name),
    );
    const query = `SELECT VALUE c.id FROM c WHERE ${where.join(' AND ')}`;
    expect(await rows(byIndex, query), query).toEqual(await rows(byScan, query));
    const count = query.replace('c.id', 'COUNT(1)');
    expect(await rows(byIndex, count), count).toEqual(await rows(byScan, count));
    // Orders that indexes have, one of them from its end.
    for (const order of ['c.b, c.a', 'c.a DESC, c.b']) {
      const ordered = `SELECT VALUE [c.b, c.a, c.id] FROM c WHERE ${where.join(' AND ')} ORDER BY ${order}`;
      const sortable = new ArraySource(objects, {
        ...NO_POLICY,
        ...policy,
        excludedPaths: [{ path: '/*' }],
        includedPaths: [],
      });
      expect(await rows(byIndex, ordered), ordered).toEqual(await rows(sortable, ordered));
    }
  }
});
