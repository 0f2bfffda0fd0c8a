import { afterAll, beforeAll, expect, test } from 'vitest';
import { EnginePlanet, type EngineRegion } from '../../test/kit/engine-planet.ts';

/** Clients keep tokens in headers and ask for 1 KB at most: also where long values are sorted and keys are long. */

const PATH = { database: 'd', container: 'c' };
const PROPERTIES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const LONG = '😀'.repeat(900);
const KEY = ['t'.repeat(600), 'u'.repeat(600), 's'.repeat(600)];

let planet: EnginePlanet;
let region: EngineRegion;

beforeAll(async () => {
  planet = await EnginePlanet.open({ regions: ['A'] });
  region = planet.region(0);
  const compositeIndexes = [
    PROPERTIES.map((name) => ({ path: `/${name}` })),
    [{ path: '/a' }, { path: '/b' }],
  ];
  await planet.makeContainer(
    {
      partitionKey: { paths: ['/t', '/u', '/s'], kind: 'MultiHash', version: 2 },
      indexingPolicy: { includedPaths: [{ path: '/*' }], compositeIndexes },
    },
    25_000,
  );
  for (let n = 0; n < 12; n++) {
    const values = PROPERTIES.map((name) => [name, `${LONG}${n % 5}${name}`]);
    const [t, u, s] = KEY;
    const tags = [LONG, `${LONG}${n}`];
    const item = { id: `${n}${'i'.repeat(900)}`, t, u, s, n, tags, ...Object.fromEntries(values) };
    await region.items.create({ path: PATH, partitionKey: KEY, body: Buffer.from(JSON.stringify(item)) });
  }
});
afterAll(() => planet.close());

const ORDER = PROPERTIES.map((name) => `c.${name}`).join(', ');

test.each([
  ['SELECT * FROM c', 12],
  ['SELECT VALUE t FROM c JOIN t IN c.tags', 24],
  ['SELECT VALUE c.n FROM c ORDER BY c.a DESC', 12],
  ['SELECT VALUE c.n FROM c ORDER BY c.id', 12],
  ['SELECT VALUE c.n FROM c ORDER BY c.a, c.b', 12],
  [`SELECT VALUE c.n FROM c ORDER BY ${ORDER}`, 12],
  [`SELECT VALUE t FROM c JOIN t IN c.tags ORDER BY ${ORDER} OFFSET 1 LIMIT 2147483647`, 23],
  ['SELECT DISTINCT VALUE t FROM c JOIN t IN c.tags', 13],
  ['SELECT DISTINCT VALUE c.a FROM c ORDER BY c.a', 5],
  ['SELECT c.a, COUNT(1) AS n FROM c GROUP BY c.a', 5],
  ['SELECT DISTINCT c.a, t, MAKELIST(c.id) AS ids FROM c JOIN t IN c.tags GROUP BY c.a, t', 17],
  ['SELECT VALUE c.n FROM c ORDER BY VectorDistance(c.tags, [1])', 0],
  ['SELECT VALUE c.n FROM c ORDER BY RANK FullTextScore(c.a, "x")', 12],
])('%s', async (query, count) => {
  const scope = { path: PATH, spec: { query, parameters: [] }, partitionKey: KEY, itemCountMax: 1 };
  let rows = 0;
  let continuation: string | undefined;
  do {
    const page = await region.items.query({
      ...scope,
      ...(continuation === undefined ? {} : { continuation }),
    });
    rows += page.rows.length;
    continuation = page.continuation;
    if (continuation !== undefined) expect(continuation).toMatch(/^[\w-]{1,1024}$/);
  } while (continuation !== undefined);
  expect(rows).toBe(count);
});
