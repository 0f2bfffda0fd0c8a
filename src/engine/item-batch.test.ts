import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EnginePlanet, type EngineRegion } from '../../test/kit/engine-planet.ts';
import type { JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { BatchAnswer, BatchOperation, ItemAnswer } from './engine.ts';

const PATH = { database: 'd', container: 'c' };

let planet: EnginePlanet;
let a: EngineRegion;
let b: EngineRegion;

beforeEach(async () => {
  planet = await EnginePlanet.open();
  a = planet.region(0);
  b = planet.region(1);
  await planet.makeContainer();
});
afterEach(() => planet.close());

const text = (item: JsonObject) => Buffer.from(JSON.stringify(item));

function run(...operations: BatchOperation[]): Promise<BatchAnswer> {
  return a.items.batch({ path: PATH, partitionKey: ['p'], operations });
}

function create(id: string, more: JsonObject = {}): BatchOperation {
  return { kind: 'create', body: text({ id, pk: 'p', ...more }) };
}

function statuses({ results }: BatchAnswer): unknown[] {
  return results.map((result) => {
    if (result === 'failed dependency') return 424;
    return 'error' in result ? result.error.code : result.status;
  });
}

async function read(region: EngineRegion, id: string): Promise<JsonObject | undefined> {
  try {
    const answer: ItemAnswer = await region.items.read({ path: PATH, id, partitionKey: ['p'] });
    return JSON.parse(answer.body?.toString() ?? '{}');
  } catch (error) {
    if (error instanceof DatabaseError && error.code === 'NotFound') return undefined;
    throw error;
  }
}

describe('a batch', () => {
  test('does all its operations, each seeing those before it, at one position', async () => {
    await run(create('old', { v: 1 }));
    const before = await read(a, 'old');
    const answer = await run(
      create('x', { n: 1 }),
      { kind: 'patch', id: 'x', body: text({ operations: [{ op: 'incr', path: '/n', value: 4 }] }) },
      { kind: 'read', id: 'x' },
      { kind: 'upsert', body: text({ id: 'y', pk: 'p' }) },
      {
        kind: 'replace',
        id: 'old',
        body: text({ id: 'old', pk: 'p', v: 2 }),
        ifMatch: String(before?._etag),
      },
      { kind: 'delete', id: 'y' },
      create('y', { again: true }),
      { kind: 'read', id: 'old', ifNoneMatch: '*' },
    );
    expect(statuses(answer)).toEqual([201, 200, 200, 201, 200, 204, 201, 304]);
    expect(answer).toMatchObject({ isCommitted: true, lsn: 2, sessionToken: '0:1#2#1=2#2=0' });
    expect(answer.charge).toBeGreaterThan(30);
    const seen = answer.results[2];
    expect(typeof seen === 'object' && 'body' in seen && JSON.parse(String(seen.body))).toMatchObject({
      n: 5,
    });
    expect(await read(a, 'y')).toMatchObject({ again: true });
    const stored = await read(a, 'x');
    expect(stored).toMatchObject({ n: 5 });
    expect(answer.results[1], 'the etag that was told is the one that is stored').toMatchObject({
      etag: stored?._etag,
    });
    expect(new Set(['x', 'y', 'old']).size).toBe(3);
    await b.pull(a);
    for (const id of ['x', 'y', 'old']) expect(await read(b, id), id).toEqual(await read(a, id));
  });

  test.each<[string, BatchOperation, string]>([
    ['a create of what is there', create('there'), 'Conflict'],
    ['a create of what it created', create('new'), 'Conflict'],
    ['a wrong etag', { kind: 'delete', id: 'there', ifMatch: '"x"' }, 'PreconditionFailed'],
    ['a replace of nothing', { kind: 'replace', id: 'no', body: text({ id: 'no', pk: 'p' }) }, 'NotFound'],
    ['a read of nothing', { kind: 'read', id: 'no' }, 'NotFound'],
    ['a read of what it deleted', { kind: 'read', id: 'gone' }, 'NotFound'],
    [
      'a patch that does not fit',
      { kind: 'patch', id: 'there', body: text({ operations: [] }) },
      'BadRequest',
    ],
    ['an item that is none', { kind: 'create', body: Buffer.from('{"pk":"p"}') }, 'BadRequest'],
  ])('with %s leaves nothing behind', async (_, operation, code) => {
    await run(create('there'), create('gone'));
    const answer = await run(create('new'), { kind: 'delete', id: 'gone' }, operation, create('later'));
    expect(answer.isCommitted).toBe(false);
    expect(statuses(answer)).toEqual([424, 424, code, 424]);
    expect(answer.lsn, 'no entry').toBe(1);
    expect(await read(a, 'new')).toBeUndefined();
    expect(await read(a, 'gone')).toBeDefined();
  });

  test('keeps to one partition key', async () => {
    const other: BatchOperation = { kind: 'create', body: text({ id: 'x', pk: 'q' }) };
    await expect(run(create('y'), other)).rejects.toMatchObject({
      code: 'BadRequest',
      message: expect.stringContaining('different partition key value'),
    });
    expect(await read(a, 'y')).toBeUndefined();
  });

  test('shows nothing older than its session token, also where the only writer lost what that names', async () => {
    await planet.close();
    planet = await EnginePlanet.open({ multipleWriteRegions: false });
    a = planet.region(0);
    await planet.makeContainer();
    const { sessionToken } = await run(create('x'));
    const batch = { path: PATH, partitionKey: ['p'], operations: [create('y')] };
    const lost = a.items.batch({ ...batch, sessionToken: '0:1#9#1=9#2=0' });
    await expect(lost).rejects.toMatchObject({ code: 'ReadSessionNotAvailable' });
    expect((await a.items.batch({ ...batch, sessionToken })).isCommitted).toBe(true);
    const body = text({ id: 'z', pk: 'p' });
    const alone = a.items.create({ path: PATH, partitionKey: ['p'], body, sessionToken: '0:1#9#1=9#2=0' });
    expect((await alone).status, 'a write shows nothing').toBe(201);
  });

  test('is never seen in part: not by a query, not in another region, not before it is durable', async () => {
    await run(...['1', '2', '3'].map((id) => create(id, { round: 0 })));
    await b.pull(a);
    const rounds = async (region: EngineRegion) => {
      const spec = { query: 'SELECT VALUE c.round FROM c', parameters: [] };
      const { rows } = await region.items.query({ path: PATH, partitionKey: ['p'], spec });
      return new Set(rows.map(String));
    };
    let isBusy = true;
    const writer = (async () => {
      for (let round = 1; round <= 30; round++) {
        await run(
          ...['1', '2', '3'].map((id): BatchOperation => {
            return { kind: 'upsert', body: text({ id, pk: 'p', round }) };
          }),
        );
        await b.pull(a);
      }
      isBusy = false;
    })();
    let looks = 0;
    while (isBusy) {
      expect((await rounds(a)).size).toBe(1);
      expect((await rounds(b)).size).toBe(1);
      looks++;
    }
    await writer;
    expect(looks).toBeGreaterThan(3);
    expect(await rounds(b)).toEqual(new Set(['30']));
  });
});
