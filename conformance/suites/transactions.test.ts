import type { Container, Database, OperationInput } from '@azure/cosmos';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, refusal, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

// Batches, patches that meet in three regions, time to live: with the clients that users have.

const server = TestedServer.during();

describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  let database: Database;
  let container: Container;

  beforeAll(async () => {
    database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
    container = await makeContainer(database);
  });

  afterEach(() => server.faults.quiesce());

  const create = (id: string, more = {}): OperationInput => ({
    operationType: 'Create',
    resourceBody: { id, pk: 'p', ...more },
  });

  describe('a transactional batch', () => {
    test('does everything, each operation seeing those before it', async () => {
      await container.items.create({ id: 'there', pk: 'p', n: 1 });
      const { result, code } = await container.items.batch(
        [
          create('made', { n: 1 }),
          { operationType: 'Upsert', resourceBody: { id: 'upserted', pk: 'p' } },
          {
            operationType: 'Patch',
            id: 'made',
            resourceBody: { operations: [{ op: 'incr', path: '/n', value: 2 }] },
          },
          { operationType: 'Read', id: 'made' },
          { operationType: 'Replace', id: 'there', resourceBody: { id: 'there', pk: 'p', n: 2 } },
          { operationType: 'Delete', id: 'upserted' },
        ] as OperationInput[],
        'p',
      );
      expect(code).toBe(200);
      expect(result?.map(({ statusCode }) => statusCode)).toEqual([201, 201, 200, 200, 200, 204]);
      expect(result?.[3]?.resourceBody).toMatchObject({ id: 'made', n: 3 });
      expect((await container.item('made', 'p').read()).resource).toMatchObject({ n: 3 });
      expect((await container.item('there', 'p').read()).resource).toMatchObject({ n: 2 });
      expect((await container.item('upserted', 'p').read()).statusCode).toBe(404);
    });

    test('does nothing when one operation fails, and says which', async () => {
      await container.items.upsert({ id: 'blocked', pk: 'p' });
      const { result, code } = await container.items.batch(
        [create('one'), create('blocked'), create('two')],
        'p',
      );
      expect(code).toBe(207);
      expect(result?.map(({ statusCode }) => statusCode)).toEqual([424, 409, 424]);
      for (const id of ['one', 'two']) expect((await container.item(id, 'p').read()).statusCode).toBe(404);
    });

    test('keeps to one partition key', async () => {
      const other = container.items.batch([create('other')], 'q');
      await expect(other).rejects.toThrow('different partition key value');
    });

    test('reaches the other regions whole', async () => {
      const views = await server.viewsOf(sdk, await makeContainer(database));
      const [first] = views as [Container];
      const ids = Array.from({ length: 20 }, (_, place) => `i${place}`);
      const writeRound = (round: number) =>
        first.items.batch(
          ids.map(
            (id): OperationInput => ({ operationType: 'Upsert', resourceBody: { id, pk: 'p', round } }),
          ),
          'p',
        );
      await writeRound(0);
      await server.faults.quiesce();
      const writing = (async () => {
        for (let round = 1; round <= 20; round++) await writeRound(round);
        return 'done';
      })();
      let isBusy = true;
      void writing.then(() => {
        isBusy = false;
      });
      while (isBusy) {
        for (const view of views) {
          const { resources } = await view.items
            .query('SELECT DISTINCT VALUE c.round FROM c', { partitionKey: 'p' })
            .fetchAll();
          expect(resources).toHaveLength(1);
        }
      }
      expect(await writing).toBe('done');
    });
  });

  test('patches made in regions that were cut off all count, and every region shows the same', async () => {
    const views = await server.viewsOf(sdk, await makeContainer(database));
    await views[0]?.items.create({ id: 'i', pk: 'p', n: 0, o: {} });
    await server.faults.quiesce();
    for (const { name } of server.regions) await server.faults.add({ kind: 'isolate', region: name });
    for (const [place, view] of views.entries()) {
      const item = view.item('i', 'p');
      for (let round = 1; round <= 5; round++) {
        await item.patch([
          { op: 'incr', path: '/n', value: 10 ** place },
          { op: 'set', path: `/o/r${place}`, value: round },
        ]);
      }
    }
    await server.faults.quiesce();
    const reads = await Promise.all(views.map((view) => view.item('i', 'p').read()));
    expect(new Set(reads.map(({ resource }) => JSON.stringify(resource))).size).toBe(1);
    expect(reads[0]?.resource).toMatchObject({ n: 555, o: { r0: 5, r1: 5, r2: 5 } });
  });

  test('expired items are gone, and can be made again', async () => {
    const short = await makeContainer(database, { more: { defaultTtl: 2 } });
    expect((await short.read()).resource?.defaultTtl).toBe(2);
    await short.items.create({ id: 'plain', pk: 'p' });
    await short.items.create({ id: 'never', pk: 'p', ttl: -1 });
    await short.items.create({ id: 'long', pk: 'p', ttl: 1000 });
    expect(await refusal(short.items.create({ id: 'bad', pk: 'p', ttl: 0 }))).toMatchObject({ code: 400 });
    const gone = async () => (await short.item('plain', 'p').read()).statusCode;
    await expect.poll(gone, { timeout: 10_000 }).toBe(404);
    const { resources } = await short.items.query('SELECT VALUE c.id FROM c').fetchAll();
    expect(resources.sort()).toEqual(['long', 'never']);
    expect((await short.items.create({ id: 'plain', pk: 'p' })).statusCode).toBe(201);
  });
});
