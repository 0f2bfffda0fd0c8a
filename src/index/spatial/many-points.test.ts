import { describe, expect, test } from 'vitest';
import { seeds } from '../../../test/kit/properties.ts';
import type { Json, Steps } from '../../base/index.ts';
import { EARTH } from './earth.ts';
import { PLANE } from './plane.ts';
import {
  isShapeWithin,
  isShapeWithinSteps,
  shapeDistance,
  shapeDistanceSteps,
  shapesIntersect,
  shapesIntersectSteps,
} from './relations.ts';
import { type Area, parseShape, parseShapeSteps, type Shape } from './shape.ts';
import { meeting, type Position, type Segment, type Surface } from './surface.ts';

type Pair = [x: number, y: number];

/** mulberry32: failures replay. */
function randomSource(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The place that is so many degrees (units) from the middle, in a direction in radians. */
type Compass = (middle: Pair, distance: number, direction: number) => Pair;

const onPlane: Compass = ([x, y], distance, direction) => [
  x + distance * Math.cos(direction),
  y + distance * Math.sin(direction),
];

const onEarth: Compass = ([x, y], distance, direction) => {
  const [lat, arc, turn] = [(y * Math.PI) / 180, (distance * Math.PI) / 180, Math.PI / 2 - direction];
  const sine = Math.sin(lat) * Math.cos(arc) + Math.cos(lat) * Math.sin(arc) * Math.cos(turn);
  const east = Math.sin(turn) * Math.sin(arc) * Math.cos(lat);
  const lon = x + (Math.atan2(east, Math.cos(arc) - Math.sin(lat) * sine) * 180) / Math.PI;
  return [((lon + 540) % 360) - 180, (Math.asin(Math.max(-1, Math.min(1, sine))) * 180) / Math.PI];
};

/** A closed ring round a middle, counter-clockwise. */
function star(compass: Compass, middle: Pair, size: number, corners: number, random: () => number): Pair[] {
  const ring = Array.from({ length: corners }, (_, i) =>
    compass(middle, size * (0.6 + 0.4 * random()), ((i + 0.8 * random()) * 2 * Math.PI) / corners),
  );
  return [...ring, ring[0] as Pair];
}

const polygon = (...rings: Pair[][]): Json => ({ type: 'Polygon', coordinates: rings });
const line = (coordinates: Pair[]): Json => ({ type: 'LineString', coordinates });
const point = (coordinates: Pair): Json => ({ type: 'Point', coordinates });

interface World {
  readonly surface: Surface;
  readonly compass: Compass;
  readonly middles: readonly Pair[];
}

const WORLDS: readonly (readonly [string, World])[] = [
  [
    'the Earth',
    {
      surface: EARTH,
      compass: onEarth,
      middles: [
        [13, 52],
        [180, 0],
        [0, 90],
        [-40, -89.5],
        [179.9, 66],
      ],
    },
  ],
  [
    'a plane',
    {
      surface: PLANE,
      compass: onPlane,
      middles: [
        [0, 0],
        [-5, 7],
        [100_000, 3],
      ],
    },
  ],
];

/** Something near `middle`; with `base` sometimes something that shares corners with it. */
function randomGeometry(world: World, middle: Pair, size: number, random: () => number, base?: Pair[]): Json {
  const { compass } = world;
  const corners = 3 + Math.floor(random() ** 2 * 40);
  const ring = star(compass, middle, size, corners, random);
  const from = Math.floor(random() * Math.max(1, (base?.length ?? 0) - 4));
  const shared = base?.slice(from, from + 4) ?? [];
  switch (Math.floor(random() * (base === undefined ? 6 : 9))) {
    case 0:
      return point(compass(middle, size * random(), 7 * random()));
    case 1:
      return line(Array.from({ length: corners }, () => compass(middle, size * random(), 7 * random())));
    case 2:
      return polygon(
        ring,
        star(compass, middle, size * 0.4, 3 + Math.floor(random() * 20), random).reverse(),
      );
    case 3: {
      const away = compass(middle, size * 2.5, 7 * random());
      return { type: 'MultiPolygon', coordinates: [[ring], [star(compass, away, size, 12, random)]] };
    }
    case 4:
      return polygon(random() < 0.3 ? ring.reverse() : ring);
    case 5:
      return polygon(ring);
    case 6:
      return random() < 0.5 || base === undefined ? point(shared[0] ?? middle) : polygon(base);
    case 7:
      return line(shared);
    default:
      return polygon([...shared, shared[0] as Pair]);
  }
}

function shapeOf(value: Json, surface: Surface): Shape | undefined {
  const parsed = parseShape(value, surface);
  return parsed.kind === 'shape' ? parsed.shape : undefined;
}

/** How often what should be met was met, of the shapes of all seeds. */
const met = { invalid: 0, pairs: 0, intersecting: 0, within: 0, near: 0, far: 0 };

describe.each(WORLDS)('trees say what all pairs say, on %s', (_name, world) => {
  test.each(seeds(60))('seed %i', (seed) => {
    const random = randomSource(seed);
    const { surface, compass, middles } = world;
    const middle = middles[Math.floor(random() * middles.length)] as Pair;
    const size = 10 ** (random() * 5 - 4);
    const base = star(compass, middle, size, 4 + Math.floor(random() * 30), random);
    const first = shapeOf(
      random() < 0.7 ? polygon(base) : randomGeometry(world, middle, size, random),
      surface,
    );
    for (let i = 0; i < 4; i++) {
      // From inside of it to the other side of the Earth.
      const away = compass(middle, Math.min(150, size * 10 ** (random() * 4 - 2)), 7 * random());
      const second = shapeOf(
        randomGeometry(world, away, size * 10 ** (random() - 0.7), random, base),
        surface,
      );
      if (first === undefined || second === undefined) {
        met.invalid++;
        continue;
      }
      met.pairs++;
      if (bruteIntersect(first, second)) met.intersecting++;
      if (bruteWithin(first, second) || bruteWithin(second, first)) met.within++;
      for (const [a, b] of [
        [first, second],
        [second, first],
      ] as const) {
        expect(shapesIntersect(a, b), 'intersect').toBe(bruteIntersect(a, b));
        expect(isShapeWithin(a, b), 'within').toBe(bruteWithin(a, b));
      }
      const [found, expected] = [shapeDistance(first, second), bruteDistance(first, second)];
      if (expected > 0) met[expected < size ? 'near' : 'far']++;
      // What the bounds of boxes lose by rounding: less than a tenth of a micrometre.
      expect(Math.abs(found - expected), `${found} is ${expected}`).toBeLessThanOrEqual(
        1e-7 + expected * 1e-12,
      );
      expect(shapeDistance(second, first)).toBeCloseTo(found, 6);
    }
  });
});

test('the shapes above are of all kinds', () => {
  const { invalid, pairs, ...cases } = met;
  expect(pairs).toBeGreaterThan(3 * invalid);
  for (const [name, count] of Object.entries(cases)) expect(count, name).toBeGreaterThan(pairs / 50);
});

describe('geometries at the limit of positions are compared in short steps', () => {
  const random = randomSource(7);
  /** Two thousand slanting teeth: all their boxes meet. Another comb from above fits in between. */
  const comb = (isAbove: boolean): Json => {
    const teeth = Array.from({ length: 4_000 }, (_, i): Pair => {
      const y = (i % 2) * 0.9 + (isAbove ? 0.1 : 0);
      return [y + i * 1e-5, y];
    });
    const spine: Pair[] = isAbove
      ? [
          [3, 2],
          [1.5, 2],
        ]
      : [
          [0.5, -1],
          [-1.5, -1],
        ];
    // Small enough for sides to be straight.
    const corners = [...teeth, ...spine].map(([x, y]): Pair => [x / 10, y / 10]);
    if (!isAbove) corners.reverse();
    return polygon([...corners, corners[0] as Pair]);
  };
  const ring = (x: number, y: number, size: number): Json =>
    polygon(star(onEarth, [x, y], size, 4_000, random));
  const circle = polygon(star(onEarth, [10, 10], 1, 4_000, () => 0.5));
  const shape = (value: Json): Shape => {
    const found = shapeOf(value, EARTH);
    if (found === undefined) throw new TypeError('the geometry is valid');
    return found;
  };

  test.each<[string, () => Steps<unknown>, unknown]>([
    ['a ring is checked', () => parseShapeSteps(ring(0, 0, 1), EARTH), { kind: 'shape' }],
    ['a comb is checked', () => parseShapeSteps(comb(false), EARTH), { kind: 'shape' }],
    ['combs between each other', () => shapesIntersectSteps(shape(comb(false)), shape(comb(true))), false],
    ['within', () => isShapeWithinSteps(shape(ring(10, 10, 0.5)), shape(circle)), true],
    ['near', () => shapeDistanceSteps(shape(ring(14, 10, 1)), shape(circle)), expect.any(Number)],
    ['far', () => shapeDistanceSteps(shape(ring(-100, 40, 0.1)), shape(circle)), expect.any(Number)],
    [
      'nearly opposite',
      () => shapeDistanceSteps(shape(ring(-170.1, -10, 0.1)), shape(circle)),
      expect.any(Number),
    ],
  ])('%s', (_name, begin, expected) => {
    const steps = begin();
    const tookMs: number[] = [];
    for (;;) {
      const startMs = performance.now();
      const { done, value } = steps.next();
      tookMs.push(performance.now() - startMs);
      if (done !== true) continue;
      if (typeof expected === 'object') expect(value).toMatchObject(expected as object);
      else expect(value).toEqual(expected);
      break;
    }
    // The middle one: a machine that has more to do stretches some.
    tookMs.sort((p, q) => p - q);
    expect(tookMs[Math.floor(tookMs.length / 2)]).toBeLessThan(4);
  });
});

/*
 * Relations of shapes by looking at every pair of segments: what the trees have to agree with. The trees
 * decide which pairs are looked at; what a pair is to another comes from the same surface.
 */

function bruteIntersect(a: Shape, b: Shape): boolean {
  if (a.points.some((point) => isOn(b, point)) || b.points.some((point) => isOn(a, point))) return true;
  if (segmentsOf(a).some((s) => segmentsOf(b).some((t) => meeting(s, t) !== 'apart'))) return true;
  return startsIn(a, b) || startsIn(b, a);
}

function startsIn(a: Shape, b: Shape): boolean {
  const rings = a.areas.flatMap((area) => [area.outer, ...area.holes]);
  return [...a.lines, ...rings].some(({ segments }) =>
    b.areas.some((area) => side(area, (segments[0] as Segment).a) !== 'outside'),
  );
}

function bruteWithin(a: Shape, b: Shape): boolean {
  const others = segmentsOf(b);
  const places = [...a.points, ...segmentsOf(a).flatMap((segment) => parts(segment, others, b))];
  if (!places.every((place) => isOn(b, place))) return false;
  if (a.areas.length === 0) return places.some((place) => isInterior(b, place));
  if (b.areas.length === 0) return false;
  return a.areas.every((area) => {
    const rim = boundaryOf(area);
    if (others.some((segment) => parts(segment, rim, b).some((place) => side(area, place) === 'inside')))
      return false;
    return isOn(b, placeInside(area, b));
  });
}

/** The least exact distance of any corner to any segment, or 0. */
function bruteDistance(a: Shape, b: Shape): number {
  if (bruteIntersect(a, b)) return 0;
  let least = Infinity;
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    for (const corner of cornersOf(one)) {
      for (const point of other.points) least = Math.min(least, a.surface.distance(corner, point));
      for (const segment of segmentsOf(other)) least = Math.min(least, segment.distanceTo(corner));
    }
  }
  return least;
}

