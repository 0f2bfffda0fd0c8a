import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EnginePlanet } from '../../test/kit/engine-planet.ts';
import type { Json, JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { PartitionKey, ScriptResourceKind } from '../resource/index.ts';
import type { ItemTarget, ItemWrite, TriggerNames } from './engine.ts';

const PATH = { database: 'd', container: 'c' };
const KEY: PartitionKey = ['k'];

let planet: EnginePlanet;
/** Takes place before each answer that a script gets. */
let beforeAnswer: () => Promise<void>;

beforeEach(async () => {
  beforeAnswer = async () => undefined;
  planet = await EnginePlanet.open({ beforeAnswer: () => beforeAnswer() });
  const { resources } = planet.region(0).engine;
  await resources.createDatabase({ id: 'd' }, undefined);
  await resources.createContainer('d', { id: 'c', partitionKey: { paths: ['/k'], kind: 'Hash' } }, undefined);
});

afterEach(() => planet.close());

const engine = () => planet.region(0).engine;
const script = (kind: ScriptResourceKind, id: string, body: string, more: JsonObject = {}) =>
  engine().scripts.create({ ...PATH, kind }, { id, body, ...more });

/** Stores `body` under a fresh name and runs it. */
async function run(body: string, args: readonly Json[] = [], key: PartitionKey | undefined = KEY) {
  const id = `p${Math.random()}`;
  await script('storedProcedure', id, body);
  const execution = { path: PATH, id, partitionKey: key, arguments: args, isLogging: true };
  const answer = await engine().scripts.execute(execution);
  return { ...answer, value: JSON.parse(answer.body.toString()) as Json };
}

const create = (item: JsonObject, triggers?: TriggerNames) => {
  const write: ItemWrite = { path: PATH, partitionKey: KEY, body: Buffer.from(JSON.stringify(item)) };
  return engine().items.create(triggers === undefined ? write : { ...write, triggers });
};
const target = (id: string): ItemTarget => ({ path: PATH, id, partitionKey: KEY });

async function read(id: string): Promise<JsonObject | undefined> {
  try {
    const answer = await engine().items.read(target(id));
    return JSON.parse(answer.body?.toString() ?? '') as JsonObject;
  } catch (error) {
    if (error instanceof DatabaseError && error.code === 'NotFound') return undefined;
    throw error;
  }
}

const refused = (code: string, text = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(text) });

