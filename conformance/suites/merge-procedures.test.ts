import type { Container } from '@azure/cosmos';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

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

/** Makes anew what a delete ended, and says what it was given. */
const REVIVING = `function resolver(incomingItem, existingItem, isTombstone, conflictingItems) {
  var collection = getContext().getCollection();
  incomingItem.given = [existingItem, isTombstone, conflictingItems];
  collection.createDocument(collection.getSelfLink(), incomingItem, function (error) { if (error) throw error; });
}`;

const server = TestedServer.during();

describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  let views: Container[];
  let main: Container;

  beforeAll(async () => {
    const database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
    const id = 'merging';
    const conflictResolutionProcedure = `dbs/${database.id}/colls/${id}/sprocs/resolver`;
    const policy = { mode: 'Custom', conflictResolutionProcedure };
    main = await makeContainer(database, { more: { id, conflictResolutionPolicy: policy } });
    views = await server.viewsOf(sdk, main, 'Session');
    const { resource } = await main.read();
    expect(resource?.conflictResolutionPolicy).toEqual({ ...policy, conflictResolutionPath: '' });
    const path = `dbs/${database.id}/colls/${id}`;
    expect(await server.faults.hub(path)).toMatchObject({
      container: (resource as unknown as { _rid: string })._rid,
      region: server.regions[0]?.name,
    });
  });

  afterEach(() => server.faults.quiesce());

  /** One write of an item in each region, none of which sees another; resolves once all have met. */
  async function collide(id: string): Promise<void> {
    await server.cutAll();
    for (const [place, view] of views.entries()) {
      await view.items.upsert({ id, pk: 'p', regions: [server.regions[place]?.name] });
    }
    await server.faults.quiesce();
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
    await server.faults.quiesce();
    await collide('late');
    const [more = [], ...same] = await feeds();
    expect(more).toHaveLength(4);
    for (const other of same) expect(other).toEqual(more);
    for (const { id } of more) await main.conflict(String(id), 'p').delete();
    await server.faults.quiesce();
    expect(await feeds()).toEqual([[], [], []]);
  });

  test('the procedure merges creates and replaces, once each, and the feed stays empty', async () => {
    const { statusCode } = await main.scripts.storedProcedure('resolver').replace({
      id: 'resolver',
      body: JOINING,
    });
    expect(statusCode).toBe(200);
    await server.faults.quiesce();
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

  test('a delete that meets a replace wins, until the procedure makes the item anew', async () => {
    const [first, second, third] = views as [Container, Container, Container];
    const procedure = main.scripts.storedProcedure('resolver');
    const clash = async (id: string) => {
      await first.items.create({ id, pk: 'p', regions: [] });
      await server.cutAll();
      // Which of them the server sees first must not matter.
      await second.item(id, 'p').delete();
      await third.item(id, 'p').replace({ id, pk: 'p', regions: ['kept'] });
      await server.faults.quiesce();
    };
    await procedure.replace({ id: 'resolver', body: 'function (incoming, existing, isTombstone) {}' });
    await server.faults.quiesce();
    await clash('ended');
    expect(await shown('ended')).toEqual([undefined, undefined, undefined]);
    await procedure.replace({ id: 'resolver', body: REVIVING });
    await server.faults.quiesce();
    await clash('revived');
    for (const item of await shown('revived'))
      expect(item).toMatchObject({ regions: ['kept'], given: [null, true, []] });
    expect(await feeds()).toEqual([[], [], []]);
  });
});
