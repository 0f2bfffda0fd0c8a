import {
  type Box,
  boxAround,
  boxesMeet,
  FlatRing,
  type Position,
  type Ring,
  type Segment,
  type Surface,
  unionOf,
} from './surface.ts';

/** Distances below this part of the coordinates' size are none. */
const TOLERANCE = 1e-12;

/** Units mean whatever the user means by them. */
export const PLANE: Surface = {
  hasInverseAreas: false,

  faultOf: () => undefined,

  position,

  isSame: (p, q) => p.x === q.x && p.y === q.y,

  segment: (a, b) => new PlaneSegment(a, b),

  crossing(s, t) {
    const [fromA, fromB] = [t.side(s.a), t.side(s.b)];
    return s.positionAt(fromA / (fromA - fromB));
  },

  ring: (segments) => new PlaneRing(segments),

  distance: (p, q) => Math.hypot(q.x - p.x, q.y - p.y),

  leastDistance: (gap) => gap,

  ball: ([x, y], reach) => ({ middle: position(x, y), radius: reach }),
};

function position(x: number, y: number): Position {
  return { x, y, at: [x, y, 1] };
}

class PlaneSegment implements Segment {
  readonly a: Position;
  readonly b: Position;
  readonly box: Box;
  readonly #dx: number;
  readonly #dy: number;
  readonly #length: number;
  readonly #tolerance: number;

  constructor(a: Position, b: Position) {
    this.a = a;
    this.b = b;
    this.#dx = b.x - a.x;
    this.#dy = b.y - a.y;
    this.#length = Math.hypot(this.#dx, this.#dy);
    this.#tolerance = TOLERANCE * Math.max(1, Math.abs(a.x), Math.abs(a.y), Math.abs(b.x), Math.abs(b.y));
    this.box = boxAround(a.at, b.at, this.#tolerance);
  }

  side({ x, y }: Position): number {
    const offset = (this.#dx * (y - this.a.y) - this.#dy * (x - this.a.x)) / this.#length;
    return Math.abs(offset) <= this.#tolerance ? 0 : offset;
  }

  covers(position: Position): boolean {
    if (this.side(position) !== 0) return false;
    const along = this.#along(position);
    return along >= -this.#tolerance && along <= this.#length + this.#tolerance;
  }

  #along({ x, y }: Position): number {
    return (this.#dx * (x - this.a.x) + this.#dy * (y - this.a.y)) / this.#length;
  }

  fractionOf(position: Position): number {
    return this.#along(position) / this.#length;
  }

  positionAt(fraction: number): Position {
    return position(this.a.x + this.#dx * fraction, this.a.y + this.#dy * fraction);
  }

  distanceTo(to: Position): number {
    const fraction = Math.min(1, Math.max(0, this.fractionOf(to)));
    return PLANE.distance(to, this.positionAt(fraction));
  }

  leastDistanceTo(to: Position): number {
    return this.distanceTo(to);
  }
}

class PlaneRing implements Ring {
  readonly positions: readonly Position[];
  readonly segments: readonly Segment[];
  readonly isClockwise: boolean;
  readonly areaInside: number;
  readonly #flat: FlatRing;
  readonly #box: Box;

  constructor(segments: readonly Segment[]) {
    this.segments = segments;
    this.positions = segments.map((segment) => segment.a);
    this.#flat = new FlatRing(this.positions.map(({ x, y }) => [x, y]));
    this.#box = unionOf(segments.map((segment) => segment.box));
    const area = this.#flat.signedArea;
    this.isClockwise = area < 0;
    this.areaInside = Math.abs(area);
  }

  /** A plane has no other side: which way a ring goes means nothing. */
  get areaOnLeft(): number {
    return this.areaInside;
  }

  isFarFrom({ at }: Position): boolean {
    return !boxesMeet(this.#box, { min: at, max: at });
  }

  encloses({ x, y }: Position): boolean {
    return this.#flat.encloses(x, y);
  }
}
