import type { ConflictDefinition, Container } from '@azure/cosmos';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, refusal, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

type Entry = ConflictDefinition & { _etag: string };

// The conflicts feed of a container in mode 'Custom' without a procedure, in three regions that lose each other.

const server = TestedServer.during();

describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  let views: Container[];
  let made = 0;

  beforeAll(async () => {
    const database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
    const more = { conflictResolutionPolicy: { mode: 'Custom' } };
    const container = await makeContainer(database, { more });
    views = await server.viewsOf(sdk, container, 'Session');
    const { resource } = await container.read();
    expect(resource?.conflictResolutionPolicy).toEqual({
      mode: 'Custom',
      conflictResolutionPath: '',
      conflictResolutionProcedure: '',
    });
  });

  afterEach(() => server.faults.quiesce());

  const feedOf = async (view: Container) => (await view.conflicts.readAll().fetchAll()).resources as Entry[];

  /** One write of a fresh item in each region, none of which sees another; resolves once all have met. */
  async function collide(): Promise<{ readonly id: string; readonly etags: string[] }> {
    const id = `i${made++}`;
    await server.cutAll();
    const etags: string[] = [];
    for (const [region, view] of views.entries()) {
      const { resource } = await view.items.create({ id, pk: 'p', region });
      etags.push((resource as unknown as Entry)._etag);
    }
    await server.faults.quiesce();
    return { id, etags };
  }

  /** The entries about one item, the same in every region. */
  async function entriesOf(id: string): Promise<Entry[]> {
    const feeds = await Promise.all(views.map(feedOf));
    const [first = [], ...others] = feeds.map((feed) =>
      feed.filter(({ content }) => (JSON.parse(String(content)) as { id: string }).id === id),
    );
    for (const other of others) expect(other).toEqual(first);
    return first;
  }

  test('three concurrent creates leave two entries, the same in every region', async () => {
    const { id, etags } = await collide();
    const winners = await Promise.all(views.map((view) => view.item(id, 'p').read<Entry>()));
    const visible = winners.map(({ resource }) => resource?._etag);
    expect(new Set(visible).size).toBe(1);
    const entries = await entriesOf(id);
    expect(entries).toHaveLength(2);
    const losers = entries.map(({ content }) => (JSON.parse(String(content)) as Entry)._etag);
    expect([...losers, visible[0]].sort()).toEqual([...etags].sort());
    for (const entry of entries)
      expect(entry).toMatchObject({ operationType: 'create', resourceType: 'document' });
  });

  test('entries are queried, read and deleted; a deletion reaches every region', async () => {
    const { id } = await collide();
    const [one, two] = await entriesOf(id);
    const query = {
      query: 'SELECT * FROM root r WHERE r.id = @id',
      parameters: [{ name: '@id', value: one?.id }],
    };
    const [first] = views as [Container];
    const { resources } = await first.conflicts.query(query as never).fetchAll();
    expect(resources).toEqual([one]);
    const read = await first.conflict(String(two?.id), 'p').read();
    expect(read.resource).toEqual(two);
    expect((await first.conflict(String(one?.id), 'p').delete()).statusCode).toBe(204);
    expect(await refusal(first.conflict(String(one?.id), 'p').delete())).toMatchObject({ code: 404 });
    await server.faults.quiesce();
    expect(await entriesOf(id)).toEqual([two]);
  });

  test('entries outlive the write that resolves them, and are deleted in a region that is cut off', async () => {
    const { id } = await collide();
    const [one, two] = (await entriesOf(id)) as [Entry, Entry];
    const [west, north] = views as [Container, Container];
    await west.items.upsert({ id, pk: 'p', region: 'resolved' });
    await server.faults.quiesce();
    expect(await entriesOf(id)).toEqual([one, two]);
    await server.cutAll();
    await north.conflict(one.id as string, 'p').delete();
    await west.conflict(two.id as string, 'p').delete();
    await server.faults.quiesce();
    expect(await entriesOf(id)).toEqual([]);
    const { resource } = await north.item(id, 'p').read<{ region: unknown }>();
    expect(resource?.region).toBe('resolved');
  });

  test('a delete wins over concurrent replaces, and leaves no entry', async () => {
    const id = `i${made++}`;
    const [west, north] = views as [Container, Container];
    await west.items.create({ id, pk: 'p' });
    await server.faults.quiesce();
    await server.cutAll();
    await west.item(id, 'p').delete();
    await north.item(id, 'p').replace({ id, pk: 'p', region: 'north' });
    await server.faults.quiesce();
    expect(await entriesOf(id)).toEqual([]);
    for (const view of views) expect((await view.item(id, 'p').read()).statusCode).toBe(404);
  });
});
