import { describe, expect, test } from 'vitest';
import { ArraySource, DEFAULT_POLICY, NO_POLICY, page } from '../../test/kit/array-source.ts';
import type { JsonObject } from '../base/index.ts';
import { planForClient, planInTurns } from './client-plan.ts';
import { compileComputedProperties, compileQuery, prepareQuery } from './index.ts';
import { parseInTurns } from './parser.ts';

const ITEMS = Array.from(
  { length: 30_000 },
  (_, i): JsonObject => ({
    id: String(i),
    a: i % 1_000,
    b: (i * 7) % 501,
    s: `s${(i * 31) % 9_973}`,
    tags: [i % 7, i % 11],
  }),
);
const POLICY = {
  ...DEFAULT_POLICY,
  compositeIndexes: [
    [
      { path: '/b', order: 'ascending' },
      { path: '/a', order: 'descending' },
    ],
  ],
};
const SOURCE = new ArraySource(ITEMS, POLICY);
const numbers = (count: number, step: number) => Array.from({ length: count }, (_, i) => i * step);

/**
 * What a query reads before it asks whether others have waited: an item costs some microseconds, and so do
 * sixteen entries of an index. 200 are a fraction of a millisecond.
 */
const UNITS_MAX = 200;
const ENTRIES_PER_UNIT = 16;

async function longestTurn(query: string, parameters: JsonObject = {}): Promise<number> {
  let longest = 0;
  let before = 0;
  const units = () => SOURCE.loads + SOURCE.postingsRead / ENTRIES_PER_UNIT;
  const note = () => {
    longest = Math.max(longest, units() - before);
    before = units();
    return Promise.resolve();
  };
  SOURCE.loads = 0;
  SOURCE.postingsRead = 0;
  await page(SOURCE, query, { pause: note, parameters, itemCountMax: 100 });
  await note();
  expect(units(), 'it reads a lot').toBeGreaterThan(UNITS_MAX / 2);
  return longest;
}

describe('others have their turn while a query runs', () => {
  test.each([
    `SELECT VALUE COUNT(1) FROM c WHERE c.id IN (${numbers(16_000, 1).map((id) => `"${id}"`)}) AND c.a > 1`,
    `SELECT VALUE COUNT(1) FROM c WHERE ${numbers(4_000, 3)
      .map((id) => `c.id = "${id}" OR c.a = ${id}`)
      .join(' OR ')}`,
    'SELECT VALUE COUNT(1) FROM c WHERE c.a < 900 AND c.b > 3',
    'SELECT VALUE COUNT(1) FROM c WHERE c.a < 900 OR c.b > 400',
    'SELECT c.s, COUNT(1) AS n, MAX(c.b) AS b FROM c GROUP BY c.s',
    'SELECT VALUE MAKESET(c.tags) FROM c',
    'SELECT DISTINCT c.tags FROM c',
    'SELECT VALUE COUNT(1) FROM (SELECT DISTINCT c.s, c.tags FROM c)',
    'SELECT c.id FROM c WHERE c.a >= 0 AND NOT (c.s >= "a")',
    'SELECT * FROM c WHERE c.tags[0] = 9 ORDER BY c.s',
    'SELECT TOP 5 * FROM c WHERE c.a + 1 > 990 ORDER BY c.b, c.a DESC',
    'SELECT TOP 9000 c.id FROM c ORDER BY VectorDistance([c.a, c.b], [1, 2])',
    'SELECT VALUE COUNT(1) FROM c JOIN t IN c.tags JOIN u IN c.tags WHERE t > u',
  ])('%#: %.80s', async (query) => {
    expect(await longestTurn(query)).toBeLessThan(UNITS_MAX);
  });

  test('each item that a long parameter is compared with counts more', async () => {
    const parameters = { '@list': numbers(2_000, 2) };
    const longest = await longestTurn('SELECT * FROM c WHERE ARRAY_CONTAINS(@list, c.a + 0.5)', parameters);
    expect(longest, 'others are loaded 128 at a time').toBeLessThan(110);
  });
});

test.each(['c.a', 'c.s'])(
  'each value counts more for which many expressions are evaluated: %s',
  async (path) => {
    const long = numbers(900, 1)
      .map(() => path)
      .join('+');
    let turns = 0;
    const pause = () => {
      turns++;
      return Promise.resolve();
    };
    const small = new ArraySource(ITEMS.slice(0, 2_000), DEFAULT_POLICY);
    await page(small, `SELECT VALUE COUNT(1) FROM c WHERE ${long} = -1`, { pause });
    expect(small.loads).toBe(0);
    expect(turns).toBeGreaterThan(path === 'c.a' ? 20 : 40);
  },
);

test('each row counts more that many expressions make', async () => {
  const item = { id: '1', list: numbers(500, 1), few: numbers(4, 1) };
  const source = new ArraySource([item], NO_POLICY);
  const turnsOf = async (selected: string) => {
    let turns = 0;
    const pause = () => {
      turns++;
      return Promise.resolve();
    };
    const query = `SELECT VALUE ${selected} FROM c JOIN x IN c.list JOIN y IN c.few`;
    await page(source, query, { pause, itemCountMax: 10_000 });
    return turns;
  };
  const sum = numbers(900, 1).map(() => 'x');
  expect(await turnsOf(sum.join('+'))).toBeGreaterThan(2 * (await turnsOf('x')));
});

test('each item counts more for which many expressions are evaluated', async () => {
  const sum = numbers(900, 1)
    .map(() => 'c.a')
    .join('+');
  const where = numbers(10, 1).map((n) => `${sum} = -${n + 1}`);
  let turns = 0;
  const pause = () => {
    turns++;
    return Promise.resolve();
  };
  const small = new ArraySource(ITEMS.slice(0, 200), NO_POLICY);
  await page(small, `SELECT * FROM c WHERE ${where.join(' OR ')}`, { pause });
  expect(turns).toBeGreaterThan(20);
});

