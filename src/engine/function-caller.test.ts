import { afterEach, beforeEach, expect, test } from 'vitest';
import { EnginePlanet } from '../../test/kit/engine-planet.ts';
import type { Json, JsonObject } from '../base/index.ts';

const PATH = { database: 'd', container: 'c' };

let planet: EnginePlanet;

beforeEach(async () => {
  planet = await EnginePlanet.open();
  const { resources, items } = planet.region(0).engine;
  await resources.createDatabase({ id: 'd' }, undefined);
  const key = { paths: ['/k'], kind: 'Hash' };
  await resources.createContainer('d', { id: 'c', partitionKey: key }, undefined);
  for (let n = 0; n < 30; n++) {
    const body = Buffer.from(JSON.stringify({ id: `i${n}`, k: 'k', n }));
    await items.create({ path: PATH, partitionKey: ['k'], body });
  }
});

afterEach(() => planet.close());

const define = (id: string, body: string): Promise<JsonObject> =>
  planet.region(0).engine.scripts.create({ ...PATH, kind: 'userDefinedFunction' }, { id, body });

async function query(text: string): Promise<Json[]> {
  const spec = { query: text, parameters: [] };
  const request = { path: PATH, partitionKey: ['k'], spec, itemCountMax: 100 };
  const { rows } = await planet.region(0).items.query(request);
  return rows.map((row) => JSON.parse(row.toString()) as Json);
}

const refused = (code: string, text: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(text) });

test('functions work on values, nested and in conditions', async () => {
  await define('double', 'function (x) { return 2 * x; }');
  await define('isRound', 'function isRound(x) { return x % 10 === 0; }');
  const text = 'SELECT VALUE udf.double(udf.double(c.n)) FROM c WHERE udf.isRound(c.n)';
  expect(await query(text)).toEqual([0, 40, 80]);
});

test('undefined goes in and comes out', async () => {
  await define('kind', 'function (x) { return typeof x; }');
  await define('nothing', 'function () {}');
  expect(await query('SELECT VALUE [udf.kind(c.none), udf.kind(c.n)] FROM c WHERE c.n = 1')).toEqual([
    ['undefined', 'number'],
  ]);
  expect(await query('SELECT udf.nothing(c.n) AS a, c.n FROM c WHERE c.n = 1')).toEqual([{ n: 1 }]);
});

test('one that throws, does not end or does not exist fails the query', async () => {
  await define('bad', 'function () { throw new Error("no"); }');
  await expect(query('SELECT VALUE udf.bad(c.n) FROM c')).rejects.toEqual(refused('BadRequest', 'Error: no'));
  await expect(query('SELECT VALUE udf.none(c.n) FROM c')).rejects.toEqual(refused('BadRequest', "'none'"));
});

test('a function has nothing of the database', async () => {
  await define('peek', 'function () { return typeof getContext + typeof __; }');
  expect(await query('SELECT VALUE udf.peek() FROM c WHERE c.n = 1')).toEqual(['undefinedundefined']);
});

test('procedures can use them in their queries', async () => {
  await define('double', 'function (x) { return 2 * x; }');
  const body = `function () {
    __.queryDocuments(__.getSelfLink(), 'SELECT VALUE udf.double(c.n) FROM c WHERE c.n < 3', done);
    function done(e, feed) {
      if (e) throw e;
      getContext().getResponse().setBody(feed);
    }
  }`;
  const { scripts } = planet.region(0).engine;
  await scripts.create({ ...PATH, kind: 'storedProcedure' }, { id: 'p', body });
  const execution = { path: PATH, id: 'p', partitionKey: ['k'], arguments: [], isLogging: false };
  const answer = await scripts.execute(execution);
  expect(JSON.parse(answer.body.toString())).toEqual([0, 2, 4]);
});
