import { describe, expect, test } from 'vitest';
import { ArraySource, NO_POLICY, page } from '../../test/kit/array-source.ts';
import { finish, type Json, type JsonObject, type Steps } from '../base/index.ts';
import { FUNCTION_FAMILIES } from './functions/function-table.ts';
import { parseSteps } from './long-json.ts';
import { canonicalSteps, effortOf, equalSteps, jsonSteps } from './long-values.ts';
import { LATER, LongWork } from './long-work.ts';
import { canonicalText, deepEqual, type Value } from './values.ts';

const count = (length: number) => Array.from({ length }, (_, i) => i);
const WORDS = 'bicycle lake red mountain river lake river fox'.split(' ');
const ITEM: JsonObject = {
  id: '1',
  list: count(40_000),
  few: count(10),
  same: count(40_000),
  objects: count(6_000).map((i) => ({ a: i % 900, b: `text ${i % 900}` })),
  text: count(30_000)
    .map((i) => WORDS[(i * i) % WORDS.length])
    .join(' '),
  wide: Object.fromEntries(count(20_000).map((i) => [`k${i}`, i])),
};
const SOURCE = new ArraySource([ITEM], NO_POLICY);

/** The rows, and how often others had their turn. */
async function run(query: string, pause?: () => Promise<void>) {
  let turns = 0;
  const { rows } = await page(SOURCE, query, {
    itemCountMax: 100_000,
    pause: async () => {
      turns++;
      await pause?.();
    },
  });
  return { rows: rows.map((row) => JSON.parse(row.toString()) as Json), turns };
}

