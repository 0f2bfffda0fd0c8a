import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EnginePlanet, type EngineRegion } from '../../test/kit/engine-planet.ts';
import type { Json, JsonObject } from '../base/index.ts';
import type { BatchOperation, ItemAnswer } from './engine.ts';

const PATH = { database: 'd', container: 'c' };
const UNIQUE = { uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/mail'] }, { paths: ['/first', '/last'] }] } };
const VIOLATION = expect.objectContaining({
  code: 'Conflict',
  message: 'Unique index constraint violation.',
});
const NOT_FOUND = expect.objectContaining({ code: 'NotFound' });

let planet: EnginePlanet;
let west: EngineRegion;
let east: EngineRegion;

beforeEach(async () => {
  planet = await EnginePlanet.open();
  [west, east] = [planet.region(0), planet.region(1)];
});

afterEach(async () => {
  expect([...west.failures, ...east.failures]).toEqual([]);
  await planet.close();
});

/** An item whose names differ from all others' unless given. */
const person = (id: string, more: JsonObject = {}): JsonObject => ({ id, pk: 'p', first: id, ...more });
const bytes = (value: Json) => Buffer.from(JSON.stringify(value));
const target = (id: string, partitionKey = 'p') => ({ path: PATH, id, partitionKey: [partitionKey] });

const create = (region: EngineRegion, item: JsonObject) =>
  region.items.create({ path: PATH, partitionKey: [String(item.pk)], body: bytes(item) });
const upsert = (region: EngineRegion, item: JsonObject) =>
  region.items.upsert({ path: PATH, partitionKey: [String(item.pk)], body: bytes(item) });
const replace = (region: EngineRegion, item: JsonObject) =>
  region.items.replace(target(String(item.id)), bytes(item));
const patch = (region: EngineRegion, id: string, operations: Json) =>
  region.items.patch(target(id), bytes({ operations }));
const batch = async (region: EngineRegion, ...operations: BatchOperation[]) => {
  const { results } = await region.items.batch({ path: PATH, partitionKey: ['p'], operations });
  return results.map((result) => {
    if (result === 'failed dependency') return result;
    return 'error' in result ? `${result.error.code}: ${result.error.message}` : result.status;
  });
};

async function read(region: EngineRegion, id: string): Promise<JsonObject> {
  const answer = (await region.items.read(target(id))) as ItemAnswer;
  return JSON.parse(String(answer.body)) as JsonObject;
}

/** Ids that a query finds, and a list. */
async function found(region: EngineRegion): Promise<unknown[]> {
  const spec = { query: 'SELECT VALUE c.id FROM c ORDER BY c.id', parameters: [] };
  const { rows } = await region.items.query({ path: PATH, partitionKey: ['p'], spec });
  const listed = await region.items.list({ path: PATH, partitionKey: ['p'] });
  const ids = rows.map((row) => JSON.parse(String(row)) as unknown);
  expect(listed.rows.map((row) => (JSON.parse(String(row)) as JsonObject).id).sort()).toEqual(ids);
  return ids;
}

async function meet(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await west.pull(east);
    await east.pull(west);
  }
}

