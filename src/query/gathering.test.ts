import { expect, test } from 'vitest';
import { ArraySource, DEFAULT_POLICY, page, pages } from '../../test/kit/array-source.ts';
import type { JsonObject } from '../base/index.ts';
import { compileQuery, frameFor } from './compiled-query.ts';
import { NO_ENVIRONMENT } from './environment.ts';
import { gatherCandidates } from './gathering.ts';
import { planAccess } from './plan.ts';
import { PostingMeter } from './posting-meter.ts';
import { QueryMemory } from './query-memory.ts';

const ITEMS = Array.from(
  { length: 4_000 },
  (_, i): JsonObject => ({ id: `i${i}`, a: i % 400, b: i % 390, s: `s${i}` }),
);
const SOURCE = new ArraySource(ITEMS, DEFAULT_POLICY);
const PAIRS = Array.from({ length: 300 }, (_, i) => `(c.a = ${i} AND c.b = ${i + 1})`).join(' OR ');

function scopeOf(where: string, meter: PostingMeter) {
  const compiled = compileQuery(`SELECT * FROM c WHERE ${where}`);
  const access = planAccess(compiled, SOURCE.indexer, frameFor(compiled, [], NO_ENVIRONMENT));
  return { source: SOURCE, access, epkRange: undefined, after: -1, meter };
}

test('what is gathered counts in the memory of the query, and only as long as it is kept', async () => {
  const memory = new QueryMemory();
  const meter = new PostingMeter({ memory });
  const found = await gatherCandidates(scopeOf('c.a < 100 OR c.b < 50', meter), 100_000);
  expect(found?.numbers.length).toBeGreaterThan(1_000);
  expect(memory.used).toBe(8 * (found?.numbers.length ?? 0));
});

test('what does not fit into the memory of the query is refused', async () => {
  const memory = new QueryMemory();
  memory.take(64 * 1024 * 1024 - 1_000);
  const meter = new PostingMeter({ memory });
  await expect(gatherCandidates(scopeOf('c.a < 100', meter), 100_000)).rejects.toThrow(/more than 64 MB/);
  expect(SOURCE.open, 'cursors').toBe(0);
  const few = await gatherCandidates(scopeOf('c.a = 3', meter), 100_000);
  expect(few?.numbers.length).toBe(10);
});

test('a page that could do without gives gathering up when time is short', async () => {
  const query = `SELECT VALUE c.id FROM c WHERE ${PAIRS}`;
  const whole = await pages(SOURCE, query);
  SOURCE.postingsRead = 0;
  const inTime = await page(SOURCE, query);
  const gathered = SOURCE.postingsRead;
  SOURCE.postingsRead = 0;
  const late = await page(SOURCE, query, { isLate: () => true });
  expect(late.rows.map(String)).toEqual(inTime.rows.map(String));
  expect(SOURCE.postingsRead).toBeLessThan(gathered / 10);
  expect((await pages(SOURCE, query, { isLate: () => true })).flat()).toEqual(whole.flat());
});

test('long chains of conditions are thought of in part', async () => {
  let estimates = 0;
  class Estimating extends ArraySource {
    override estimate(scope: Parameters<ArraySource['estimate']>[0]) {
      estimates++;
      return super.estimate(scope);
    }
  }
  const source = new Estimating(ITEMS, DEFAULT_POLICY);
  const names = Array.from({ length: 500 }, (_, i) => `c.x${i} = 1`);
  expect((await page(source, `SELECT * FROM c WHERE ${names.join(' AND ')}`)).rows).toEqual([]);
  expect(estimates).toBeLessThan(150);
  const kept = await pages(source, `SELECT VALUE c.s FROM c WHERE ${names.join(' OR ')} OR c.a = 7`);
  expect(kept.flat()).toHaveLength(10);
});

test('conditions on the values of one property go through its index once', async () => {
  const differ = Array.from({ length: 50 }, (_, i) => `c.s != "s${i}"`).join(' AND ');
  SOURCE.postingsRead = 0;
  SOURCE.loads = 0;
  const found = await page(SOURCE, `SELECT VALUE COUNT(1) FROM c WHERE ${differ} AND CONTAINS(c.s, "9")`);
  const expected = ITEMS.filter((item, i) => i >= 50 && String(item.s).includes('9')).length;
  expect(found.rows.map(String)).toEqual([String(expected)]);
  expect(SOURCE.loads).toBe(0);
  expect(SOURCE.postingsRead).toBeLessThan(2 * ITEMS.length);
});

test('work of which nobody waits for the end does not go on', async () => {
  let asked = 0;
  const pause = () => (++asked < 3 ? Promise.resolve() : Promise.reject(new Error('nobody waits')));
  const query = 'SELECT VALUE COUNT(1) FROM c WHERE c.a + 1 > c.b';
  SOURCE.loads = 0;
  await expect(page(SOURCE, query, { pause })).rejects.toThrow('nobody waits');
  expect(asked).toBe(3);
  expect(SOURCE.open, 'cursors').toBe(0);
});