describe('what takes long for one row is left in the middle', () => {
  test.each<[string, number]>([
    ['ARRAY_LENGTH(SetUnion(c.list, c.list))', 40_000],
    ['ARRAY_LENGTH(SetIntersect(c.objects, c.objects))', 900],
    ['ARRAY_LENGTH(SetDifference(c.list, [1, 2]))', 39_998],
    ['ARRAY_AVG(c.list) + ARRAY_MEDIAN(c.list) + ARRAY_MAX(c.list)', 79_998],
    ['ARRAY_LENGTH(OBJECTTOARRAY(c.wide))', 20_000],
    ['ARRAY_LENGTH(ARRAY_CONCAT(c.list, c.list, c.list))', 120_000],
    ['LENGTH(REVERSE(UPPER(c.text)))', (ITEM.text as string).length],
    ['LENGTH(REPLACE(c.text, "lake", "sea"))', (ITEM.text as string).replaceAll('lake', 'sea').length],
    ['ARRAY_LENGTH(StringSplit(c.text, "lake river"))', (ITEM.text as string).split('lake river').length],
    ['ARRAY_LENGTH(ARRAY(SELECT VALUE x FROM x IN c.list WHERE x % 2 = 0))', 20_000],
    ['ARRAY_LENGTH(ARRAY(SELECT VALUE x + y FROM x IN c.list JOIN y IN c.few))', 400_000],
    ['(SELECT VALUE SUM(x) FROM x IN c.list WHERE ARRAY_CONTAINS(c.few, x))', 45],
    ['(SELECT VALUE COUNT(1) FROM (SELECT DISTINCT VALUE o FROM o IN c.objects))', 900],
    ['ARRAY_LENGTH(ARRAY(SELECT o.a, COUNT(1) AS n FROM o IN c.objects GROUP BY o.a))', 900],
    ['LAST(SELECT VALUE LENGTH(UPPER(c.text)) + x FROM x IN c.few)', (ITEM.text as string).length + 9],
  ])('%s', async (expression, value) => {
    const { rows, turns } = await run(`SELECT VALUE ${expression} FROM c`);
    expect(rows).toEqual([value]);
    expect(turns, 'pieces of about a millisecond').toBeGreaterThan(2);
  });

  test.each([
    'c.list = c.same',
    'c.list IN ([1], c.few, c.same)',
    'EXISTS(SELECT VALUE x FROM x IN c.list WHERE x = 39999)',
    'ALL(SELECT VALUE x >= 0 FROM x IN c.list)',
    'c.text LIKE "%a%b%k%river%"',
    'NOT ARRAY_CONTAINS(c.objects, {"a": 7000}, true)',
    'CONTAINS(LOWER(c.text), "LAKE RIVER", true)',
    'ARRAY_LENGTH(ARRAY(SELECT VALUE x FROM x IN c.few WHERE LENGTH(REVERSE(c.text)) > x)) = 10',
  ])('as a condition: %s', async (condition) => {
    const { rows, turns } = await run(`SELECT VALUE c.id FROM c WHERE ${condition}`);
    expect(rows).toEqual(['1']);
    expect(turns).toBeGreaterThan(2);
  });

  test.each([
    ['a row', 'SELECT c.list, c.wide FROM c', 1],
    ['rows that are told apart', 'SELECT DISTINCT c.list, c.wide FROM c JOIN x IN c.few', 1],
    ['groups', 'SELECT c.list, COUNT(1) AS n FROM c JOIN x IN c.few GROUP BY c.list', 1],
    ['sets', 'SELECT VALUE MAKESET(c.objects) FROM c JOIN x IN c.few', 1],
    [
      'a query over a query',
      'SELECT VALUE COUNT(1) FROM (SELECT DISTINCT VALUE c.few FROM c) AS f JOIN x IN f',
      1,
    ],
  ])('%s', async (_, query, rowCount) => {
    const { rows } = await run(query);
    expect(rows).toHaveLength(rowCount);
  });

  test('who waits no more ends it', async () => {
    let turns = 0;
    const pause = () => (++turns > 20 ? Promise.reject(new Error('nobody waits')) : Promise.resolve());
    const endless = 'ARRAY_LENGTH(ARRAY(SELECT VALUE x * y FROM x IN c.list JOIN y IN c.few))';
    await expect(run(`SELECT VALUE ${endless} FROM c`, pause)).rejects.toThrow('nobody waits');
    expect(turns).toBe(21);
    expect((await run(`SELECT VALUE ${endless} FROM c`)).rows, 'and nothing is left of it').toEqual([
      400_000,
    ]);
  });

  test('lists are bounded while they are made, and so are rows', async () => {
    const objects = 'ARRAY(SELECT x, y FROM x IN c.list JOIN y IN c.few JOIN z IN c.few)';
    await expect(run(`SELECT VALUE ${objects} FROM c`)).rejects.toThrow(/more than 64 MB/);
    const rows = '(SELECT VALUE COUNT(1) FROM x IN c.list JOIN y IN c.few JOIN z IN c.few)';
    await expect(run(`SELECT VALUE ${rows} FROM c`)).rejects.toThrow(/more than 2000000 rows/);
  });

  test('what chance gave stays in an evaluation that is made again', async () => {
    const query = 'SELECT VALUE [RAND() < 2, LENGTH(REVERSE(c.text)) > 0, RAND() < 2] FROM c';
    expect((await run(query)).rows).toEqual([[true, true, true]]);
  });
});

