import type { Container, Database, PatchOperation } from '@azure/cosmos';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, refusal, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

const SYSTEM_PROPERTIES = ['_rid', '_self', '_etag', '_attachments', '_ts'];

const server = TestedServer.during();

describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  let database: Database;
  let container: Container;

  beforeAll(async () => {
    database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
    container = await makeContainer(database);
  });

  describe('point operations', () => {
    test('create, read, replace, upsert, delete, with their status codes', async () => {
      const created = await container.items.create({ id: 'crud', pk: 'p', n: 1 });
      expect(created.statusCode).toBe(201);
      expect(created.resource).toMatchObject({ id: 'crud', pk: 'p', n: 1, _attachments: 'attachments/' });
      expect(created.resource?._ts).toBeGreaterThan(Date.now() / 1000 - 120);
      expect(created.resource?._self).toMatch(/^dbs\/[^/]+\/colls\/[^/]+\/docs\/[^/]+\/$/);
      expect(created.etag).toBe(created.resource?._etag);
      expect(created.requestCharge).toBeGreaterThan(0);
      expect(created.activityId).toMatch(/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/);
      const item = container.item('crud', 'p');
      const read = await item.read();
      expect(read.statusCode).toBe(200);
      expect(read.resource).toEqual(created.resource);
      const replaced = await item.replace({ id: 'crud', pk: 'p', n: 2 });
      expect(replaced.statusCode).toBe(200);
      expect(replaced.resource).toMatchObject({ n: 2, _rid: created.resource?._rid });
      expect(replaced.resource?._etag).not.toBe(created.resource?._etag);
      const upserted = await container.items.upsert({ id: 'crud', pk: 'p', n: 3 });
      expect(upserted.statusCode).toBe(200);
      expect((await container.items.upsert({ id: 'crud-2', pk: 'p' })).statusCode).toBe(201);
      expect((await item.delete()).statusCode).toBe(204);
      const gone = await item.read();
      expect(gone.statusCode).toBe(404);
      expect(gone.resource).toBeUndefined();
    });

    test('what is missing or already there is told', async () => {
      await container.items.create({ id: 'taken', pk: 'p' });
      expect(await refusal(container.items.create({ id: 'taken', pk: 'p' }))).toMatchObject({ code: 409 });
      expect((await container.items.create({ id: 'taken', pk: 'q' })).statusCode).toBe(201);
      const missing = container.item('missing', 'p');
      expect(await refusal(missing.delete())).toMatchObject({ code: 404 });
      expect(await refusal(missing.replace({ id: 'missing', pk: 'p' }))).toMatchObject({ code: 404 });
      expect(await refusal(missing.patch([{ op: 'set', path: '/a', value: 1 }]))).toMatchObject({
        code: 404,
      });
    });

    test('a deleted item made anew is another item', async () => {
      const first = await container.items.create({ id: 'phoenix', pk: 'p' });
      await container.item('phoenix', 'p').delete();
      const second = await container.items.create({ id: 'phoenix', pk: 'p' });
      expect(second.resource?._rid).not.toBe(first.resource?._rid);
    });

    test('property order is kept, and system properties stand last in their order', async () => {
      const body = {
        zebra: 1,
        id: 'order',
        apple: { z: [3, { y: 1, x: 2 }], a: null },
        pk: 'p',
        mid: 'ü☃😀',
        B: true,
      };
      const created = await container.items.create(body);
      const keys = [...Object.keys(body), ...SYSTEM_PROPERTIES];
      expect(Object.keys(created.resource ?? {})).toEqual(keys);
      const text = JSON.stringify(created.resource);
      expect(text.startsWith(JSON.stringify(body).slice(0, -1))).toBe(true);
      expect(JSON.stringify((await container.item('order', 'p').read()).resource)).toBe(text);
      const queried = await container.items.query("SELECT * FROM c WHERE c.id = 'order'").fetchAll();
      expect(JSON.stringify(queried.resources[0])).toBe(text);
      const listed = await container.items.readAll({ partitionKey: 'p' }).fetchAll();
      expect(listed.resources.map((one) => JSON.stringify(one))).toContain(text);
      // What comes back may be sent back: the server's own values win over stale ones.
      const again = await container.item('order', 'p').replace({ ...created.resource, _ts: 1, B: false });
      expect(Object.keys(again.resource ?? {})).toEqual(keys);
      expect(again.resource?._ts).toBeGreaterThan(1);
    });

    test('values survive as they are', async () => {
      const values = {
        numbers: [0, -1, 1.5, 1e21, 5e-324, Number.MAX_SAFE_INTEGER, 0.1],
        strings: ['', ' ', '"\\/\b\f\n\r\t', '\u0000', '\u2028\u2029', '\ud83d\ude00', 'é'],
        others: [null, true, false, [], {}, [[[]]]],
        'odd names': { '': 1, 'a.b': 2, '"': 3, '/': 4, constructor: 5 },
      };
      await container.items.create({ id: 'values', pk: 'p', ...values });
      expect((await container.item('values', 'p').read()).resource).toMatchObject(values);
    });

    test('an id is generated by the client, or asked for by the server', async () => {
      const created = await container.items.create({ pk: 'p' } as { pk: string; id?: string });
      expect(created.resource?.id).toMatch(/^[0-9a-f-]{36}$/);
      const without = container.items.create({ pk: 'p' }, { disableAutomaticIdGeneration: true });
      expect(await refusal(without)).toMatchObject({ code: 400 });
    });

    test.each([
      'a b',
      'é世界😀',
      'a?b+c',
      '100%',
      '%41',
      "it's",
      'a"b',
      'a&b=c;d,e:f@g$h!',
      '{id}[x]|~^`<>',
      'tab\tin',
      ' spaced ',
      `x${'é'.repeat(511)}`,
    ])('id %j', async (id) => {
      expect((await container.items.create({ id, pk: 'odd', n: 1 })).resource?.id).toBe(id);
      const item = container.item(id, 'odd');
      expect((await item.read()).resource).toMatchObject({ id, n: 1 });
      expect((await item.replace({ id, pk: 'odd', n: 2 })).resource?.n).toBe(2);
      expect((await item.patch([{ op: 'incr', path: '/n', value: 1 }])).resource?.n).toBe(3);
      const found = await container.items
        .query({
          query: 'SELECT VALUE c.n FROM c WHERE c.id = @id',
          parameters: [{ name: '@id', value: id }],
        })
        .fetchAll();
      expect(found.resources).toEqual([3]);
      expect((await item.delete()).statusCode).toBe(204);
      expect((await item.read()).statusCode).toBe(404);
    });

    test('ids of more than 1,023 bytes are refused', async () => {
      const create = container.items.create({ id: 'x'.repeat(1024), pk: 'p' });
      expect(await refusal(create)).toMatchObject({ code: 400 });
    });
  });

  describe('partition keys', () => {
    test('absent, null, empty text, 0, false and their look-alikes are different keys', async () => {
      const own = await makeContainer(database);
      const keys = [undefined, null, '', 0, '0', false, 'false', 1.5, -1];
      for (const [n, pk] of keys.entries()) {
        const created = await own.items.create(pk === undefined ? { id: 'same', n } : { id: 'same', n, pk });
        expect(created.statusCode).toBe(201);
      }
      for (const [n, pk] of keys.entries()) {
        const read = await own.item('same', pk as string).read();
        expect(read.resource).toMatchObject({ id: 'same', n });
        const queried = await own.items
          .query('SELECT VALUE c.n FROM c', { partitionKey: pk === undefined ? ({} as never) : pk })
          .fetchAll();
        expect(queried.resources).toEqual([n]);
      }
      await own.item('same', null).delete();
      expect((await own.item('same', null).read()).statusCode).toBe(404);
      expect((await own.items.readAll().fetchAll()).resources).toHaveLength(keys.length - 1);
    });

    test('an empty object counts as absent', async () => {
      const own = await makeContainer(database);
      await own.items.create({ id: 'object', pk: {} });
      expect((await own.item('object', undefined).read()).statusCode).toBe(200);
    });

    test('nested and quoted paths', async () => {
      const nested = await makeContainer(database, { path: '/a/b' });
      await nested.items.create({ id: '1', a: { b: 'deep' } });
      expect((await nested.item('1', 'deep').read()).statusCode).toBe(200);
      const quoted = await makeContainer(database, { path: '/"a b"' });
      await quoted.items.create({ id: '1', 'a b': 'spaced' });
      expect((await quoted.item('1', 'spaced').read()).statusCode).toBe(200);
    });

    test('hierarchical keys: points need all components, queries take a prefix', async () => {
      const own = await makeContainer(database, {
        throughput: 25_000,
        more: { partitionKey: { paths: ['/tenant', '/user', '/session'], kind: 'MultiHash', version: 2 } },
      });
      const rows = ['a', 'b'].flatMap((tenant) =>
        [1, 2].flatMap((user) => ['x', 'y'].map((session) => ({ id: 'i', tenant, user, session }))),
      );
      for (const row of rows) await own.items.create(row);
      for (const { tenant, user, session } of rows) {
        const read = await own.item('i', [tenant, user, session]).read();
        expect(read.resource).toMatchObject({ tenant, user, session });
      }
      const prefix = (partitionKey: (string | number)[]) =>
        own.items.query('SELECT c.tenant, c.user, c.session FROM c', { partitionKey }).fetchAll();
      expect((await prefix(['a'])).resources).toHaveLength(4);
      expect((await prefix(['b', 2])).resources).toEqual(
        expect.arrayContaining(['x', 'y'].map((session) => ({ tenant: 'b', user: 2, session }))),
      );
      expect((await prefix(['b', 2, 'y'])).resources).toEqual([{ tenant: 'b', user: 2, session: 'y' }]);
      expect((await prefix(['c'])).resources).toEqual([]);
      expect(await refusal(own.item('i', ['a', 1]).delete())).toMatchObject({ code: 400 });
      await own.items.create({ id: 'leafless', tenant: 'a', user: 1 });
      expect((await prefix(['a', 1])).resources).toHaveLength(3);
    });

    test('the first hash version: three known keys in three ranges', async () => {
      const own = await makeContainer(database, {
        throughput: 25_000,
        more: { partitionKey: { paths: ['/pk'], kind: 'Hash', version: 1 } },
      });
      const ranges = new Set<unknown>();
      for (const pk of ['A', 'M', 'Z']) {
        const created = await own.items.create({ id: pk, pk });
        ranges.add(created.headers['x-ms-documentdb-partitionkeyrangeid']);
        expect((await own.item(pk, pk).read()).statusCode).toBe(200);
      }
      expect(ranges.size).toBe(3);
      expect((await own.items.readAll().fetchAll()).resources).toHaveLength(3);
    });

    test('keys of 2,048 bytes pass', async () => {
      const pk = 'k'.repeat(2048);
      await container.items.create({ id: 'long key', pk });
      expect((await container.item('long key', pk).read()).resource?.pk).toBe(pk);
    });
  });

  describe('preconditions', () => {
    const stale = { type: 'IfMatch', condition: '"00000000-0000-0000-0000-000000000000"' };

    test('If-Match lets a write through once', async () => {
      const { resource } = await container.items.create({ id: 'match', pk: 'p', n: 0 });
      const item = container.item('match', 'p');
      const condition = String(resource?._etag);
      const accessCondition = { type: 'IfMatch', condition };
      const first = await item.replace({ id: 'match', pk: 'p', n: 1 }, { accessCondition });
      expect(first.resource?.n).toBe(1);
      for (const write of [
        () => item.replace({ id: 'match', pk: 'p', n: 2 }, { accessCondition }),
        () => item.delete({ accessCondition }),
        () => item.patch([{ op: 'set', path: '/n', value: 9 }], { accessCondition }),
        () => container.items.upsert({ id: 'match', pk: 'p', n: 9 }, { accessCondition }),
        () => item.delete({ accessCondition: stale }),
      ]) {
        expect(await refusal(write())).toMatchObject({ code: 412 });
      }
      expect((await item.read()).resource?.n).toBe(1);
      const current = { accessCondition: { type: 'IfMatch', condition: first.etag } };
      expect((await item.delete(current)).statusCode).toBe(204);
    });

    test('of ten writers with one etag, one gets through', async () => {
      const { resource } = await container.items.create({ id: 'race', pk: 'p', n: -1 });
      const accessCondition = { type: 'IfMatch', condition: String(resource?._etag) };
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, n) =>
          container.item('race', 'p').replace({ id: 'race', pk: 'p', n }, { accessCondition }),
        ),
      );
      expect(outcomes.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
      const winner = outcomes.findIndex((one) => one.status === 'fulfilled');
      expect((await container.item('race', 'p').read()).resource?.n).toBe(winner);
    });

    test('of ten creators of one id, one gets through', async () => {
      const creates = Array.from({ length: 10 }, (_, n) =>
        container.items.create({ id: 'contested', pk: 'p', n }),
      );
      const outcomes = await Promise.allSettled(creates);
      expect(outcomes.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    });

    test('If-None-Match spares the body of what is known', async () => {
      const created = await container.items.create({ id: 'none', pk: 'p' });
      const item = container.item('none', 'p');
      const accessCondition = { type: 'IfNoneMatch', condition: created.etag };
      const known = await item.read({ accessCondition });
      expect(known.statusCode).toBe(304);
      await item.replace({ id: 'none', pk: 'p', changed: true });
      const news = await item.read({ accessCondition });
      expect(news.statusCode).toBe(200);
      expect(news.resource).toMatchObject({ changed: true });
    });
  });

  describe('patch', () => {
    const base = { id: '', pk: 'p', n: 1, text: 'a', list: [1, 2, 3], nested: { deep: { value: true } } };
    let made = 0;

    async function patched(operations: PatchOperation[], condition?: string) {
      const id = `patch-${made++}`;
      await container.items.create({ ...base, id });
      const item = container.item(id, 'p');
      const body = condition === undefined ? operations : { condition, operations };
      return { item, call: item.patch(body) };
    }

    test.each<[string, PatchOperation[], Record<string, unknown>]>([
      ['add a member', [{ op: 'add', path: '/fresh', value: { a: [] } }], { fresh: { a: [] } }],
      ['add over a member', [{ op: 'add', path: '/text', value: null }], { text: null }],
      ['add into an array', [{ op: 'add', path: '/list/1', value: 9 }], { list: [1, 9, 2, 3] }],
      ['add at the end', [{ op: 'add', path: '/list/-', value: 9 }], { list: [1, 2, 3, 9] }],
      ['add at the length', [{ op: 'add', path: '/list/3', value: 9 }], { list: [1, 2, 3, 9] }],
      [
        'set a member',
        [{ op: 'set', path: '/nested/deep/value', value: 'x' }],
        { nested: { deep: { value: 'x' } } },
      ],
      [
        'set a new member',
        [{ op: 'set', path: '/nested/fresh', value: 1 }],
        { nested: { deep: { value: true }, fresh: 1 } },
      ],
      ['set an element', [{ op: 'set', path: '/list/1', value: 9 }], { list: [1, 9, 3] }],
      ['replace a member', [{ op: 'replace', path: '/text', value: 'b' }], { text: 'b' }],
      ['replace an element', [{ op: 'replace', path: '/list/0', value: 0 }], { list: [0, 2, 3] }],
      ['remove an element', [{ op: 'remove', path: '/list/0' }], { list: [2, 3] }],
      ['increment', [{ op: 'incr', path: '/n', value: 2.5 }], { n: 3.5 }],
      ['decrement', [{ op: 'incr', path: '/n', value: -3 }], { n: -2 }],
      ['increment what is not there', [{ op: 'incr', path: '/fresh', value: 4 }], { fresh: 4 }],
      ['escapes', [{ op: 'add', path: '/a~1b~0c', value: 1 }], { 'a/b~c': 1 }],
      [
        'in order',
        [
          { op: 'add', path: '/o', value: {} },
          { op: 'set', path: '/o/n', value: 1 },
          { op: 'incr', path: '/o/n', value: 1 },
        ],
        { o: { n: 2 } },
      ],
    ])('%s', async (_, operations, outcome) => {
      const { item, call } = await patched(operations);
      const answer = await call;
      expect(answer.statusCode).toBe(200);
      expect(answer.resource).toEqual({ ...answer.resource, ...outcome });
      expect((await item.read()).resource).toEqual(answer.resource);
    });

    test('remove takes the member away and leaves the rest in order', async () => {
      const { call } = await patched([{ op: 'remove', path: '/text' }]);
      const keys = ['id', 'pk', 'n', 'list', 'nested', ...SYSTEM_PROPERTIES];
      expect(Object.keys((await call).resource ?? {})).toEqual(keys);
    });

    test.each<[string, PatchOperation[]]>([
      ['nothing', []],
      [
        'eleven operations',
        Array.from({ length: 11 }, () => ({ op: 'incr', path: '/n', value: 1 }) as const),
      ],
      ['replace what is not there', [{ op: 'replace', path: '/fresh', value: 1 }]],
      ['remove what is not there', [{ op: 'remove', path: '/fresh' }]],
      ['set below a missing parent', [{ op: 'set', path: '/fresh/a', value: 1 }]],
      ['add beyond the end', [{ op: 'add', path: '/list/4', value: 1 }]],
      ['increment text', [{ op: 'incr', path: '/text', value: 1 }]],
      ['increment by text', [{ op: 'incr', path: '/n', value: '1' }]],
      ['the id', [{ op: 'set', path: '/id', value: 'other' }]],
      ['the partition key', [{ op: 'set', path: '/pk', value: 'other' }]],
      ['a system property', [{ op: 'set', path: '/_ts', value: 1 }]],
      ['an unknown operation', [{ op: 'shout' as 'set', path: '/n', value: 1 }]],
      [
        'one of two',
        [
          { op: 'set', path: '/n', value: 7 },
          { op: 'remove', path: '/fresh' },
        ],
      ],
    ])('%s is refused and changes nothing', async (_, operations) => {
      const { item, call } = await patched(operations);
      expect(await refusal(call)).toMatchObject({ code: 400 });
      expect((await item.read()).resource).toMatchObject({ n: 1, text: 'a', list: [1, 2, 3] });
    });

    test('a condition decides', async () => {
      const change: PatchOperation[] = [{ op: 'set', path: '/n', value: 5 }];
      const kept = await patched(change, 'from c where c.n = 2');
      expect(await refusal(kept.call)).toMatchObject({ code: 412 });
      expect((await kept.item.read()).resource?.n).toBe(1);
      const changed = await patched(change, "from c where c.n = 1 and c.text = 'a'");
      expect((await changed.call).resource?.n).toBe(5);
      const broken = await patched(change, 'from c where where');
      expect(await refusal(broken.call)).toMatchObject({ code: 400 });
    });

    test('a hundred concurrent increments all count', async () => {
      await container.items.create({ ...base, id: 'counter', n: 0 });
      const item = container.item('counter', 'p');
      await Promise.all(
        Array.from({ length: 100 }, () => item.patch([{ op: 'incr', path: '/n', value: 1 }])),
      );
      expect((await item.read()).resource?.n).toBe(100);
    });
  });

  describe('lists', () => {
    test('all items in order of insertion, in pages of the size asked for', async () => {
      const own = await makeContainer(database);
      for (const id of ['d', 'a', 'c', 'b', 'e']) await own.items.create({ id, pk: 'p' });
      const pages: string[][] = [];
      const list = own.items.readAll({ maxItemCount: 2 });
      while (list.hasMoreResults()) {
        const { resources } = await list.fetchNext();
        pages.push((resources ?? []).map((one) => String(one.id)));
      }
      expect(pages).toEqual([['d', 'a'], ['c', 'b'], ['e']]);
    });
  });
});
