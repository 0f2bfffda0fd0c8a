import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EnginePlanet, type EngineRegion } from '../../test/kit/engine-planet.ts';
import { DatabaseError } from '../errors/index.ts';
import type { FeedAnswer, FeedScope, QueryRequest } from './engine.ts';

const PATH = { database: 'd', container: 'c' };
const RANGES = 5;

let planet: EnginePlanet;
let a: EngineRegion;
let b: EngineRegion;

beforeEach(async () => {
  planet = await EnginePlanet.open();
  a = planet.region(0);
  b = planet.region(1);
  await planet.makeContainer({}, 25_000);
});
afterEach(() => planet.close());

async function fill(region: EngineRegion, count: number) {
  const rangeOf = new Map<string, string>();
  for (let n = 0; n < count; n++) {
    const id = `i${n}`;
    const body = Buffer.from(JSON.stringify({ id, pk: id, n }));
    const { rangeId } = await region.items.create({ path: PATH, partitionKey: [id], body });
    rangeOf.set(id, rangeId);
  }
  return rangeOf;
}

function idsOf(answer: FeedAnswer): string[] {
  return answer.rows.map((row) => JSON.parse(row.toString()).id as string);
}

/** All pages from here on. */
async function pages(ask: (continuation?: string) => Promise<FeedAnswer>): Promise<FeedAnswer[]> {
  const found: FeedAnswer[] = [];
  for (let continuation: string | undefined; ; ) {
    const page = await ask(continuation);
    found.push(page);
    continuation = page.continuation;
    if (continuation === undefined) return found;
  }
}

const listing =
  (region: EngineRegion, scope: Partial<FeedScope> = {}) =>
  (continuation?: string) =>
    region.items.list({ path: PATH, ...scope, ...(continuation === undefined ? {} : { continuation }) });

const querying =
  (region: EngineRegion, query: string, scope: Partial<QueryRequest> = {}) =>
  (continuation?: string) =>
    region.items.query({
      path: PATH,
      spec: { query, parameters: [] },
      ...scope,
      ...(continuation === undefined ? {} : { continuation }),
    });

async function refusal(answer: Promise<unknown>): Promise<unknown> {
  const error = await answer.then(
    () => 'no refusal',
    (reason: unknown) => reason,
  );
  if (!(error instanceof DatabaseError)) throw error;
  return [error.code, error.kind.status, 'substatus' in error.kind ? error.kind.substatus : 0];
}

describe('a list', () => {
  test('goes through the ranges in order, each in the order of insertion', async () => {
    const rangeOf = await fill(a, 40);
    const all = await listing(a)();
    const expected = [...rangeOf.keys()].sort(
      (x, y) => Number(rangeOf.get(x)) - Number(rangeOf.get(y)) || Number(x.slice(1)) - Number(y.slice(1)),
    );
    expect(idsOf(all)).toEqual(expected);
    expect(new Set(rangeOf.values()).size).toBe(RANGES);
  });

  test.each([1, 2, 3, 7, 40, 100])('has full pages of %i and shows each item once', async (itemCountMax) => {
    await fill(a, 40);
    const found = await pages(listing(a, { itemCountMax }));
    expect(new Set(found.flatMap(idsOf)).size).toBe(40);
    expect(found.flatMap(idsOf)).toHaveLength(40);
    for (const page of found.slice(0, -1)) expect(page.rows).toHaveLength(itemCountMax);
  });

  test('a page that fills up has a continuation, even when nothing is left', async () => {
    await fill(a, 4);
    const scope = { itemCountMax: 2 };
    expect((await pages(listing(a, scope))).map((page) => page.rows.length)).toEqual([2, 2, 0]);
    const inOne = { itemCountMax: 1, partitionKey: ['i0'] as const };
    expect((await pages(listing(a, inOne))).map((page) => page.rows.length)).toEqual([1, 0]);
  });

  test('a token goes on under another page size and in another region', async () => {
    await fill(a, 20);
    await b.pull(a);
    const first = await listing(a, { itemCountMax: 3 })();
    const rest = await pages((later) => listing(b, { itemCountMax: 8 })(later ?? first.continuation));
    expect([...idsOf(first), ...rest.flatMap(idsOf)]).toEqual(idsOf(await listing(a)()));
  });

  test('of an empty container is empty', async () => {
    expect(await listing(a)()).toMatchObject({ rows: [], continuation: undefined });
  });

  test('garbage is no continuation', async () => {
    for (const continuation of ['x', '9~', '0~garbage', '~', '0']) {
      expect(await refusal(listing(a)(continuation)), continuation).toEqual(['BadRequest', 400, 0]);
    }
  });
});

