import { type Area, type Shape, sideOf } from './shape.ts';
import { boxesMeet, meeting, type Position, type Segment, type Surface } from './surface.ts';

/** Parts of a segment that are shorter than this share of it are none. */
const SHARE_MIN = 1e-9;
/** How many times greater than another a rough distance must be to be the greater one for certain. */
const ROUGHNESS = 1.01;
/** Pairs that are kept before those that came too far are thrown out. */
const PAIRS_MAX = 10_000;

/** Whether they have a place in common, boundaries included. */
export function shapesIntersect(a: Shape, b: Shape): boolean {
  if (a.box !== undefined && b.box !== undefined && !boxesMeet(a.box, b.box)) return false;
  if (a.points.some((point) => isOn(b, point)) || b.points.some((point) => isOn(a, point))) return true;
  if (segmentsOf(a).some((s) => segmentsOf(b).some((t) => meeting(s, t) !== 'apart'))) return true;
  // Without a boundary in common, one lies in the other altogether or they are apart.
  return startsIn(a, b) || startsIn(b, a);
}

/** Whether some part of `a` has its first place in an area of `b`. */
function startsIn(a: Shape, b: Shape): boolean {
  if (b.areas.length === 0) return false;
  const starts = [
    ...a.lines.map((line) => line.segments[0]),
    ...a.areas.flatMap((area) => [area.outer, ...area.holes].map((ring) => ring.segments[0])),
  ];
  return starts.some((segment) => segment !== undefined && isOn(b, segment.a));
}

/** Whether the place belongs to the shape, boundary included. */
function isOn(shape: Shape, position: Position): boolean {
  return (
    shape.points.some((point) => shape.surface.isSame(point, position)) ||
    shape.lines.some((line) => line.segments.some((segment) => segment.covers(position))) ||
    shape.areas.some((area) => sideOf(area, position) !== 'outside')
  );
}

/** Whether all of `a` belongs to `b`, and not only to its boundary. */
export function isShapeWithin(a: Shape, b: Shape): boolean {
  if (a.box !== undefined && b.box !== undefined && !boxesMeet(a.box, b.box)) return false;
  if (a.areas.length > 0) return a.areas.every((area) => isAreaWithin(area, b));
  const places = [...a.points, ...a.lines.flatMap((line) => line.segments.flatMap((s) => middles(s, b)))];
  return places.every((place) => isOn(b, place)) && places.some((place) => isInterior(b, place));
}

/** Not for what is only on a boundary: the rim of an area, an end of a line. */
function isInterior(shape: Shape, position: Position): boolean {
  if (shape.areas.length > 0) return shape.areas.some((area) => sideOf(area, position) === 'inside');
  if (shape.points.length > 0) return true;
  return shape.lines.some(({ segments, isClosed }) => {
    const [first, last] = [segments[0], segments[segments.length - 1]];
    const isEnd = [first?.a, last?.b].some((end) => end && shape.surface.isSame(end, position));
    return isClosed || !isEnd;
  });
}

function isAreaWithin(area: Area, shape: Shape): boolean {
  if (shape.areas.length === 0) return false;
  const rim = area.boundary.flatMap((segment) => middles(segment, shape));
  if (!rim.every((place) => isOn(shape, place))) return false;
  // What bounds the other must not run through this one, and neither lies in a hole of the other.
  const inner = shape.areas.flatMap((other) =>
    other.boundary.flatMap((segment) => middlesAt(segment, area.boundary, shape.surface)),
  );
  if (inner.some((place) => sideOf(area, place) === 'inside')) return false;
  return isOn(shape, insideOf(area, shape));
}

/** A place just inside, beside the middle of a side. */
function insideOf(area: Area, { surface }: Shape): Position {
  const segment = area.outer.segments[0] as Segment;
  const middle = segment.positionAt(0.5);
  const size = Math.hypot(segment.b.x - segment.a.x, segment.b.y - segment.a.y);
  for (let step = size * 1e-3; step > size * 1e-9; step /= 10) {
    for (const [dx, dy] of [
      [step, 0],
      [-step, 0],
      [0, step],
      [0, -step],
    ] as const) {
      const place = surface.position(middle.x + dx, middle.y + dy);
      if (sideOf(area, place) === 'inside') return place;
    }
  }
  return middle;
}

