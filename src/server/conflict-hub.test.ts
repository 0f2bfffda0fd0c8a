import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PATH, RegionPlanet } from '../../test/kit/region-planet.ts';
import type { JsonObject } from '../base/index.ts';

/**
 * Joins what both sides wrote, and notes each run in a journal: so it shows in the data how often which
 * conflict was decided.
 */
const JOINING = `function resolver(incoming, existing, isTombstone, conflicting) {
  var collection = getContext().getCollection();
  var link = collection.getAltLink() + '/docs/journal';
  collection.readDocument(link, function (error, journal) {
    var entry = { etag: incoming._etag, isTombstone: isTombstone, of: existing ? 'item' : 'items' };
    var value = error ? [entry] : journal.value.concat([entry]);
    collection.upsertDocument(collection.getSelfLink(), { id: 'journal', pk: 'p', value: value });
  });
  if (isTombstone) return;
  var other = existing || conflicting[0];
  var value = other.value.concat(incoming.value).sort();
  collection.replaceDocument(other._self, { id: other.id, pk: 'p', value: value });
}`;

const NAMES = ['A', 'B', 'C'];

let planet: RegionPlanet;

beforeEach(async () => {
  planet = await RegionPlanet.open({
    multipleWriteRegions: true,
    container: {
      conflictResolutionPolicy: {
        mode: 'Custom',
        conflictResolutionProcedure: 'dbs/d/colls/c/sprocs/resolver',
      },
    },
  });
});

afterEach(async () => {
  expect(planet.failures).toEqual([]);
  await planet.close();
});

const teach = (body: string) =>
  planet.until(
    planet
      .region('A')
      .engine.scripts.create({ ...PATH, kind: 'storedProcedure' }, { id: 'resolver', body })
      .then(() => undefined),
  );

/** A write in each of the regions, none of which sees another; the links stay cut. */
async function collide(names: readonly string[] = NAMES, id = 'i'): Promise<void> {
  for (const name of names) planet.isolate(name);
  for (const name of names) {
    await planet.until(planet.write(name, id, [name]));
    await planet.run(10);
  }
}

const valuesOf = (id: string, names: readonly string[] = NAMES) =>
  planet.until(Promise.all(names.map((name) => planet.read(name, id))));

async function feeds(names: readonly string[] = NAMES): Promise<JsonObject[][]> {
  return planet.until(Promise.all(names.map((name) => planet.region(name).engine.conflicts.list(PATH))));
}

/** The same in every region. */
async function sharedFeed(): Promise<JsonObject[]> {
  const [first = [], ...others] = await feeds();
  for (const other of others) expect(other).toEqual(first);
  return first;
}

/** How often each conflict was decided, by its losing write; the same in every region. */
async function journal(): Promise<{ readonly etag: string; readonly of: string }[]> {
  const [first, ...others] = (await valuesOf('journal')) as { etag: string; of: string }[][];
  for (const other of others) expect(other).toEqual(first);
  return first ?? [];
}

async function expectDecided(value: readonly string[], runs: number): Promise<void> {
  expect(await valuesOf('i')).toEqual(NAMES.map(() => value));
  expect(await feeds()).toEqual([[], [], []]);
  const entries = await journal();
  expect(entries).toHaveLength(runs);
  expect(new Set(entries.map(({ etag }) => etag)).size).toBe(runs);
}

test('the hub runs the procedure once for each loser, and every region shows what came of it', async () => {
  await teach(JOINING);
  await collide();
  planet.heal();
  await planet.run(5_000);
  await expectDecided(['A', 'B', 'C'], 2);
  expect((await journal()).map(({ of }) => of)).toEqual(['items', 'items']);
});

test('replaces that conflict come as two versions of one item', async () => {
  await teach(JOINING);
  await planet.until(planet.write('A', 'i', []));
  await planet.run(1_000);
  await collide(['B', 'C']);
  planet.heal();
  await planet.run(5_000);
  await expectDecided(['B', 'C'], 1);
  expect((await journal()).map(({ of }) => of)).toEqual(['item']);
});