describe('long texts', () => {
  const text = `SELECT * FROM c WHERE ARRAY_CONTAINS([${numbers(80_000, 1)}], c.a)`;

  test('are read while others have their turn, and then found', async () => {
    let turns = 0;
    const turn = () => {
      turns++;
      return Promise.resolve();
    };
    await prepareQuery(text, turn);
    expect(turns).toBeGreaterThan(15);
    expect(prepareQuery(text, turn)).toBeUndefined();
    expect(compileQuery(text)).toBe(compileQuery(text));
    const computed = compileComputedProperties([{ name: 'l', query: 'SELECT VALUE LOWER(c.s) FROM c' }]);
    turns = 0;
    await computed.prepare(text, turn);
    expect(turns).toBeGreaterThan(15);
    expect(computed.prepare(text, turn)).toBeUndefined();
  });

  /** Turns of others; a text of so many characters has as many before its tree is there. */
  const turnsOf = async (work: (turn: () => Promise<void>) => unknown): Promise<number> => {
    let turns = 0;
    await work(() => {
      turns++;
      return Promise.resolve();
    });
    return turns;
  };

  test.each([
    [
      'a chain of conditions',
      `SELECT * FROM c WHERE ${numbers(9_000, 1)
        .map((n) => `c.a = ${n}`)
        .join(' OR ')}`,
    ],
    [
      'one below a join',
      `SELECT VALUE t FROM c JOIN t IN c.tags WHERE ${numbers(9_000, 1)
        .map((n) => `t != ${n}`)
        .join(' AND ')}`,
    ],
    ['a select list', `SELECT ${numbers(9_000, 1).map((n) => `c.a${n}`)} FROM c`],
    ['aggregates', `SELECT ${numbers(9_000, 1).map((n) => `MAX(c.a${n}) AS a${n}`)} FROM c`],
    ['an object', `SELECT VALUE {${numbers(9_000, 1).map((n) => `a${n}: c.a${n}`)}} FROM c`],
    ['an array', `SELECT VALUE [${numbers(9_000, 1).map((n) => `ABS(c.a${n})`)}] FROM c`],
    ['operands', `SELECT VALUE CONCAT(${numbers(9_000, 1).map((n) => `c.a${n}`)}) FROM c`],
    ['values of IN', `SELECT * FROM c WHERE c.a IN (${numbers(9_000, 1).map((n) => `c.a${n}`)})`],
    [
      'sums',
      `SELECT VALUE [${numbers(10, 1).map(() =>
        numbers(900, 1)
          .map(() => 'c.a')
          .join('+'),
      )}] FROM c`,
    ],
    [
      'a condition in a condition',
      `SELECT * FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE ${numbers(9_000, 1)
        .map((n) => `t.a = ${n}`)
        .join(' OR ')})`,
    ],
    [
      'a condition in FROM',
      `SELECT VALUE COUNT(1) FROM (SELECT VALUE c FROM c WHERE ${numbers(9_000, 1)
        .map((n) => `c.a = ${n}`)
        .join(' OR ')}) AS s`,
    ],
    ['keys of groups', `SELECT COUNT(1) FROM c GROUP BY ${numbers(9_000, 1).map((n) => `c.a${n}`)}`],
  ])('%s is compiled piece by piece', async (_, wide) => {
    const reading = await turnsOf((turn) => parseInTurns(wide, turn));
    expect(await turnsOf((turn) => prepareQuery(wide, turn))).toBeGreaterThan(reading + 10);
  });

  test('conditions are bound, and key ranges found, piece by piece', async () => {
    const many = `SELECT * FROM c WHERE ${numbers(4_000, 1)
      .map((n) => `(c.id = "${n}" AND c.pk = "${n}")`)
      .join(' OR ')}`;
    const small = new ArraySource(ITEMS.slice(0, 10), DEFAULT_POLICY);
    const before = await turnsOf((turn) =>
      page(small, many, {
        pause: () => (small.loads + small.postingsRead === 0 ? turn() : Promise.resolve()),
      }),
    );
    expect(before, 'turns before anything is read').toBeGreaterThan(10);
    const target = {
      partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 },
      search: { embeddings: [], defaultLanguage: 'en', textPaths: [] },
    } as const;
    const spec = { query: many, parameters: [] };
    expect(await turnsOf((turn) => planInTurns(spec, target, undefined, turn))).toBeGreaterThan(10);
    expect(await planInTurns(spec, target, undefined, () => Promise.resolve())).toEqual(
      planForClient(spec, target),
    );
  });

  test('short ones need nobody to wait', () => {
    expect(prepareQuery('SELECT * FROM c WHERE c.turn = 1', () => Promise.resolve())).toBeUndefined();
  });

  test('are refused as others are', async () => {
    await expect(prepareQuery(`${text} AND`, () => Promise.resolve())).rejects.toThrow(/SC1001/);
    const many = `SELECT * FROM c WHERE c.a IN (${numbers(16_001, 1)})`;
    await expect(prepareQuery(many, () => Promise.resolve())).rejects.toThrow(/more than 16000 values/);
    const parts = `SELECT VALUE [${'c.a,'.repeat(30_000)} 1] FROM c`;
    await expect(prepareQuery(parts, () => Promise.resolve())).rejects.toThrow(/more than 40000 names/);
    expect(() => compileQuery(`SELECT VALUE [${'1 + '.repeat(900)}1]`), 'high trees').not.toThrow();
  });
});
