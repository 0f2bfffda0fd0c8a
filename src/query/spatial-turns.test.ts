import { expect, test } from 'vitest';
import { ArraySource, NO_POLICY, page } from '../../test/kit/array-source.ts';
import type { Json } from '../base/index.ts';
import { EARTH, parseShape, type Shape, shapeDistance } from '../index/index.ts';

type Pair = [x: number, y: number];

const circle = (x: number, y: number, size: number): Json => {
  const ring = Array.from({ length: 4_000 }, (_, i): Pair => {
    const angle = (i * 2 * Math.PI) / 4_000;
    return [x + size * Math.cos(angle), y + size * Math.sin(angle)];
  });
  return { type: 'Polygon', coordinates: [[...ring, ring[0] as Pair]] };
};
/** All sides slant the same way, so that no box tells them apart. */
const comb = (): Json => {
  const teeth = Array.from({ length: 2_000 }, (_, i): Pair => [(i % 2) * 0.9 + i * 1e-5, (i % 2) * 0.9]);
  const ring: Pair[] = [[-1.5, -1], [0.5, -1], ...teeth.reverse(), [-1.5, -1]];
  return { type: 'Polygon', coordinates: [ring] };
};
const ITEM = {
  id: '1',
  circle: circle(10, 20, 0.001),
  comb: comb(),
  line: { type: 'LineString', coordinates: Array.from({ length: 500 }, (_, i): Pair => [-90 + i / 1e3, 40]) },
  opposite: { type: 'Point', coordinates: [-170, -20] },
  near: { type: 'Point', coordinates: [10.002, 20] },
  crossed: {
    type: 'Polygon',
    coordinates: [
      [
        [0, 0],
        [1, 1],
        [1, 0],
        [0, 1],
        [0, 0],
      ],
    ],
  },
};

async function run(expression: string): Promise<{ rows: Json[]; turns: number }> {
  let turns = 0;
  const pause = () => {
    turns++;
    return Promise.resolve();
  };
  const source = new ArraySource([ITEM], NO_POLICY);
  const { rows } = await page(source, `SELECT VALUE ${expression} FROM c`, { pause });
  return { rows: rows.map((row) => JSON.parse(row.toString()) as Json), turns };
}

function shapeOf(value: Json): Shape {
  const parsed = parseShape(value, EARTH);
  if (parsed.kind === 'invalid') throw new TypeError(parsed.reason);
  return parsed.shape;
}

test.each<[string, Json]>([
  ['ST_ISVALID(c.comb)', true],
  ['ST_WITHIN(c.comb, c.comb)', true],
  ['ST_INTERSECTS(c.circle, c.comb)', false],
  ['ST_DISTANCE(c.line, c.circle)', shapeDistance(shapeOf(ITEM.line), shapeOf(ITEM.circle))],
  ['ST_DISTANCE(c.opposite, c.circle)', shapeDistance(shapeOf(ITEM.opposite), shapeOf(ITEM.circle))],
  ['ST_DISTANCE(c.circle, c.opposite)', shapeDistance(shapeOf(ITEM.circle), shapeOf(ITEM.opposite))],
])('%s lets others have their turn', async (expression, value) => {
  const { rows, turns } = await run(expression);
  expect(rows).toEqual([value]);
  expect(turns).toBeGreaterThan(2);
});

test.each<[string, readonly Json[]]>([
  ['ST_DISTANCE(c.near, c.circle)', [shapeDistance(shapeOf(ITEM.near), shapeOf(ITEM.circle))]],
  ['ST_WITHIN(c.near, c.circle)', [false]],
  ['ST_ISVALID(c.crossed)', [false]],
  ['ST_DISTANCE(c.near, c.crossed)', []],
  ['ST_INTERSECTS(c.circle, c.crossed)', []],
])('%s is the same in steps and at once', async (expression, rows) => {
  expect((await run(expression)).rows).toEqual(rows);
});
