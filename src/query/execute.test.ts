import { describe, expect, test } from 'vitest';
import {
  ArraySource,
  DEFAULT_POLICY,
  EXPLICIT_POLICY,
  NO_POLICY,
  page,
  pages,
  type RunOptions,
  randomSource,
  rows,
  values,
} from '../../test/kit/array-source.ts';
import { seeds } from '../../test/kit/properties.ts';
import {
  ITEMS_WITH_TIES,
  LONG,
  randomCondition,
  randomItems,
  randomQuery,
} from '../../test/kit/query-generator.ts';
import type { JsonObject } from '../base/index.ts';
import { CarryOvers } from './carry-over.ts';
import { NO_ENVIRONMENT } from './environment.ts';
import { evaluateOverResources } from './resource-query.ts';
import type { Posting, QuerySource } from './source.ts';

describe('any plan gives the rows of a full scan', () => {
  test.each(seeds(20))('conditions, seed %i', async (seed) => {
    const random = randomSource(seed);
    const objects = randomItems(random, 40 + random(60));
    const plain = new ArraySource(objects, NO_POLICY);
    const indexed = [DEFAULT_POLICY, EXPLICIT_POLICY].map((policy) => new ArraySource(objects, policy));
    for (let i = 0; i < 17; i++) {
      const query = `SELECT * FROM c WHERE ${randomCondition(random, 2)}`;
      const epkRange = random(3) === 0 ? { min: String(random(4)), max: '3' } : undefined;
      const options = { itemCountMax: 1 + random(30), ...(epkRange === undefined ? {} : { epkRange }) };
      const inRange = objects.filter(
        ({ pk }) => epkRange === undefined || (String(pk) >= epkRange.min && String(pk) < epkRange.max),
      );
      const expected = evaluateOverResources({ query, parameters: [] }, inRange, NO_ENVIRONMENT);
      for (const source of [plain, ...indexed])
        expect(await rows(source, query, options), query).toEqual(expected);
      const count = query.replace('*', 'VALUE COUNT(1)');
      for (const source of [plain, ...indexed])
        expect(await values(source, count, options), count).toEqual([expected.length]);
    }
  });

  test.each(seeds(20))('orders, seed %i', async (seed) => {
    const random = randomSource(1_000 + seed);
    const objects = randomItems(random, 30 + random(40));
    for (const policy of [DEFAULT_POLICY, EXPLICIT_POLICY]) {
      const source = new ArraySource(objects, policy);
      for (let i = 0; i < 12; i++) {
        const path = ['c.a', 'c.b', 'c.o.x', 'c.id'][random(4)] as string;
        const isExplicit = policy === EXPLICIT_POLICY && (path === 'c.a' || path === 'c.o.x');
        const where = random(3) === 0 ? 'true' : randomCondition(random, 1);
        const direction = random(2) === 0 ? 'ASC' : 'DESC';
        const query = `SELECT * FROM c WHERE ${where} ORDER BY ${path} ${direction}`;
        const defined = isExplicit ? '' : ` AND IS_DEFINED(${path})`;
        const filter = `SELECT * FROM c WHERE (${where})${defined} ORDER BY ${path} ${direction}`;
        // The list's ties keep their order; the index reverses them too when it runs backwards.
        const list = direction === 'ASC' ? objects : [...objects].reverse();
        const expected = evaluateOverResources({ query: filter, parameters: [] }, list, NO_ENVIRONMENT);
        expect(await rows(source, query, { itemCountMax: 1 + random(20) }), query).toEqual(expected);
      }
    }
  });
});

