import { finish, isJsonObject, type Json, StepCounter, type Steps } from '../../base/index.ts';
import { SegmentTree, somePairSteps } from './segment-tree.ts';
import { type Box, meeting, type Position, type Ring, type Segment, type Surface } from './surface.ts';

/** A GeoJSON geometry, checked and made ready: points, lines or areas on one surface. */
export interface Shape {
  readonly surface: Surface;
  readonly points: readonly Position[];
  readonly lines: readonly Line[];
  readonly areas: readonly Area[];
  /** All segments of the lines, or of all rings: each area's together, the outer ring first. */
  readonly tree: SegmentTree<Segment>;
  /** Undefined when it is not bounded: it has an area that is everything but something. */
  readonly box: Box | undefined;
}

export interface Line {
  readonly segments: readonly Segment[];
  readonly isClosed: boolean;
}

export interface Area {
  readonly outer: Ring;
  readonly holes: readonly Ring[];
  /** Whether it is everything outside of its outer ring. */
  readonly isInverse: boolean;
  /** All its rings. */
  readonly boundary: Boundary;
}

/** So many segments are asked one by one before a tree is worth its walk. */
const FEW = 8;

/** Segments of a shape that bound one of its areas, or are one ring. */
export class Boundary {
  readonly tree: SegmentTree<Segment>;
  readonly from: number;
  /** Behind the last. */
  readonly to: number;

  constructor(tree: SegmentTree<Segment>, from: number, to: number) {
    this.tree = tree;
    this.from = from;
    this.to = to;
  }

  some(box: Box, holds: (segment: Segment) => boolean): boolean {
    return this.tree.some(box, this.from, this.to, holds);
  }

  /** Whether the place is on it. */
  covers(position: Position): boolean {
    const { from, to } = this;
    if (to - from <= FEW) {
      const { segments } = this.tree;
      for (let place = from; place < to; place++)
        if ((segments[place] as Segment).covers(position)) return true;
      return false;
    }
    const { at } = position;
    return this.some({ min: at, max: at }, (segment) => segment.covers(position));
  }
}

export type ParsedShape =
  | { readonly kind: 'shape'; readonly shape: Shape }
  | { readonly kind: 'invalid'; readonly reason: string };

/** More than the service takes; the work of checking grows with them. */
const POSITIONS_MAX = 4_096;
/** Places that are looked for in an area between two turns of others. */
const PLACES_BETWEEN_TURNS = 100;

/** Points, LineStrings, Polygons and MultiPolygons; anything else is invalid, with the reason. */
export function parseShape(value: Json, surface: Surface): ParsedShape {
  return finish(parseShapeSteps(value, surface));
}

/** `parseShape` that can be left in the middle. */
export function* parseShapeSteps(value: Json, surface: Surface): Steps<ParsedShape> {
  const parsed = readShape(value, surface);
  if (parsed.kind === 'invalid' || parsed.shape.areas.length === 0) return parsed;
  yield;
  try {
    yield* checkAreasSteps(parsed.shape);
    return parsed;
  } catch (error) {
    return invalid(error);
  }
}

/** `parseShape` that takes the rings of areas for what they should be: a few milliseconds at the most. */
export function readShape(value: Json, surface: Surface): ParsedShape {
  try {
    return { kind: 'shape', shape: new ShapeReader(surface).read(value) };
  } catch (error) {
    return invalid(error);
  }
}

function invalid(error: unknown): ParsedShape {
  if (error instanceof InvalidShape) return { kind: 'invalid', reason: error.message };
  throw error;
}

/** Thrown from deep inside a geometry, and caught in `parseShape`. */
class InvalidShape extends Error {}

function refuse(reason: string): never {
  throw new InvalidShape(reason);
}

class ShapeReader {
  readonly #surface: Surface;
  #positions = 0;

  constructor(surface: Surface) {
    this.#surface = surface;
  }

