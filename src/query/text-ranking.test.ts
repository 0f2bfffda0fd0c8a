import { describe, expect, test } from 'vitest';
import { ArraySource, DEFAULT_POLICY, page, pages, randomSource, rows } from '../../test/kit/array-source.ts';
import { seeds } from '../../test/kit/properties.ts';
import type { JsonObject } from '../base/index.ts';
import {
  compileIndexingPolicy,
  compileIndexRules,
  pathId,
  TEXT_LENGTH,
  TEXT_REPEATS,
} from '../index/index.ts';

const WORDS = ['red', 'bicycle', 'lake', 'summer', 'old', 'road', 'the', 'of'];
const POLICY = { ...DEFAULT_POLICY, fullTextIndexes: [{ path: '/t' }, { path: '/d/u' }] };

function randomTexts(random: (below: number) => number, count: number): JsonObject[] {
  const text = (most: number) =>
    Array.from({ length: random(most) }, () => WORDS[Math.min(random(8), random(8))]).join(' ');
  return Array.from({ length: count }, (_, i) => ({
    id: String(i),
    k: i % 5,
    ...(random(6) > 0 ? { t: random(9) === 0 ? random(3) : text(9) } : {}),
    d: { u: text(4) },
  }));
}

const STATISTICS =
  'SELECT COUNT(1) AS documentCount, [{"totalWordCount": SUM(_FullTextWordCount(c.t)), "hitCounts": ' +
  '[COUNTIF(FullTextContains(c.t, "bicycles")), COUNTIF(FullTextContains(c.t, "lake"))]}, {"totalWordCount": ' +
  'SUM(_FullTextWordCount(c.d.u)), "hitCounts": [COUNTIF(FullTextContains(c.d.u, "the"))]}] AS s FROM c';

describe('statistics of texts', () => {
  test('come from the index, without any item', async () => {
    const objects = randomTexts(randomSource(1), 300);
    const source = new ArraySource(objects, POLICY);
    const expected = await rows(new ArraySource(objects, DEFAULT_POLICY), STATISTICS);
    expect(await rows(source, STATISTICS)).toEqual(expected);
    expect(source.loads).toBe(0);
  });

  test('phrases and other functions are counted by reading', async () => {
    const objects = randomTexts(randomSource(2), 300);
    for (const counted of ['FullTextContains(c.t, "red bicycle")', 'c.t != "red"', 'c.k']) {
      const query = `SELECT VALUE COUNTIF(${counted}) FROM c`;
      const found = await rows(new ArraySource(objects, POLICY), query);
      expect(found).toEqual(await rows(new ArraySource(objects, DEFAULT_POLICY), query));
    }
    const partly = 'SELECT COUNTIF(c.k = 1) AS n, COUNTIF(c.k > 1) AS m FROM c WHERE c.k < 3';
    const source = new ArraySource(objects, POLICY);
    expect(await rows(source, partly)).toEqual(['{"n":60,"m":60}']);
    expect(source.loads).toBe(0);
  });

  test('an index without lengths and counts, as earlier versions kept it, has its words', async () => {
    const objects = randomTexts(randomSource(3), 50);
    const now = compileIndexingPolicy(POLICY);
    const earlier = compileIndexRules(now.rules.replaceAll(/,\\?"with counts\\?"/g, ''));
    expect(earlier.rules).not.toBe(now.rules);
    expect(earlier.coverage(['t', TEXT_LENGTH]).indexed).toBe(false);
    expect(now.coverage(['t', TEXT_LENGTH]).indexed).toBe(true);
    const ends = [TEXT_LENGTH, TEXT_REPEATS] as const;
    const ids = [['t'], ['d', 'u']].flatMap((path) =>
      ends.map((end) => pathId([...path, end]).toString('latin1')),
    );
    for (const object of objects) {
      const isCount = (term: string) => ids.some((id) => term.startsWith(id));
      expect(earlier.terms(object)).toEqual(now.terms(object).filter((term) => !isCount(term)));
    }
  });
});