describe('scope', () => {
  test('a partition key confines to its items', async () => {
    await fill(a, 20);
    expect(idsOf(await listing(a, { partitionKey: ['i3'] })())).toEqual(['i3']);
    expect(idsOf(await listing(a, { partitionKey: ['none'] })())).toEqual([]);
  });

  test('a range confines to its items', async () => {
    const rangeOf = await fill(a, 30);
    for (const [, rangeId] of rangeOf) {
      const page = await listing(a, { rangeId })();
      expect(page.rangeId).toBe(rangeId);
      expect(idsOf(page)).toEqual([...rangeOf.keys()].filter((id) => rangeOf.get(id) === rangeId));
    }
  });

  test('a range that is none is gone', async () => {
    expect(await refusal(listing(a, { rangeId: '17' })())).toEqual(['PartitionKeyRangeGone', 410, 1002]);
  });

  test('parts of the key space put together are all of it', async () => {
    await fill(a, 30);
    const bounds = ['', '10', '33', '3F', '80', 'FF'];
    const ids: string[] = [];
    for (let at = 0; at + 1 < bounds.length; at++) {
      const epkRange = { min: bounds[at] ?? '', max: bounds[at + 1] ?? '' };
      ids.push(...(await pages(listing(a, { epkRange, itemCountMax: 4 }))).flatMap(idsOf));
    }
    expect(ids.sort()).toEqual(idsOf(await listing(a)()).sort());
  });

  test('a part outside of the range that is named holds nothing', async () => {
    await fill(a, 30);
    expect(idsOf(await listing(a, { rangeId: '0', epkRange: { min: 'F0', max: 'FF' } })())).toEqual([]);
    expect(idsOf(await listing(a, { epkRange: { min: '30', max: '30' } })())).toEqual([]);
  });
});