describe('stored procedures', () => {
  test('take no arguments that nest deeper than anybody could write them down', async () => {
    const nested = (levels: number): Json => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as Json;
    const tell = 'function (a) { getContext().getResponse().setBody(JSON.stringify(a).length); }';
    expect((await run(tell, [nested(200)])).value).toBe(400);
    await expect(run(tell, [nested(100_000)])).rejects.toEqual(refused('BadRequest', 'nested too deeply'));
  });

  test('write several items at once, and see their own writes in reads and queries', async () => {
    await create({ id: 'old', k: 'k', n: 1 });
    const { value } = await run(`function () {
      var link = __.getSelfLink(), seen = {};
      __.createDocument(link, { id: 'a', k: 'k', n: 2 }, function (e, a) {
        __.replaceDocument(a._self, { id: 'a', k: 'k', n: 3 }, function (e, a) {
          __.deleteDocument(__.getAltLink() + '/docs/old', {}, function () {
            __.upsertDocument(link, { k: 'k', n: 4 }, function (e, made) {
              seen.madeId = typeof made.id;
              __.queryDocuments(link, { query: 'SELECT VALUE r.n FROM root r WHERE r.n > @n ORDER BY r.n',
                parameters: [{ name: '@n', value: 0 }] }, function (e, feed) {
                if (e) throw e;
                seen.numbers = feed;
                getContext().getResponse().setBody(seen);
              });
            });
          });
        });
      });
    }`);
    expect(value).toEqual({ madeId: 'string', numbers: [3, 4] });
    expect(await read('a')).toMatchObject({ n: 3 });
    expect(await read('old')).toBeUndefined();
  });

  test('an exception takes everything back, and tells what it said', async () => {
    const body = `function () {
      __.createDocument(__.getSelfLink(), { id: 'a', k: 'k' }, function () {
        throw { number: 4711, body: 'not today' };
      });
    }`;
    const failure = await run(body).catch((error: unknown) => error);
    expect(failure).toEqual(refused('BadRequest', 'Exception = Error: not today'));
    expect(failure).toMatchObject({ substatus: 4711 });
    expect(await read('a')).toBeUndefined();
  });

  test('errors of the collection have numbers', async () => {
    await create({ id: 'a', k: 'k' });
    const { value } = await run(`function () {
      var link = __.getSelfLink(), seen = [];
      function note(e) { seen.push(e ? e.number : 0); getContext().getResponse().setBody(seen); }
      __.createDocument(link, { id: 'a', k: 'k' }, note);
      __.createDocument(link, { id: 'b', k: 'other' }, note);
      __.readDocument(__.getAltLink() + '/docs/none', note);
      __.replaceDocument(__.getAltLink() + '/docs/a', { id: 'a', k: 'k' }, { etag: 'x' }, note);
      __.queryDocuments(link, 'SELEC', note);
      __.readDocument('dbs/other/colls/c/docs/a', note);
      __.createDocument(link, { k: 'k' }, { disableAutomaticIdGeneration: true }, note);
    }`);
    expect(value).toEqual([409, 400, 404, 412, 400, 400, 400]);
  });

  test('stay in their logical partition', async () => {
    await create({ id: 'a', k: 'k' });
    const list = `function () {
      __.readDocuments(__.getSelfLink(), function (e, feed) {
        getContext().getResponse().setBody(feed.length);
      });
    }`;
    expect((await run(list)).value).toBe(1);
    expect((await run(list, [], ['other'])).value).toBe(0);
    const { _self } = (await read('a')) ?? {};
    const far = `function (link) {
      __.readDocument(link, function (e) { getContext().getResponse().setBody(e.number); });
    }`;
    expect((await run(far, [String(_self)], ['other'])).value).toBe(404);
  });

  test('pages go on where they ended', async () => {
    for (let n = 0; n < 5; n++) await create({ id: `i${n}`, k: 'k', n });
    const { value } = await run(`function () {
      var all = [], pages = 0;
      function page(continuation) {
        var options = { pageSize: 2, continuation: continuation };
        __.queryDocuments(__.getSelfLink(), 'SELECT VALUE c.n FROM c', options,
          function (e, feed, info) {
            if (e) throw e;
            pages++;
            all = all.concat(feed);
            if (info.continuation) page(info.continuation);
            else getContext().getResponse().setBody([pages, all]);
          });
      }
      page();
    }`);
    expect(value).toEqual([3, [0, 1, 2, 3, 4]]);
  });

  test('are run again when a write gets in between', async () => {
    await create({ id: 'count', k: 'k', n: 0 });
    await script(
      'storedProcedure',
      'add',
      `function () {
        __.readDocument(__.getAltLink() + '/docs/count', function (e, d) {
          d.n += 1;
          __.replaceDocument(d._self, d, function (e, d) { getContext().getResponse().setBody(d); });
        });
      }`,
    );
    const execution = { path: PATH, id: 'add', partitionKey: KEY, arguments: [], isLogging: false };
    const answers = await Promise.all(Array.from({ length: 4 }, () => engine().scripts.execute(execution)));
    const bodies = answers.map(({ body }) => JSON.parse(body.toString()) as JsonObject);
    expect(bodies.map(({ n }) => n).sort()).toEqual([1, 2, 3, 4]);
    const last = bodies.find(({ n }) => n === 4);
    expect(await read('count')).toEqual(last);
  });

  test('are run again when they throw over what a write changed in between', async () => {
    await create({ id: 'count', k: 'k', n: 0 });
    let answers = 0;
    beforeAnswer = async () => {
      answers += 1;
      if (answers === 2)
        await engine().items.upsert({
          path: PATH,
          partitionKey: KEY,
          body: Buffer.from('{"id":"count","k":"k","n":10}'),
        });
    };
    const { value } = await run(`function () {
      __.readDocument(__.getAltLink() + '/docs/count', function (e, read) {
        __.queryDocuments(__.getSelfLink(), 'SELECT VALUE c.n FROM c', function (e, found) {
          if (found[0] !== read.n) throw new Error('read ' + read.n + ', found ' + found[0]);
          getContext().getResponse().setBody(found);
        });
      });
    }`);
    expect(value).toEqual([10]);
    expect(answers).toBe(4);
  });

  test('what they say of items they made is what readers find, whatever came before them in the log', async () => {
    const id = 'make';
    await script(
      'storedProcedure',
      id,
      `function () {
        __.createDocument(__.getSelfLink(), { id: 'made', k: 'k' }, function (e, d) {
          __.readDocument(__.getAltLink() + '/docs/none', function () {
            getContext().getResponse().setBody(d);
          });
        });
      }`,
    );
    const execution = { path: PATH, id, partitionKey: KEY, arguments: [], isLogging: false };
    const running = engine().scripts.execute(execution);
    for (let n = 0; n < 20; n++) {
      await engine().items.create({
        path: PATH,
        partitionKey: ['x'],
        body: Buffer.from(JSON.stringify({ id: `x${n}`, k: 'x' })),
      });
    }
    const { _etag, _rid, _self } = JSON.parse((await running).body.toString()) as JsonObject;
    expect(await read('made')).toMatchObject({ _etag, _rid, _self });
  });

  test('see nothing older than the session token', async () => {
    await script('storedProcedure', 'p', 'function () { getContext().getResponse().setBody(1); }');
    const execute = (sessionToken: string) =>
      engine().scripts.execute({
        path: PATH,
        id: 'p',
        partitionKey: KEY,
        arguments: [],
        isLogging: false,
        sessionToken,
      });
    await expect(execute('0:1#9#1=9#2=0')).rejects.toEqual(refused('ReadSessionNotAvailable'));
    expect(String((await execute('0:1#0#1=0#2=0')).body)).toBe('1');
  });

  test('need a partition key, and a procedure', async () => {
    const execution = { path: PATH, id: 'none', partitionKey: KEY, arguments: [], isLogging: false };
    await expect(engine().scripts.execute(execution)).rejects.toEqual(refused('NotFound'));
    await script('storedProcedure', 'p', 'function () {}');
    const keyless = { ...execution, id: 'p', partitionKey: undefined };
    await expect(engine().scripts.execute(keyless)).rejects.toEqual(refused('BadRequest', 'PartitionKey'));
    await expect(run('function () { for (;;) {} }')).rejects.toEqual(refused('ScriptTimeout'));
  });

  test('a container without scripts of its own knows none of another', async () => {
    await script('storedProcedure', 'p', 'function () {}');
    expect(engine().scripts.list({ ...PATH, kind: 'trigger' })).toEqual([]);
    expect(engine().scripts.list({ ...PATH, kind: 'storedProcedure' })).toMatchObject([{ id: 'p' }]);
    await expect(script('storedProcedure', 'p', 'x')).rejects.toEqual(refused('Conflict'));
    const path = { ...PATH, kind: 'storedProcedure' } as const;
    expect(await engine().scripts.upsert(path, { id: 'p', body: 'y' })).toMatchObject({ isNew: false });
    expect(engine().scripts.read(path, 'p')).toMatchObject({ id: 'p', body: 'y' });
    await engine().scripts.delete(path, 'p');
    expect(() => engine().scripts.read(path, 'p')).toThrow(refused('NotFound'));
  });
});