/** The middles of the parts into which another shape's boundary cuts a segment. */
function middles(segment: Segment, shape: Shape): Position[] {
  return middlesAt(segment, segmentsOf(shape), shape.surface);
}

function middlesAt(segment: Segment, others: readonly Segment[], surface: Surface): Position[] {
  const cuts = [0, 1];
  const cutAt = (position: Position): void => {
    const share = segment.fractionOf(position);
    if (share > SHARE_MIN && share < 1 - SHARE_MIN) cuts.push(share);
  };
  for (const other of others) {
    const how = meeting(segment, other);
    if (how === 'crossing') cutAt(surface.crossing(segment, other));
    else if (how === 'touching') for (const end of [other.a, other.b]) if (segment.covers(end)) cutAt(end);
  }
  cuts.sort((x, y) => x - y);
  const found: Position[] = [];
  cuts.forEach((cut, place) => {
    const next = cuts[place + 1];
    if (next !== undefined && next - cut > SHARE_MIN) found.push(segment.positionAt((cut + next) / 2));
  });
  return found;
}

/** Metres, or units of the plane; 0 when they intersect. */
export function shapeDistance(a: Shape, b: Shape): number {
  const [point, other] = [a.points[0], b.points[0]];
  if (point !== undefined && other !== undefined) return a.surface.distance(point, other);
  if (shapesIntersect(a, b)) return 0;
  return Math.min(nearest(cornersOf(a), b), nearest(cornersOf(b), a));
}

/** From the corners of one shape to another that it does not meet. */
function nearest(corners: readonly Position[], shape: Shape): number {
  let best = Number.POSITIVE_INFINITY;
  for (const point of shape.points) {
    for (const corner of corners) best = Math.min(best, shape.surface.distance(corner, point));
  }
  for (const { segment, corner, rough } of nearestPairs(corners, segmentsOf(shape))) {
    if (rough > best * ROUGHNESS) break;
    best = Math.min(best, segment.distanceTo(corner));
  }
  return best;
}

interface Pair {
  readonly segment: Segment;
  readonly corner: Position;
  readonly rough: number;
}

/** Those that may be the nearest, the likeliest first: an exact distance costs some fifty rough ones. */
function nearestPairs(corners: readonly Position[], segments: readonly Segment[]): Pair[] {
  let least = Number.POSITIVE_INFINITY;
  let pairs: Pair[] = [];
  for (const segment of segments) {
    for (const corner of corners) {
      const rough = segment.roughDistanceTo(corner);
      if (rough > least * ROUGHNESS) continue;
      least = Math.min(least, rough);
      pairs.push({ segment, corner, rough });
      if (pairs.length > PAIRS_MAX) pairs = pairs.filter((pair) => pair.rough <= least * ROUGHNESS);
    }
  }
  return pairs.filter((pair) => pair.rough <= least * ROUGHNESS).sort((p, q) => p.rough - q.rough);
}

/** Square metres, or units of the plane; 0 for points and lines. */
export function shapeArea(shape: Shape): number {
  let sum = 0;
  for (const { outer, holes } of shape.areas) {
    sum += outer.areaOnLeft;
    for (const hole of holes) sum -= hole.areaInside;
  }
  return sum;
}

function segmentsOf(shape: Shape): readonly Segment[] {
  if (shape.lines.length + shape.areas.length === 1) {
    return shape.lines[0]?.segments ?? shape.areas[0]?.boundary ?? [];
  }
  return [...shape.lines.flatMap((line) => line.segments), ...shape.areas.flatMap((area) => area.boundary)];
}

function cornersOf(shape: Shape): Position[] {
  return [
    ...shape.points,
    ...shape.lines.flatMap((line) => line.segments.flatMap(({ a, b }) => [a, b])),
    ...shape.areas.flatMap((area) => area.boundary.map((segment) => segment.a)),
  ];
}
