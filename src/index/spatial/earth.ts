/**
 * The WGS-84 ellipsoid. Lines between places are great ellipses, where a plane through the centre of the
 * Earth meets its surface: seen from the centre they are great circles, so which side something is on, and
 * what crosses what, is exact geometry of directions. Lengths and areas are those of the ellipsoid, from
 * GeographicLib; its geodesics stray from great ellipses by less than the figures of use here.
 */
// It is CommonJS, and Node finds no names in it but the default.
import geographiclib from 'geographiclib-geodesic';
import {
  type Box,
  boxAround,
  FlatRing,
  type Position,
  type Ring,
  type Segment,
  type Surface,
  type Vector,
} from './surface.ts';

const { Geodesic } = geographiclib;
const GEODESIC = Geodesic.WGS84;
const RADIUS = GEODESIC.a;
const POLAR_RADIUS = RADIUS * (1 - GEODESIC.f);
/** Of geocentric to geodetic latitude, as tangents. */
const FLATTENING = (1 - GEODESIC.f) ** 2;
const MEAN_RADIUS = 6_371_008.8;
/**
 * An arc of a great ellipse is no longer than its angle at the centre times this: the slope of the ellipsoid
 * against the sphere around it adds less than 6 millionths.
 */
const METRES_PER_RADIAN_MAX = RADIUS * 1.000_01;
/** Nowhere is the Earth flatter than at the poles, where it curves as a sphere of 6,399,594 metres does. */
const FLATTEST_RADIUS = 6_410_000;
/** And nowhere rounder than at the equator from north to south. */
const ROUNDEST_RADIUS = POLAR_RADIUS ** 2 / RADIUS;
/** Beyond this sagitta a segment is too bent to be taken for its chord. */
const SAGITTA_MAX_METRES = 10_000;
const DEGREE = Math.PI / 180;

/** Radians; 6 micrometres. Directions have 16 digits, products of three of them lose some. */
const TOLERANCE = 1e-12;
/** Least cosine between a corner and the middle of a ring, which has to fit into a hemisphere. */
const RING_COSINE_MIN = 1e-3;
const FOOT_PRECISION_METRES = 1e-4;
const FOOT_STEPS_MAX = 20;

export const EARTH: Surface = {
  hasInverseAreas: true,

  faultOf(x, y) {
    if (Math.abs(y) > 90) return 'Latitude values must be between -90 and 90 degrees.';
    return Math.abs(x) > 180 ? 'Longitude values must be between -180 and 180 degrees.' : undefined;
  },

  position(x, y) {
    const latitude = Math.atan2(FLATTENING * Math.sin(y * DEGREE), Math.cos(y * DEGREE));
    const cosine = Math.cos(latitude);
    return {
      x,
      y,
      at: [cosine * Math.cos(x * DEGREE), cosine * Math.sin(x * DEGREE), Math.sin(latitude)],
    };
  },

  isSame: (p, q) => chord(p.at, q.at) <= TOLERANCE,

  segment(a, b) {
    // By their difference, which is exact for neighbours: a product of directions that are almost the same
    // has lost the digits that tell them apart, and a segment of some metres would miss its own ends.
    const normal = cross(a.at, mixedBy(b.at, 1, a.at, -1));
    const sine = length(normal);
    // Opposite places are joined by every meridian between them.
    if (sine <= TOLERANCE) return undefined;
    return new EarthSegment(a, b, scaled(normal, 1 / sine), Math.atan2(sine, dot(a.at, b.at)));
  },

  crossing(s, t) {
    const [fromA, fromB] = [t.side(s.a), t.side(s.b)];
    const share = fromA / (fromA - fromB);
    // On the chord first: its plane through the centre is the segment's.
    return positionOf(unit(mixed(s.a.at, s.b.at, share)));
  },

  ring(segments) {
    const middle = middleOf(segments);
    if (middle === undefined) return undefined;
    return new EarthRing(segments, middle);
  },

  distance: (p, q) => GEODESIC.Inverse(p.y, p.x, q.y, q.x, Geodesic.DISTANCE).s12 ?? 0,

  // Every way on the ground is at least as far from the centre as the poles are.
  leastDistance: (gap) => POLAR_RADIUS * angleOf(gap),

  ball(middle, reach) {
    const depth = length(middle);
    const direction: Vector = depth > 0 ? scaled(middle, 1 / depth) : [1, 0, 0];
    const radius = METRES_PER_RADIAN_MAX * angleOf(reach + Math.abs(1 - depth));
    return { middle: positionOf(direction), radius };
  },
};

class EarthSegment implements Segment {
  readonly a: Position;
  readonly b: Position;
  readonly box: Box;
  /** Of the plane that it lies in; the left side is where it points to. */
  readonly #normal: Vector;
  readonly #angle: number;

