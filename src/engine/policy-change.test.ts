import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EnginePlanet, type EngineRegion } from '../../test/kit/engine-planet.ts';

const PATH = { database: 'd', container: 'c' };
const BODY = { id: 'c', partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 } };
const ITEMS = 60;

let planet: EnginePlanet;
let region: EngineRegion;

beforeEach(async () => {
  planet = await EnginePlanet.open();
  region = planet.region(0);
  await region.engine.resources.createDatabase({ id: 'd' }, undefined);
  const policy = { includedPaths: [{ path: '/b/?' }], excludedPaths: [{ path: '/*' }] };
  await region.engine.resources.createContainer(
    'd',
    { ...BODY, indexingPolicy: policy },
    { kind: 'manual', throughput: 400 },
  );
  for (let n = 0; n < ITEMS; n++) {
    const body = Buffer.from(JSON.stringify({ id: `i${n}`, pk: 'p', a: n % 10, b: n % 7 }));
    await region.items.create({ path: PATH, partitionKey: ['p'], body });
  }
});
afterEach(() => planet.close());

async function ids(query: string): Promise<string[]> {
  const spec = { query, parameters: [] };
  const { rows } = await region.items.query({ path: PATH, partitionKey: ['p'], spec });
  return rows.map((row) => JSON.parse(row.toString()) as string);
}

const wanted = (value: number, by: number) =>
  Array.from({ length: ITEMS }, (_, n) => n)
    .filter((n) => n % by === value)
    .map((n) => `i${n}`);

describe('replacing a container with another indexing policy', () => {
  test('gives the same rows before, while and after the index is converted', async () => {
    const check = async () => {
      expect(await ids('SELECT VALUE c.id FROM c WHERE c.a = 3')).toEqual(wanted(3, 10));
      expect(await ids('SELECT VALUE c.id FROM c WHERE c.b = 3')).toEqual(wanted(3, 7));
    };
    await check();
    await expect(ids('SELECT VALUE c.id FROM c ORDER BY c.a')).rejects.toThrow('excluded');
    const before = region.engine.resources.readContainer(PATH);
    const changed = { includedPaths: [{ path: '/*' }], excludedPaths: [{ path: '/b/?' }] };
    const after = await region.engine.resources.replaceContainer(PATH, { ...BODY, indexingPolicy: changed });
    expect(after._rid).toBe(before._rid);
    expect(after.indexingPolicy).toMatchObject({ includedPaths: [{ path: '/*' }] });
    for (let round = 0; round < 200; round++) {
      await check();
      // Orders that the new policy allows are served from its first moment on.
      const ordered = await ids('SELECT VALUE c.id FROM c ORDER BY c.a DESC');
      expect(ordered.slice(0, 6)).toEqual(wanted(9, 10).reverse());
      if (round > 3 && region.engine.resources.usage(PATH).indexPercent === 100) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(region.engine.resources.usage(PATH).indexPercent).toBe(100);
    await expect(ids('SELECT VALUE c.id FROM c ORDER BY c.b')).rejects.toThrow('excluded');
    await check();
  });

  test('to none and back', async () => {
    const none = { indexingMode: 'none', automatic: false };
    await region.engine.resources.replaceContainer(PATH, { ...BODY, indexingPolicy: none });
    expect(await ids('SELECT VALUE c.id FROM c WHERE c.b = 3')).toEqual(wanted(3, 7));
    await region.engine.resources.replaceContainer(PATH, BODY);
    expect(await ids('SELECT VALUE c.id FROM c WHERE c.b = 3')).toEqual(wanted(3, 7));
    const ordered = await ids('SELECT VALUE c.id FROM c ORDER BY c.b');
    expect(ordered.slice(0, 9)).toEqual(wanted(0, 7));
  });
});
