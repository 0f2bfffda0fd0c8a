import { describe, expect, test } from 'vitest';
import type { Json } from '../../base/index.ts';
import { EARTH } from './earth.ts';
import { PLANE } from './plane.ts';
import { isShapeWithin, shapeArea, shapeDistance, shapesIntersect } from './relations.ts';
import { parseShape, type Shape } from './shape.ts';
import type { Surface } from './surface.ts';

type Pair = readonly [x: number, y: number];

function shape(value: Json, surface: Surface): Shape {
  const parsed = parseShape(value, surface);
  if (parsed.kind === 'invalid') throw new TypeError(parsed.reason);
  return parsed.shape;
}

const point = (x: number, y: number): Json => ({ type: 'Point', coordinates: [x, y] });
const line = (...positions: readonly Pair[]): Json => ({
  type: 'LineString',
  coordinates: positions.map((each) => [...each]),
});
const ring = (positions: readonly Pair[]): Json =>
  [...positions, positions[0] as Pair].map((each) => [...each]);
const polygon = (...rings: readonly (readonly Pair[])[]): Json => ({
  type: 'Polygon',
  coordinates: rings.map(ring),
});
const multi = (...polygons: readonly (readonly (readonly Pair[])[])[]): Json => ({
  type: 'MultiPolygon',
  coordinates: polygons.map((rings) => rings.map(ring)),
});
const box = (x: number, y: number, width: number, height = width): Pair[] => [
  [x, y],
  [x + width, y],
  [x + width, y + height],
  [x, y + height],
];

