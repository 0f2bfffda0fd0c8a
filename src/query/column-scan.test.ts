import { describe, expect, test } from 'vitest';
import {
  ArraySource,
  DEFAULT_POLICY,
  EXPLICIT_POLICY,
  NO_POLICY,
  randomSource,
  rows,
  values,
} from '../../test/kit/array-source.ts';
import { seeds } from '../../test/kit/properties.ts';
import { randomCondition, randomItems, randomQuery } from '../../test/kit/query-generator.ts';
import type { JsonObject } from '../base/index.ts';

const ITEMS = Array.from(
  { length: 600 },
  (_, i): JsonObject => ({
    id: String(i),
    pk: String(i % 3),
    kind: ['a', 'b', 'c', null][i % 4] as string | null,
    weight: i % 7 === 0 ? 0.1 * i : i,
    deep: { er: i % 5 },
  }),
);

async function answered(query: string, objects = ITEMS) {
  const source = new ArraySource(objects, DEFAULT_POLICY);
  const found = await values(source, query);
  return { found, loads: source.loads };
}

describe('queries that need nothing but properties are answered by indexes', () => {
  test.each([
    'SELECT c.kind, COUNT(1) AS n, SUM(c.weight) AS w, AVG(c.weight) AS v, MIN(c.id) AS lo FROM c GROUP BY c.kind',
    'SELECT VALUE SUM(c.weight) FROM c',
    'SELECT VALUE MAKESET(c.deep.er) FROM c WHERE c.weight > 10 AND c.deep.er != 3',
    'SELECT c.deep.er, COUNT(c.none) AS n FROM c WHERE c.pk = "1" GROUP BY c.deep.er',
    'SELECT UPPER(c.kind) AS k, COUNT(1) AS n FROM c WHERE CONTAINS(c.id, "1") GROUP BY UPPER(c.kind)',
    'SELECT DISTINCT VALUE c.pk FROM root WHERE root.weight >= 0 GROUP BY root.pk, root.kind'.replace(
      /c\.pk/,
      'root.pk',
    ),
  ])('%s', async (query) => {
    const { found, loads } = await answered(query);
    expect(loads).toBe(0);
    expect(found).toEqual(await values(new ArraySource(ITEMS, NO_POLICY), query));
  });

  test.each([
    ['arrays and objects are read', 'SELECT c.tags, COUNT(1) AS n FROM c GROUP BY c.tags', 60],
    ['also for what is inside them', 'SELECT c.tags.x, COUNT(c.tags) AS n FROM c GROUP BY c.tags.x', 60],
    ['long strings are read', 'SELECT c.text, COUNT(1) AS n FROM c GROUP BY c.text', 60],
    ['a whole item is read', 'SELECT c.kind, MAKELIST(c) AS all FROM c GROUP BY c.kind', 600],
    ['functions that tell zeroes apart', 'SELECT VALUE MAX(ATN2(c.zero, -1)) FROM c', 600],
  ])('%s', async (_, query, expected) => {
    const objects = ITEMS.map((item, i) => {
      if (i % 10 > 0) return { ...item, tags: 1, text: 'x' };
      return {
        ...item,
        tags: i % 20 === 0 ? { x: 1 } : [i % 3],
        text: `${'x'.repeat(300)}${i % 4}`,
        zero: -0,
      };
    });
    const source = new ArraySource(objects, DEFAULT_POLICY);
    const stored = [...source.items.values()].map(({ text }) => JSON.parse(String(text)) as JsonObject);
    const found = await values(source, query);
    expect(found).toEqual(await values(new ArraySource(stored, NO_POLICY), query));
    expect(source.loads).toBe(expected);
  });

  test('DISTINCT turns to them where few rows are new', async () => {
    const { found, loads } = await answered('SELECT DISTINCT c.kind, c.deep.er FROM c');
    expect(found).toHaveLength(20);
    expect(loads).toBeLessThan(400);
    const source = new ArraySource(ITEMS, DEFAULT_POLICY);
    await rows(source, 'SELECT DISTINCT c.id FROM c', { itemCountMax: 1_000 });
    expect(source.loads, 'all are new').toBe(600);
  });

  test.each(seeds(40))('whatever is asked, rows are those of a scan, in its order, seed %i', async (seed) => {
    const random = randomSource(seed);
    const objects = randomItems(random, 150 + random(300));
    const sources = [DEFAULT_POLICY, EXPLICIT_POLICY, NO_POLICY].map(
      (policy) => new ArraySource(objects, policy),
    );
    for (let i = 0; i < 12; i++) {
      let { text } = randomQuery(random);
      if (random(2) === 0 && !text.includes('WHERE')) {
        text = text.replace(/( GROUP BY| OFFSET|$)/, ` WHERE ${randomCondition(random, 1)}$1`);
      }
      const epkRange = random(3) === 0 ? { min: '1', max: '3' } : undefined;
      const options = { itemCountMax: 1 + random(200), ...(epkRange === undefined ? {} : { epkRange }) };
      const [byIndex, byExplicit, byScan] = await Promise.all(
        sources.map((each) => rows(each, text, options)),
      );
      expect(byIndex, text).toEqual(byScan);
      expect(byExplicit, text).toEqual(byScan);
    }
  });
});