describe('every class of query gives the rows of plain loops', () => {
  test.each(seeds(20))('seed %i', async (seed) => {
    const random = randomSource(5_000 + seed);
    const objects = randomItems(random, 20 + random(40));
    const sources = [NO_POLICY, DEFAULT_POLICY].map((policy) => new ArraySource(objects, policy));
    for (let i = 0; i < 25; i++) {
      const { text, expected } = randomQuery(random);
      const options = {
        itemCountMax: 1 + random(30),
        bytesMax: random(3) === 0 ? 1 + random(400) : 4_000_000,
        looksAhead: random(2) === 0,
        ...(random(2) === 0 ? { carryOvers: new CarryOvers() } : {}),
      };
      for (const source of sources)
        expect(await values(source, text, options), text).toEqual(expected(objects));
    }
  });
});

describe('what an index has found is not looked for again on each page', () => {
  const objects = Array.from({ length: 3_000 }, (_, n) => ({ id: String(n), n: n % 7, s: `s${n % 11}` }));
  const ids = Array.from({ length: 2_500 }, (_, n) => `"${n}"`);

  test.each([
    ['many ids', `SELECT VALUE c.id FROM c WHERE c.id IN (${ids})`, 2_500],
    [
      'ids and pairs',
      `SELECT VALUE c.id FROM c WHERE c.id IN (${ids.slice(100)}) OR (c.id = "7" AND c.n = 0)`,
      2_401,
    ],
    ['a range', 'SELECT VALUE c.id FROM c WHERE c.n < 3', 1_287],
    ['rows that are different', `SELECT DISTINCT VALUE c.id FROM c WHERE c.id IN (${ids})`, 2_500],
  ])('%s', async (_, query, count) => {
    const source = new ArraySource(objects, DEFAULT_POLICY);
    const expected = await rows(new ArraySource(objects, NO_POLICY), query);
    expect(expected).toHaveLength(count);
    expect(await rows(source, query, { itemCountMax: 1_000_000 })).toEqual(expected);
    const once = source.postingsRead;
    source.postingsRead = 0;
    const options = { itemCountMax: Math.ceil(count / 12), carryOvers: new CarryOvers() };
    expect(await rows(source, query, options)).toEqual(expected);
    expect(source.postingsRead).toBeLessThan(2 * once + 2_048);
    source.postingsRead = 0;
    expect(await rows(source, query, { itemCountMax: options.itemCountMax })).toEqual(expected);
    expect(source.postingsRead, 'without anything kept').toBeGreaterThan(4 * once);
  });

  test('unless something was written meanwhile', async () => {
    const source = new ArraySource(objects, DEFAULT_POLICY);
    const query = `SELECT VALUE c.id FROM c WHERE c.id IN (${ids})`;
    const options = { itemCountMax: 1_000, carryOvers: new CarryOvers() };
    const { continuation = '' } = await page(source, query, options);
    const [lastNumber = 0] = [...source.items.keys()].slice(1_500);
    source.items.delete(lastNumber);
    const before = source.postingsRead;
    const second = await page(source, query, { ...options, continuation });
    expect(second.rows).toHaveLength(1_000);
    expect(second.rows.map(String)).not.toContain('"1500"');
    expect(source.postingsRead).toBeGreaterThan(before + 1_000);
  });
});