describe('triggers', () => {
  const pre = (id: string, body: string, triggerOperation = 'All') =>
    script('trigger', id, body, { triggerType: 'Pre', triggerOperation });
  const post = (id: string, body: string, triggerOperation = 'All') =>
    script('trigger', id, body, { triggerType: 'Post', triggerOperation });

  test('a pre-trigger changes what is written', async () => {
    await pre(
      'stamp',
      `function () { var r = getContext().getRequest(), b = r.getBody();
      b.by = r.getOperationType(); r.setBody(b); }`,
    );
    const answer = await create({ id: 'a', k: 'k' }, { pre: ['stamp'], post: [] });
    expect(answer.status).toBe(201);
    expect(JSON.parse(answer.body?.toString() ?? '')).toMatchObject({ id: 'a', by: 'Create' });
    expect(await read('a')).toMatchObject({ by: 'Create', _etag: answer.etag });
    const body = Buffer.from(JSON.stringify({ id: 'a', k: 'k' }));
    const triggers = { pre: ['stamp'], post: [] };
    expect((await engine().items.replace({ ...target('a'), triggers }, body)).status).toBe(200);
    expect(await read('a')).toMatchObject({ by: 'Replace' });
  });

  test('a post-trigger writes along, or takes everything back', async () => {
    await post(
      'audit',
      `function () { var d = getContext().getResponse().getBody();
      if (d.bad) throw new Error('bad');
      __.createDocument(__.getSelfLink(), { id: 'audit-' + d.id, k: 'k', rid: d._rid }); }`,
    );
    const triggers = { pre: [], post: ['audit'] };
    await create({ id: 'a', k: 'k' }, triggers);
    expect(await read('audit-a')).toMatchObject({ rid: (await read('a'))?._rid });
    await expect(create({ id: 'b', k: 'k', bad: true }, triggers)).rejects.toEqual(
      refused('BadRequest', 'bad'),
    );
    expect(await read('b')).toBeUndefined();
    expect(await read('audit-b')).toBeUndefined();
  });

  test('deletes have triggers too', async () => {
    await create({ id: 'a', k: 'k' });
    await post(
      'note',
      `function () { __.upsertDocument(__.getSelfLink(), { id: 'gone', k: 'k' }); }`,
      'Delete',
    );
    const answer = await engine().items.delete({ ...target('a'), triggers: { pre: [], post: ['note'] } });
    expect(answer).toMatchObject({ status: 204, body: undefined });
    expect(await read('a')).toBeUndefined();
    expect(await read('gone')).toMatchObject({ id: 'gone' });
  });

  test('one that does not fit is refused', async () => {
    await pre('onDelete', 'function () {}', 'Delete');
    for (const triggers of [
      { pre: ['onDelete'], post: [] },
      { pre: [], post: ['onDelete'] },
      { pre: ['none'], post: [] },
    ]) {
      await expect(create({ id: 'a', k: 'k' }, triggers)).rejects.toEqual(refused('BadRequest', 'trigger'));
    }
    expect(await read('a')).toBeUndefined();
  });

  test('the write itself fails as ever', async () => {
    await pre('nothing', 'function () {}');
    await create({ id: 'a', k: 'k' });
    const triggers = { pre: ['nothing'], post: [] };
    await expect(create({ id: 'a', k: 'k' }, triggers)).rejects.toEqual(refused('Conflict'));
    const stale = { ...target('a'), ifMatch: '"x"', triggers };
    await expect(engine().items.delete(stale)).rejects.toEqual(refused('PreconditionFailed'));
  });
});
