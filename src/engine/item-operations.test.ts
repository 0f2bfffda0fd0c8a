import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EnginePlanet, type EngineRegion } from '../../test/kit/engine-planet.ts';
import type { JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { AnswerError } from './answer-error.ts';
import type { ItemAnswer, ItemTarget, ItemWrite } from './engine.ts';

const PATH = { database: 'd', container: 'c' };

let planet: EnginePlanet;
let a: EngineRegion;
let b: EngineRegion;

async function open(options: Parameters<typeof EnginePlanet.open>[0] = {}): Promise<void> {
  planet = await EnginePlanet.open(options);
  a = planet.region(0);
  b = planet.region(1);
  await planet.makeContainer();
}

beforeEach(() => open());
afterEach(() => planet.close());

function writing(item: JsonObject, more: Partial<ItemWrite> = {}): ItemWrite {
  return { path: PATH, partitionKey: ['p'], body: Buffer.from(JSON.stringify(item)), ...more };
}

function target(id: string, more: Partial<ItemTarget> = {}): ItemTarget {
  return { path: PATH, id, partitionKey: ['p'], ...more };
}

async function read(region: EngineRegion, id: string, more: Partial<ItemTarget> = {}): Promise<ItemAnswer> {
  return region.items.read(target(id, more));
}

function json(answer: ItemAnswer): JsonObject {
  return JSON.parse(answer.body?.toString() ?? '{}');
}

/** The error code, with `*` when the answer carries a position. */
async function refusal(answer: Promise<unknown>): Promise<string> {
  const error = await answer.then(
    () => 'no refusal',
    (reason: unknown) => reason,
  );
  if (!(error instanceof DatabaseError)) throw error;
  return error instanceof AnswerError ? `${error.code}*` : error.code;
}

describe('an item', () => {
  test('is created, read, replaced, deleted', async () => {
    const made = await a.items.create(writing({ id: 'i', pk: 'p', v: 1 }));
    expect(made).toMatchObject({ status: 201, containerPath: 'dbs/d/colls/c', rangeId: '0', charge: 4.95 });
    expect(made.sessionToken).toBe('0:1#1#1=1#2=0');
    const item = json(made);
    expect(Object.keys(item)).toEqual(['id', 'pk', 'v', '_rid', '_self', '_etag', '_attachments', '_ts']);
    expect(item._etag).toBe(made.etag);

    const got = await read(a, 'i');
    expect([got.status, got.charge, got.body?.toString()]).toEqual([200, 1, made.body?.toString()]);
    // Reading moves no position.
    expect(got.sessionToken).toBe(made.sessionToken);

    const replaced = await a.items.replace(target('i'), Buffer.from('{"id":"i","pk":"p","v":2}'));
    expect(replaced).toMatchObject({ status: 200, charge: 9.9 });
    expect(json(replaced)).toMatchObject({ v: 2, _rid: item._rid });
    expect(replaced.etag).not.toBe(made.etag);

    const gone = await a.items.delete(target('i'));
    expect(gone).toMatchObject({ status: 204, body: undefined, etag: undefined });
    expect(await refusal(read(a, 'i'))).toBe('NotFound*');
  });

  test('exists once in its logical partition, and again in another', async () => {
    await a.items.create(writing({ id: 'i', pk: 'p' }));
    expect(await refusal(a.items.create(writing({ id: 'i', pk: 'p' })))).toBe('Conflict*');
    const other = await a.items.create(writing({ id: 'i', pk: 'q' }, { partitionKey: ['q'] }));
    expect(other.status).toBe(201);
  });

  test('of many concurrent creates one succeeds', async () => {
    const tries = Array.from({ length: 20 }, () => a.items.create(writing({ id: 'i', pk: 'p' })));
    const outcomes = await Promise.all(tries.map((attempt) => attempt.then((won) => won.status, refusalOf)));
    expect(outcomes.sort()).toEqual([201, ...Array.from({ length: 19 }, () => 'Conflict')]);
  });

  test('that was deleted can be created again, with another rid', async () => {
    const first = json(await a.items.create(writing({ id: 'i', pk: 'p' })));
    await a.items.delete(target('i'));
    const second = json(await a.items.create(writing({ id: 'i', pk: 'p' })));
    expect(second._rid).not.toBe(first._rid);
  });

  test('upsert makes or replaces', async () => {
    expect((await a.items.upsert(writing({ id: 'i', pk: 'p' }))).status).toBe(201);
    expect((await a.items.upsert(writing({ id: 'i', pk: 'p' }))).status).toBe(200);
  });
});

function refusalOf(error: unknown): string {
  return error instanceof DatabaseError ? error.code : String(error);
}

describe('refused', () => {
  test.each<[string, () => Promise<unknown>, string]>([
    [
      'missing to replace',
      () => a.items.replace(target('x'), Buffer.from('{"id":"x","pk":"p"}')),
      'NotFound*',
    ],
    [
      'missing to patch',
      () => a.items.patch(target('x'), Buffer.from('[{"op":"set","path":"/v","value":1}]')),
      'NotFound*',
    ],
    ['missing to delete', () => a.items.delete(target('x')), 'NotFound*'],
    [
      'another id in the body',
      () => a.items.replace(target('x'), Buffer.from('{"id":"y","pk":"p"}')),
      'BadRequest',
    ],
    ['another key in the body', () => a.items.create(writing({ id: 'i', pk: 'q' })), 'PartitionKeyMismatch'],
    [
      'too many key components',
      () => a.items.create(writing({ id: 'i', pk: 'p' }, { partitionKey: ['p', 'q'] })),
      'PartitionKeyMismatch',
    ],
    ['no key to delete by', () => a.items.delete(target('x', { partitionKey: undefined })), 'BadRequest'],
    [
      'no such container',
      () => a.items.create(writing({ id: 'i' }, { path: { database: 'd', container: 'x' } })),
      'OwnerNotFound',
    ],
    [
      'no such database',
      () => a.items.create(writing({ id: 'i' }, { path: { database: 'x', container: 'c' } })),
      'OwnerNotFound',
    ],
    [
      'a stronger level',
      () => a.items.create(writing({ id: 'i', pk: 'p' }, { consistency: 'Strong' })),
      'BadRequest',
    ],
    [
      'another container meant',
      () => a.items.create(writing({ id: 'i', pk: 'p' }, { intendedContainerRid: 'x' })),
      'IntendedContainerMismatch',
    ],
    [
      'a malformed token',
      () => a.items.create(writing({ id: 'i', pk: 'p' }, { sessionToken: '0:x' })),
      'BadRequest',
    ],
    [
      'no JSON',
      () => a.items.create({ path: PATH, partitionKey: ['p'], body: Buffer.from('{') }),
      'BadRequest',
    ],
    ['no id', () => a.items.create(writing({ pk: 'p' })), 'BadRequest'],
  ])('%s', async (_, attempt, code) => {
    expect(await refusal(attempt())).toBe(code);
  });

  test('reads say so at once', async () => {
    expect(() => a.items.read(target('x', { consistency: 'BoundedStaleness' }))).toThrow(/not stronger/);
    expect(() => a.items.read(target('x', { partitionKey: undefined }))).toThrow(/must be supplied/);
  });
});

describe('preconditions', () => {
  test('If-Match guards replace, upsert, patch and delete', async () => {
    const { etag } = await a.items.create(writing({ id: 'i', pk: 'p' }));
    const body = Buffer.from('{"id":"i","pk":"p"}');
    const stale = { ifMatch: '"stale"' };
    expect(await refusal(a.items.replace(target('i', stale), body))).toBe('PreconditionFailed*');
    expect(await refusal(a.items.upsert(writing({ id: 'i', pk: 'p' }, stale)))).toBe('PreconditionFailed*');
    const patch = Buffer.from('[{"op":"set","path":"/v","value":1}]');
    expect(await refusal(a.items.patch(target('i', stale), patch))).toBe('PreconditionFailed*');
    expect(await refusal(a.items.delete(target('i', stale)))).toBe('PreconditionFailed*');

    const ifMatch = etag ?? '';
    expect((await a.items.replace(target('i', { ifMatch }), body)).status).toBe(200);
    expect(await refusal(a.items.delete(target('i', { ifMatch })))).toBe('PreconditionFailed*');
    expect((await a.items.delete(target('i', { ifMatch: '*' }))).status).toBe(204);
    // An upsert of something new has nothing to match.
    expect((await a.items.upsert(writing({ id: 'i', pk: 'p' }, stale))).status).toBe(201);
  });

  test('If-None-Match answers 304', async () => {
    const { etag } = await a.items.create(writing({ id: 'i', pk: 'p' }));
    expect(await read(a, 'i', { ifNoneMatch: etag ?? '' })).toMatchObject({
      status: 304,
      body: undefined,
      etag,
    });
    expect((await read(a, 'i', { ifNoneMatch: '*' })).status).toBe(304);
    expect((await read(a, 'i', { ifNoneMatch: '"other"' })).status).toBe(200);
  });

  test('a patch has its condition', async () => {
    await a.items.create(writing({ id: 'i', pk: 'p', v: 1 }));
    const patch = (condition: string) =>
      a.items.patch(
        target('i'),
        Buffer.from(JSON.stringify({ condition, operations: [{ op: 'incr', path: '/v', value: 1 }] })),
      );
    expect(await refusal(patch('from c where c.v = 2'))).toBe('PreconditionFailed*');
    expect(await refusal(patch('from c where c.missing = 2'))).toBe('PreconditionFailed*');
    expect(await refusal(patch('from c where where'))).toBe('BadRequest*');
    expect(json(await patch('from c where c.v = 1'))).toMatchObject({ v: 2 });
  });
});

describe('session tokens', () => {
  test('a region that is behind waits', async () => {
    const { sessionToken } = await a.items.create(writing({ id: 'i', pk: 'p' }));
    await a.deafen();
    const reading = read(b, 'i', { sessionToken });
    await b.pull(a);
    expect((await reading).status).toBe(200);
  });

  test('and when it waited long enough asks the one that is ahead', async () => {
    const { sessionToken } = await a.items.create(writing({ id: 'i', pk: 'p', v: 1 }));
    const answer = await read(b, 'i', { sessionToken });
    expect(json(answer)).toMatchObject({ v: 1 });
    expect(answer.sessionToken).toBe(sessionToken);
    expect(await refusal(read(b, 'other', { sessionToken }))).toBe('NotFound*');
  });

  test('and answers 404/1002 when nobody can tell', async () => {
    const { sessionToken } = await a.items.create(writing({ id: 'i', pk: 'p' }));
    await a.deafen();
    expect(await refusal(read(b, 'i', { sessionToken }))).toBe('ReadSessionNotAvailable*');
    // Found again, over a new channel, once it listens again.
    await a.listen();
    expect((await read(b, 'i', { sessionToken })).status).toBe(200);
  });

  test('a region that stops listening ends the channels it had', async () => {
    const { sessionToken } = await a.items.create(writing({ id: 'i', pk: 'p' }));
    expect((await read(b, 'i', { sessionToken })).status).toBe(200);
    await a.deafen();
    expect(await refusal(read(b, 'i', { sessionToken }))).toBe('ReadSessionNotAvailable*');
  });

  test('a position that no region has is not available', async () => {
    expect(await refusal(read(b, 'i', { sessionToken: '0:1#9#1=9#2=0' }))).toBe('ReadSessionNotAvailable*');
  });

  test('tokens of unknown ranges and simple ones demand nothing', async () => {
    expect(await refusal(read(b, 'i', { sessionToken: '7:1#9#1=9,0:5' }))).toBe('NotFound*');
  });

  test('a write in a multi-write account waits for its token too', async () => {
    const { sessionToken } = await a.items.create(writing({ id: 'i', pk: 'p' }));
    expect(await refusal(b.items.create(writing({ id: 'j', pk: 'p' }, { sessionToken })))).toBe(
      'ReadSessionNotAvailable*',
    );
    await b.pull(a);
    const made = await b.items.create(writing({ id: 'j', pk: 'p' }, { sessionToken }));
    expect(made.sessionToken).toBe('0:1#2#1=1#2=1');
  });
});

describe('one write region', () => {
  beforeEach(async () => {
    await planet.close();
    await open({ multipleWriteRegions: false });
  });

  test('the others refuse writes with 403/3', async () => {
    await a.items.create(writing({ id: 'i', pk: 'p' }));
    await b.pull(a);
    const body = Buffer.from('{"id":"i","pk":"p"}');
    expect(await refusal(b.items.create(writing({ id: 'j', pk: 'p' })))).toBe('WriteForbidden');
    expect(await refusal(b.items.upsert(writing({ id: 'i', pk: 'p' })))).toBe('WriteForbidden');
    expect(await refusal(b.items.replace(target('i'), body))).toBe('WriteForbidden');
    expect(await refusal(b.items.delete(target('i')))).toBe('WriteForbidden');
    const patch = Buffer.from('[{"op":"set","path":"/v","value":1}]');
    expect(await refusal(b.items.patch(target('i'), patch))).toBe('WriteForbidden');
    expect(await refusal(b.items.deletePartitionKey({ path: PATH, partitionKey: ['p'] }))).toBe(
      'WriteForbidden',
    );
    expect((await read(b, 'i')).status).toBe(200);
  });

  test('the others refuse changes of metadata too', async () => {
    const { resources } = b.engine;
    const container = resources.readContainer(PATH);
    expect(await refusal(resources.createDatabase({ id: 'new' }, undefined))).toBe('WriteForbidden');
    expect(
      await refusal(resources.createContainer(PATH.database, { ...container, id: 'new' }, undefined)),
    ).toBe('WriteForbidden');
    expect(await refusal(resources.replaceContainer(PATH, container))).toBe('WriteForbidden');
    expect(await refusal(resources.deleteContainer(PATH))).toBe('WriteForbidden');
    expect(await refusal(resources.deleteDatabase(PATH.database))).toBe('WriteForbidden');
    expect(a.engine.resources.listDatabases()).toHaveLength(1);
  });

  test('the write region ignores tokens: it has everything by definition', async () => {
    const made = await a.items.create(writing({ id: 'i', pk: 'p' }, { sessionToken: '0:1#9#1=9#2=0' }));
    expect(made.status).toBe(201);
  });
});

describe('a container that is deleted', () => {
  const rid = () => String(a.engine.resources.readContainer(PATH)._rid);

  test('takes no write from a request that found it before', async () => {
    const { sessionToken } = await b.items.create(writing({ id: 'i', pk: 'p' }));
    const numbers = [...a.host.numbers()];
    const late = a.items.create(writing({ id: 'j', pk: 'p' }, { sessionToken }));
    await planet.directory.execute({ kind: 'deleteContainer', rid: rid(), ifMatch: undefined });
    const lateAnswer = refusal(late);
    const record = numbers.map((number) => a.host.get(number));
    expect(record).toEqual([undefined]);
    expect(['OwnerNotFound', 'ReadSessionNotAvailable*']).toContain(await lateAnswer);
    expect([...a.host.numbers()]).toEqual([]);
    expect(a.failures).toEqual([]);
  });

  test('is not opened again by whoever still holds its record', async () => {
    const [record] = Object.values(planet.directory.state.containers);
    if (record === undefined) throw new RangeError('there is a container');
    await planet.directory.execute({ kind: 'deleteContainer', rid: record.rid, ifMatch: undefined });
    await a.parts.drop(record);
    await a.parts.open(record);
    expect([...a.host.numbers()]).toEqual([]);
  });

  test('gives way to another of its name, whose items are its own', async () => {
    const before = await a.items.create(writing({ id: 'i', pk: 'p' }));
    await a.engine.resources.deleteContainer(PATH);
    expect(await refusal(a.items.create(writing({ id: 'i', pk: 'p' })))).toBe('OwnerNotFound');
    const body = { id: 'c', partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 } };
    await a.engine.resources.createContainer('d', body, undefined);
    expect(await refusal(read(a, 'i'))).toBe('NotFound*');
    const after = await a.items.create(writing({ id: 'i', pk: 'p' }));
    expect(after.containerRid).not.toBe(before.containerRid);
  });
});
