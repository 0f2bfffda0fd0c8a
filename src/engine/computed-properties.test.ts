import { afterEach, beforeEach, expect, test } from 'vitest';
import { EnginePlanet, type EngineRegion } from '../../test/kit/engine-planet.ts';
import type { Json, JsonObject } from '../base/index.ts';

const PATH = { database: 'd', container: 'c' };

let planet: EnginePlanet;
let region: EngineRegion;

beforeEach(async () => {
  planet = await EnginePlanet.open({ regions: ['A'] });
  region = planet.region(0);
  await region.engine.resources.createDatabase({ id: 'd' }, undefined);
});
afterEach(() => planet.close());

function definition(computedProperties: readonly JsonObject[]): JsonObject {
  const partitionKey = { paths: ['/pk'], kind: 'Hash', version: 2 };
  return { id: 'c', partitionKey, computedProperties: [...computedProperties] };
}

const lower = { name: 'cp', query: 'SELECT VALUE LOWER(c.name) FROM c' };
const upper = { name: 'cp', query: 'SELECT VALUE UPPER(c.name) FROM c' };

async function rows(query: string): Promise<Json[]> {
  const answer = await region.items.query({ path: PATH, spec: { query, parameters: [] } });
  return answer.rows.map((row) => JSON.parse(row.toString()) as Json);
}

test('definitions can be added, changed and taken away; items stay as they are', async () => {
  const { resources } = region.engine;
  const created = await resources.createContainer('d', definition([lower]), undefined);
  expect(created.computedProperties).toEqual([lower]);
  const body = Buffer.from('{"id":"1","pk":"p","name":"Red"}');
  await region.items.create({ path: PATH, partitionKey: ['p'], body });
  expect(await rows('SELECT VALUE c.cp FROM c')).toEqual(['red']);

  await resources.replaceContainer(PATH, definition([upper]));
  expect(await rows('SELECT VALUE c.cp FROM c')).toEqual(['RED']);
  expect(await rows('SELECT VALUE c.id FROM c WHERE c.cp = "RED"')).toEqual(['1']);

  await resources.replaceContainer(PATH, definition([]));
  expect(await rows('SELECT VALUE c.cp FROM c')).toEqual([]);
  expect((await rows('SELECT * FROM c'))[0]).toEqual(expect.not.objectContaining({ cp: expect.anything() }));
});

test.each<[string, JsonObject]>([
  ['a query that is none', { name: 'cp', query: 'SELECT VALUE' }],
  ['a query over many items', { name: 'cp', query: 'SELECT VALUE COUNT(1) FROM c' }],
  ['the name of the partition key', { name: 'pk', query: 'SELECT VALUE 1 FROM c' }],
  ['the name of a system property', { name: '_ts', query: 'SELECT VALUE 1 FROM c' }],
])('%s is refused', async (_, property) => {
  const { resources } = region.engine;
  const refusal = expect.objectContaining({ code: 'BadRequest' });
  await expect(resources.createContainer('d', definition([property]), undefined)).rejects.toEqual(refusal);
  await resources.createContainer('d', definition([]), undefined);
  await expect(resources.replaceContainer(PATH, definition([property]))).rejects.toEqual(refusal);
});
