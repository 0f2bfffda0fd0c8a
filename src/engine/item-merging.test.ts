import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EnginePlanet, type EngineRegion } from '../../test/kit/engine-planet.ts';
import type { JsonObject } from '../base/index.ts';
import type { ItemTarget } from './engine.ts';

const TARGET: ItemTarget = { path: { database: 'd', container: 'c' }, id: 'i', partitionKey: ['p'] };

let planet: EnginePlanet;
let a: EngineRegion;
let b: EngineRegion;

async function open(policy: JsonObject = {}): Promise<void> {
  planet = await EnginePlanet.open();
  a = planet.region(0);
  b = planet.region(1);
  await planet.makeContainer(policy);
}

beforeEach(() => open());
afterEach(() => planet.close());

async function create(item: JsonObject): Promise<void> {
  const body = Buffer.from(JSON.stringify({ id: 'i', pk: 'p', ...item }));
  await a.items.create({ ...TARGET, body });
  await b.pull(a);
}

async function patch(region: EngineRegion, ...operations: JsonObject[]): Promise<string> {
  const answer = await region.items.patch(TARGET, Buffer.from(JSON.stringify({ operations })));
  return answer.etag ?? '';
}

/** What both regions show once each has what the other has: the same bytes. */
async function meet(): Promise<JsonObject> {
  await a.pull(b);
  await b.pull(a);
  const [one, other] = [await a.items.read(TARGET), await b.items.read(TARGET)];
  expect(one.body?.toString()).toBe(other.body?.toString());
  expect(one.etag).toBe(other.etag);
  const item = JSON.parse(one.body?.toString() ?? '{}') as JsonObject;
  expect(item._etag).toBe(one.etag);
  return item;
}

const set = (path: string, value: JsonObject[string]) => ({ op: 'set', path, value });
const incr = (path: string, value: number) => ({ op: 'incr', path, value });

describe('patches of one item in two regions', () => {
  test('of different places both count', async () => {
    await create({ o: { x: 1, y: 1 }, list: [1] });
    await patch(a, set('/o/x', 2), { op: 'add', path: '/list/-', value: 2 });
    await patch(b, set('/o/y', 3), { op: 'move', from: '/o/x', path: '/z' });
    const item = await meet();
    expect(item).toMatchObject({ o: { y: 3 }, list: [1, 2], z: 1 });
    const names = Object.keys(item);
    expect(names.slice(-5), 'system properties stand last').toEqual([
      '_rid',
      '_self',
      '_etag',
      '_attachments',
      '_ts',
    ]);
  });

  test('that increment are all counted', async () => {
    await create({ n: 10 });
    for (let round = 0; round < 20; round++) {
      await Promise.all([patch(a, incr('/n', 1)), patch(a, incr('/n', 2)), patch(b, incr('/n', 100))]);
      if (round % 5 === 0) await a.pull(b);
    }
    expect(await meet()).toMatchObject({ n: 10 + 20 * 103 });
    await patch(b, incr('/n', -2060));
    expect(await meet()).toMatchObject({ n: 10 });
  });

  test('of one place: the later wins, and takes the other’s increments with it', async () => {
    await create({ n: 1 });
    await patch(a, incr('/n', 5));
    await patch(b, set('/n', 100));
    await patch(b, incr('/n', 1));
    expect(await meet()).toMatchObject({ n: 101 });
  });

  test('of one array: one of the two changes is lost', async () => {
    await create({ list: [] });
    await patch(a, { op: 'add', path: '/list/-', value: 'a' });
    await patch(b, { op: 'add', path: '/list/-', value: 'b' });
    expect(await meet()).toMatchObject({ list: ['b'] });
  });

  test('and a replace in the other: one of the two is the item', async () => {
    await create({ x: 1 });
    await patch(a, set('/y', 1));
    const body = Buffer.from('{"id":"i","pk":"p","x":2}');
    await b.items.replace(TARGET, body);
    const item = await meet();
    expect([item.x, item.y]).toEqual([2, undefined]);
  });

  test('have an etag of their own, and their own etags are out of date', async () => {
    await create({ x: 1 });
    const first = await patch(a, set('/x', 2));
    const second = await patch(b, set('/y', 2));
    const { _etag: etag } = await meet();
    expect(new Set([first, second, etag]).size).toBe(3);
    for (const stale of [first, second]) {
      const late = a.items.delete({ ...TARGET, ifMatch: stale });
      await expect(late).rejects.toMatchObject({ code: 'PreconditionFailed' });
    }
    expect(await b.items.delete({ ...TARGET, ifMatch: String(etag) })).toMatchObject({ status: 204 });
  });

  test('are found by what they make together', async () => {
    await create({ x: 1, y: 1 });
    await patch(a, set('/x', 2));
    await patch(b, set('/y', 2));
    await meet();
    for (const region of [a, b]) {
      const spec = { query: 'SELECT VALUE c.id FROM c WHERE c.x = 2 AND c.y = 2', parameters: [] };
      for (const isFed of [false, true]) {
        if (isFed) await region.host.drain();
        const { rows } = await region.items.query({ path: TARGET.path, spec });
        expect(rows.map(String)).toEqual(['"i"']);
      }
    }
  });
});

test('a patch of the number that decides conflicts wins or loses with it', async () => {
  await planet.close();
  await open({ conflictResolutionPolicy: { mode: 'LastWriterWins', conflictResolutionPath: '/rank' } });
  await create({ rank: 1, x: 0 });
  await patch(a, set('/rank', 9), set('/x', 'a'));
  await patch(b, set('/rank', 5), set('/x', 'b'), set('/y', 'b'));
  expect(await meet()).toMatchObject({ rank: 9, x: 'a', y: 'b' });
});