  read(value: Json): Shape {
    if (!isJsonObject(value)) refuse('A geometry must be an object.');
    const { type, coordinates } = value;
    switch (type) {
      case 'Point':
        return this.#point(this.#position(coordinates));
      case 'LineString': {
        const line = this.#line(coordinates);
        const tree = new SegmentTree(line.segments);
        return { surface: this.#surface, points: [], lines: [line], areas: [], tree, box: tree.box };
      }
      case 'Polygon':
        return this.#areas([this.#rings(coordinates)]);
      case 'MultiPolygon':
        return this.#areas(arrayOf(coordinates).map((each) => this.#rings(each)));
      default:
        return refuse('The type of a geometry must be Point, LineString, Polygon or MultiPolygon.');
    }
  }

  #point(point: Position): Shape {
    const box = { min: point.at, max: point.at };
    return { surface: this.#surface, points: [point], lines: [], areas: [], tree: NO_SEGMENTS, box };
  }

  #areas(polygons: readonly (readonly Ring[])[]): Shape {
    const segments = polygons.flatMap((rings) => rings.flatMap((ring) => ring.segments));
    const tree = new SegmentTree(segments);
    let from = 0;
    const areas = polygons.map(([outer, ...holes]): Area => {
      if (outer === undefined) refuse('A Polygon must have a ring.');
      const to = [outer, ...holes].reduce((sum, ring) => sum + ring.segments.length, from);
      const boundary = new Boundary(tree, from, to);
      from = to;
      return { outer, holes, isInverse: this.#surface.hasInverseAreas && outer.isClockwise, boundary };
    });
    // Seen from the centre of the Earth, an area bulges beyond the box of its rim.
    const box = this.#surface.hasInverseAreas ? undefined : tree.box;
    return { surface: this.#surface, points: [], lines: [], areas, tree, box };
  }

  #position(value: Json | undefined): Position {
    const [x, y, ...rest] = arrayOf(value);
    if (++this.#positions > POSITIONS_MAX) refuse(`A geometry has at most ${POSITIONS_MAX} positions.`);
    const isPosition =
      typeof x === 'number' &&
      typeof y === 'number' &&
      rest.length <= 1 &&
      rest.every((each) => typeof each === 'number');
    if (!isPosition) refuse('A position must be an array of two or three numbers.');
    const fault = this.#surface.faultOf(x, y);
    return fault === undefined ? this.#surface.position(x, y) : refuse(fault);
  }

  /** Repeated positions count once: they bound nothing. */
  #segments(positions: readonly Position[]): Segment[] {
    const segments: Segment[] = [];
    let last = positions[0];
    for (const position of positions) {
      if (last === undefined || this.#surface.isSame(last, position)) continue;
      const segment = this.#surface.segment(last, position);
      segments.push(segment ?? refuse('Neighbouring positions must not be opposite points of the Earth.'));
      last = position;
    }
    return segments;
  }

  #line(value: Json | undefined): Line {
    const positions = arrayOf(value).map((each) => this.#position(each));
    if (positions.length < 2) refuse('A LineString must have at least two positions.');
    const segments = this.#segments(positions);
    if (segments.length === 0) refuse('A LineString must have two different positions.');
    const [first, last] = [segments[0], segments[segments.length - 1]];
    const isClosed = first !== undefined && last !== undefined && this.#surface.isSame(first.a, last.b);
    return { segments, isClosed };
  }

  #rings(value: Json | undefined): Ring[] {
    return arrayOf(value).map((each) => this.#ring(each));
  }

  #ring(value: Json | undefined): Ring {
    const positions = arrayOf(value).map((each) => this.#position(each));
    if (positions.length < 4) refuse('A ring of a Polygon must have at least four positions.');
    const [first, last] = [positions[0], positions[positions.length - 1]];
    if (first === undefined || last === undefined || !this.#surface.isSame(first, last))
      refuse('A ring of a Polygon must be closed: its last position is its first.');
    const segments = this.#segments(positions);
    if (segments.length < 3) refuse('A ring of a Polygon must have three different positions.');
    return this.#surface.ring(segments) ?? refuse('A ring of a Polygon must fit into a hemisphere.');
  }
}

const NO_SEGMENTS = new SegmentTree<Segment>([]);

function arrayOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : refuse('The coordinates of a geometry must be arrays of numbers.');
}

/** Refuses rings that cross themselves or each other, holes outside, and areas that overlap. */
function* checkAreasSteps({ areas, tree }: Shape): Steps<void> {
  const rings = areas.flatMap(ringsOf);
  yield* checkMeetingsSteps(tree, rings);
  const counter = new StepCounter(PLACES_BETWEEN_TURNS);
  for (const ring of rings) {
    if (ring.isOuter) continue;
    if ((yield* isInsideSteps(ring, counter)) === ring.area.isInverse)
      refuse('The holes of a Polygon must lie inside of it.');
  }
  for (const a of areas) {
    for (const b of areas) {
      if (a !== b && (yield* hasCornerInsideSteps(a, b, counter))) refuse(OVERLAP);
    }
  }
}

const OVERLAP = 'The polygons of a MultiPolygon must not overlap.';

interface PlacedRing {
  readonly area: Area;
  readonly ring: Ring;
  readonly isOuter: boolean;
  /** The places of its segments in the shape. */
  readonly from: number;
  readonly to: number;
}

function ringsOf(area: Area): PlacedRing[] {
  let to = area.boundary.from;
  return [area.outer, ...area.holes].map((ring, place) => {
    const from = to;
    to += ring.segments.length;
    return { area, ring, isOuter: place === 0, from, to };
  });
}

function* checkMeetingsSteps(tree: SegmentTree<Segment>, rings: readonly PlacedRing[]): Steps<void> {
  const [first] = rings as readonly [PlacedRing];
  const ringOf: PlacedRing[] = [];
  if (rings.length > 1) for (const ring of rings) for (let i = ring.from; i < ring.to; i++) ringOf.push(ring);
  yield* somePairSteps(tree, tree, (i, j) => {
    const [s, t] = [tree.segments[i] as Segment, tree.segments[j] as Segment];
    const [one, other] = [ringOf[i] ?? first, ringOf[j] ?? first];
    if (one === other) checkSimple(s, t, j === i + 1, i === one.from && j === one.to - 1);
    // Rings of one polygon, and areas, may touch at places, and no more.
    else if (meeting(s, t) === 'crossing')
      refuse(one.area === other.area ? 'The rings of a Polygon must not cross.' : OVERLAP);
    return false;
  });
}

/** No two segments of a ring have more in common than the corner between neighbours. */
function checkSimple(s: Segment, t: Segment, isNext: boolean, isPrevious: boolean): void {
  if (isNext || isPrevious) {
    const [before, after] = isNext ? [s, t] : [t, s];
    if (before.covers(after.b) || after.covers(before.a))
      refuse('A ring of a Polygon must not run back on itself.');
  } else if (meeting(s, t) !== 'apart') refuse('A ring of a Polygon must not cross or touch itself.');
}

/** Whether a hole lies inside of its outer ring, which it may touch. */
function* isInsideSteps({ ring, area }: PlacedRing, counter: StepCounter): Steps<boolean> {
  const { outer, boundary } = area;
  const rim = new Boundary(boundary.tree, boundary.from, boundary.from + outer.segments.length);
  for (const position of ring.positions) {
    counter.add();
    if (counter.isDue()) yield;
    if (!rim.covers(position)) return outer.encloses(position);
  }
  return true;
}

function* hasCornerInsideSteps(a: Area, b: Area, counter: StepCounter): Steps<boolean> {
  for (const position of a.outer.positions) {
    counter.add();
    if (counter.isDue()) yield;
    if (sideOf(b, position) === 'inside') return true;
  }
  return false;
}

/** Where a place is in respect of an area. */
export function sideOf(area: Area, position: Position): 'inside' | 'boundary' | 'outside' {
  // What is far from the outer ring is far from the holes, unless the area is the outside.
  if (!area.isInverse && area.outer.isFarFrom(position)) return 'outside';
  if (area.boundary.covers(position)) return 'boundary';
  if (area.outer.encloses(position) === area.isInverse) return 'outside';
  return area.holes.some((hole) => hole.encloses(position)) ? 'outside' : 'inside';
}