test('without the hub the others go on writing, show the later write, and their feed is empty', async () => {
  await teach(JOINING);
  planet.isolate('A');
  planet.cut('B', 'C');
  await planet.until(planet.write('B', 'i', ['B']));
  await planet.run(10);
  await planet.until(planet.write('C', 'i', ['C']));
  planet.heal();
  planet.isolate('A');
  await planet.run(5_000);
  expect(await valuesOf('i', ['B', 'C'])).toEqual([['C'], ['C']]);
  expect(await feeds(['B', 'C'])).toEqual([[], []]);
  expect(planet.region('B').status().partitions[0]?.conflicts).toBe(1);
  planet.heal();
  await planet.run(5_000);
  await expectDecided(['B', 'C'], 1);
});

test('a conflict is decided once, whenever the hub crashes', async () => {
  await teach(JOINING);
  for (const [round, afterMs] of [24, 30, 32, 34, 36, 38, 40, 44, 52, 70, 110].entries()) {
    await collide(['B', 'C'], `i${round}`);
    planet.heal();
    await planet.run(afterMs);
    planet.crash('A');
    await planet.run(200);
    await planet.start('A');
    await planet.run(5_000);
    expect(await valuesOf(`i${round}`)).toEqual(NAMES.map(() => ['B', 'C']));
    expect(await journal()).toHaveLength(round + 1);
  }
  expect(await feeds()).toEqual([[], [], []]);
});

test('a hub that lost its disk waits for what others have of it before it decides', async () => {
  await teach(JOINING);
  await collide(['B', 'C']);
  planet.heal();
  planet.isolate('A');
  await planet.run(3_000);
  // C has the conflict, and will not hear what the hub decided before the hub's new life is up.
  planet.heal();
  planet.isolate('C');
  await planet.run(3_000);
  expect(await valuesOf('i', ['A', 'B', 'C'])).toEqual([['B', 'C'], ['B', 'C'], ['C']]);
  planet.crash('A');
  await planet.wipe('A');
  planet.heal();
  planet.cut('A', 'B');
  planet.cut('B', 'C');
  await planet.start('A', { awaitsAdmission: true });
  planet.region('A').admit();
  // It has the conflict from C, and knows nothing of the decision that B has.
  await planet.run(5_000);
  expect(await valuesOf('i', ['A', 'C'])).toEqual([['C'], ['C']]);
  planet.heal();
  await planet.run(5_000);
  await expectDecided(['B', 'C'], 1);
});

describe('what the procedure cannot decide is in the feed of every region', () => {
  const expectInFeed = async (value: string) => {
    planet.heal();
    await planet.run(10_000);
    expect(await sharedFeed()).toHaveLength(1);
    expect(await valuesOf('i')).toEqual(NAMES.map(() => [value]));
  };

  test.each([
    ['it throws', 'function (incoming) { throw Error("no"); }'],
    ['it runs for ever', 'function () { for (;;); }'],
    [
      'it fails after it wrote',
      `function (incoming) {
        var collection = getContext().getCollection();
        var fail = function () { throw Error(); };
        collection.createDocument(collection.getSelfLink(), { id: 'x', pk: 'p' }, fail);
      }`,
    ],
    ['it writes elsewhere', `function () { __.createDocument(__.getSelfLink(), { id: 'x', pk: 'other' }); }`],
  ])('%s', async (_, body) => {
    await teach(body);
    await collide(['B', 'C']);
    await expectInFeed('C');
    expect(await valuesOf('x')).toEqual([undefined, undefined, undefined]);
  });

  test('there is none; one that is made later decides what comes later', async () => {
    await collide(['B', 'C']);
    await expectInFeed('C');
    await teach(JOINING);
    await collide(['A', 'B']);
    planet.heal();
    await planet.run(5_000);
    expect(await valuesOf('i')).toEqual(NAMES.map(() => ['A', 'B']));
    const [[entry] = []] = await feeds();
    await planet.until(planet.region('C').engine.conflicts.delete(PATH, String(entry?.id)));
    await planet.run(2_000);
    expect(await feeds()).toEqual([[], [], []]);
    expect(await valuesOf('i')).toEqual(NAMES.map(() => ['A', 'B']));
  });
});