describe('ways of reading', () => {
  const objects = Array.from({ length: 6_000 }, (_, i) => ({
    id: String(i),
    pk: String(i % 10),
    kind: i % 120,
    half: i % 2,
    rank: (i * 7_919) % 6_000,
    long: LONG + (i % 7),
    rare: i % 3_000 === 17 ? 'yes' : 'no',
  }));
  const source = new ArraySource(objects, DEFAULT_POLICY);

  async function cost(
    query: string,
    options: RunOptions = {},
  ): Promise<{ rows: number; loads: number; postings: number; texts: (Buffer | string)[] }> {
    source.loads = 0;
    source.postingsRead = 0;
    const one = await page(source, query, options);
    return { rows: one.rows.length, loads: source.loads, postings: source.postingsRead, texts: one.rows };
  }

  test('an equality loads its rows and nothing else, and gives the stored bytes themselves', async () => {
    const { texts, ...counts } = await cost('SELECT * FROM c WHERE c.kind = 7');
    expect(counts).toEqual({ rows: 50, loads: 50, postings: 50 });
    for (const text of texts)
      expect([...source.items.values()].some((item) => item.text === text)).toBe(true);
  });

  test('the smaller of two conditions is read whole, the larger one only so far', async () => {
    const {
      rows: count,
      loads,
      postings,
    } = await cost('SELECT * FROM c WHERE c.half = 1 AND c.rare = "yes"');
    expect(count).toBe(2);
    expect(loads).toBeLessThanOrEqual(2);
    expect(postings).toBeLessThan(600);
  });

  test('intersections load only what satisfies both', async () => {
    const { rows: count, loads } = await cost(
      'SELECT * FROM c WHERE c.kind IN (1, 2, 3) AND c.rank BETWEEN 0 AND 200',
    );
    expect(loads).toBe(count);
    expect(count).toBeGreaterThan(2);
  });

  test.each([
    ['SELECT VALUE COUNT(1) FROM c', 6_000],
    ['SELECT VALUE COUNT(1) FROM c WHERE c.kind = 7', 50],
    ['SELECT VALUE COUNT(c) FROM c WHERE c.rank >= 1000', 5_000],
    ['SELECT VALUE COUNT(1) FROM c WHERE c.rank >= 1000 AND c.half = 1', 2_500],
    ['SELECT VALUE COUNT(1) FROM c WHERE c.kind < 3 OR c.half = 1', 3_100],
    ['SELECT VALUE COUNT(1) FROM c WHERE c.id = "17" OR false', 1],
    ['SELECT VALUE COUNT(1) FROM c WHERE 1 = 2', 0],
  ])('%s counts without loading', async (query, count) => {
    const result = await cost(query);
    expect(JSON.parse(String(result.texts[0]))).toBe(count);
    expect(result.loads).toBe(0);
  });

  test('a wide range fills its page by reading items in order', async () => {
    const { rows: count, loads, postings } = await cost('SELECT * FROM c WHERE c.rank > 10');
    expect(count).toBe(100);
    expect(loads).toBeLessThan(300);
    expect(postings).toBeLessThan(3_000);
  });

  test('a wide range with a second condition that keeps little is gathered after all', async () => {
    const { rows: count, loads } = await cost(
      'SELECT * FROM c WHERE c.rank > 10 AND c.rank < 4000 AND LENGTH(c.rare) = 3',
    );
    expect(count).toBe(await countOf('c.rank > 10 AND c.rank < 4000 AND c.rare = "yes"'));
    expect(loads).toBeLessThan(4_500);
  });

  async function countOf(where: string): Promise<number> {
    return (await values(source, `SELECT VALUE COUNT(1) FROM c WHERE ${where}`))[0] as number;
  }

  test('the top of an order reads the start of its index', async () => {
    const { texts, loads, postings } = await cost('SELECT TOP 5 VALUE c.rank FROM c ORDER BY c.rank DESC');
    expect(texts.map(String)).toEqual(['5999', '5998', '5997', '5996', '5995']);
    expect(loads).toBe(5);
    expect(postings).toBe(5);
  });

  test('a range on the ordering property narrows its index', async () => {
    const { texts, loads } = await cost(
      'SELECT TOP 3 VALUE c.rank FROM c WHERE c.rank >= 100 ORDER BY c.rank',
    );
    expect(texts.map(String)).toEqual(['100', '101', '102']);
    expect(loads).toBe(3);
  });

  test('an order with a selective filter sorts few items', async () => {
    const { rows: count, loads } = await cost('SELECT * FROM c WHERE c.kind = 7 ORDER BY c.rank');
    expect(count).toBe(50);
    expect(loads).toBe(50);
  });

  test('an order with a filter that keeps little asks the other index', async () => {
    const query =
      'SELECT * FROM c WHERE c.kind < 40 AND c.rare = c.rare AND ENDSWITH(c.rare, "yes") ORDER BY c.rank';
    const expected = evaluateOverResources({ query, parameters: [] }, objects, NO_ENVIRONMENT);
    expect(await rows(source, query)).toEqual(expected);
  });

  test('strings too long for the index are ordered by all of their text', async () => {
    for (const direction of ['ASC', 'DESC']) {
      const query = `SELECT c.long, c.id FROM c ORDER BY c.long ${direction}`;
      const list = direction === 'ASC' ? objects : [...objects].reverse();
      const expected = evaluateOverResources({ query, parameters: [] }, list, NO_ENVIRONMENT);
      expect(await rows(source, query, { itemCountMax: 1_700 })).toEqual(expected);
    }
  });

  test('offsets of whole items are passed over without loading', async () => {
    const { texts, loads } = await cost('SELECT c.id FROM c OFFSET 5000 LIMIT 2');
    expect(texts.map(String)).toEqual(['{"id":"5000"}', '{"id":"5001"}']);
    expect(loads).toBe(2);
  });

  test('a partition key confines, by whichever way is cheaper', async () => {
    const epkRange = { min: '3', max: '30' };
    const { rows: count, loads } = await cost('SELECT * FROM c WHERE c.kind = 3', { epkRange });
    expect([count, loads]).toEqual([50, 50]);
    const all = await rows(source, 'SELECT * FROM c', { epkRange });
    expect(all.length).toBe(600);
    expect((await values(source, 'SELECT VALUE COUNT(1) FROM c', { epkRange }))[0]).toBe(600);
    expect(
      (await values(source, 'SELECT TOP 2 VALUE c.rank FROM c ORDER BY c.rank', { epkRange })).length,
    ).toBe(2);
  });
});

