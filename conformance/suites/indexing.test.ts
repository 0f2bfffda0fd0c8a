import type { Container, CosmosClient, FeedOptions } from '@azure/cosmos';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, refusal, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

/** Which items go into indexes, and policies that change while clients work. */

const PROGRESS = 'x-ms-documentdb-collection-index-transformation-progress';

const server = TestedServer.during();

async function ids(container: Container, query: string, options: FeedOptions = {}): Promise<string[]> {
  const { resources } = await container.items.query<string>(query, options).fetchAll();
  return resources.sort();
}

describe.each(SDKS)('with the client $version', ({ sdk }) => {
  let client: CosmosClient;
  beforeAll(() => {
    client = connect(sdk, { endpoint: server.endpoint });
  });

  test('an excluded item is read, and queries pass it by until it is included', async () => {
    const container = await makeContainer(await makeDatabase(client));
    await container.items.create({ id: 'in', pk: 'p', n: 1 });
    await container.items.create({ id: 'out', pk: 'p', n: 1 }, { indexingDirective: 'Exclude' });
    expect(await ids(container, 'SELECT VALUE c.id FROM c')).toEqual(['in']);
    expect(await ids(container, 'SELECT VALUE c.id FROM c WHERE c.n = 1', { partitionKey: 'p' })).toEqual([
      'in',
    ]);
    expect((await container.item('out', 'p').read()).resource).toMatchObject({ n: 1 });
    await container.items.upsert({ id: 'out', pk: 'p', n: 2 }, { indexingDirective: 'Include' });
    await container.item('in', 'p').replace({ id: 'in', pk: 'p', n: 2 }, { indexingDirective: 'Exclude' });
    expect(await ids(container, 'SELECT VALUE c.id FROM c WHERE c.n = 2')).toEqual(['out']);
    await container.deleteAllItemsForPartitionKey('p');
    expect((await container.item('in', 'p').read()).statusCode).toBe(404);
    const unknown = container.items.create({ id: 'x', pk: 'p' }, { indexingDirective: 'Maybe' });
    expect(await refusal(unknown)).toMatchObject({ code: 400 });
  });

  test('without automatic indexing only included items are found', async () => {
    const indexingPolicy = { automatic: false, indexingMode: 'consistent' };
    const container = await makeContainer(await makeDatabase(client), { more: { indexingPolicy } });
    await container.items.create({ id: 'plain', pk: 'p', n: 1 });
    await container.items.create({ id: 'chosen', pk: 'p', n: 1 }, { indexingDirective: 'Include' });
    expect(await ids(container, 'SELECT VALUE c.id FROM c WHERE c.n = 1')).toEqual(['chosen']);
    const count = container.items.query<number>('SELECT VALUE COUNT(1) FROM c');
    expect((await count.fetchAll()).resources).toEqual([1]);
    expect((await container.item('plain', 'p').read()).resource).toMatchObject({ n: 1 });
  });

  test('a policy changes while queries and writes go on', async () => {
    const indexingPolicy = { includedPaths: [{ path: '/b/?' }], excludedPaths: [{ path: '/*' }] };
    const container = await makeContainer(await makeDatabase(client), { more: { indexingPolicy } });
    const items = Array.from({ length: 300 }, (_, n) => ({ id: `i${n}`, pk: `p${n % 7}`, a: n % 10, b: n }));
    await Promise.all(items.map((item) => container.items.create(item)));
    const wanted = items.filter(({ a }) => a === 3).map(({ id }) => id);
    const ordered = 'SELECT VALUE c.id FROM c WHERE c.a = 3 ORDER BY c.a';
    expect(await refusal(container.items.query(ordered).fetchAll())).toMatchObject({ code: 400 });
    const { resource } = await container.read();
    await container.replace({
      id: container.id,
      partitionKey: resource?.partitionKey ?? { paths: ['/pk'] },
      indexingPolicy: { includedPaths: [{ path: '/*' }], excludedPaths: [{ path: '/b/?' }] },
    });
    let progress = 0;
    for (let round = 0; progress < 100; round++) {
      expect(round).toBeLessThan(500);
      const id = `late${round}`;
      await container.items.create({ id, pk: 'p', a: 3, b: -1 });
      wanted.push(id);
      expect(await ids(container, 'SELECT VALUE c.id FROM c WHERE c.a = 3')).toEqual([...wanted].sort());
      expect(await ids(container, ordered)).toEqual([...wanted].sort());
      const { headers } = await container.read({ populateQuotaInfo: true });
      progress = Number(headers[PROGRESS]);
    }
    const gone = container.items.query('SELECT VALUE c.id FROM c ORDER BY c.b').fetchAll();
    expect(await refusal(gone)).toMatchObject({ code: 400 });
  });
});
