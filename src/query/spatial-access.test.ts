import { describe, expect, test } from 'vitest';
import { ArraySource, DEFAULT_POLICY, randomSource, values } from '../../test/kit/array-source.ts';
import type { Json, JsonObject } from '../base/index.ts';
import { beginEnvironment } from './environment.ts';

const TYPES = ['Point', 'LineString', 'Polygon', 'MultiPolygon'];

/** Squares, triangles, lines and points of all sizes, round the poles and over the date line too. */
function randomShapes(
  seed: number,
  count: number,
  place: (random: () => number) => [number, number],
): Json[] {
  const below = randomSource(seed);
  const random = () => below(1_000_000) / 1_000_000;
  return Array.from({ length: count }, () => {
    const [x, y] = place(random);
    const size = 10 ** (random() * 4 - 3);
    const corner = (dx: number, dy: number) => [
      wrapped(x + dx * size),
      Math.max(-90, Math.min(90, y + dy * size)),
    ];
    const ring = [corner(-1, -1), corner(1, -1), corner(1, 1), corner(-1, 1), corner(-1, -1)];
    const crossed = [ring[0], ring[2], ring[1], ring[3], ring[0]] as Json[];
    switch (below(7)) {
      case 0:
        return { type: 'LineString', coordinates: [corner(-1, 0), corner(1, 1)] };
      case 1:
        return { type: 'Polygon', coordinates: [ring] };
      case 2:
        return below(10) === 0 ? { type: 'Polygon', coordinates: [[...ring].reverse()] } : 'no shape';
      case 3:
        return { type: 'Polygon', coordinates: [below(3) === 0 ? crossed : ring] };
      default:
        return { type: 'Point', coordinates: [x, y] };
    }
  });
}

function wrapped(longitude: number): number {
  return longitude > 180 ? longitude - 360 : longitude < -180 ? longitude + 360 : longitude;
}

const onEarth = (random: () => number): [number, number] =>
  random() < 0.3
    ? [random() < 0.5 ? 179.99 - random() : -179.99 + random(), random() * 40 - 20]
    : random() < 0.5
      ? [random() * 360 - 180, 89.9 - random() * 3]
      : [10 + random() * 4, 50 + random() * 4];
const onPlane = (random: () => number): [number, number] => [random() * 12 - 6, random() * 12 - 6];

describe.each([
  ['Geography', onEarth, {}],
  ['Geometry', onPlane, { boundingBox: { xmin: -5, ymin: -5, xmax: 5, ymax: 5 } }],
] as const)('%s', (geospatialType, place, more) => {
  const shapes = randomShapes(5, 400, place);
  const items: JsonObject[] = shapes.map((at, i) => ({ id: String(i), pk: '0', at }));
  const spatialIndexes = [{ path: '/at/*', types: TYPES, ...more }];
  const indexed = new ArraySource(items, { ...DEFAULT_POLICY, spatialIndexes });
  const plain = new ArraySource(items, DEFAULT_POLICY);
  const environment = beginEnvironment({ nowMs: () => 0, random: () => 0.5 }, { geospatialType });
  const isEarth = geospatialType === 'Geography';

  test('conditions give the same rows with the index and without', async () => {
    let found = 0;
    indexed.loads = 0;
    const queries = randomShapes(77, 40, place);
    for (const shape of queries) {
      const reach = isEarth ? '@r' : '@r / 100000';
      for (const condition of [
        `ST_DISTANCE(c.at, @s) < ${reach}`,
        `${reach} >= ST_DISTANCE(@s, c.at)`,
        'ST_WITHIN(c.at, @s)',
        'ST_WITHIN(@s, c.at)',
        'ST_INTERSECTS(c.at, @s)',
        'ST_INTERSECTS(c.at, @s) AND c.id < "3"',
      ]) {
        const query = `SELECT VALUE c.id FROM c WHERE ${condition}`;
        const options = { environment, parameters: { '@s': shape, '@r': 20_000 } };
        const expected = await values(plain, query, options);
        expect(await values(indexed, query, options), `${condition} ${JSON.stringify(shape)}`).toEqual(
          expected,
        );
        found += expected.length;
      }
    }
    expect(found).toBeGreaterThan(100);
  });

  test('few items are read for few rows', async () => {
    const point = { type: 'Point', coordinates: isEarth ? [12, 52] : [1, 1] };
    const query = `SELECT VALUE c.id FROM c WHERE ST_DISTANCE(c.at, @s) < ${isEarth ? 1_000 : 0.01}`;
    indexed.loads = 0;
    await values(indexed, query, { environment, parameters: { '@s': point } });
    expect(indexed.loads).toBeLessThan(items.length / 4);
  });
});
