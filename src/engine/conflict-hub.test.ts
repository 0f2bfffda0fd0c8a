import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EnginePlanet, type EngineRegion } from '../../test/kit/engine-planet.ts';
import type { JsonObject } from '../base/index.ts';

const PATH = { database: 'd', container: 'c' };
/** Puts what lost into what won. */
const KEEPING = `function (incoming, existing, isTombstone, conflicting) {
  var item = existing || conflicting[0];
  __.replaceDocument(item._self, { id: item.id, k: 'k', by: incoming.by + '+' + item.by });
}`;
/** What the published sample does: the higher number stays. */
const SAMPLE = `function resolver(incomingItem, existingItem, isTombstone, conflictingItems) {
  var collection = getContext().getCollection();
  if (isTombstone) return;
  if (existingItem && incomingItem.rank <= existingItem.rank) return;
  for (var i = 0; i < conflictingItems.length; i++) if (incomingItem.rank <= conflictingItems[i].rank) return;
  tryDelete(conflictingItems, incomingItem, existingItem);
  function tryDelete(documents, incoming, existing) {
    if (documents.length > 0) {
      collection.deleteDocument(documents[0]._self, {}, function (error) {
        if (error) throw error;
        documents.shift();
        tryDelete(documents, incoming, existing);
      });
    } else if (existing) {
      collection.replaceDocument(existing._self, incoming, function (error) { if (error) throw error; });
    } else {
      var link = collection.getSelfLink();
      collection.createDocument(link, incoming, function (error) { if (error) throw error; });
    }
  }
}`;

let planet: EnginePlanet;
let hub: EngineRegion;
let other: EngineRegion;
/** Takes place once, in the middle of the next run. */
let between: (() => Promise<void>) | undefined;

beforeEach(async () => {
  between = undefined;
  const beforeAnswer = async () => {
    const now = between;
    between = undefined;
    await now?.();
  };
  planet = await EnginePlanet.open({ regions: ['A', 'B', 'C'], beforeAnswer });
  [hub, other] = [planet.region(0), planet.region(1)];
  await hub.engine.resources.createDatabase({ id: 'd' }, undefined);
});

afterEach(async () => {
  expect(planet.regions.flatMap(({ failures }) => failures)).toEqual([]);
  await planet.close();
});

async function begin(
  body: string,
  conflictResolutionProcedure = 'dbs/d/colls/c/sprocs/merge',
): Promise<void> {
  const conflictResolutionPolicy = { mode: 'Custom', conflictResolutionProcedure };
  const partitionKey = { paths: ['/k'], kind: 'Hash' };
  await hub.engine.resources.createContainer(
    'd',
    { id: 'c', partitionKey, conflictResolutionPolicy },
    undefined,
  );
  for (const record of Object.values(planet.directory.state.containers)) {
    for (const region of planet.regions) await region.parts.open(record);
  }
  await hub.engine.scripts.create({ ...PATH, kind: 'storedProcedure' }, { id: 'merge', body });
}

const write = (region: EngineRegion, item: JsonObject) =>
  region.items.upsert({
    path: PATH,
    partitionKey: ['k'],
    body: Buffer.from(JSON.stringify({ id: 'i', k: 'k', ...item })),
  });

async function read(region: EngineRegion): Promise<JsonObject> {
  const { body } = await region.items.read({ path: PATH, id: 'i', partitionKey: ['k'] });
  return JSON.parse(String(body)) as JsonObject;
}

const soon = <T>(look: () => Promise<T>, expected: unknown) =>
  vi.waitFor(async () => expect(await look()).toEqual(expected), { timeout: 5_000, interval: 5 });

const fields = async (region: EngineRegion) => {
  const { by, rank } = await read(region);
  return rank ?? by;
};

test('only the hub decides, and what it decided goes over as any write', async () => {
  await begin(KEEPING);
  await write(hub, { by: 'A' });
  await write(other, { by: 'B' });
  await other.pull(hub);
  // Time enough for a region that thought itself the hub.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await fields(other)).toBe('B');
  await hub.pull(other);
  await soon(() => fields(hub), 'A+B');
  await other.pull(hub);
  expect(await read(other)).toEqual(await read(hub));
});

test('the published sample, by a bare id: the higher stays, also where it has to be made anew', async () => {
  await begin(SAMPLE, 'merge');
  await write(hub, { rank: 9 });
  await write(other, { rank: 3 });
  await hub.pull(other);
  await soon(() => fields(hub), 9);
  await other.pull(hub);
  // Two versions of one item by now.
  await write(hub, { rank: 20 });
  await write(other, { rank: 10 });
  await hub.pull(other);
  await soon(() => fields(hub), 20);
  await other.pull(hub);
  expect(await read(other)).toEqual(await read(hub));
  expect(await hub.engine.conflicts.list(PATH)).toEqual([]);
});