/** xorshift32: failures replay. */
function randomSource(seed: number): () => number {
  let state = Math.imul(seed, 2_654_435_761) + 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function distance(a: Json, b: Json, surface: Surface = EARTH): number {
  return shapeDistance(shape(a, surface), shape(b, surface));
}

describe('distances on the Earth', () => {
  test.each<[string, Json, Json, number]>([
    ['a degree of the equator', point(0, 0), point(1, 0), 111_319.4908],
    ['a quarter of a meridian', point(10, 0), point(0, 90), 10_001_965.7293],
    ['round the pole', point(0, 89), point(180, 89), 2 * 111_693.8649],
    ['over the date line', point(179.5, 0), point(-179.5, 0), 111_319.4908],
    // The example of the Australian geodetic authority for Vincenty's formulae, Flinders Peak to Buninyong.
    [
      'Flinders Peak',
      point(144.424867888889, -37.951033416667),
      point(143.926495527778, -37.652821138889),
      54_972.271,
    ],
    ['nearly opposite places', point(0, 0), point(179.5, 0.5), 19_936_288.579],
    // From a meridian to the equator's crossing with it, so that the foot is known.
    ['a place beside a meridian', point(1, 0), line([0, -10], [0, 10]), 111_319.4908],
    ['a place behind an end', point(0, 11), line([0, -10], [0, 10]), 110_611.1866],
    ['lines that cross', line([-1, 0], [1, 0]), line([0, -1], [0, 1]), 0],
    ['a place in an area', point(5, 5), polygon(box(0, 0, 10)), 0],
    // Between two places of a latitude, a side bends a little towards the pole.
    [
      'a place in a hole',
      point(5, 0),
      polygon(box(-5, -5, 20, 10), box(4, -1, 2).toReversed()),
      110_591.2288,
    ],
    ['a place outside of an inverse area', point(0, 0), polygon(box(-1, -1, 2).toReversed()), 110_591.2288],
  ])('%s', (_, a, b, expected) => {
    expect(distance(a, b)).toBeCloseTo(expected, 2);
    expect(distance(b, a)).toBeCloseTo(expected, 2);
  });

  test.each(Array.from({ length: 40 }, (_, i) => i + 1))(
    'to a line is the least to any place on it, seed %i',
    (seed) => {
      const random = randomSource(seed);
      const size = 10 ** (-2 + random() * 4);
      const [x, y] = [random() * 360 - 180, random() * 140 - 70];
      const near = (): Pair => [
        x + (random() - 0.5) * size,
        Math.max(-89, Math.min(89, y + (random() - 0.5) * size)),
      ];
      const wrap = ([lon, lat]: Pair): Pair => [lon > 180 ? lon - 360 : lon < -180 ? lon + 360 : lon, lat];
      const [from, a, b] = [wrap(near()), wrap(near()), wrap(near())];
      const segment = EARTH.segment(EARTH.position(...a), EARTH.position(...b));
      if (segment === undefined) throw new TypeError('the ends are not opposite');
      const place = EARTH.position(...from);
      let least = Number.POSITIVE_INFINITY;
      for (let i = 0; i <= 2_000; i++)
        least = Math.min(least, EARTH.distance(place, segment.positionAt(i / 2_000)));
      const found = segment.distanceTo(place);
      expect(found).toBeLessThanOrEqual(least + 1e-6);
      const step = EARTH.distance(segment.a, segment.b) / 2_000;
      expect(found).toBeGreaterThanOrEqual(
        Math.sqrt(Math.max(0, least ** 2 - step ** 2)) - step * 1e-3 - 1e-6,
      );
      expect(segment.leastDistanceTo(place)).toBeGreaterThanOrEqual(found * 0.995 - 1e-3);
      expect(segment.leastDistanceTo(place)).toBeLessThanOrEqual(found + 1e-8);
    },
  );
});

describe('areas', () => {
  const EIGHTH = 510_065_621_724_088.44 / 8;

  test.each<[string, Json, number]>([
    [
      'an eighth of the Earth',
      polygon([
        [0, 0],
        [90, 0],
        [0, 90],
      ]),
      EIGHTH,
    ],
    [
      'all but an eighth',
      polygon([
        [0, 0],
        [0, 90],
        [90, 0],
      ]),
      EIGHTH * 7,
    ],
    [
      'two of them',
      multi(
        [
          [
            [0, 0],
            [90, 0],
            [0, 90],
          ],
        ],
        [
          [
            [180, 0],
            [-90, 0],
            [0, 90],
          ],
        ],
      ),
      EIGHTH * 2,
    ],
    ['a point', point(1, 2), 0],
    ['a line', line([1, 2], [3, 4]), 0],
  ])('%s', (_, value, expected) => {
    expect(Math.abs(shapeArea(shape(value, EARTH)) - expected)).toBeLessThan(1);
  });

  test('of a plane', () => {
    const value = polygon(box(1_000_000, 1_000_000, 10), box(1_000_001, 1_000_001, 2));
    expect(shapeArea(shape(value, PLANE))).toBe(96);
    expect(shapeArea(shape(polygon(box(0, 0, 3).toReversed()), PLANE))).toBe(9);
  });
});

/** What holds on both surfaces, near the origin. */
describe.each([
  ['Earth', EARTH],
  ['plane', PLANE],
] as const)('relations on the %s', (_, surface) => {
  const square = polygon(box(0, 0, 10));
  const holed = polygon(box(0, 0, 10), box(4, 4, 2).toReversed());

  test.each<[string, Json, Json, boolean, boolean]>([
    ['a place in an area', point(5, 5), square, true, true],
    ['a place outside', point(15, 5), square, false, false],
    ['a place on a corner', point(0, 0), square, true, false],
    ['a place on a side of the equator', point(5, 0), square, true, false],
    // Between two places of a latitude, a side bends a little towards the pole.
    ['a place in a hole', point(5, 5), holed, false, false],
    ['a place beside a hole', point(2, 5), holed, true, true],
    ['a place on the corner of a hole', point(4, 4), holed, true, false],
    ['the same place', point(1, 2), point(1, 2), true, true],
    ['another place', point(1, 2), point(1, 3), false, false],
    ['a place on a line', point(5, 0), line([0, 0], [10, 0]), true, true],
    ['the end of a line', point(0, 0), line([0, 0], [10, 0]), true, false],
    ['the end of a closed line', point(0, 0), line([0, 0], [10, 0], [0, 10], [0, 0]), true, true],
    ['a place beyond a line', point(11, 0), line([0, 0], [10, 0]), false, false],
    ['a line in an area', line([1, 1], [9, 9]), square, true, true],
    ['a line that leaves', line([1, 1], [19, 9]), square, true, false],
    ['a line that crosses', line([-1, 5], [11, 5.5]), square, true, false],
    ['a line that only touches', line([-5, 0], [0, 0]), square, true, false],
    ['a line through a hole', line([1, 5], [9, 5]), holed, true, false],
    ['a line along a side', line([2, 0], [8, 0]), square, true, false],
    ['a line from side to side', line([0, 1], [10, 1]), square, true, true],
    ['a line outside', line([20, 1], [30, 1]), square, false, false],
    ['a part of a line', line([2, 0], [8, 0]), line([0, 0], [10, 0]), true, true],
    ['a line that is longer', line([2, 0], [18, 0]), line([0, 0], [10, 0]), true, false],
    ['lines that cross', line([5, -5], [5, 5]), line([0, 0], [10, 0]), true, false],
    ['lines that are apart', line([5, 1], [5, 5]), line([0, 0], [10, 0]), false, false],
    ['an area in another', polygon(box(1, 1, 2)), square, true, true],
    ['an area in itself', square, square, true, true],
    ['an area over another', polygon(box(-5, -5, 30)), square, true, false],
    ['areas that overlap', polygon(box(5, 5, 10)), square, true, false],
    ['areas that share a corner', polygon(box(-5, -5, 5)), square, true, false],
    ['areas that are apart', polygon(box(20, 20, 5)), square, false, false],
    ['an area in a hole', polygon(box(4.5, 4.5, 0.5)), holed, false, false],
    ['an area around a hole', polygon(box(3, 3, 4)), holed, true, false],
    [
      'an area in a polygon of several',
      polygon(box(21, 21, 2)),
      multi([box(0, 0, 10)], [box(20, 20, 5)]),
      true,
      true,
    ],
    ['several areas, one outside', multi([box(1, 1, 2)], [box(30, 30, 1)]), square, true, false],
    ['several areas inside', multi([box(1, 1, 2)], [box(5, 5, 1)]), square, true, true],
    ['an area in a line', square, line([0, 0], [10, 0]), true, false],
    ['an area in a place', square, point(5, 5), true, false],
  ])('%s', (_title, a, b, intersects, isWithin) => {
    const [one, other] = [shape(a, surface), shape(b, surface)];
    expect(shapesIntersect(one, other)).toBe(intersects);
    expect(shapesIntersect(other, one)).toBe(intersects);
    expect(isShapeWithin(one, other)).toBe(isWithin);
    expect(shapeDistance(one, other) === 0).toBe(intersects);
  });
});

describe('only on the Earth', () => {
  const inverse = polygon(box(0, 0, 10).toReversed());
  const dateLine = polygon([
    [170, -10],
    [-170, -10],
    [-170, 10],
    [170, 10],
  ]);
  const pole = polygon([
    [0, 80],
    [90, 80],
    [180, 80],
    [-90, 80],
  ]);

  test.each<[string, Json, Json, boolean, boolean]>([
    ['a clockwise ring means the outside', point(50, 50), inverse, true, true],
    ['and not the inside', point(5, 5), inverse, false, false],
    ['an area in the outside', polygon(box(20, 20, 5)), inverse, true, true],
    ['an area in the inside', polygon(box(2, 2, 5)), inverse, false, false],
    ['the inside is not within the outside', polygon(box(0, 0, 10)), inverse, true, false],
    ['an area over the date line', point(-179, 5), dateLine, true, true],
    ['and what is not in it', point(0, 5), dateLine, false, false],
    ['an area around the pole', point(45, 85), pole, true, true],
    ['the pole itself', point(123, 90), pole, true, true],
    ['south of it', point(45, 79), pole, false, false],
    [
      'sides bend towards the pole',
      point(45, 45.3),
      polygon([
        [0, 10],
        [90, 10],
        [90, 45],
        [0, 45],
      ]),
      true,
      true,
    ],
  ])('%s', (_, a, b, intersects, isWithin) => {
    expect(shapesIntersect(shape(a, EARTH), shape(b, EARTH))).toBe(intersects);
    expect(isShapeWithin(shape(a, EARTH), shape(b, EARTH))).toBe(isWithin);
  });

  test.each([1e-1, 1e-3, 1e-5, 1e-6])('an area %d degrees wide has its corners on its boundary', (width) => {
    const small = polygon(box(12.9998266, 51.9998341, width));
    for (const [x, y] of box(12.9998266, 51.9998341, width)) {
      expect(shapesIntersect(shape(point(x, y), EARTH), shape(small, EARTH))).toBe(true);
      expect(isShapeWithin(shape(point(x, y), EARTH), shape(small, EARTH))).toBe(false);
    }
  });

  test.each(Array.from({ length: 20 }, (_, i) => i + 1))(
    'a circle holds what is nearer than its rim, seed %i',
    (seed) => {
      const random = randomSource(seed);
      const [x, y] = [random() * 340 - 170, random() * 120 - 60];
      const degrees = 0.5 + random() * 5;
      const corners = Array.from({ length: 180 }, (_, i): Pair => {
        const angle = (i * Math.PI) / 90;
        const cosine = Math.cos((y * Math.PI) / 180);
        return [x + (degrees * Math.cos(angle)) / cosine, y + degrees * Math.sin(angle)];
      });
      const circle = shape(polygon(corners), EARTH);
      for (let i = 0; i < 200; i++) {
        const place: Pair = [x + (random() - 0.5) * degrees * 4, y + (random() - 0.5) * degrees * 4];
        const rim = EARTH.position(...place);
        const flat = Math.hypot((place[0] - x) * Math.cos((y * Math.PI) / 180), place[1] - y);
        if (Math.abs(flat / degrees - 1) < 0.02) continue;
        expect(isShapeWithin(shape(point(rim.x, rim.y), EARTH), circle)).toBe(flat < degrees);
      }
    },
  );
});