describe('one region', () => {
  beforeEach(() => planet.makeContainer(UNIQUE));

  test('shows the policy, keeps it when it is not named, and refuses another', async () => {
    const { resources } = west.engine;
    const body = resources.readContainer(PATH);
    expect(body).toMatchObject(UNIQUE);
    const { uniqueKeyPolicy, ...rest } = body;
    expect(await resources.replaceContainer(PATH, rest)).toMatchObject({ uniqueKeyPolicy });
    const other = { ...rest, uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/mail'] }] } };
    await expect(resources.replaceContainer(PATH, other)).rejects.toThrow('unique index cannot be modified');
  });

  test('refuses a second item with a value, whatever writes it', async () => {
    await create(west, person('a', { mail: 'm' }));
    await create(west, person('b', { mail: 'n' }));
    await expect(create(west, person('c', { mail: 'm' }))).rejects.toThrow(VIOLATION);
    await expect(upsert(west, person('c', { mail: 'm' }))).rejects.toThrow(VIOLATION);
    await expect(upsert(west, person('b', { mail: 'm' }))).rejects.toThrow(VIOLATION);
    await expect(replace(west, person('b', { mail: 'm' }))).rejects.toThrow(VIOLATION);
    await expect(patch(west, 'b', [{ op: 'set', path: '/mail', value: 'm' }])).rejects.toThrow(VIOLATION);
    expect(await read(west, 'b')).toMatchObject({ mail: 'n' });
    expect(await found(west)).toEqual(['a', 'b']);
  });

  test('lets an item keep its own value, and others have it once it is free', async () => {
    await create(west, person('a', { mail: 'm' }));
    await replace(west, person('a', { mail: 'm', age: 3 }));
    await patch(west, 'a', [{ op: 'set', path: '/mail', value: 'other' }]);
    await create(west, person('b', { mail: 'm' }));
    await west.items.delete(target('b'));
    await create(west, person('c', { mail: 'm' }));
    expect(await found(west)).toEqual(['a', 'c']);
  });

  test('counts all paths of a key together, a missing value as null, and each partition key for itself', async () => {
    await create(west, { id: 'a', pk: 'p', mail: 1, first: 'x', last: 'y' });
    await create(west, { id: 'b', pk: 'p', mail: 2, first: 'x' });
    await create(west, { id: 'c', pk: 'p', first: 'x', last: 'z' });
    await expect(create(west, { id: 'd', pk: 'p', mail: null, first: 'q' })).rejects.toThrow(VIOLATION);
    await expect(create(west, { id: 'd', pk: 'p', mail: 3, first: 'x', last: null })).rejects.toThrow(
      VIOLATION,
    );
    await create(west, { id: 'a', pk: 'other', mail: 1, first: 'x', last: 'y' });
  });

  test('looks at a batch as it goes on: values move between its items, and one that clashes undoes all', async () => {
    await create(west, person('a', { mail: 'm' }));
    await create(west, person('b', { mail: 'n' }));
    const moved = await batch(
      west,
      { kind: 'replace', id: 'a', body: bytes(person('a', { mail: 'free' })) },
      { kind: 'replace', id: 'b', body: bytes(person('b', { mail: 'm' })) },
      { kind: 'create', body: bytes(person('c', { mail: 'n' })) },
      { kind: 'delete', id: 'a' },
      { kind: 'create', body: bytes(person('d', { mail: 'free' })) },
    );
    expect(moved).toEqual([200, 200, 201, 204, 201]);
    const clashing = await batch(
      west,
      { kind: 'create', body: bytes(person('e', { mail: 'e' })) },
      { kind: 'create', body: bytes(person('f', { mail: 'e' })) },
      { kind: 'read', id: 'b' },
    );
    const [, violated] = clashing;
    expect(clashing).toEqual(['failed dependency', violated, 'failed dependency']);
    expect(violated).toBe('Conflict: Unique index constraint violation.');
    const taken = await batch(west, { kind: 'create', body: bytes(person('g', { mail: 'm' })) });
    expect(taken).toEqual([violated]);
    expect(await found(west)).toEqual(['b', 'c', 'd']);
  });

  test('tells stored procedures, which may go on', async () => {
    await create(west, person('a', { mail: 'm' }));
    const body = `function () {
      var link = __.getSelfLink(), told;
      __.createDocument(link, { id: 'b', pk: 'p', first: 'b', mail: 'm' }, function (error) {
        told = error.number;
        __.createDocument(link, { id: 'b', pk: 'p', first: 'b', mail: 'n' }, function (error) {
          if (error) throw error;
          getContext().getResponse().setBody(told);
        });
      });
    }`;
    await west.engine.scripts.create({ ...PATH, kind: 'storedProcedure' }, { id: 'run', body });
    const answer = await west.engine.scripts.execute({
      path: PATH,
      id: 'run',
      partitionKey: ['p'],
      arguments: [],
      isLogging: false,
    });
    expect(JSON.parse(answer.body.toString())).toBe(409);
    expect(await read(west, 'b')).toMatchObject({ mail: 'n' });
  });

  test('takes one of several writes of one value that come at once', async () => {
    const writes = ['a', 'b', 'c'].map((id) => create(west, person(id, { mail: 'm' })));
    const outcomes = await Promise.allSettled(writes);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(await found(west)).toHaveLength(1);
  });
});

describe('an item that expired', () => {
  test('holds no value, and gives it to one that comes later', async () => {
    await planet.makeContainer({ ...UNIQUE, defaultTtl: -1 });
    await create(west, person('a', { mail: 'm', ttl: 10 }));
    await meet();
    await expect(create(east, person('b', { mail: 'm' }))).rejects.toThrow(VIOLATION);
    planet.skewMs += 11_000;
    await create(east, person('b', { mail: 'm' }));
    await meet();
    for (const region of [west, east]) expect(await found(region)).toEqual(['b']);
  });
});

describe('two regions that took one value', () => {
  test('show the later item, and count no other', async () => {
    await planet.makeContainer(UNIQUE);
    await create(west, person('a', { mail: 'm' }));
    planet.skewMs += 5;
    await create(east, person('b', { mail: 'm' }));
    await meet();
    for (const region of [west, east]) {
      expect(await found(region)).toEqual(['b']);
      await expect((async () => region.items.read(target('a')))()).rejects.toThrow(NOT_FOUND);
      await expect(replace(region, person('a'))).rejects.toThrow(NOT_FOUND);
      await expect(create(region, person('c', { mail: 'm' }))).rejects.toThrow(VIOLATION);
      expect(region.engine.resources.usage(PATH).itemCount).toBe(1);
    }
    // Nobody is told of losers where the policy decides.
    expect(await west.engine.conflicts.list(PATH)).toEqual([]);
    await create(west, person('a', { mail: 'other' }));
    await meet();
    for (const region of [west, east]) expect(await found(region)).toEqual(['a', 'b']);
  });

  test('go by the number at the path where there is one', async () => {
    const conflictResolutionPolicy = { mode: 'LastWriterWins', conflictResolutionPath: '/rank' };
    await planet.makeContainer({ ...UNIQUE, conflictResolutionPolicy });
    await create(west, person('a', { mail: 'm', rank: 2 }));
    planet.skewMs += 5;
    await create(east, person('b', { mail: 'm', rank: 1 }));
    await meet();
    for (const region of [west, east]) expect(await found(region)).toEqual(['a']);
  });

  test('keep the loser in the conflicts feed until it is deleted there', async () => {
    await planet.makeContainer({ ...UNIQUE, conflictResolutionPolicy: { mode: 'Custom' } });
    const { etag } = await create(west, person('a', { mail: 'm' }));
    planet.skewMs += 5;
    await create(east, person('b', { mail: 'm' }));
    await meet();
    const feeds = () => Promise.all([west, east].map((region) => region.engine.conflicts.list(PATH)));
    const [mine, theirs] = await feeds();
    expect(theirs).toEqual(mine);
    expect(mine).toHaveLength(1);
    expect(mine?.[0]).toMatchObject({ operationType: 'create', resourceType: 'document' });
    const content = JSON.parse(String(mine?.[0]?.content)) as JsonObject;
    expect(content).toMatchObject({ id: 'a', mail: 'm', _etag: etag, _rid: mine?.[0]?.resourceId });
    // The item that won changes, and the entry stays.
    await replace(east, person('b', { mail: 'm', age: 1 }));
    await meet();
    expect((await feeds())[0]).toEqual(mine);
    await create(west, person('a', { mail: 'resolved' }));
    await meet();
    expect(await feeds()).toEqual([mine, mine]);
    await west.engine.conflicts.delete(PATH, String(mine?.[0]?.id));
    await meet();
    expect(await feeds()).toEqual([[], []]);
    for (const region of [west, east]) expect(await found(region)).toEqual(['a', 'b']);
  });

  test('keep the losers of one transaction apart', async () => {
    await planet.makeContainer({ ...UNIQUE, conflictResolutionPolicy: { mode: 'Custom' } });
    const both = (one: string, other: string): BatchOperation[] => [
      { kind: 'create', body: bytes(person(one, { mail: 'm' })) },
      { kind: 'create', body: bytes(person(other, { mail: 'n' })) },
    ];
    await batch(west, ...both('a', 'b'));
    planet.skewMs += 5;
    await batch(east, ...both('c', 'd'));
    await meet();
    const entries = await east.engine.conflicts.list(PATH);
    const ids = () => entries.map(({ content }) => (JSON.parse(String(content)) as JsonObject).id);
    expect(ids().sort()).toEqual(['a', 'b']);
    await east.engine.conflicts.delete(PATH, String(entries[1]?.id));
    await meet();
    expect(await west.engine.conflicts.list(PATH)).toEqual(entries.slice(0, 1));
  });

  test('have the hub call the merge procedure with the items that have the values', async () => {
    const conflictResolutionProcedure = 'dbs/d/colls/c/sprocs/merge';
    await planet.makeContainer({
      ...UNIQUE,
      conflictResolutionPolicy: { mode: 'Custom', conflictResolutionProcedure },
    });
    const body = `function (incoming, existing, isTombstone, conflicting) {
      var told = [incoming.id, existing, isTombstone, conflicting.map(function (one) { return one.id; })];
      incoming.mail = 'of ' + incoming.id;
      incoming.told = told;
      __.createDocument(__.getSelfLink(), incoming, function (error) { if (error) throw error; });
    }`;
    await west.engine.scripts.create({ ...PATH, kind: 'storedProcedure' }, { id: 'merge', body });
    await create(west, person('a', { mail: 'm' }));
    planet.skewMs += 5;
    await create(east, person('b', { mail: 'm' }));
    await meet();
    await vi.waitFor(async () => expect(await found(west)).toEqual(['a', 'b']), {
      timeout: 5_000,
      interval: 5,
    });
    await meet();
    for (const region of [west, east]) {
      expect(await read(region, 'a')).toMatchObject({ mail: 'of a', told: ['a', null, false, ['b']] });
      expect(await read(region, 'b')).toMatchObject({ mail: 'm' });
      expect(await region.engine.conflicts.list(PATH)).toEqual([]);
    }
  });

  test('let two patches make a clash that neither was', async () => {
    await planet.makeContainer(UNIQUE);
    await create(west, person('a', { first: 'x', last: 'y', mail: 1 }));
    await create(west, person('b', { first: 'u', last: 'v', mail: 2 }));
    await meet();
    planet.skewMs += 5;
    await patch(west, 'b', [{ op: 'set', path: '/first', value: 'x' }]);
    await patch(east, 'b', [{ op: 'set', path: '/last', value: 'y' }]);
    await meet();
    // Together they are b with the names of a, and later than it.
    for (const region of [west, east]) {
      expect(await found(region)).toEqual(['b']);
      expect(await read(region, 'b')).toMatchObject({ first: 'x', last: 'y' });
    }
  });
});