test('a procedure of another container is none', async () => {
  await begin(KEEPING, 'dbs/d/colls/elsewhere/sprocs/merge');
  await write(hub, { by: 'A' });
  await write(other, { by: 'B' });
  await hub.pull(other);
  await soon(async () => (await hub.engine.conflicts.list(PATH)).length, 1);
  expect(await fields(hub)).toBe('B');
});

test('a procedure that always loses against the next write is stopped after some time', async () => {
  await begin(KEEPING);
  await write(hub, { by: 'A' });
  let expected = 'A';
  for (let round = 1; round <= 8; round++) {
    await write(other, { by: `${round}` });
    await hub.pull(other);
    expected = `${expected}+${round}`;
    await soon(() => fields(hub), expected);
  }
  await write(other, { by: 'last' });
  await hub.pull(other);
  await soon(async () => (await hub.engine.conflicts.list(PATH)).length, 1);
  expect(await fields(hub)).toBe('last');
  const [entry] = await hub.engine.conflicts.list(PATH);
  expect(JSON.parse(String(entry?.content))).toMatchObject({ by: expected });
});

test('one that leaves what won as it is may do so as often as it likes', async () => {
  await begin('function () {}');
  const regions = [other, planet.region(2)];
  // Neither knows of the other's writes, so each write is in conflict with the one before.
  for (let round = 0; round < 14; round++) {
    const region = regions[round % 2] as EngineRegion;
    await write(region, { by: `${round}` });
    await hub.pull(region);
    // Time enough for it to be decided.
    await new Promise((resolve) => setTimeout(resolve, 30));
    await soon(() => fields(hub), `${round}`);
    await soon(async () => (await hub.engine.conflicts.list(PATH)).length, 0);
  }
});

test('one that throws because a write took away what it was given is run again', async () => {
  await begin(KEEPING);
  const third = planet.region(2);
  await write(hub, { by: 'A' });
  await write(other, { by: 'B' });
  await write(third, { by: 'C' });
  between = () => hub.pull(third);
  await hub.pull(other);
  await soon(() => fields(hub), 'B+A+C');
  expect(between).toBeUndefined();
  expect(await hub.engine.conflicts.list(PATH)).toEqual([]);
});

test('one whose time passed while the machine stood still is run again', async () => {
  await begin(KEEPING);
  await write(hub, { by: 'A' });
  await write(other, { by: 'B' });
  between = async () => {
    planet.stoodStillMs += 60_000;
  };
  await hub.pull(other);
  await soon(() => fields(hub), 'A+B');
  expect(between).toBeUndefined();
  expect(await hub.engine.conflicts.list(PATH)).toEqual([]);
});

test.each([
  ['goes on as if nothing were', ''],
  ['throws', "if (!isAccepted) throw new Error('no time left');"],
])('one that is refused a call after such a stand, and %s, is run again', async (_, check) => {
  await begin(`function (incoming, existing) {
    __.createDocument(__.getSelfLink(), { id: 'journal', k: 'k' }, function () {
      var isAccepted = __.replaceDocument(existing._self, { id: 'i', k: 'k', by: 'both' });
      ${check}
    });
  }`);
  await write(hub, { by: 'A' });
  await hub.pull(other);
  await other.pull(hub);
  await write(hub, { by: 'A' });
  await write(other, { by: 'B' });
  between = async () => {
    planet.stoodStillMs += 4_500;
  };
  await hub.pull(other);
  await soon(() => fields(hub), 'both');
  expect(between).toBeUndefined();
  expect(await hub.engine.conflicts.list(PATH)).toEqual([]);
});

test('one whose time is never enough leaves the conflict to people', async () => {
  await begin(KEEPING);
  await write(hub, { by: 'A' });
  await write(other, { by: 'B' });
  let runs = 0;
  const standStill = async () => {
    runs += 1;
    planet.stoodStillMs += 60_000;
    between = standStill;
  };
  between = standStill;
  await hub.pull(other);
  await soon(async () => (await hub.engine.conflicts.list(PATH)).length, 1);
  expect(runs).toBe(3);
  expect(await fields(hub)).toBe('B');
});

test('conflicts of many items are all decided', async () => {
  await begin(KEEPING);
  for (const id of ['i', 'j', 'l', 'm', 'n']) {
    await write(hub, { id, by: 'A' });
    await write(other, { id, by: 'B' });
  }
  await hub.pull(other);
  const shown = async () => {
    const { rows } = await hub.items.query({
      path: PATH,
      spec: { query: 'SELECT VALUE c.by FROM c', parameters: [] },
    });
    return rows.map(String);
  };
  await soon(shown, Array(5).fill('"A+B"'));
});