describe('paging', () => {
  const objects = ITEMS_WITH_TIES;
  const source = new ArraySource(objects, DEFAULT_POLICY);
  const queries = [
    'SELECT * FROM c',
    'SELECT * FROM c WHERE c.n = 1',
    'SELECT * FROM c WHERE c.n >= 1',
    'SELECT VALUE c.m FROM c WHERE c.n < 2 OR c.n = 2',
    'SELECT c.id FROM c ORDER BY c.n',
    'SELECT c.id FROM c ORDER BY c.n DESC',
    'SELECT c.id FROM c WHERE c.n > 0 ORDER BY c.n DESC',
    'SELECT c.id FROM c WHERE c.n = 1 ORDER BY c.m',
    'SELECT c.id FROM c ORDER BY c.text',
    'SELECT c.id FROM c ORDER BY c.text DESC',
    'SELECT c.id FROM c WHERE c.n = 2 ORDER BY c.text DESC',
    'SELECT TOP 7 * FROM c ORDER BY c.n',
    'SELECT c.id FROM c OFFSET 3 LIMIT 11',
    'SELECT c.id FROM c ORDER BY c.m DESC OFFSET 2 LIMIT 9',
    'SELECT VALUE c.none FROM c',
    'SELECT 1 AS one',
    'SELECT VALUE COUNT(1) FROM c',
  ];

  test.each(queries)('%s: pages of every size give the same rows', async (query) => {
    const whole = await rows(source, query, { itemCountMax: 1_000 });
    for (let size = 1; size <= whole.length + 1; size++) {
      const parts = await pages(source, query, { itemCountMax: size });
      expect(parts.flat()).toEqual(whole);
      for (const part of parts.slice(0, -1)) expect(part.length).toBe(size);
    }
  });

  test('a page that fills up has a continuation even when nothing is left', async () => {
    const four = new ArraySource(objects.slice(0, 4), DEFAULT_POLICY);
    for (const query of ['SELECT * FROM c', 'SELECT * FROM c ORDER BY c.n', 'SELECT TOP 4 * FROM c']) {
      expect((await pages(four, query, { itemCountMax: 2 })).map((part) => part.length)).toEqual([2, 2, 0]);
      expect((await pages(four, query, { itemCountMax: 3 })).map((part) => part.length)).toEqual([3, 1]);
    }
  });

  test('the size may change from page to page', async () => {
    for (const query of ['SELECT * FROM c WHERE c.n >= 1', 'SELECT * FROM c ORDER BY c.text DESC']) {
      const whole = await rows(source, query);
      const first = await page(source, query, { itemCountMax: 3 });
      const second = await page(source, query, { itemCountMax: 1, continuation: first.continuation ?? '' });
      const third = await page(source, query, { continuation: second.continuation ?? '' });
      expect([...first.rows, ...second.rows, ...third.rows].map(String)).toEqual(whole);
    }
  });

  test('bytes end a page, and a single row is never too large', async () => {
    const query = 'SELECT * FROM c';
    const parts = await pages(source, query, { bytesMax: 700 });
    expect(parts.flat()).toEqual(await rows(source, query));
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThan(4);
    expect((await pages(source, query, { bytesMax: 1 })).map((part) => part.length)).toEqual(
      objects.map(() => 1),
    );
  });

  test('an overdue page ends early, with progress', async () => {
    const many = new ArraySource(
      Array.from({ length: 500 }, (_, i) => ({ id: String(i), n: i })),
      DEFAULT_POLICY,
    );
    for (const query of [
      'SELECT VALUE c.n FROM c WHERE (c.n % 5 = 0 ? c.id : 0) = c.id',
      'SELECT VALUE c.n FROM c WHERE (c.n % 5 = 0 ? c.id : 0) = c.id ORDER BY c.n DESC',
    ]) {
      const parts = await pages(many, query, { isOverdue: () => true });
      expect(parts.length).toBeGreaterThan(3);
      expect(parts.flat().length).toBe(100);
    }
  });

  test('items that go away and come between pages neither repeat nor hide others', async () => {
    for (const direction of ['ASC', 'DESC']) {
      const query = `SELECT VALUE c.id FROM c ORDER BY c.text ${direction}`;
      const first = await page(source, query, { itemCountMax: 6 });
      const seen = first.rows.map((row) => JSON.parse(row.toString()) as string);
      const changed = new GoneSource(objects, seen[5] as string);
      const rest = await rows(changed, query, { continuation: first.continuation ?? '' });
      const all = await rows(source, query);
      expect([...first.rows.map(String), ...rest]).toEqual(all);
    }
  });

  test('long work lets others run', async () => {
    let pauses = 0;
    const many = new ArraySource(
      Array.from({ length: 5_000 }, (_, i) => ({ id: String(i), n: i })),
      DEFAULT_POLICY,
    );
    const pause = () => {
      pauses++;
      return Promise.resolve();
    };
    await page(many, 'SELECT VALUE SUM(c.n) FROM c', { pause });
    expect(pauses, 'indexes alone').toBeGreaterThan(2);
    pauses = 0;
    await page(many, 'SELECT VALUE COUNT(c) FROM c WHERE (c.n + 1 > 0 ? c.id : 0) = c.id', { pause });
    expect(pauses).toBeGreaterThan(5);
    pauses = 0;
    const parameters = { '@list': Array.from({ length: 20_000 }, (_, i) => i) };
    await page(many, 'SELECT VALUE ARRAY_LENGTH(SetUnion(@list, [c.n])) FROM c', { pause, parameters });
    expect(pauses, 'each item is compared with all of a parameter').toBeGreaterThan(5);
    pauses = 0;
    const shorter = { '@list': parameters['@list'].slice(0, 1_000) };
    const union = 'SELECT VALUE SUM(ARRAY_LENGTH(SetUnion(@list, [c.n]))) FROM c';
    await page(many, union, { pause, parameters: shorter });
    expect(pauses, 'also without the items').toBeGreaterThan(12);
  });
});

