import type { Container, CosmosClient } from '@azure/cosmos';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FaultClient } from '../harness/fault-client.ts';
import { connect, makeContainer, makeDatabase, SDKS } from '../harness/sdks.ts';
import { ServerProcess } from '../harness/server-process.ts';

// Conflicts that a stored procedure merges, in three regions that lose each other.

/** Joins the names of the regions that wrote, and counts in another item how often it ran. */
const JOINING = `function resolver(incomingItem, existingItem, isTombstone, conflictingItems) {
  var collection = getContext().getCollection();
  var counter = 'runs of ' + incomingItem.id;
  collection.readDocument(collection.getAltLink() + '/docs/' + counter, function (error, found) {
    collection.upsertDocument(collection.getSelfLink(), { id: counter, pk: 'p', runs: error ? 1 : found.runs + 1 });
  });
  var other = existingItem || conflictingItems[0];
  var merged = { id: other.id, pk: 'p', regions: other.regions.concat(incomingItem.regions).sort() };
  collection.replaceDocument(other._self, merged, function (error) { if (error) throw error; });
}`;

let server: ServerProcess;
let faults: FaultClient;

beforeAll(async () => {
  server = await ServerProcess.start();
  faults = new FaultClient(server.management);
});

afterAll(() => server?.dispose());

describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  let views: Container[];
  let main: Container;

  beforeAll(async () => {
    const pinned: CosmosClient[] = server.regions.map(({ endpoint }) =>
      connect(sdk, { endpoint, isPinned: true, consistencyLevel: 'Session' }),
    );
    const database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
    const id = 'merging';
    const conflictResolutionProcedure = `dbs/${database.id}/colls/${id}/sprocs/resolver`;
    const policy = { mode: 'Custom', conflictResolutionProcedure };
    main = await makeContainer(database, { more: { id, conflictResolutionPolicy: policy } });
    await faults.quiesce();
    views = pinned.map((client) => client.database(database.id).container(id));
    const { resource } = await main.read();
    expect(resource?.conflictResolutionPolicy).toEqual({ ...policy, conflictResolutionPath: '' });
    const path = `dbs/${database.id}/colls/${id}`;
    expect(await faults.hub(path)).toMatchObject({
      container: (resource as unknown as { _rid: string })._rid,
      region: server.regions[0]?.name,
    });
  });

  afterEach(() => faults.quiesce());

  /** One write of an item in each region, none of which sees another; resolves once all have met. */
  async function collide(id: string): Promise<void> {
    await faults.cutAll(server.regions.map(({ name }) => name));
    for (const [place, view] of views.entries()) {
      await view.items.upsert({ id, pk: 'p', regions: [server.regions[place]?.name] });
    }
    await faults.quiesce();
  }

  const feeds = async () =>
    Promise.all(views.map(async (view) => (await view.conflicts.readAll().fetchAll()).resources));
  const shown = async (id: string) =>
    Promise.all(views.map(async (view) => (await view.item(id, 'p').read()).resource));

  test('without the procedure, and while it throws, conflicts are in the feed', async () => {
    await collide('early');
    const [first = [], ...others] = await feeds();
    expect(first).toHaveLength(2);
    for (const other of others) expect(other).toEqual(first);
    const body = 'function resolver() { throw new Error("not today"); }';
    await main.scripts.storedProcedures.create({ id: 'resolver', body });
    await faults.quiesce();
    await collide('late');
    const [more = [], ...same] = await feeds();
    expect(more).toHaveLength(4);
    for (const other of same) expect(other).toEqual(more);
    for (const { id } of more) await main.conflict(String(id), 'p').delete();
    await faults.quiesce();
    expect(await feeds()).toEqual([[], [], []]);
  });

  test('the procedure merges creates and replaces, once each, and the feed stays empty', async () => {
    const { statusCode } = await main.scripts.storedProcedure('resolver').replace({
      id: 'resolver',
      body: JOINING,
    });
    expect(statusCode).toBe(200);
    await faults.quiesce();
    const regions = server.regions.map(({ name }) => name).sort();
    await collide('merged');
    for (const item of await shown('merged')) expect(item).toMatchObject({ regions });
    await collide('merged');
    for (const item of await shown('merged')) expect(item).toMatchObject({ regions });
    const [first, ...others] = await shown('merged');
    for (const other of others) expect(other).toEqual(first);
    for (const counter of await shown('runs of merged')) expect(counter).toMatchObject({ runs: 4 });
    expect(await feeds()).toEqual([[], [], []]);
  });
});