describe('a delete that meets a replace', () => {
  /** Makes the item anew with what a delete ended, or gives it to the item that has its name by now. */
  const SAVING = `function resolver(incoming, existing, isTombstone, conflicting) {
    if (!isTombstone || existing !== null) throw Error('nothing else happens here');
    var collection = getContext().getCollection();
    var other = conflicting[0];
    var value = (other ? other.value : []).concat(incoming.value, ['saved']);
    var item = { id: incoming.id, pk: 'p', value: value };
    if (other) collection.replaceDocument(other._self, item);
    else collection.createDocument(collection.getSelfLink(), item);
  }`;

  const remove = (name: string) =>
    planet.until(planet.items(name).delete({ path: PATH, id: 'i', partitionKey: ['p'] }));

  /** B deletes what C replaces. */
  async function clash(): Promise<void> {
    await planet.until(planet.write('A', 'i', []));
    await planet.run(1_000);
    for (const name of NAMES) planet.isolate(name);
    await remove('B');
    await planet.until(planet.write('C', 'i', ['C']));
  }

  test('wins, and the procedure hears of it once', async () => {
    await teach(JOINING);
    await clash();
    planet.heal();
    await planet.run(5_000);
    expect(await valuesOf('i')).toEqual([undefined, undefined, undefined]);
    expect(await feeds()).toEqual([[], [], []]);
    expect(await journal()).toMatchObject([{ isTombstone: true, of: 'items' }]);
    for (const name of NAMES) expect(planet.region(name).status().partitions[0]?.conflicts).toBe(0);
  });

  test('until the procedure makes the item anew, which is done once, whenever the hub crashes', async () => {
    await teach(SAVING);
    for (const afterMs of [24, 32, 36, 40, 52, 110]) {
      await clash();
      planet.heal();
      await planet.run(afterMs);
      planet.crash('A');
      await planet.run(200);
      await planet.start('A');
      await planet.run(5_000);
      expect(await valuesOf('i')).toEqual(NAMES.map(() => ['C', 'saved']));
      await remove('A');
      await planet.run(1_000);
    }
    expect(await feeds()).toEqual([[], [], []]);
  });

  test('and is followed by another item of that name: that is what the replace conflicts with', async () => {
    await teach(SAVING);
    await clash();
    await planet.until(planet.write('B', 'i', ['new']));
    planet.heal();
    await planet.run(5_000);
    expect(await valuesOf('i')).toEqual(NAMES.map(() => ['new', 'C', 'saved']));
    expect(await feeds()).toEqual([[], [], []]);
  });

  test('is for people where the procedure throws, and then leaves the replace in the feed', async () => {
    await teach('function (incoming) { throw Error("no"); }');
    await clash();
    planet.heal();
    await planet.run(5_000);
    expect(await valuesOf('i')).toEqual([undefined, undefined, undefined]);
    const feed = await sharedFeed();
    expect(feed).toMatchObject([{ operationType: 'replace' }]);
    expect(JSON.parse(String(feed[0]?.content))).toMatchObject({ value: ['C'] });
    await planet.until(planet.region('B').engine.conflicts.delete(PATH, String(feed[0]?.id)));
    await planet.run(2_000);
    expect(await feeds()).toEqual([[], [], []]);
  });

  test('leaves nothing when it had seen the replace', async () => {
    await teach(JOINING);
    await clash();
    planet.heal();
    planet.isolate('A');
    planet.isolate('C');
    await planet.until(planet.write('C', 'i', ['C again']));
    await remove('C');
    planet.heal();
    await planet.run(5_000);
    expect(await valuesOf('i')).toEqual([undefined, undefined, undefined]);
    expect(await valuesOf('journal')).toEqual([undefined, undefined, undefined]);
    expect(await feeds()).toEqual([[], [], []]);
  });
});

test('a conflict whose item somebody deleted comes as a tombstone', async () => {
  await teach(JOINING);
  planet.isolate('A');
  planet.cut('B', 'C');
  for (const name of ['B', 'C']) await planet.until(planet.write(name, 'i', [name]));
  planet.heal();
  planet.isolate('A');
  await planet.run(2_000);
  await planet.until(planet.items('B').delete({ path: PATH, id: 'i', partitionKey: ['p'] }));
  planet.heal();
  await planet.run(5_000);
  expect(await valuesOf('i')).toEqual([undefined, undefined, undefined]);
  expect(await journal()).toMatchObject([{ isTombstone: true }]);
  expect(await feeds()).toEqual([[], [], []]);
});