describe('a query', () => {
  test('filters over all ranges, in pages', async () => {
    await fill(a, 40);
    const found = await pages(querying(a, 'SELECT * FROM c WHERE c.n >= 10', { itemCountMax: 4 }));
    expect(found.flatMap(idsOf).length).toBe(30);
    expect(new Set(found.flatMap(idsOf)).size).toBe(30);
  });

  test('that spans ranges is left to the client, with the plan', async () => {
    for (const query of [
      'SELECT * FROM c ORDER BY c.n',
      'SELECT TOP 3 * FROM c',
      'SELECT VALUE COUNT(1) FROM c',
      'SELECT * FROM c OFFSET 1 LIMIT 2',
    ]) {
      const error: unknown = await querying(a, query)().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'CrossPartitionQueryNotServable' });
      expect(JSON.parse((error as DatabaseError).additionalInfo ?? '')).toHaveProperty('queryInfo');
    }
  });

  test('that is to stay in one partition key does', async () => {
    await fill(a, 30);
    const refused = 'Cross partition query is required but disabled';
    for (const query of [
      'SELECT * FROM c',
      'SELECT * FROM c WHERE c.id > "x"',
      'SELECT VALUE COUNT(1) FROM c',
    ])
      await expect(querying(a, query, { staysInOneKey: true })()).rejects.toThrow(refused);
    for (const [query, scope] of [
      ['SELECT * FROM c WHERE c.pk = "i7"', {}],
      ['SELECT * FROM c', { partitionKey: ['i7'] }],
    ] as const)
      expect(idsOf(await querying(a, query, { ...scope, staysInOneKey: true })())).toEqual(['i7']);
    expect(idsOf(await querying(a, 'SELECT * FROM c WHERE false', { staysInOneKey: true })())).toEqual([]);
    await querying(a, 'SELECT * FROM c', { rangeId: '0', staysInOneKey: true })();
  });

  test('that ranks is answered within one key, and left to the client elsewhere', async () => {
    await fill(a, 10);
    const query = 'SELECT c.id FROM c ORDER BY RANK FullTextScore(c.id, "i7")';
    expect(idsOf(await querying(a, query, { partitionKey: ['i7'] })())).toEqual(['i7']);
    for (const scope of [{}, { rangeId: '0' }])
      expect(await refusal(querying(a, query, scope)())).toEqual([
        'CrossPartitionQueryNotServable',
        400,
        1004,
      ]);
  });

  test('within one range or one key anything goes', async () => {
    const rangeOf = await fill(a, 30);
    const rangeId = rangeOf.get('i0') ?? '';
    const mine = [...rangeOf.keys()].filter((id) => rangeOf.get(id) === rangeId);
    const count = await querying(a, 'SELECT VALUE COUNT(1) FROM c', { rangeId })();
    expect(count.rows.map(String)).toEqual([String(mine.length)]);
    const ordered = await querying(a, 'SELECT * FROM c ORDER BY c.n DESC', { rangeId })();
    expect(idsOf(ordered)).toEqual([...mine].reverse());
    const top = await querying(a, 'SELECT TOP 1 * FROM c', { partitionKey: ['i7'] })();
    expect(idsOf(top)).toEqual(['i7']);
  });

  test('charges add up over the pages', async () => {
    await fill(a, 40);
    const whole = await querying(a, 'SELECT * FROM c', { itemCountMax: 100 })();
    const again = await querying(a, 'SELECT * FROM c', { itemCountMax: 100 })();
    expect(again.charge).toBe(whole.charge);
    expect(whole.charge).toBeGreaterThan(2);
  });

  test('metrics are given to whoever asks for them', async () => {
    await fill(a, 5);
    const answer = await querying(a, 'SELECT * FROM c WHERE c.n = 3', { wantMetrics: true })();
    expect(answer.metrics).toMatchObject({ outputCount: 1, retrievedCount: 1, indexHitRatio: 1 });
    expect(answer.metrics?.explanation).toMatchObject({
      plan: { operator: 'index', path: '/n/?', values: '3', isExact: true },
      usedIndexes: ['/n/?'],
      missingIndexes: [],
    });
    const found = answer.metrics?.explanation?.steps.map(({ kind, entries }) => [kind, entries]);
    expect(found).toEqual([
      ['index scan', 1],
      ['item load', 1],
    ]);
    expect((await querying(a, 'SELECT * FROM c')()).metrics).toBeUndefined();
  });

  test('indexes that are missing are named as policies write them', async () => {
    const near = 'ST_DISTANCE(c.at, {type: "Point", coordinates: [0, 0]}) < 5';
    const query = `SELECT * FROM c WHERE ${near} AND FullTextContains(c["a b"].text, "x")`;
    const { metrics } = await querying(a, query, { wantMetrics: true })();
    expect(metrics?.explanation).toMatchObject({ usedIndexes: [], missingIndexes: ['/"a b"/text', '/at/*'] });
  });

  test('bad SQL, a stronger level, a missing container', async () => {
    expect(await refusal(querying(a, 'SELEC')())).toEqual(['BadRequest', 400, 0]);
    const strong = { consistency: 'Strong' } as const;
    expect(await refusal(querying(a, 'SELECT * FROM c', strong)())).toEqual(['BadRequest', 400, 0]);
    const path = { database: 'd', container: 'x' };
    expect(await refusal(querying(a, 'SELECT * FROM c', { path })())).toEqual(['OwnerNotFound', 404, 1003]);
  });
});

