import type { Container } from '@azure/cosmos';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, refusal, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

const server = TestedServer.during();

/* What scripts find around them; the functions below are sent as text and never run here. */
type Callback = (error: unknown, result: never) => void;
interface Collection {
  getSelfLink(): string;
  createDocument(link: string, item: object, callback?: Callback): boolean;
  queryDocuments(link: string, query: string, callback: Callback): boolean;
}
interface Message {
  getBody(): Record<string, unknown>;
  setBody(body: unknown): void;
}
declare const getContext: () => {
  getCollection(): Collection;
  getRequest(): Message;
  getResponse(): Message;
};
declare const __: Collection;

describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  let container: Container;

  beforeAll(async () => {
    const client = connect(sdk, { endpoint: server.endpoint });
    container = await makeContainer(await makeDatabase(client));
  });

  const procedure = async (id: string, body: (...args: never[]) => unknown) => {
    await container.scripts.storedProcedures.create({ id, body: body as never });
    return container.scripts.storedProcedure(id);
  };
  const find = async (id: string) => (await container.item(id, 'p').read()).resource;

  test('a procedure is created, listed, queried, read, replaced and deleted', async () => {
    const { storedProcedures } = container.scripts;
    const made = await storedProcedures.create({ id: 'crud', body: 'function () {}' });
    expect(made.statusCode).toBe(201);
    expect(made.resource).toMatchObject({
      id: 'crud',
      body: 'function () {}',
      _rid: expect.stringMatching(/^[A-Za-z0-9+-]{22}==$/),
      _self: expect.stringMatching(/^dbs\/.+\/colls\/.+\/sprocs\/.+\/$/),
      _etag: expect.stringMatching(/^".+"$/),
      _ts: expect.any(Number),
    });
    expect((await storedProcedures.readAll().fetchAll()).resources).toContainEqual(made.resource);
    const parameters = [{ name: '@id', value: 'crud' }];
    const query = { query: 'SELECT * FROM root r WHERE r.id = @id', parameters };
    expect((await storedProcedures.query(query).fetchAll()).resources).toEqual([made.resource]);
    const one = container.scripts.storedProcedure('crud');
    expect((await one.read()).resource).toEqual(made.resource);
    const replaced = await one.replace({ id: 'crud', body: 'function () { return 1; }' });
    expect(replaced.resource?.body).toBe('function () { return 1; }');
    expect(replaced.resource?._etag).not.toBe(made.resource?._etag);
    expect(await refusal(storedProcedures.create({ id: 'crud', body: 'x' }))).toMatchObject({ code: 409 });
    expect((await one.delete()).statusCode).toBe(204);
    expect(await refusal(one.read())).toMatchObject({ code: 404 });
  });

  test('triggers and functions are kept in the same way', async () => {
    const { triggers, userDefinedFunctions } = container.scripts;
    const trigger = { id: 't', body: 'function () {}', triggerType: 'Pre', triggerOperation: 'All' } as const;
    const made = await triggers.create(trigger as never);
    expect(made.resource).toMatchObject(trigger);
    expect((await triggers.readAll().fetchAll()).resources).toEqual([made.resource]);
    expect((await container.scripts.trigger('t').delete()).statusCode).toBe(204);
    const udf = await userDefinedFunctions.create({ id: 'f', body: 'function (x) { return x; }' });
    expect((await container.scripts.userDefinedFunction('f').read()).resource).toEqual(udf.resource);
    expect((await container.scripts.userDefinedFunction('f').delete()).statusCode).toBe(204);
  });

  test('queries call functions', async () => {
    const body = 'function (x) { return x === undefined ? undefined : x * 2; }';
    await container.scripts.userDefinedFunctions.create({ id: 'twice', body });
    await container.items.create({ id: 'u1', pk: 'u', n: 1 });
    await container.items.create({ id: 'u2', pk: 'u', n: 2 });
    const query = 'SELECT VALUE udf.twice(c.n) FROM c WHERE udf.twice(c.n) > 2';
    const { resources } = await container.items.query(query, { partitionKey: 'u' }).fetchAll();
    expect(resources).toEqual([4]);
    const unknown = container.items.query('SELECT VALUE udf.none(c.n) FROM c', { partitionKey: 'u' });
    expect(await refusal(unknown.fetchAll())).toMatchObject({ code: 400 });
  });

  test('a procedure takes arguments and answers', async () => {
    const add = await procedure('add', (a: number, b: { n: number }) => {
      getContext()
        .getResponse()
        .setBody({ sum: a + b.n });
    });
    const { resource, statusCode, requestCharge } = await add.execute('p', [1, { n: 2 }]);
    expect(statusCode).toBe(200);
    expect(resource).toEqual({ sum: 3 });
    expect(Number(requestCharge)).toBeGreaterThan(0);
    const text = await procedure('text', () => getContext().getResponse().setBody('hello'));
    expect((await text.execute('p')).resource).toBe('hello');
  });

  test('a procedure writes all its items or none', async () => {
    const fill = await procedure('fill', (count: number, isBad: boolean) => {
      const collection = getContext().getCollection();
      let made = 0;
      const next = () => {
        if (made === count) {
          if (isBad) throw new Error('changed my mind');
          getContext().getResponse().setBody(made);
          return;
        }
        const item = { id: `${isBad ? 'bad' : 'good'}-${made}`, pk: 'p' };
        const isAccepted = collection.createDocument(collection.getSelfLink(), item, (error: unknown) => {
          if (error) throw error;
          made++;
          next();
        });
        if (!isAccepted) throw new Error('not accepted');
      };
      next();
    });
    expect((await fill.execute('p', [10, false])).resource).toBe(10);
    expect(await find('good-9')).toMatchObject({ id: 'good-9' });
    const failure = await refusal(fill.execute('p', [10, true]));
    expect(failure).toMatchObject({ code: 400, message: expect.stringContaining('changed my mind') });
    expect(await find('bad-0')).toBeUndefined();
  });

  test('a procedure queries its logical partition and no other', async () => {
    await container.items.create({ id: 'q1', pk: 'q', n: 1 });
    await container.items.create({ id: 'q2', pk: 'q', n: 2 });
    const sum = await procedure('sum', () => {
      const query = 'SELECT VALUE SUM(c.n) FROM c';
      __.queryDocuments(__.getSelfLink(), query, (error: unknown, feed: number[]) => {
        if (error) throw error;
        getContext().getResponse().setBody(feed[0]);
      });
    });
    expect((await sum.execute('q')).resource).toBe(3);
  });

  test('what it logs comes back when asked for', async () => {
    const log = await procedure('log', () => console.log('%s is 100%', 'half'));
    const logged = await log.execute('p', [], { enableScriptLogging: true });
    const results = String(logged.headers['x-ms-documentdb-script-log-results']);
    expect(decodeURIComponent(results)).toBe('half is 100%\n');
    const silent = await log.execute('p', []);
    expect(silent.headers['x-ms-documentdb-script-log-results']).toBeUndefined();
  });

  test('one that does not end is ended, and nobody waits for it meanwhile', async () => {
    const endless = await procedure('endless', () => {
      for (;;);
    });
    const running = refusal(endless.execute('p'));
    const startMs = Date.now();
    await container.items.upsert({ id: 'beside', pk: 'p' });
    expect(Date.now() - startMs).toBeLessThan(2000);
    expect(await running).toMatchObject({ code: 408 });
  });

  test('triggers change what is written and write along', async () => {
    await container.scripts.triggers.create({
      id: 'stamp',
      body: (() => {
        const request = getContext().getRequest();
        const item = request.getBody();
        item.stamped = true;
        request.setBody(item);
      }) as never,
      triggerType: 'Pre' as never,
      triggerOperation: 'Create' as never,
    });
    await container.scripts.triggers.create({
      id: 'audit',
      body: (() => {
        const { id } = getContext().getResponse().getBody();
        if (id === 'refused') throw new Error('refused by the trigger');
        __.createDocument(__.getSelfLink(), { id: `audit-${id}`, pk: 'p' });
      }) as never,
      triggerType: 'Post' as never,
      triggerOperation: 'All' as never,
    });
    const options = { preTriggerInclude: 'stamp', postTriggerInclude: 'audit' } as const;
    const made = await container.items.create({ id: 'watched', pk: 'p' }, options);
    expect(made.statusCode).toBe(201);
    expect(made.resource).toMatchObject({ id: 'watched', stamped: true });
    expect(await find('audit-watched')).toMatchObject({ id: 'audit-watched' });
    const failure = await refusal(container.items.create({ id: 'refused', pk: 'p' }, options));
    expect(failure).toMatchObject({ code: 400, message: expect.stringContaining('refused by the trigger') });
    expect(await find('refused')).toBeUndefined();
    const wrong = container.items.upsert({ id: 'watched', pk: 'p' }, { preTriggerInclude: 'none' });
    expect(await refusal(wrong)).toMatchObject({ code: 400 });
  });
});