function side(area: Area, position: Position): 'inside' | 'boundary' | 'outside' {
  if (boundaryOf(area).some((segment) => segment.covers(position))) return 'boundary';
  if (area.outer.encloses(position) === area.isInverse) return 'outside';
  return area.holes.some((hole) => hole.encloses(position)) ? 'outside' : 'inside';
}

function isOn(shape: Shape, position: Position): boolean {
  return (
    shape.points.some((point) => shape.surface.isSame(point, position)) ||
    shape.lines.some((line) => line.segments.some((segment) => segment.covers(position))) ||
    shape.areas.some((area) => side(area, position) !== 'outside')
  );
}

function isInterior(shape: Shape, position: Position): boolean {
  if (shape.areas.length > 0) return shape.areas.some((area) => side(area, position) === 'inside');
  return shape.lines.every(({ segments, isClosed }) => {
    const ends = [segments[0]?.a, segments[segments.length - 1]?.b];
    return isClosed || !ends.some((end) => end !== undefined && shape.surface.isSame(end, position));
  });
}

function parts(segment: Segment, others: readonly Segment[], { surface }: Shape): Position[] {
  const cuts = [0, 1];
  for (const other of others) {
    const how = meeting(segment, other);
    const ends = [other.a, other.b].filter((end) => segment.covers(end));
    if (how === 'crossing') cuts.push(segment.fractionOf(surface.crossing(segment, other)));
    else if (how === 'touching') cuts.push(...ends.map((end) => segment.fractionOf(end)));
  }
  const inner = cuts.filter((cut) => cut === 0 || cut === 1 || (cut > 1e-9 && cut < 1 - 1e-9));
  inner.sort((x, y) => x - y);
  return inner.flatMap((cut, place) => {
    const next = inner[place + 1];
    return next === undefined || next - cut <= 1e-9 ? [] : [segment.positionAt((cut + next) / 2)];
  });
}

function placeInside(area: Area, { surface }: Shape): Position {
  const { a, b } = area.outer.segments[0] as Segment;
  const middle = (area.outer.segments[0] as Segment).positionAt(0.5);
  const size = Math.hypot(b.x - a.x, b.y - a.y);
  for (let step = size * 1e-3; step > size * 1e-9; step /= 10) {
    for (const [dx, dy] of [
      [step, 0],
      [-step, 0],
      [0, step],
      [0, -step],
    ] as const) {
      const place = surface.position(middle.x + dx, middle.y + dy);
      if (side(area, place) === 'inside') return place;
    }
  }
  return middle;
}

function boundaryOf(area: Area): Segment[] {
  return [area.outer, ...area.holes].flatMap((ring) => ring.segments);
}

function segmentsOf(shape: Shape): Segment[] {
  return [...shape.lines.flatMap((line) => line.segments), ...shape.areas.flatMap(boundaryOf)];
}

function cornersOf(shape: Shape): Position[] {
  return [...shape.points, ...segmentsOf(shape).flatMap(({ a, b }) => [a, b])];
}
