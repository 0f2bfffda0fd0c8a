import type { ConflictDefinition, Container, Database } from '@azure/cosmos';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, refusal, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

interface Person {
  readonly id: string;
  readonly pk: string;
  readonly mail?: string | null;
  readonly name?: { readonly first?: string; readonly last?: string };
}

// Containers with unique keys, in one region and in three that take the same values at once.

const server = TestedServer.during();
const uniqueKeyPolicy = { uniqueKeys: [{ paths: ['/mail'] }, { paths: ['/name/first', '/name/last'] }] };

/** A person with a mail and names of its own unless given. */
const person = (id: string, more: Partial<Person> = {}): Person => ({
  ...{ id, pk: 'p', mail: id, name: { first: id } },
  ...more,
});

const VIOLATION = { code: 409, message: expect.stringContaining('Unique index constraint violation.') };
const GONE = { code: 404 };

describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  let database: Database;

  beforeAll(async () => {
    database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
  });

  afterEach(() => server.faults.quiesce());

  async function viewsOf(more: object = {}): Promise<[Container, Container, Container]> {
    const container = await makeContainer(database, { more: { uniqueKeyPolicy, ...more } });
    return (await server.viewsOf(sdk, container, 'Session')) as [Container, Container, Container];
  }

  /** Ids that a query finds, which are those that a list has. */
  async function idsOf(view: Container): Promise<unknown[]> {
    const query = view.items.query<string>('SELECT VALUE c.id FROM c ORDER BY c.id', { partitionKey: 'p' });
    const { resources } = await query.fetchAll();
    const listed = await view.items.readAll<Person>({ partitionKey: 'p' }).fetchAll();
    expect(listed.resources.map(({ id }) => id).sort()).toEqual(resources);
    return resources;
  }

  const feedOf = async (view: Container) =>
    (await view.conflicts.readAll().fetchAll()).resources as (ConflictDefinition & { resourceId: string })[];

  test('the policy is shown, and cannot be changed', async () => {
    const [container] = await viewsOf();
    const { resource } = await container.read();
    expect(resource?.uniqueKeyPolicy).toEqual(uniqueKeyPolicy);
    const { id, partitionKey } = resource as { id: string; partitionKey: { paths: string[] } };
    const changed = { id, partitionKey, uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/other'] }] } };
    expect(await refusal(container.replace(changed as never))).toMatchObject({ code: 400 });
    const same = await container.replace({ id, partitionKey, defaultTtl: 1000 } as never);
    expect(same.resource?.uniqueKeyPolicy).toEqual(uniqueKeyPolicy);
  });

  test('too many keys or paths, and paths that are none, are refused', async () => {
    const make = (...uniqueKeys: { paths: string[] }[]) =>
      refusal(makeContainer(database, { more: { uniqueKeyPolicy: { uniqueKeys } } }));
    const paths = (count: number) => Array.from({ length: count }, (_, n) => `/p${n}`);
    expect(await make(...paths(11).map((path) => ({ paths: [path] })))).toMatchObject({ code: 400 });
    expect(await make({ paths: paths(17) })).toMatchObject({ code: 400 });
    expect(await make({ paths: ['/a/*'] })).toMatchObject({ code: 400 });
  });

  test('a second item with a value is refused, whatever writes it', async () => {
    const [container] = await viewsOf();
    await container.items.create(person('a', { mail: 'm' }));
    await container.items.create(person('b'));
    expect(await refusal(container.items.create(person('c', { mail: 'm' })))).toMatchObject(VIOLATION);
    expect(await refusal(container.items.upsert(person('c', { mail: 'm' })))).toMatchObject(VIOLATION);
    expect(await refusal(container.items.upsert(person('b', { mail: 'm' })))).toMatchObject(VIOLATION);
    const b = container.item('b', 'p');
    expect(await refusal(b.replace(person('b', { name: { first: 'a' } })))).toMatchObject(VIOLATION);
    expect(await refusal(b.patch([{ op: 'set', path: '/mail', value: 'm' }]))).toMatchObject(VIOLATION);
    const batch = await container.items.batch(
      [
        { operationType: 'Create', resourceBody: { ...person('d') } as never },
        { operationType: 'Create', resourceBody: { ...person('e', { mail: 'd' }) } as never },
      ],
      'p',
    );
    expect(batch.result?.map(({ statusCode }) => statusCode)).toEqual([424, 409]);
    expect(await idsOf(container)).toEqual(['a', 'b']);
    // Another logical partition knows nothing of it.
    await container.items.create({ ...person('a', { mail: 'm' }), pk: 'q' });
  });

  test('missing values count as null, and a value is free once nobody has it', async () => {
    const [container] = await viewsOf();
    await container.items.create({ id: 'a', pk: 'p', name: { first: 'a' } });
    expect(await refusal(container.items.create(person('b', { mail: null })))).toMatchObject(VIOLATION);
    await container.item('a', 'p').patch([{ op: 'add', path: '/mail', value: 'a' }]);
    await container.items.create(person('b', { mail: null }));
    await container.item('b', 'p').delete();
    await container.items.create(person('c', { mail: null }));
  });

  test('of two items that took a value at once every region shows the later one', async () => {
    const views = await viewsOf();
    const [west, north] = views;
    await server.cutAll();
    await west.items.create(person('a', { mail: 'm' }));
    await north.items.create(person('b', { mail: 'm' }));
    await server.faults.quiesce();
    for (const view of views) {
      expect(await idsOf(view)).toEqual(['b']);
      expect((await view.item('a', 'p').read()).statusCode).toBe(404);
      expect(await refusal(view.item('a', 'p').replace(person('a')))).toMatchObject(GONE);
      expect(await refusal(view.items.create(person('c', { mail: 'm' })))).toMatchObject(VIOLATION);
      expect(await feedOf(view)).toEqual([]);
    }
    await west.items.create(person('a'));
    await server.faults.quiesce();
    for (const view of views) expect(await idsOf(view)).toEqual(['a', 'b']);
  });

  test('of a chain the first comes back when the second loses against the third', async () => {
    const views = await viewsOf();
    const [west, north, south] = views;
    await server.cutAll();
    await west.items.create(person('a', { mail: 'x' }));
    await north.items.create(person('b', { mail: 'x', name: { first: 'y' } }));
    await south.items.create(person('c', { name: { first: 'y' } }));
    const [first = '', second = ''] = server.regionNames;
    await server.faults.quiesce();
    for (const view of views) expect(await idsOf(view)).toEqual(['a', 'c']);
    await server.faults.kill(first);
    await server.faults.start(first);
    await server.faults.kill(second);
    await server.faults.wipe(second);
    await server.faults.start(second);
    await server.faults.quiesce();
    for (const view of views) expect(await idsOf(view)).toEqual(['a', 'c']);
  });

  test('whoever deletes an item without having heard of its rival brings the rival back', async () => {
    const views = await viewsOf();
    const [west, north] = views;
    await server.cutAll();
    await west.items.create(person('a', { mail: 'm' }));
    await north.items.create(person('b', { mail: 'm' }));
    await north.item('b', 'p').delete();
    await server.faults.quiesce();
    for (const view of views) expect(await idsOf(view)).toEqual(['a']);
  });

  test('in mode Custom the loser waits in the conflicts feed', async () => {
    const views = await viewsOf({ conflictResolutionPolicy: { mode: 'Custom' } });
    const [west, north] = views;
    await server.cutAll();
    const { resource: lost } = await west.items.create(person('a', { mail: 'm' }));
    await north.items.create(person('b', { mail: 'm' }));
    await server.faults.quiesce();
    // Writing the winner, and collecting what nobody needs, leaves the entry.
    await north.items.upsert(person('b', { mail: 'm', name: { first: 'new' } }));
    await server.faults.quiesce();
    for (const region of server.regionNames) await server.faults.collect(region);
    const feeds = await Promise.all(views.map(feedOf));
    const [entry] = feeds[0] ?? [];
    for (const feed of feeds) expect(feed).toEqual([entry]);
    expect(entry).toMatchObject({
      operationType: 'create',
      resourceType: 'document',
      resourceId: lost?._rid,
    });
    expect(JSON.parse(String(entry?.content))).toEqual(lost);
    await north.items.create(person('a', { mail: 'resolved' }));
    await north.conflict(String(entry?.id), 'p').delete();
    await server.faults.quiesce();
    for (const view of views) {
      expect(await feedOf(view)).toEqual([]);
      expect(await idsOf(view)).toEqual(['a', 'b']);
    }
  });
});