describe('the best texts', () => {
  test.each(seeds(30))('are those of a scan, seed %i', async (seed) => {
    const random = randomSource(900 + seed);
    const objects = randomTexts(random, 40 + random(200));
    const [byIndex, byScan] = [new ArraySource(objects, POLICY), new ArraySource(objects, DEFAULT_POLICY)];
    for (let i = 0; i < 6; i++) {
      const phrases = Array.from({ length: 1 + random(3) }, () => {
        const words = Array.from({ length: 1 + random(2) }, () => WORDS[random(8)]);
        return JSON.stringify(words.join(' '));
      });
      const where = ['', ' WHERE c.k = 1', ' WHERE c.k > 1 AND CONTAINS(c.id, "1")'][random(3)];
      const path = random(2) === 0 ? 'c.t' : 'c.d.u';
      const score = `_FullTextScore(${path}, [${phrases}], 100, 400, [${phrases.map((_, n) => 10 + n)}])`;
      const query = `SELECT TOP ${1 + random(60)} VALUE [c.id, ${score}] FROM c${where} ORDER BY ${score} DESC`;
      const options = { itemCountMax: 1 + random(30) };
      expect((await pages(byIndex, query, options)).flat(), query).toEqual(
        (await pages(byScan, query, options)).flat(),
      );
    }
  });

  test('only texts with the words are read, and a few others when those are too few', async () => {
    const objects = Array.from({ length: 2_000 }, (_, i) => ({
      id: String(i),
      t: i % 100 === 3 ? 'a red bicycle' : 'an old road',
    }));
    const source = new ArraySource(objects, POLICY);
    const score = '_FullTextScore(c.t, ["bicycle"], 2000, 4000, [20])';
    const ask = (count: number) => `SELECT TOP ${count} VALUE c.id FROM c ORDER BY ${score} DESC`;
    expect((await page(source, ask(20))).rows).toHaveLength(20);
    expect(source.loads).toBeLessThanOrEqual(40);
    source.loads = 0;
    const more = (await page(source, ask(30))).rows.map(String);
    expect(more.slice(18)).toEqual([
      '"1803"',
      '"1903"',
      ...Array.from({ length: 10 }, (_, i) => `"${i < 3 ? i : i + 1}"`),
    ]);
    expect(source.loads).toBeLessThan(150);
  });

  test('many texts with a word are scored by the index: only the rows are read', async () => {
    const objects = Array.from({ length: 2_000 }, (_, i) => ({
      id: String(i),
      t: `bicycle ${'old '.repeat(i % 5)}${i % 3 === 0 ? 'red red' : 'road'}`,
    }));
    const source = new ArraySource(objects, POLICY);
    const score = '_FullTextScore(c.t, ["red", "bicycle"], 2000, 8000, [667, 2000])';
    const query = `SELECT TOP 20 VALUE c.id FROM c ORDER BY ${score} DESC`;
    const found = await rows(source, query, { itemCountMax: 50 });
    expect(source.loads).toBe(20);
    expect(found).toEqual(await rows(new ArraySource(objects, DEFAULT_POLICY), query, { itemCountMax: 50 }));
  });

  test('of phrases beside words only texts are read that have all words of one', async () => {
    const objects = Array.from({ length: 2_000 }, (_, i) => ({
      id: String(i),
      t: `${i % 50 === 0 ? 'red bicycle' : i % 50 === 1 ? 'bicycle red' : 'old bicycle'} ${'lake '.repeat(i % 4)}`,
    }));
    const source = new ArraySource(objects, POLICY);
    const score = '_FullTextScore(c.t, ["bicycle", "red bicycle", "the"], 2000, 8000, [2000, 40, 0])';
    const query = `SELECT TOP 20 VALUE [c.id, ${score}] FROM c ORDER BY ${score} DESC`;
    const found = await rows(source, query, { itemCountMax: 50 });
    expect(source.loads).toBe(80 + 20);
    expect(found).toEqual(await rows(new ArraySource(objects, DEFAULT_POLICY), query, { itemCountMax: 50 }));
  });

  test('words that stand there very often, and phrases, are counted in the texts', async () => {
    const objects = Array.from({ length: 200 }, (_, i) => ({
      id: String(i),
      t: i === 60 ? 'lake '.repeat(400) : `lake ${'lake '.repeat(i % 7)}road ${'old '.repeat(i % 3)}`,
    }));
    for (const phrases of [
      ['lake'],
      ['old', 'road'],
      ['road old'],
      ['lake', 'lake road'],
      ['the'],
      ['old', 'the'],
    ]) {
      const hits = phrases.map(() => 100);
      const score = `_FullTextScore(c.t, ${JSON.stringify(phrases)}, 200, 1500, ${JSON.stringify(hits)})`;
      const query = `SELECT TOP 150 VALUE [c.id, ${score}] FROM c ORDER BY ${score} DESC`;
      const found = await rows(new ArraySource(objects, POLICY), query, { itemCountMax: 200 });
      expect(found).toEqual(
        await rows(new ArraySource(objects, DEFAULT_POLICY), query, { itemCountMax: 200 }),
      );
    }
  });
});