/** As it was, but one item cannot be found any more. */
class GoneSource extends ArraySource {
  readonly #gone: string;

  constructor(objects: readonly JsonObject[], gone: string) {
    super(objects, DEFAULT_POLICY);
    this.#gone = gone;
  }

  override scanIndex(scan: Parameters<QuerySource['scanIndex']>[0]) {
    const cursor = super.scanIndex(scan);
    return {
      ...cursor,
      next: async (count: number) => {
        const found: Posting[] = [];
        while (found.length < count) {
          const postings = await cursor.next(count - found.length);
          if (postings.length === 0) break;
          found.push(
            ...postings.filter((posting) => this.items.get(posting.number)?.object.id !== this.#gone),
          );
        }
        return found;
      },
    };
  }
}

describe('continuations', () => {
  const source = new ArraySource(
    Array.from({ length: 10 }, (_, i) => ({ id: String(i), n: i })),
    DEFAULT_POLICY,
  );

  test('anything but our own token for this text is refused', async () => {
    const { continuation = '' } = await page(source, 'SELECT * FROM c', { itemCountMax: 2 });
    const flipped = continuation.slice(0, 6) + (continuation[6] === 'A' ? 'B' : 'A') + continuation.slice(7);
    for (const token of [
      '',
      'garbage',
      '{}',
      flipped,
      `${continuation}A`,
      continuation.slice(0, -2),
      'A'.repeat(5_000),
      'é',
    ]) {
      await expect(page(source, 'SELECT * FROM c', { continuation: token })).rejects.toThrow(
        'Invalid Continuation Token',
      );
    }
    await expect(page(source, 'SELECT c.id FROM c', { continuation })).rejects.toThrow(
      'Invalid Continuation Token',
    );
    await expect(page(source, 'SELECT * FROM c', { continuation })).resolves.toBeDefined();
  });
});

describe('what clients run for an order', () => {
  const textOf = (filter: string) =>
    'SELECT c._rid, [{"item": c.n}] AS orderByItems, c AS payload FROM c ' +
    `WHERE (c.n != 3) AND (${filter}) ORDER BY c.n ASC`;

  test('goes on with another filter from the same place', async () => {
    const source = new ArraySource(
      Array.from({ length: 40 }, (_, n) => ({ id: String(n), n: n % 20 })),
      DEFAULT_POLICY,
    );
    const all = await rows(source, textOf('true'));
    const { continuation = '' } = await page(source, textOf('true'), { itemCountMax: 15 });
    expect(await rows(source, textOf('c.n >= 7'), { continuation })).toEqual(all.slice(15));
    await expect(page(source, textOf('true').replace('ASC', 'DESC'), { continuation })).rejects.toThrow(
      'Invalid Continuation Token',
    );
  });
});

describe('projections, windows and aggregates', () => {
  const source = new ArraySource(
    [
      { id: '1', n: 1, o: { p: 'x', q: [1, 2] } },
      { id: '2', n: 2, s: 'z' },
      { id: '3', s: 'a', n: null },
      { id: '4' },
    ],
    DEFAULT_POLICY,
  );

  test.each<[query: string, ...expected: string[]]>([
    ['SELECT c.id, c.n FROM c', '{"id":"1","n":1}', '{"id":"2","n":2}', '{"id":"3","n":null}', '{"id":"4"}'],
    ['SELECT c.none FROM c WHERE c.id = "4"', '{}'],
    ['SELECT c.o.p, c["o"].q, c.o.q[0], 1 + 1 FROM c WHERE c.n = 1', '{"p":"x","q":[1,2],"$1":1,"$2":2}'],
    ['SELECT c.id AS x, c FROM c WHERE c.id = "4"', '{"x":"4","c":{"id":"4"}}'],
    ['SELECT VALUE c.s FROM c', '"z"', '"a"'],
    ['SELECT VALUE c FROM c WHERE c.n = 2', '{"id":"2","n":2,"s":"z"}'],
    ['SELECT VALUE {a: c.id, b: [c.n, c.none]} FROM c WHERE c.id = "2"', '{"a":"2","b":[2]}'],
    ['SELECT * FROM root WHERE root.id = "4"', '{"id":"4"}'],
    ['SELECT x.id FROM Families AS x WHERE x.id = "4"', '{"id":"4"}'],
    ['SELECT root.id FROM c WHERE root.id = "4"', '{"id":"4"}'],
    ['SELECT 1 AS a, "b"', '{"a":1,"$1":"b"}'],
    ['SELECT VALUE undefined'],
    ['SELECT VALUE 3 WHERE 1 = 2'],
    ['SELECT TOP 0 * FROM c'],
    ['SELECT TOP 1 c.id FROM c', '{"id":"1"}'],
    ['SELECT c.id FROM c OFFSET 3 LIMIT 5', '{"id":"4"}'],
    ['SELECT c.id FROM c OFFSET 9 LIMIT 5'],
    ['SELECT c.id FROM c ORDER BY c.s', '{"id":"3"}', '{"id":"2"}'],
    ['SELECT c.id FROM c ORDER BY c.n DESC', '{"id":"2"}', '{"id":"1"}', '{"id":"3"}'],
    ['SELECT COUNT(1) FROM c', '{"$1":4}'],
    [
      'SELECT COUNT(1) AS all_, COUNT(c.n) AS n, SUM(c.none) AS none, AVG(c.none) AS avg FROM c',
      '{"all_":4,"n":3,"none":0}',
    ],
    ['SELECT VALUE SUM(c.n) FROM c'],
    ['SELECT VALUE SUM(c.n) FROM c WHERE c.n > 0', '3'],
    ['SELECT VALUE AVG(c.n) FROM c WHERE c.n > 0', '1.5'],
    ['SELECT MIN(c.n), MAX(c.n) FROM c', '{"$1":null,"$2":2}'],
    ['SELECT VALUE MAX(c.o) FROM c'],
    ['SELECT VALUE COUNTIF(c.n > 0) FROM c', '2'],
    ['SELECT VALUE COUNT(undefined) FROM c', '0'],
    ['SELECT VALUE MAKELIST(c.s) FROM c', '["z","a"]'],
    ['SELECT VALUE MAKESET(c.none) FROM c', '[]'],
    ['SELECT VALUE [{"item": COUNT(1)}] FROM c', '[{"item":4}]'],
    ['SELECT VALUE ABS(0 - COUNT(1)) FROM c', '4'],
    ['SELECT VALUE COUNT(1) FROM c WHERE c.id = "none"', '0'],
    ['SELECT VALUE COUNT(1)', '1'],
    ['SELECT TOP 0 VALUE COUNT(1) FROM c'],
  ])('%s', async (query, ...expected) => {
    expect(await rows(source, query)).toEqual(expected);
    const objects = [...source.items.values()].map((item) => item.object);
    if (!query.includes('ORDER BY'))
      expect(evaluateOverResources({ query, parameters: [] }, objects, NO_ENVIRONMENT)).toEqual(expected);
  });

  test('parameters stand for values and for counts', async () => {
    const parameters = { '@n': 1, '@top': 2, '@list': ['3', '4'] };
    expect(await rows(source, 'SELECT c.id FROM c WHERE c.n = @n', { parameters })).toEqual(['{"id":"1"}']);
    expect(await rows(source, 'SELECT TOP @top c.id FROM c', { parameters })).toEqual([
      '{"id":"1"}',
      '{"id":"2"}',
    ]);
    expect(
      await rows(source, 'SELECT VALUE c.id FROM c WHERE ARRAY_CONTAINS(@list, c.id)', { parameters }),
    ).toEqual(['"3"', '"4"']);
    expect(await rows(source, 'SELECT c.id FROM c WHERE c.n = @missing', { parameters })).toEqual([]);
  });

  test('a window must be a count', async () => {
    for (const top of ['x', -1, 1.5, null]) {
      await expect(page(source, 'SELECT TOP @top * FROM c', { parameters: { '@top': top } })).rejects.toThrow(
        'SC2060',
      );
    }
  });

  test.each([
    ['SELECT * FROM c ORDER BY RANK RRF(c.a)', 'RRF takes two or more scores'],
    ['SELECT *', 'FROM clause is left out'],
    ['SELECT c.a, c.b AS a FROM c', "the name 'a'"],
    ['SELECT * FROM c WHERE COUNT(1) > 1', 'SC2101'],
    ['SELECT c.a, COUNT(1) FROM c', 'SC2102'],
    ['SELECT * FROM c ORDER BY c.a, c.b', 'does not have a corresponding composite index'],
    ['SELECT * FROM c ORDER BY 1', 'SC2206'],
    ['SELECT * FROM c ORDER BY c.a + 1', 'SC2206'],
    ['SELECT * FROM c ORDER BY c', 'SC2206'],
    ['SELECT * FROM c ORDER BY c._etag', 'excluded'],
    ['SELECT * FROM d WHERE c.a = 1', 'SC2001'],
  ])('%s is refused', async (query, message) => {
    await expect(async () => page(source, query)).rejects.toThrow(message);
  });
});

describe('full-text conditions', () => {
  const WORDS = ['red', 'bicycle', 'lake', 'mountain', 'the', 'of', 'swim'];
  const random = randomSource(99);
  const items = Array.from({ length: 2_000 }, (_, i) => ({
    id: String(i),
    pk: '0',
    ...(random(10) === 0 ? {} : { t: Array.from({ length: random(8) }, () => WORDS[random(7)]).join(' ') }),
    ...(i % 500 === 7 ? { rare: 'a single zebra' } : {}),
  }));
  const indexed = new ArraySource(items, {
    ...DEFAULT_POLICY,
    fullTextIndexes: [{ path: '/t' }, { path: '/rare' }],
  });
  const plain = new ArraySource(items, DEFAULT_POLICY);

  test.each([
    'FullTextContains(c.t, "lake")',
    'FullTextContains(c.t, "red bicycles")',
    'FullTextContains(c.t, "red the bicycle")',
    'FullTextContains(c.t, "the")',
    'FullTextContains(c.t, "whale")',
    'FullTextContainsAll(c.t, "lake", "red", "swimming")',
    'FullTextContainsAll(c.t, "lake", "the")',
    'FullTextContainsAny(c.t, "lake", "red bicycle")',
    'FullTextContainsAny(c.t, "the", "lake")',
    'FullTextContainsAny(c.t, "lake", 3)',
    'NOT FullTextContains(c.t, "lake")',
    'FullTextContains(c.t, "lake") AND c.id > "5"',
    'FullTextContains(c.t, "lake") OR FullTextContains(c.rare, "zebra")',
    'FullTextContains(c["t"], CONCAT("la", "ke"))',
  ])('%s gives the same rows with the index and without', async (condition) => {
    const query = `SELECT VALUE c.id FROM c WHERE ${condition}`;
    const expected = await values(plain, query);
    expect(await values(indexed, query)).toEqual(expected);
    expect(await values(indexed, query.replace('c.id', 'COUNT(1)'))).toEqual([expected.length]);
  });

  test('what is rare is found without reading the rest', async () => {
    indexed.loads = 0;
    expect(
      await values(indexed, 'SELECT VALUE c.id FROM c WHERE FullTextContains(c.rare, "zebras")'),
    ).toHaveLength(4);
    expect(indexed.loads).toBe(4);
    indexed.loads = 0;
    await values(indexed, 'SELECT VALUE COUNT(1) FROM c WHERE FullTextContains(c.t, "lake")');
    expect(indexed.loads).toBe(0);
  });
});
