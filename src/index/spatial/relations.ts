import { finish, StepCounter, type Steps } from '../../base/index.ts';
import { nearestSteps, type Piece, Spot } from './nearest.ts';
import { SegmentTree, somePairSteps } from './segment-tree.ts';
import { type Area, type Boundary, type Shape, sideOf } from './shape.ts';
import { boxesMeet, meeting, type Position, type Segment, type Surface } from './surface.ts';

/** Parts of a segment that are shorter than this share of it are none. */
const SHARE_MIN = 1e-9;
/** Pairs of segments that are compared between two turns of others: some tenths of a millisecond. */
const PAIRS_BETWEEN_TURNS = 2_000;
/** To look for a place in an area is as much work as so many pairs, and now and then much more. */
const PAIRS_LIKE_PLACE = 20;

/** Whether they have a place in common, boundaries included. */
export function shapesIntersect(a: Shape, b: Shape): boolean {
  return a.points.length + b.points.length > 0 ? meetInPlace(a, b) : finish(shapesIntersectSteps(a, b));
}

/** `shapesIntersect` that can be left in the middle. */
export function* shapesIntersectSteps(a: Shape, b: Shape): Steps<boolean> {
  if (a.points.length + b.points.length > 0) return meetInPlace(a, b);
  if (areApart(a, b)) return false;
  const meet = (i: number, j: number): boolean =>
    meeting(a.tree.segments[i] as Segment, b.tree.segments[j] as Segment) !== 'apart';
  if (yield* somePairSteps(a.tree, b.tree, meet)) return true;
  // Without a boundary in common, one lies in the other altogether or they are apart.
  return (yield* startsInSteps(a, b)) || (yield* startsInSteps(b, a));
}

/** Whether they intersect, where one of them is a place. */
function meetInPlace(a: Shape, b: Shape): boolean {
  if (areApart(a, b)) return false;
  const [point, other] = a.points.length > 0 ? [a.points[0], b] : [b.points[0], a];
  return point !== undefined && isOn(other, point);
}

/** Whether some part of `a` has its first place in an area of `b`. */
function* startsInSteps(a: Shape, b: Shape): Steps<boolean> {
  const counter = new StepCounter(PAIRS_BETWEEN_TURNS);
  const rings = a.areas.flatMap((area) => [area.outer, ...area.holes]);
  for (const { segments } of [...a.lines, ...rings]) {
    if (segments[0] !== undefined && isInSome(b, segments[0].a)) return true;
    counter.add(PAIRS_LIKE_PLACE + b.areas.length);
    if (counter.isDue()) yield;
  }
  return false;
}

/** Whether the place belongs to an area of the shape, boundary included. */
function isInSome(shape: Shape, position: Position): boolean {
  return shape.areas.some((area) => sideOf(area, position) !== 'outside');
}

/** Whether the place belongs to the shape, boundary included. */
function isOn(shape: Shape, position: Position): boolean {
  return (
    shape.points.some((point) => shape.surface.isSame(point, position)) ||
    (shape.lines.length > 0 && isOnLine(shape, position)) ||
    isInSome(shape, position)
  );
}

function isOnLine({ tree }: Shape, position: Position): boolean {
  const box = { min: position.at, max: position.at };
  return tree.some(box, 0, tree.segments.length, (segment) => segment.covers(position));
}

/** Whether all of `a` belongs to `b`, and not only to its boundary. */
export function isShapeWithin(a: Shape, b: Shape): boolean {
  const [point] = a.points;
  if (point !== undefined) return isPlaceWithin(point, a, b);
  return finish(isShapeWithinSteps(a, b));
}

/** `isShapeWithin` that can be left in the middle. */
export function* isShapeWithinSteps(a: Shape, b: Shape): Steps<boolean> {
  const [point] = a.points;
  if (point !== undefined) return isPlaceWithin(point, a, b);
  if (areApart(a, b)) return false;
  if (a.areas.length === 0) return yield* areLinesWithinSteps(a, b);
  for (const area of a.areas) if (!(yield* isAreaWithinSteps(area, b))) return false;
  return true;
}

function isPlaceWithin(place: Position, a: Shape, b: Shape): boolean {
  return !areApart(a, b) && (b.areas.length > 0 || isOn(b, place)) && isInterior(b, place);
}

/** Surely; false says nothing. */
function areApart(a: Shape, b: Shape): boolean {
  return a.box !== undefined && b.box !== undefined && !boxesMeet(a.box, b.box);
}

function* areLinesWithinSteps(a: Shape, b: Shape): Steps<boolean> {
  const counter = new StepCounter(PAIRS_BETWEEN_TURNS);
  let isInside = false;
  for (const segment of a.tree.segments) {
    for (const place of partsOf(segment, wholeOf(b), b.surface, counter)) {
      if (!isOn(b, place)) return false;
      isInside ||= isInterior(b, place);
      counter.add(PAIRS_LIKE_PLACE + b.areas.length);
      if (counter.isDue()) yield;
    }
  }
  return isInside;
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

function* isAreaWithinSteps(area: Area, shape: Shape): Steps<boolean> {
  if (shape.areas.length === 0) return false;
  const counter = new StepCounter(PAIRS_BETWEEN_TURNS);
  const { from, to, tree } = area.boundary;
  for (let place = from; place < to; place++) {
    for (const part of partsOf(tree.segments[place] as Segment, wholeOf(shape), shape.surface, counter)) {
      if (!isInSome(shape, part)) return false;
      counter.add(PAIRS_LIKE_PLACE + shape.areas.length);
      if (counter.isDue()) yield;
    }
  }
  // What bounds the other must not run through this one, and neither lies in a hole of the other.
  for (const segment of shape.tree.segments) {
    for (const part of partsOf(segment, area.boundary, shape.surface, counter)) {
      if (sideOf(area, part) === 'inside') return false;
      counter.add(PAIRS_LIKE_PLACE);
      if (counter.isDue()) yield;
    }
  }
  return isInSome(shape, insideOf(area, shape));
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

type Cutting = Pick<Boundary, 'some'>;

/** All segments of a shape. */
function wholeOf({ tree }: Shape): Cutting {
  return { some: (box, holds) => tree.some(box, 0, tree.segments.length, holds) };
}

/** A place of each of the parts into which a boundary cuts a segment. */
function partsOf(segment: Segment, boundary: Cutting, surface: Surface, counter: StepCounter): Position[] {
  const cuts = [0, 1];
  let isMet = false;
  const cutAt = (position: Position): void => {
    const share = segment.fractionOf(position);
    if (share > SHARE_MIN && share < 1 - SHARE_MIN) cuts.push(share);
  };
  boundary.some(segment.box, (other) => {
    counter.add();
    const how = meeting(segment, other);
    isMet ||= how !== 'apart';
    if (how === 'crossing') cutAt(surface.crossing(segment, other));
    else if (how === 'touching') for (const end of [other.a, other.b]) if (segment.covers(end)) cutAt(end);
    return false;
  });
  // What no boundary touches is on one side of it, wherever one looks.
  if (!isMet) return [segment.a];
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
  return finish(shapeDistanceSteps(a, b));
}

/** `shapeDistance` that can be left in the middle. */
export function* shapeDistanceSteps(a: Shape, b: Shape): Steps<number> {
  if (yield* shapesIntersectSteps(a, b)) return 0;
  return yield* nearestSteps(piecesOf(a), piecesOf(b), a.surface);
}

function piecesOf({ points, tree, surface }: Shape): SegmentTree<Piece> {
  return points.length === 0 ? tree : new SegmentTree(points.map((point) => new Spot(point, surface)));
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