  constructor(a: Position, b: Position, normal: Vector, angle: number) {
    this.a = a;
    this.b = b;
    this.#normal = normal;
    this.#angle = angle;
    // An arc rises above its chord by so much.
    this.box = boxAround(a.at, b.at, 1 - Math.cos(this.#angle / 2) + TOLERANCE);
  }

  side({ at }: Position): number {
    const offset = dot(this.#normal, at);
    return Math.abs(offset) <= TOLERANCE ? 0 : offset;
  }

  covers(position: Position): boolean {
    return this.side(position) === 0 && this.#isBeside(position.at);
  }

  /** Whether the nearest place of the whole great ellipse is on the segment. */
  #isBeside(at: Vector): boolean {
    return (
      dot(cross(this.a.at, at), this.#normal) >= -TOLERANCE &&
      dot(cross(at, this.b.at), this.#normal) >= -TOLERANCE
    );
  }

  fractionOf({ at }: Position): number {
    const sine = dot(cross(this.a.at, at), this.#normal);
    return Math.atan2(sine, dot(this.a.at, at)) / this.#angle;
  }

  positionAt(fraction: number): Position {
    return positionOf(this.#directionAt(fraction));
  }

  #directionAt(fraction: number): Vector {
    const ahead = cross(this.#normal, this.a.at);
    const angle = fraction * this.#angle;
    return unit(mixedBy(this.a.at, Math.cos(angle), ahead, Math.sin(angle)));
  }

  /** By the angle at the centre, or straight through the ground: each is the better one somewhere. */
  leastDistanceTo({ at }: Position): number {
    const angle = this.#isBeside(at)
      ? Math.asin(Math.min(1, Math.abs(dot(this.#normal, at))))
      : angleOf(Math.min(chord(at, this.a.at), chord(at, this.b.at)));
    const [from, to, place] = [inSpace(this.a.at), inSpace(this.b.at), inSpace(at)];
    const ahead = mixedBy(to, 1, from, -1);
    const square = dot(ahead, ahead);
    const sagitta = square / (7.9 * ROUNDEST_RADIUS);
    if (sagitta > SAGITTA_MAX_METRES) return POLAR_RADIUS * angle;
    const offset = mixedBy(place, 1, from, -1);
    const share = Math.min(1, Math.max(0, dot(offset, ahead) / square));
    const straight = length(mixedBy(offset, 1, ahead, -share)) - sagitta;
    const bent = 2 * FLATTEST_RADIUS * Math.asin(Math.min(1, Math.max(0, straight) / (2 * FLATTEST_RADIUS)));
    return Math.max(POLAR_RADIUS * angle, bent);
  }

  /** By walking towards the foot of the perpendicular, as a sphere would have it from each place on. */
  distanceTo(to: Position): number {
    let fraction = Math.min(1, Math.max(0, this.fractionOf(to)));
    for (let step = 0; ; step++) {
      const direction = this.#directionAt(fraction);
      const foot = positionOf(direction);
      const { s12 = 0, azi2 = 0 } = GEODESIC.Inverse(to.y, to.x, foot.y, foot.x);
      const heading = headingAt(foot, direction, cross(this.#normal, direction));
      const turn = (azi2 + 180) * DEGREE - heading.azimuth;
      const arc = s12 / MEAN_RADIUS;
      const metres = MEAN_RADIUS * Math.atan2(Math.cos(turn) * Math.sin(arc), Math.cos(arc));
      const next = Math.min(1, Math.max(0, fraction + metres / heading.metresPerRadian / this.#angle));
      const moved = Math.abs(next - fraction) * this.#angle * heading.metresPerRadian;
      if (moved < FOOT_PRECISION_METRES || step >= FOOT_STEPS_MAX) return s12;
      fraction = next;
    }
  }
}

class EarthRing implements Ring {
  readonly positions: readonly Position[];
  readonly segments: readonly Segment[];
  readonly isClockwise: boolean;
  #areaOnLeft: number | undefined;
  readonly #middle: Vector;
  /** Of the corner farthest from the middle; sides bend towards the middle, never away from it. */
  readonly #rimCosine: number;
  readonly #east: Vector;
  readonly #north: Vector;
  /** Projected from the centre on a plane that touches the middle: great circles become straight lines. */
  readonly #flat: FlatRing;

  constructor(segments: readonly Segment[], middle: Vector) {
    this.segments = segments;
    this.positions = segments.map((segment) => segment.a);
    this.#middle = middle;
    this.#rimCosine = this.positions.reduce((least, { at }) => Math.min(least, dot(at, middle)), 1);
    this.#east = unit(cross(Math.abs(middle[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0], middle));
    this.#north = cross(middle, this.#east);
    this.#flat = new FlatRing(this.positions.map(({ at }) => this.#project(at)));
    this.isClockwise = this.#flat.signedArea < 0;
  }

  /** Few ask for it, and each side is a geodesic. */
  get areaOnLeft(): number {
    if (this.#areaOnLeft !== undefined) return this.#areaOnLeft;
    const polygon = GEODESIC.Polygon(false);
    for (const { x, y } of this.positions) polygon.AddPoint(y, x);
    this.#areaOnLeft = polygon.Compute(false, false).area ?? 0;
    return this.#areaOnLeft;
  }

  get areaInside(): number {
    return this.isClockwise ? SURFACE_AREA - this.areaOnLeft : this.areaOnLeft;
  }

  isFarFrom({ at }: Position): boolean {
    return dot(at, this.#middle) < this.#rimCosine - TOLERANCE;
  }

  encloses({ at }: Position): boolean {
    // The other hemisphere is outside: the ring fits into this one.
    if (dot(at, this.#middle) <= 0) return false;
    const [x, y] = this.#project(at);
    return this.#flat.encloses(x, y);
  }

  #project(at: Vector): [number, number] {
    const depth = dot(at, this.#middle);
    return [dot(at, this.#east) / depth, dot(at, this.#north) / depth];
  }
}

/** Of the whole ellipsoid: 4π times the square of the authalic radius. */
const SURFACE_AREA = surfaceArea();

function surfaceArea(): number {
  const eccentricity = Math.sqrt(1 - FLATTENING);
  return 2 * Math.PI * RADIUS ** 2 * (1 + (FLATTENING / eccentricity) * Math.atanh(eccentricity));
}

/** The middle of the corners, weighted by the sides; undefined when a corner is too far from it. */
function middleOf(segments: readonly Segment[]): Vector | undefined {
  let sum: Vector = [0, 0, 0];
  for (const { a, b } of segments) {
    const weight = chord(a.at, b.at);
    sum = mixedBy(sum, 1, mixed(a.at, b.at, 0.5), weight);
  }
  if (length(sum) === 0) return undefined;
  const middle = unit(sum);
  return segments.every(({ a }) => dot(a.at, middle) >= RING_COSINE_MIN) ? middle : undefined;
}

/** Which way one goes on the ground, and how far, when the direction from the centre turns by `turning`. */
function headingAt(
  { x, y }: Position,
  direction: Vector,
  turning: Vector,
): { readonly azimuth: number; readonly metresPerRadian: number } {
  const [a2, b2] = [RADIUS ** 2, POLAR_RADIUS ** 2];
  const radius = 1 / Math.sqrt((direction[0] ** 2 + direction[1] ** 2) / a2 + direction[2] ** 2 / b2);
  const slope =
    -(radius ** 3) *
    ((direction[0] * turning[0] + direction[1] * turning[1]) / a2 + (direction[2] * turning[2]) / b2);
  const motion = mixedBy(turning, radius, direction, slope);
  const [sinX, cosX] = [Math.sin(x * DEGREE), Math.cos(x * DEGREE)];
  const [sinY, cosY] = [Math.sin(y * DEGREE), Math.cos(y * DEGREE)];
  const east = motion[1] * cosX - motion[0] * sinX;
  const north = motion[2] * cosY - sinY * (motion[0] * cosX + motion[1] * sinX);
  return { azimuth: Math.atan2(east, north), metresPerRadian: Math.hypot(east, north) };
}

function positionOf(direction: Vector): Position {
  const across = Math.hypot(direction[0], direction[1]);
  return {
    x: Math.atan2(direction[1], direction[0]) / DEGREE,
    y: Math.atan2(direction[2], FLATTENING * across) / DEGREE,
    at: direction,
  };
}

/** The angle at the centre between directions that are so far apart. */
function angleOf(gap: number): number {
  return 2 * Math.asin(Math.min(1, gap / 2));
}

/** Metres from the centre. */
function inSpace(direction: Vector): Vector {
  const across = direction[0] ** 2 + direction[1] ** 2;
  return scaled(direction, 1 / Math.sqrt(across / RADIUS ** 2 + direction[2] ** 2 / POLAR_RADIUS ** 2));
}

function dot(p: Vector, q: Vector): number {
  return p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
}

function cross(p: Vector, q: Vector): Vector {
  return [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]];
}

function length(p: Vector): number {
  return Math.sqrt(dot(p, p));
}

function scaled(p: Vector, factor: number): Vector {
  return [p[0] * factor, p[1] * factor, p[2] * factor];
}

function unit(p: Vector): Vector {
  return scaled(p, 1 / length(p));
}

function chord(p: Vector, q: Vector): number {
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

function mixed(p: Vector, q: Vector, share: number): Vector {
  return mixedBy(p, 1 - share, q, share);
}

function mixedBy(p: Vector, ofP: number, q: Vector, ofQ: number): Vector {
  return [p[0] * ofP + q[0] * ofQ, p[1] * ofP + q[1] * ofQ, p[2] * ofP + q[2] * ofQ];
}
