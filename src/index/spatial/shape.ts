import { isJsonObject, type Json } from '../../base/index.ts';
import {
  type Box,
  boxAround,
  boxesMeet,
  meeting,
  type Position,
  type Ring,
  type Segment,
  type Surface,
  unionOf,
} from './surface.ts';

/** A GeoJSON geometry, checked and made ready: points, lines or areas on one surface. */
export interface Shape {
  readonly surface: Surface;
  readonly points: readonly Position[];
  readonly lines: readonly Line[];
  readonly areas: readonly Area[];
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
  /** Of all its rings. */
  readonly boundary: readonly Segment[];
}

export type ParsedShape =
  | { readonly kind: 'shape'; readonly shape: Shape }
  | { readonly kind: 'invalid'; readonly reason: string };

/** More than the service takes; the work of checking grows with them. */
const POSITIONS_MAX = 4_096;

/** Points, LineStrings, Polygons and MultiPolygons; anything else is invalid, with the reason. */
export function parseShape(value: Json, surface: Surface): ParsedShape {
  try {
    return { kind: 'shape', shape: new ShapeReader(surface).read(value) };
  } catch (error) {
    if (error instanceof InvalidShape) return { kind: 'invalid', reason: error.message };
    throw error;
  }
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
        return this.#shape({ points: [this.#position(coordinates)] });
      case 'LineString':
        return this.#shape({ lines: [this.#line(coordinates)] });
      case 'Polygon':
        return this.#shape({ areas: [this.#area(coordinates)] });
      case 'MultiPolygon': {
        const areas = arrayOf(coordinates).map((each) => this.#area(each));
        checkApart(areas);
        return this.#shape({ areas });
      }
      default:
        return refuse('The type of a geometry must be Point, LineString, Polygon or MultiPolygon.');
    }
  }

  #shape(parts: Partial<Shape>): Shape {
    const { points = [], lines = [], areas = [] } = parts;
    const boxes = [
      ...points.map(({ at }) => boxAround(at, at, 0)),
      ...lines.flatMap((line) => line.segments.map((segment) => segment.box)),
      ...areas.flatMap((area) => area.boundary.map((segment) => segment.box)),
    ];
    // Seen from the centre of the Earth, an area bulges beyond the box of its rim.
    const isFlat = areas.length === 0 || !this.#surface.hasInverseAreas;
    return { surface: this.#surface, points, lines, areas, box: isFlat ? unionOf(boxes) : undefined };
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

  #area(value: Json | undefined): Area {
    const [outer, ...holes] = arrayOf(value).map((each) => this.#ring(each));
    if (outer === undefined) refuse('A Polygon must have a ring.');
    const isInverse = this.#surface.hasInverseAreas && outer.isClockwise;
    for (const [place, hole] of holes.entries()) {
      for (const other of [outer, ...holes.slice(0, place)]) checkRings(other, hole);
      if (isInside(hole, outer) === isInverse) refuse('The holes of a Polygon must lie inside of it.');
    }
    const boundary = [outer, ...holes].flatMap((ring) => ring.segments);
    return { outer, holes, isInverse, boundary };
  }

  #ring(value: Json | undefined): Ring {
    const positions = arrayOf(value).map((each) => this.#position(each));
    if (positions.length < 4) refuse('A ring of a Polygon must have at least four positions.');
    const [first, last] = [positions[0], positions[positions.length - 1]];
    if (first === undefined || last === undefined || !this.#surface.isSame(first, last))
      refuse('A ring of a Polygon must be closed: its last position is its first.');
    const segments = this.#segments(positions);
    if (segments.length < 3) refuse('A ring of a Polygon must have three different positions.');
    checkSimple(segments);
    return this.#surface.ring(segments) ?? refuse('A ring of a Polygon must fit into a hemisphere.');
  }
}

function arrayOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : refuse('The coordinates of a geometry must be arrays of numbers.');
}

/** No two segments of a ring have more in common than the corner between neighbours. */
function checkSimple(segments: readonly Segment[]): void {
  const count = segments.length;
  forMeetingPairs(segments, (i, j) => {
    const [s, t] = [segments[i] as Segment, segments[j] as Segment];
    const isNext = j === i + 1;
    const isPrevious = i === 0 && j === count - 1;
    if (isNext || isPrevious) {
      const [before, after] = isNext ? [s, t] : [t, s];
      if (before.covers(after.b) || after.covers(before.a))
        refuse('A ring of a Polygon must not run back on itself.');
    } else if (meeting(s, t) !== 'apart') refuse('A ring of a Polygon must not cross or touch itself.');
  });
}

/** Calls back for the pairs, i below j, whose boxes meet: along the first axis, as a sweep goes. */
function forMeetingPairs(segments: readonly Segment[], visit: (i: number, j: number) => void): void {
  const order = segments.map((_, place) => place);
  const startOf = (place: number): number => (segments[place] as Segment).box.min[0];
  order.sort((i, j) => startOf(i) - startOf(j));
  let open: number[] = [];
  for (const place of order) {
    const { box } = segments[place] as Segment;
    open = open.filter((other) => (segments[other] as Segment).box.max[0] >= box.min[0]);
    for (const other of open) {
      if (!boxesMeet((segments[other] as Segment).box, box)) continue;
      visit(Math.min(place, other), Math.max(place, other));
    }
    open.push(place);
  }
}

/** Rings of one polygon may touch at places, and no more. */
function checkRings(a: Ring, b: Ring): void {
  for (const s of a.segments) {
    for (const t of b.segments) {
      if (meeting(s, t) === 'crossing') refuse('The rings of a Polygon must not cross.');
    }
  }
}

function isInside(ring: Ring, outer: Ring): boolean {
  const free = ring.positions.find((position) => !outer.segments.some((segment) => segment.covers(position)));
  return free === undefined || outer.encloses(free);
}

/** Polygons of a MultiPolygon have no area in common. */
function checkApart(areas: readonly Area[]): void {
  areas.forEach((a, place) => {
    for (const b of areas.slice(0, place)) {
      const isCrossed = a.boundary.some((s) => b.boundary.some((t) => meeting(s, t) === 'crossing'));
      const isWithin = [a, b].some((one) => {
        const other = one === a ? b : a;
        return one.outer.positions.some((position) => sideOf(other, position) === 'inside');
      });
      if (isCrossed || isWithin) refuse('The polygons of a MultiPolygon must not overlap.');
    }
  });
}

/** Where a place is in respect of an area. */
export function sideOf(area: Area, position: Position): 'inside' | 'boundary' | 'outside' {
  // What is far from the outer ring is far from the holes, unless the area is the outside.
  if (!area.isInverse && area.outer.isFarFrom(position)) return 'outside';
  for (const segment of area.boundary) if (segment.covers(position)) return 'boundary';
  if (area.outer.encloses(position) === area.isInverse) return 'outside';
  return area.holes.some((hole) => hole.encloses(position)) ? 'outside' : 'inside';
}
