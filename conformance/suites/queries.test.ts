import type { Container, FeedOptions, SqlParameter } from '@azure/cosmos';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, refusal, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

interface Row {
  readonly id: string;
  readonly pk: string;
  readonly n: number;
  readonly color: string;
  readonly address: { readonly city: string; readonly zip?: string };
  readonly tags: readonly string[];
  readonly score?: number | null;
}

const COLORS = ['red', 'green', 'blue', 'Grün'];

/** 120 rows under 24 keys: enough for each of five ranges to hold some. `n` is distinct and scattered. */
const ROWS: readonly Row[] = Array.from({ length: 120 }, (_, index) => ({
  id: `row-${index}`,
  pk: `key-${index % 24}`,
  n: (index * 37) % 120,
  color: COLORS[index % 4] ?? '',
  address: { city: `city ${index % 7}`, ...(index % 2 === 0 ? { zip: String(index) } : {}) },
  tags: index % 3 === 0 ? ['x', `t${index % 5}`] : [],
  ...(index % 5 === 0 ? { score: index % 10 === 0 ? null : index } : {}),
}));

const server = TestedServer.during();

function ids(rows: readonly { id: string }[]): string[] {
  return rows.map((row) => row.id).sort();
}

function byN(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => a.n - b.n);
}

describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  let container: Container;

  beforeAll(async () => {
    const database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
    container = await makeContainer(database, { throughput: 25_000 });
    await Promise.all(ROWS.map((row) => container.items.create(row)));
  });

  test('the rows lie in several physical partitions', async () => {
    const { resources } = await container.readPartitionKeyRanges().fetchAll();
    expect(resources).toHaveLength(5);
    const used = new Set<unknown>();
    for (const { id, pk } of ROWS.slice(0, 24)) {
      used.add((await container.item(id, pk).read()).headers['x-ms-documentdb-partitionkeyrangeid']);
    }
    expect(used.size).toBe(5);
  });

  // The server may answer across partitions by itself, or leave it to the client's pipeline and its plan:
  // both ways must give the same rows.
  describe.each<[string, FeedOptions]>([
    ['as the client likes', {}],
    ['by plan', { forceQueryPlan: true }],
    ['by plan, in small pages', { forceQueryPlan: true, maxItemCount: 7 }],
    ['in small pages', { maxItemCount: 7 }],
  ])('%s', (_, options) => {
    async function run(query: string, parameters: SqlParameter[] = []): Promise<unknown[]> {
      return (await container.items.query({ query, parameters }, options).fetchAll()).resources;
    }

    test('everything, once', async () => {
      const rows = (await run('SELECT * FROM c')) as Row[];
      expect(ids(rows)).toEqual(ids(ROWS));
      const expected = ROWS.find((row) => row.id === rows[0]?.id);
      expect(rows[0]).toMatchObject({ ...expected });
    });

    test.each<[string, (row: Row) => boolean]>([
      ['c.n > 100', (row) => row.n > 100],
      ['c.n >= 10 AND c.n < 20', (row) => row.n >= 10 && row.n < 20],
      ['c.n BETWEEN 10 AND 20', (row) => row.n >= 10 && row.n <= 20],
      ["c.color = 'Grün'", (row) => row.color === 'Grün'],
      ["c.color != 'red'", (row) => row.color !== 'red'],
      ["NOT (c.color = 'red' OR c.n > 60)", (row) => !(row.color === 'red' || row.n > 60)],
      ["c.color IN ('red', 'blue') AND c.n < 50", (row) => ['red', 'blue'].includes(row.color) && row.n < 50],
      ["c.address.city = 'city 3'", (row) => row.address.city === 'city 3'],
      ["c['address']['zip'] = '4'", (row) => row.address.zip === '4'],
      ['IS_DEFINED(c.address.zip)', (row) => row.address.zip !== undefined],
      ['NOT IS_DEFINED(c.score)', (row) => row.score === undefined],
      ['c.score = null', (row) => row.score === null],
      ['IS_NULL(c.score)', (row) => row.score === null],
      ['c.score > 50', (row) => typeof row.score === 'number' && row.score > 50],
      ["STARTSWITH(c.color, 'gr')", (row) => row.color.startsWith('gr')],
      ["CONTAINS(c.address.city, '5')", (row) => row.address.city.includes('5')],
      ["c.address.city LIKE '%y 2'", (row) => row.address.city.endsWith('y 2')],
      ["ARRAY_CONTAINS(c.tags, 'x')", (row) => row.tags.includes('x')],
      ['ARRAY_LENGTH(c.tags) = 0', (row) => row.tags.length === 0],
      ["c.tags[1] = 't3'", (row) => row.tags[1] === 't3'],
      ['c.n % 10 = 3', (row) => row.n % 10 === 3],
      ['c.n * 2 + 1 = 41', (row) => row.n * 2 + 1 === 41],
      ["c.pk = 'key-7'", (row) => row.pk === 'key-7'],
      ["c.pk IN ('key-7', 'key-8', 'nobody')", (row) => ['key-7', 'key-8'].includes(row.pk)],
      ["c.id = 'row-17'", (row) => row.id === 'row-17'],
      ["c.n = '5'", () => false],
      ['false', () => false],
    ])('WHERE %s', async (condition, holds) => {
      const rows = (await run(`SELECT * FROM c WHERE ${condition}`)) as Row[];
      expect(ids(rows)).toEqual(ids(ROWS.filter(holds)));
    });

    test('parameters of every type', async () => {
      const parameters = [
        { name: '@color', value: 'green' },
        { name: '@n', value: 90 },
        { name: '@null', value: null },
        { name: '@tags', value: ['x', 't0'] },
      ];
      const low = await run('SELECT VALUE c.id FROM c WHERE c.color = @color AND c.n > @n', parameters);
      expect(low.sort()).toEqual(ids(ROWS.filter((row) => row.color === 'green' && row.n > 90)));
      const empty = await run('SELECT * FROM c WHERE c.score = @null', parameters);
      expect(empty).toHaveLength(ROWS.filter((row) => row.score === null).length);
      const tagged = await run('SELECT * FROM c WHERE c.tags = @tags', parameters);
      expect(tagged).toHaveLength(ROWS.filter((row) => row.tags[1] === 't0').length);
    });

    test('projections', async () => {
      const where = "WHERE c.id = 'row-15'";
      expect(await run(`SELECT c.n, c.address.city AS town FROM c ${where}`)).toEqual([
        { n: 75, town: 'city 1' },
      ]);
      expect(await run(`SELECT VALUE c.tags FROM c ${where}`)).toEqual([['x', 't0']]);
      expect(await run(`SELECT VALUE { a: c.n, "b": [c.id, 1] } FROM c ${where}`)).toEqual([
        { a: 75, b: ['row-15', 1] },
      ]);
      expect(await run(`SELECT c.missing, c.id FROM c ${where}`)).toEqual([{ id: 'row-15' }]);
      expect(await run(`SELECT VALUE c.missing FROM c ${where}`)).toEqual([]);
      expect(await run(`SELECT UPPER(c.color) AS loud, c.n + 1 AS next FROM c ${where}`)).toEqual([
        { loud: 'GRÜN', next: 76 },
      ]);
    });

    test('ORDER BY, both ways', async () => {
      const sorted = byN(ROWS).map((row) => row.n);
      expect(await run('SELECT VALUE c.n FROM c ORDER BY c.n')).toEqual(sorted);
      expect(await run('SELECT VALUE c.n FROM c ORDER BY c.n ASC')).toEqual(sorted);
      expect(await run('SELECT VALUE c.n FROM c ORDER BY c.n DESC')).toEqual(sorted.toReversed());
    });

    test('ORDER BY with a filter, whole rows and projected ones', async () => {
      const red = byN(ROWS.filter((row) => row.color === 'red'));
      const rows = (await run("SELECT * FROM c WHERE c.color = 'red' ORDER BY c.n DESC")) as Row[];
      expect(rows.map((row) => row.id)).toEqual(red.toReversed().map((row) => row.id));
      const pairs = await run("SELECT c.id, c.n FROM c WHERE c.color = 'red' ORDER BY c.n");
      expect(pairs).toEqual(red.map(({ id, n }) => ({ id, n })));
    });

    test('ORDER BY text', async () => {
      const names = ROWS.map((row) => row.id).sort();
      expect(await run('SELECT VALUE c.id FROM c ORDER BY c.id')).toEqual(names);
    });

    test('TOP and OFFSET LIMIT cut the sorted rows', async () => {
      const sorted = byN(ROWS).map((row) => row.n);
      expect(await run('SELECT TOP 5 VALUE c.n FROM c ORDER BY c.n')).toEqual(sorted.slice(0, 5));
      expect(await run('SELECT TOP 5 VALUE c.n FROM c ORDER BY c.n DESC')).toEqual(
        sorted.toReversed().slice(0, 5),
      );
      expect(await run('SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 15 LIMIT 10')).toEqual(
        sorted.slice(15, 25),
      );
      expect(await run('SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 115 LIMIT 10')).toEqual(
        sorted.slice(115),
      );
      expect(await run('SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 500 LIMIT 10')).toEqual([]);
      expect(await run('SELECT TOP 9 * FROM c')).toHaveLength(9);
      expect(await run('SELECT * FROM c OFFSET 3 LIMIT 11')).toHaveLength(11);
    });

    test('COUNT', async () => {
      expect(await run('SELECT VALUE COUNT(1) FROM c')).toEqual([120]);
      expect(await run("SELECT VALUE COUNT(1) FROM c WHERE c.color = 'red'")).toEqual([30]);
      expect(await run('SELECT VALUE COUNT(c.score) FROM c')).toEqual([24]);
      expect(await run("SELECT VALUE COUNT(1) FROM c WHERE c.color = 'nobody'")).toEqual([0]);
    });
  });

  describe('one logical partition', () => {
    const options = { partitionKey: 'key-3' };
    const own = ROWS.filter((row) => row.pk === 'key-3');

    test('a query with its key sees nothing else', async () => {
      const { resources } = await container.items.query('SELECT * FROM c', options).fetchAll();
      expect(ids(resources)).toEqual(ids(own));
      const counted = await container.items.query('SELECT VALUE COUNT(1) FROM c', options).fetchAll();
      expect(counted.resources).toEqual([own.length]);
      const sorted = await container.items
        .query('SELECT VALUE c.n FROM c ORDER BY c.n DESC', options)
        .fetchAll();
      expect(sorted.resources).toEqual(
        byN(own)
          .map((row) => row.n)
          .reverse(),
      );
    });

    test('a list with its key sees nothing else', async () => {
      const { resources } = await container.items.readAll(options).fetchAll();
      expect(ids(resources as unknown as Row[])).toEqual(ids(own));
    });
  });

  describe('pages', () => {
    let four: Container;

    beforeAll(async () => {
      four = await makeContainer(container.database);
      for (const id of ['a', 'b', 'c', 'd']) await four.items.create({ id, pk: 'p' });
    });

    async function pages(query: string, options: FeedOptions): Promise<string[][]> {
      const found: string[][] = [];
      const iterator = four.items.query<{ id: string }>(query, options);
      while (iterator.hasMoreResults()) {
        const { resources } = await iterator.fetchNext();
        found.push((resources ?? []).map((row) => row.id));
        if (found.length > 20) throw new Error('paging does not end');
      }
      return found;
    }

    test('a page that fills up has a continuation, even when nothing is left', async () => {
      const options = { partitionKey: 'p', maxItemCount: 2 };
      expect(await pages('SELECT * FROM c', options)).toEqual([['a', 'b'], ['c', 'd'], []]);
      expect(await pages('SELECT * FROM c', { ...options, maxItemCount: 3 })).toEqual([
        ['a', 'b', 'c'],
        ['d'],
      ]);
      expect(await pages('SELECT * FROM c', { ...options, maxItemCount: 5 })).toEqual([['a', 'b', 'c', 'd']]);
    });

    test('a continuation works on another client and with another page size', async () => {
      const query = 'SELECT * FROM c';
      const first = await four.items.query(query, { partitionKey: 'p', maxItemCount: 1 }).fetchNext();
      expect(first.resources).toHaveLength(1);
      const { continuationToken } = first;
      expect(Buffer.byteLength(String(continuationToken))).toBeLessThanOrEqual(1024);
      const other = connect(sdk, { endpoint: server.endpoint }).database(four.database.id).container(four.id);
      const rest = other.items.query<{ id: string }>(query, {
        partitionKey: 'p',
        maxItemCount: 10,
        continuationToken,
      });
      expect((await rest.fetchNext()).resources.map((row) => row.id)).toEqual(['b', 'c', 'd']);
    });

    test('rows inserted and removed between pages neither repeat nor hide others', async () => {
      const changing = await makeContainer(container.database);
      for (const id of ['1', '2', '3', '4']) await changing.items.create({ id, pk: 'p' });
      const iterator = changing.items.query<{ id: string }>('SELECT * FROM c', {
        partitionKey: 'p',
        maxItemCount: 2,
      });
      const seen = (await iterator.fetchNext()).resources.map((row) => row.id);
      await changing.item('2', 'p').delete();
      await changing.items.create({ id: '5', pk: 'p' });
      while (iterator.hasMoreResults()) {
        seen.push(...((await iterator.fetchNext()).resources ?? []).map((row) => row.id));
      }
      expect(seen).toEqual(['1', '2', '3', '4', '5']);
    });

    test('a continuation that nobody gave is refused', async () => {
      const query = four.items.query('SELECT * FROM c', { partitionKey: 'p', continuationToken: 'garbage' });
      const { code, message } = await refusal(query.fetchNext());
      expect(code).toBe(400);
      expect(message).toContain('Invalid Continuation Token');
    });

    test('sorted pages follow each other', async () => {
      const iterator = container.items.query<number>('SELECT VALUE c.n FROM c ORDER BY c.n', {
        maxItemCount: 11,
      });
      const seen: number[] = [];
      while (iterator.hasMoreResults()) seen.push(...((await iterator.fetchNext()).resources ?? []));
      expect(seen).toEqual(byN(ROWS).map((row) => row.n));
    });
  });

  test.each([
    'SELEC * FROM c',
    'SELECT * FROM c WHERE',
    "SELECT * FROM c WHERE c.a = 'open",
    'SELECT * FROM c WHERE NO_SUCH_FUNCTION(c.a)',
    'SELECT * FROM c ORDER BY',
    'SELECT * FROM c WHERE x.a = 1',
    'SELECT TOP -1 * FROM c',
  ])('%j is refused with 400', async (query) => {
    const call = container.items.query(query, { partitionKey: 'key-3' }).fetchAll();
    expect(await refusal(call)).toMatchObject({ code: 400 });
  });

  test('a query sees its own writes at once', async () => {
    const query = 'SELECT VALUE c.v FROM c WHERE c.kind = "fresh" ORDER BY c.v';
    for (let v = 0; v < 20; v++) {
      await container.items.create({ id: `fresh-${v}`, pk: `fresh-${v % 4}`, kind: 'fresh', v });
      const { resources } = await container.items.query<number>(query).fetchAll();
      expect(resources).toEqual(Array.from({ length: v + 1 }, (_, index) => index));
    }
    for (let v = 0; v < 20; v++) await container.item(`fresh-${v}`, `fresh-${v % 4}`).delete();
    expect((await container.items.query(query).fetchAll()).resources).toEqual([]);
  });
});
