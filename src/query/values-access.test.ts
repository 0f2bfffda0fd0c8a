import { describe, expect, test } from 'vitest';
import {
  ArraySource,
  DEFAULT_POLICY,
  EXPLICIT_POLICY,
  NO_POLICY,
  page,
  pages,
  randomSource,
  rows,
} from '../../test/kit/array-source.ts';
import { seeds } from '../../test/kit/properties.ts';
import { randomItems, SCALARS } from '../../test/kit/query-generator.ts';
import type { JsonObject } from '../base/index.ts';

const ITEMS = Array.from(
  { length: 3_000 },
  (_, i): JsonObject => ({
    id: String(i),
    name: `customer ${i}`,
    group: i % 10,
    ...(i % 100 === 50 ? { note: i % 200 === 50 ? ['odd'] : 'x'.repeat(300) } : { note: 'plain' }),
  }),
);

describe('conditions on one property are told by its values', () => {
  test.each<[where: string, count: number, loads: number]>([
    ['CONTAINS(c.name, "99")', 57, 0],
    ['c.name LIKE "%99%"', 57, 0],
    ['c.name LIKE "customer 1%99"', 11, 0],
    ['c["group"] != 3', 2_700, 0],
    ['NOT (c["group"] = 3) AND c["group"] + 1 > 9', 300, 0],
    ['c.id NOT IN ("1", "2")', 2_998, 0],
    ['RegexMatch(c.name, "9$")', 300, 0],
    ['STARTSWITH(c.name, "CUSTOMER 29", true)', 111, 0],
    ['LENGTH(c.note) > 5', 15, 30],
    ['ARRAY_LENGTH(c.note) = 1', 15, 30],
    ['c.none != 1', 0, 0],
  ])('%s', async (where, count, loads) => {
    const source = new ArraySource(ITEMS, DEFAULT_POLICY);
    const query = `SELECT VALUE COUNT(1) FROM c WHERE ${where}`;
    expect(await rows(source, query)).toEqual([String(count)]);
    expect(source.loads).toBeLessThanOrEqual(loads);
  });

  test.each(['NOT IS_DEFINED(c.none)', '(c.none ?? 1) = 1', 'IS_DEFINED(c.none) = false', 'c.name != c.id'])(
    '%s: items that have no entry are not forgotten',
    async (where) => {
      const found = await rows(
        new ArraySource(ITEMS, DEFAULT_POLICY),
        `SELECT VALUE c.id FROM c WHERE ${where}`,
      );
      expect(found).toHaveLength(3_000);
    },
  );

  test('pages that are full soon read no index for it, rare rows are looked up', async () => {
    const many = Array.from({ length: 40_000 }, (_, i): JsonObject => ({ id: String(i), n: i }));
    const source = new ArraySource(many, DEFAULT_POLICY);
    await page(source, 'SELECT VALUE c.id FROM c WHERE c.n % 2 = 0', { itemCountMax: 100 });
    expect(source.postingsRead).toBe(0);
    const [rare] = await pages(source, 'SELECT VALUE c.id FROM c WHERE c.n % 10000 = 9999');
    expect(rare).toEqual(['"9999"', '"19999"', '"29999"', '"39999"']);
    expect(source.loads).toBeLessThan(4_000);
  });

  test('what cannot be evaluated is an error where a row is met, and only there', async () => {
    const source = new ArraySource(ITEMS, DEFAULT_POLICY);
    const refused = 'RegexMatch(c.name, "(?=a)b")';
    await expect(rows(source, `SELECT VALUE c.id FROM c WHERE ${refused}`)).rejects.toThrow(
      /lookahead|BadRequest|not/i,
    );
    expect(await rows(source, `SELECT VALUE c.id FROM c WHERE c.id = "none" AND ${refused}`)).toEqual([]);
  });

  test.each(seeds(30))('whatever they are, seed %i', async (seed) => {
    const random = randomSource(300 + seed);
    const one = <T>(list: readonly T[]): T => list[random(list.length)] as T;
    const scalar = () => JSON.stringify(one(SCALARS));
    const objects = randomItems(random, 80);
    const sources = [DEFAULT_POLICY, EXPLICIT_POLICY, NO_POLICY].map(
      (policy) => new ArraySource(objects, policy),
    );
    for (let i = 0; i < 20; i++) {
      const path = one(['c.a', 'c.o.x', 'c.b', 'c.tags']);
      const term = () =>
        one([
          () => `${path} != ${scalar()}`,
          () => `NOT (${path} ${one(['=', '<', '>='])} ${scalar()})`,
          () => `CONTAINS(${path}, ${one(['"a"', '"long"', '""'])})`,
          () => `${path} NOT IN (${scalar()}, ${scalar()})`,
          () => `${path} LIKE ${one(['"%a%"', '"a%b"', '"%"', '"long%1"'])}`,
          () => `(${path} ?? ${scalar()}) = ${scalar()}`,
          () => `${path} * 2 > 1`,
          () => `IS_PRIMITIVE(${path}) = ${one(['true', 'false'])}`,
          () => `c.b = ${scalar()}`,
        ])();
      const where = `${term()} ${one(['AND', 'OR'])} ${term()}`;
      const select = one(['VALUE c.id', 'VALUE COUNT(1)', 'DISTINCT VALUE c.a', 'TOP 5 *']);
      const order = select === 'VALUE c.id' && random(3) === 0 ? ' ORDER BY c.id' : '';
      const query = `SELECT ${select} FROM c WHERE ${where}${order}`;
      const policies = order === '' ? sources : sources.slice(0, 2);
      const plain = `SELECT ${select} FROM c WHERE ${where}`;
      const expected = await rows(sources[2] as ArraySource, plain);
      if (order !== '') expected.sort();
      for (const source of policies) expect(await rows(source, query), query).toEqual(expected);
    }
  });
});