describe('session tokens', () => {
  /** The tokens of all ranges, as a client keeps them. */
  async function tokens(region: EngineRegion): Promise<string> {
    return (await listing(region)()).sessionToken;
  }

  test('an answer tells the positions of all ranges that it shows', async () => {
    await fill(a, 30);
    const ranges = (await tokens(a)).split(',').map((token) => token.split(':')[0]);
    expect(ranges).toEqual(['0', '1', '2', '3', '4']);
  });

  test('every range is as new as its token, not only the first', async () => {
    await fill(a, 30);
    await b.pull(a);
    // Something new in the last range only, of which B has not heard.
    const inLast = await lastOfRange(String(RANGES - 1));
    const body = Buffer.from(JSON.stringify({ id: inLast, pk: inLast, n: -1 }));
    await a.items.upsert({ path: PATH, partitionKey: [inLast], body });
    const sessionToken = await tokens(a);
    const found = await pages(querying(b, 'SELECT * FROM c', { sessionToken }));
    const rows = found.flatMap((page) => page.rows.map((row) => JSON.parse(row.toString())));
    expect(rows.find((row) => row.id === inLast)).toMatchObject({ n: -1 });
    expect(rows).toHaveLength(30);
  });

  async function lastOfRange(rangeId: string): Promise<string> {
    return idsOf(await listing(a, { rangeId })()).at(-1) ?? '';
  }

  test('404/1002 when nobody is as new', async () => {
    await a.deafen();
    const sessionToken = '0:1#9#1=9#2=0';
    const refused = ['ReadSessionNotAvailable', 404, 1002];
    expect(await refusal(querying(b, 'SELECT * FROM c', { sessionToken })())).toEqual(refused);
    expect(await refusal(listing(b, { sessionToken })())).toEqual(refused);
  });
});

describe('deleting a logical partition', () => {
  test('takes all its items and no other', async () => {
    await fill(a, 10);
    for (let n = 0; n < 250; n++) {
      const body = Buffer.from(JSON.stringify({ id: `x${n}`, pk: 'many' }));
      await a.items.create({ path: PATH, partitionKey: ['many'], body });
    }
    const answer = await a.items.deletePartitionKey({ path: PATH, partitionKey: ['many'] });
    expect(answer.charge).toBeGreaterThan(250);
    expect(idsOf(await listing(a, { itemCountMax: 1000 })()).sort()).toEqual(
      Array.from({ length: 10 }, (_, n) => `i${n}`).sort(),
    );
  });

  test('asks what every write asks', async () => {
    const del = (scope: Partial<FeedScope>) => a.items.deletePartitionKey({ path: PATH, ...scope });
    expect(await refusal(del({}))).toEqual(['BadRequest', 400, 0]);
    const partitionKey = ['p'];
    expect(await refusal(del({ partitionKey, consistency: 'Strong' }))).toEqual(['BadRequest', 400, 0]);
    const other = { partitionKey, intendedContainerRid: 'other' };
    expect(await refusal(del(other))).toEqual(['IntendedContainerMismatch', 400, 1024]);
  });
});

describe('items that stay out of the index', () => {
  test('are listed and not found, in every region, until a write puts them in', async () => {
    const body = (id: string) => Buffer.from(JSON.stringify({ id, pk: 'p', n: 1 }));
    const target = { path: PATH, partitionKey: ['p'] };
    await a.items.create({ ...target, body: body('in') });
    await a.items.create({ ...target, body: body('out'), indexing: 'Exclude' });
    const query = 'SELECT * FROM c WHERE c.n = 1';
    const scope = { partitionKey: ['p'] };
    const seen = async (region: EngineRegion) => ({
      listed: (await pages(listing(region, scope))).flatMap(idsOf),
      found: (await pages(querying(region, query, scope))).flatMap(idsOf),
    });
    expect(await seen(a)).toEqual({ listed: ['in', 'out'], found: ['in'] });
    await b.pull(a);
    expect(await seen(b)).toEqual({ listed: ['in', 'out'], found: ['in'] });
    const set = Buffer.from(JSON.stringify({ operations: [{ op: 'set', path: '/m', value: 1 }] }));
    await a.items.patch({ ...target, id: 'out' }, set);
    expect((await seen(a)).found).toEqual(['in', 'out']);
  });
});
