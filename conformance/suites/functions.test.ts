import type { Container } from '@azure/cosmos';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

/** What functions mean is in test/semantics; here is what comes through clients, over five partitions. */

const server = TestedServer.during();

describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  let container: Container;

  beforeAll(async () => {
    const database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
    container = await makeContainer(database, {
      throughput: 25_000,
      more: {
        computedProperties: [{ name: 'cp_lower', query: 'SELECT VALUE LOWER(c.name) FROM c' }],
        indexingPolicy: { includedPaths: [{ path: '/*' }, { path: '/cp_lower/?' }] },
      },
    });
    const names = ['Elm', 'ash', 'Beech', 'OAK', 'Alder', 'elm'];
    await Promise.all(
      names.map((name, place) =>
        container.items.create({
          id: `${place}`,
          pk: `key-${place}`,
          name,
          at: { type: 'Point', coordinates: [place, 0] },
        }),
      ),
    );
  });

  async function all(query: string, parameters: { name: string; value: string }[] = []): Promise<unknown[]> {
    return (await container.items.query({ query, parameters }).fetchAll()).resources;
  }

  test('computed properties: filters, orders and groups', async () => {
    expect(await all('SELECT VALUE c.cp_lower FROM c ORDER BY c.cp_lower')).toEqual([
      'alder',
      'ash',
      'beech',
      'elm',
      'elm',
      'oak',
    ]);
    expect((await all("SELECT VALUE c.name FROM c WHERE c.cp_lower = 'elm'")).sort()).toEqual(['Elm', 'elm']);
    const groups = await all('SELECT c.cp_lower, COUNT(1) AS n FROM c GROUP BY c.cp_lower');
    expect(groups).toHaveLength(5);
    expect(groups).toContainEqual({ cp_lower: 'elm', n: 2 });
    const [stored] = await all('SELECT * FROM c');
    expect(stored).not.toHaveProperty('cp_lower');
  });

  test('the definition comes back', async () => {
    const { resource } = await container.read();
    expect(resource?.computedProperties).toEqual([
      { name: 'cp_lower', query: 'SELECT VALUE LOWER(c.name) FROM c' },
    ]);
  });

  test('distances, in metres, as a condition and as a value', async () => {
    const near = 'ST_DISTANCE(c.at, {"type": "Point", "coordinates": [0, 0]})';
    expect((await all(`SELECT VALUE c.id FROM c WHERE ${near} < 112000`)).sort()).toEqual(['0', '1']);
    expect(await all(`SELECT VALUE ROUND(${near}, 0) FROM c WHERE c.pk = 'key-1'`)).toEqual([111_319]);
  });

  test('regular expressions, with a parameter', async () => {
    const query = "SELECT VALUE c.name FROM c WHERE REGEXMATCH(c.name, @p, 'i')";
    expect((await all(query, [{ name: '@p', value: '^(elm|oak)$' }])).sort()).toEqual(['Elm', 'OAK', 'elm']);
  });

  test('user-defined functions, in every range', async () => {
    const body = 'function (text) { return text.toUpperCase(); }';
    await container.scripts.userDefinedFunctions.create({ id: 'loud', body });
    const loud = ['ALDER', 'ASH', 'BEECH', 'ELM', 'ELM', 'OAK'];
    expect((await all('SELECT VALUE udf.loud(c.name) FROM c')).sort()).toEqual(loud);
    expect(await all("SELECT VALUE c.name FROM c WHERE udf.loud(c.name) = 'ASH'")).toEqual(['ash']);
    expect(await all('SELECT VALUE udf.loud(c.name) FROM c ORDER BY c.cp_lower')).toEqual(loud);
    const groups = await all('SELECT udf.loud(c.name) AS k, COUNT(1) AS n FROM c GROUP BY udf.loud(c.name)');
    expect(groups).toHaveLength(5);
    expect(groups).toContainEqual({ k: 'ELM', n: 2 });
  });

  test('the clock, which is the same for all rows of a page', async () => {
    const found = await all('SELECT VALUE GetCurrentTimestamp() FROM c');
    expect(found).toHaveLength(6);
    expect(Math.abs(Number(found[0]) - Date.now())).toBeLessThan(60_000);
    expect(await all('SELECT DISTINCT VALUE DateTimePart("yyyy", GetCurrentDateTime()) FROM c')).toHaveLength(
      1,
    );
  });
});
