import { describe, expect, test } from 'vitest';
import { ArraySource, DEFAULT_POLICY, page, pages, rows } from '../../test/kit/array-source.ts';
import { ITEMS_WITH_TIES } from '../../test/kit/query-generator.ts';
import { CarryOvers } from './carry-over.ts';

const compositeIndexes = [
  [
    { path: '/n', order: 'ascending' },
    { path: '/m', order: 'descending' },
  ],
];
const source = new ArraySource(ITEMS_WITH_TIES, { ...DEFAULT_POLICY, compositeIndexes });

describe('a page that looks ahead', () => {
  test.each([
    'SELECT * FROM c',
    'SELECT * FROM c WHERE c.n = 1',
    'SELECT VALUE c.m FROM c WHERE c.n < 2 OR c.n = 2',
    'SELECT VALUE c.id FROM c WHERE c.m % 4 = 0',
    'SELECT c.id FROM c ORDER BY c.n DESC',
    'SELECT c.id FROM c WHERE c.n = 1 ORDER BY c.m',
    'SELECT c.id FROM c ORDER BY c.text',
    'SELECT c.id FROM c ORDER BY c.n, c.m DESC',
    'SELECT TOP 7 * FROM c ORDER BY c.n',
    'SELECT c.id FROM c OFFSET 3 LIMIT 11',
    'SELECT DISTINCT VALUE c.text FROM c',
    'SELECT DISTINCT c.n FROM c ORDER BY c.n',
    'SELECT DISTINCT c.n, c.m FROM c ORDER BY c.n, c.m DESC',
    'SELECT c.n, COUNT(1) AS count FROM c GROUP BY c.n',
    'SELECT VALUE x FROM c JOIN x IN (SELECT VALUE [c.id, c.n, c.m])',
    'SELECT DISTINCT VALUE x FROM c JOIN x IN (SELECT VALUE [c.n, c.m])',
    'SELECT VALUE c.none FROM c',
    'SELECT 1 AS one',
    'SELECT VALUE COUNT(1) FROM c',
  ])('%s: there is a continuation only if rows are left', async (query) => {
    const whole = await rows(source, query, { itemCountMax: 1_000 });
    for (let size = 1; size <= whole.length + 1; size++) {
      for (const kept of [{}, { carryOvers: new CarryOvers() }]) {
        const parts = await pages(source, query, { itemCountMax: size, looksAhead: true, ...kept });
        expect(parts.flat()).toEqual(whole);
        expect(parts).toHaveLength(Math.max(1, Math.ceil(whole.length / size)));
      }
    }
  });

  test.each(['', 'ORDER BY c.n'])('looks only so far: %s', async (order) => {
    const many = Array.from({ length: 3_000 }, (_, i) => ({ id: String(i), n: i, m: i < 3 ? 1 : 2 }));
    const query = `SELECT VALUE c.n FROM c WHERE c.id != "" AND c.m + c.n * 0 = 1 ${order}`;
    const options = { itemCountMax: 3, looksAhead: true };
    const first = await page(new ArraySource(many, DEFAULT_POLICY), query, options);
    expect(first.rows).toHaveLength(3);
    expect(first.retrievedCount).toBeLessThan(700);
    expect(first.continuation).toBeDefined();
  });
});

test.each([
  'SELECT DISTINCT VALUE c FROM c',
  'SELECT DISTINCT VALUE c FROM c ORDER BY c.n',
  'SELECT DISTINCT VALUE c FROM c ORDER BY c.n, c.m DESC',
  'SELECT DISTINCT VALUE x FROM c JOIN x IN (SELECT VALUE [c, c.n, c.m])',
])('%s: a row for which there was no room is new on the next page', async (query) => {
  for (const kept of [{}, { carryOvers: new CarryOvers() }]) {
    const parts = await pages(source, query, { bytesMax: 700, ...kept });
    expect(parts.length).toBeGreaterThan(5);
    expect(parts.flat()).toEqual(await rows(source, query));
  }
});