describe('in pieces and at once, values are the same', () => {
  /** Values of all kinds from a seed. */
  function valueFrom(seed: number, depth = 3): Json {
    const next = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    const parts = count((next >> 8) % (depth === 3 ? 600 : 8));
    switch (depth === 0 ? next % 4 : next % 7) {
      case 0:
        return next % 17;
      case 1:
        return next % 3 === 0 ? null : next % 2 === 0;
      case 2:
      case 3:
        return 'aßΣ😀b'.repeat(next % 900).slice(next % 3);
      case 4:
        return Object.fromEntries(parts.map((i) => [`k${(i * 7) % 101}`, valueFrom(next + i, depth - 1)]));
      default:
        return parts.map((i) => valueFrom(next + (i % 50), depth - 1));
    }
  }
  const values = count(24).map((seed) => valueFrom(seed * 7_919));

  test('JSON', () => {
    for (const value of [
      ...values,
      count(30_000),
      { a: { b: count(30_000) }, ['__proto__']: [count(20_000)] },
    ]) {
      for (const text of [JSON.stringify(value), JSON.stringify(value, null, 1)]) {
        expect(finish(parseSteps(text))).toEqual(JSON.parse(text));
        if (text.length < 20_000) continue;
        for (const wrong of [text.slice(0, -1), `${text}]`, `${text.slice(0, -1)},${text.slice(-1)}`]) {
          expect(() => finish(parseSteps(wrong))).toThrow(SyntaxError);
        }
        const at = text.lastIndexOf(',', text.length / 2);
        const broken = `${text.slice(0, at)},,${text.slice(at)}`;
        if (at > 0 && isWrong(broken)) expect(() => finish(parseSteps(broken))).toThrow(SyntaxError);
      }
    }
  });

  function isWrong(text: string): boolean {
    try {
      JSON.parse(text);
      return false;
    } catch {
      return true;
    }
  }

  test('texts and equality', () => {
    for (const [i, a] of values.entries()) {
      expect(finish(canonicalSteps(a))).toBe(canonicalText(a));
      expect(finish(jsonSteps(a))).toBe(JSON.stringify(a));
      const b = i % 2 === 0 ? structuredClone(a) : (values[i - 1] as Json);
      expect(finish(equalSteps(a, b))).toBe(deepEqual(a, b));
      expect(effortOf(a)).toBeGreaterThanOrEqual(0);
    }
  });

  const long = FUNCTION_FAMILIES.flatMap(({ functions }) => functions).flatMap((each) =>
    each.volatility === 'immutable' && each.long !== undefined ? [{ ...each, long: each.long }] : [],
  );
  test.each(long)('$name', ({ bind, long: bindLong, accepts }) => {
    const { steps, effort } = bindLong();
    const operands: Value[] = [
      ...values,
      'a',
      'ß',
      'b'.repeat(40),
      3,
      40,
      true,
      false,
      undefined,
      [1, 'a', {}],
    ];
    for (let i = 0; i < 200; i++) {
      const given = count(1 + (i % 3)).map((j) => operands[(i * (j + 3) + j * j * 11) % operands.length]);
      if (!accepts(given.length)) continue;
      expect(effort(...given)).toBeGreaterThanOrEqual(0);
      expect(finish(steps(...given))).toEqual(bind()(...given));
    }
  });
});

describe('evaluation by replay', () => {
  function* slow(value: Value): Steps<Value> {
    yield;
    yield;
    return value;
  }
  const never = () => {
    throw new Error('not at once');
  };

  test('calls of one place are told apart by their order, and done once', () => {
    const work = new LongWork();
    let started = 0;
    const evaluate = () =>
      count(3).map((i) =>
        work.valueOf(7, 1e9, never, () => {
          started++;
          return slow(i * i);
        }),
      );
    expect(work.attempt(evaluate)).toBe(LATER);
    expect(finish(work.settle(evaluate))).toEqual([0, 1, 4]);
    expect(started).toBe(3);
  });

  test('small calls before are not done for ever again', () => {
    const work = new LongWork();
    let done = 0;
    const evaluate = () =>
      count(100).map((i) =>
        work.valueOf(
          1,
          4_000,
          () => {
            done++;
            return i;
          },
          never,
        ),
      );
    expect(work.attempt(evaluate)).toBe(LATER);
    expect(finish(work.settle(evaluate))).toEqual(count(100));
    expect(done).toBeLessThan(110);
  });

  test('effort that nobody noted does not end in a circle', () => {
    const work = new LongWork();
    const evaluate = () => {
      work.effort += 16_000;
      return work.valueOf(1, 4_000, () => 5, never);
    };
    expect(work.attempt(evaluate)).toBe(LATER);
    expect(finish(work.settle(evaluate))).toBe(5);
  });

  test('outside of an attempt everything is done at once', () => {
    expect(new LongWork().valueOf(1, 1e9, () => 5, never)).toBe(5);
  });

  test('draws of chance stand', () => {
    const work = new LongWork();
    let draws = 0;
    const evaluate = () => [work.drawnAt(1, () => ++draws), work.valueOf(2, 1e9, never, () => slow('x'))];
    expect(work.attempt(evaluate)).toBe(LATER);
    expect(finish(work.settle(evaluate))).toEqual([1, 'x']);
    expect(draws).toBe(1);
  });
});
