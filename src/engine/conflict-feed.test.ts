import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EnginePlanet, type EngineRegion } from '../../test/kit/engine-planet.ts';
import type { JsonObject } from '../base/index.ts';

const PATH = { database: 'd', container: 'c' };

let planet: EnginePlanet;

beforeEach(async () => {
  planet = await EnginePlanet.open({ regions: ['A', 'B', 'C'] });
  const { resources } = planet.region(0).engine;
  await resources.createDatabase({ id: 'd' }, undefined);
  const key = { paths: ['/k'], kind: 'Hash' };
  const custom = { mode: 'Custom' };
  await resources.createContainer(
    'd',
    { id: 'c', partitionKey: key, conflictResolutionPolicy: custom },
    undefined,
  );
  await resources.createContainer('d', { id: 'lww', partitionKey: key }, undefined);
  for (const record of Object.values(planet.directory.state.containers)) {
    for (const region of planet.regions) await region.parts.open(record);
  }
});

afterEach(() => planet.close());

const write = (region: EngineRegion, item: JsonObject, container = 'c') =>
  region.items.upsert({
    path: { database: 'd', container },
    partitionKey: ['k'],
    body: Buffer.from(JSON.stringify({ id: 'i', k: 'k', ...item })),
  });

async function exchange(): Promise<void> {
  for (let round = 0; round < 2; round++)
    for (const to of planet.regions) for (const from of planet.regions) if (from !== to) await to.pull(from);
}

const feeds = () => Promise.all(planet.regions.map((region) => region.engine.conflicts.list(PATH)));
const refused = (code: string) => expect.objectContaining({ code });

describe('three concurrent writes', () => {
  let written: JsonObject[];

  beforeEach(async () => {
    written = [];
    for (const region of planet.regions) {
      const { body } = await write(region, { by: region.engine.region });
      written.push(JSON.parse(body?.toString() ?? '') as JsonObject);
    }
    await exchange();
  });

  test('leave two conflicts, the same in every region, that are what the losers were told', async () => {
    const [first, ...others] = await feeds();
    expect(first).toHaveLength(2);
    for (const other of others) expect(other).toEqual(first);
    const visible = await planet.region(1).items.read({ path: PATH, id: 'i', partitionKey: ['k'] });
    const losers = written.filter(({ _etag }) => _etag !== visible.etag);
    expect(first?.map(({ content }) => JSON.parse(String(content)) as JsonObject)).toEqual(losers);
    for (const entry of first ?? []) {
      const content = JSON.parse(String(entry.content)) as JsonObject;
      expect(entry).toMatchObject({
        operationType: 'create',
        resourceType: 'document',
        resourceId: content._rid,
        _etag: content._etag,
        _ts: content._ts,
      });
    }
  });

  test('are read by id or rid, and deleted everywhere by deleting them somewhere', async () => {
    const [entries = []] = await feeds();
    const [one, two] = entries;
    const { conflicts } = planet.region(2).engine;
    expect(await conflicts.read(PATH, String(one?.id))).toEqual(one);
    expect(await conflicts.read(PATH, String(two?._rid))).toEqual(two);
    await conflicts.delete(PATH, String(one?.id));
    await expect(conflicts.read(PATH, String(one?.id))).rejects.toEqual(refused('NotFound'));
    await expect(conflicts.delete(PATH, String(one?.id))).rejects.toEqual(refused('NotFound'));
    await exchange();
    for (const feed of await feeds()) expect(feed).toEqual([two]);
  });

  test('stay conflicts when the item is written again, until they are deleted', async () => {
    const [before] = await feeds();
    await write(planet.region(1), { by: 'somebody who saw them' });
    await exchange();
    for (const feed of await feeds()) expect(feed).toEqual(before);
    for (const entry of before ?? []) await planet.region(0).engine.conflicts.delete(PATH, String(entry.id));
    await exchange();
    for (const feed of await feeds()) expect(feed).toEqual([]);
    const { body } = await planet.region(2).items.read({ path: PATH, id: 'i', partitionKey: ['k'] });
    expect(body?.toString()).toContain('somebody who saw them');
  });

  test('are not collected, however stable they are, and survive a store that was fed', async () => {
    const [before] = await feeds();
    for (const region of planet.regions) {
      await region.host.drain();
      await region.host.collect(
        (partition) => partition.vector,
        () => true,
        () => [],
      );
      await region.host.drain();
    }
    for (const feed of await feeds()) expect(feed).toEqual(before);
  });
});

test('a container with a rule of its own has no conflicts', async () => {
  for (const region of planet.regions) await write(region, {}, 'lww');
  await exchange();
  expect(await planet.region(0).engine.conflicts.list({ database: 'd', container: 'lww' })).toEqual([]);
});

test('a delete wins over concurrent writes, and leaves no conflict', async () => {
  await write(planet.region(0), {});
  await exchange();
  await planet.region(0).items.delete({ path: PATH, id: 'i', partitionKey: ['k'] });
  await write(planet.region(1), { by: 'B' });
  await exchange();
  for (const feed of await feeds()) expect(feed).toEqual([]);
});
