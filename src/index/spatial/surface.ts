/**
 * What geometry needs to know of the ground it is on. There are two: the Earth, where coordinates are degrees
 * and lines bend, and a plane. Everything above them (`shape.ts`, `relations.ts`) is the same for both.
 */

export type Vector = readonly [x: number, y: number, z: number];

/** A place. */
export interface Position {
  /** As given: longitude and latitude in degrees, or the coordinates of a plane. */
  readonly x: number;
  readonly y: number;
  /** In space: on the Earth the direction from its centre, on a plane (x, y, 1). */
  readonly at: Vector;
}

/** A box in the space of `Position.at` that has everything of something inside. */
export interface Box {
  readonly min: Vector;
  readonly max: Vector;
}

/** All places within a distance. */
export interface Ball {
  readonly middle: Position;
  /** Metres, or units of the plane. */
  readonly radius: number;
}

/** The shortest line between two places. */
export interface Segment {
  readonly a: Position;
  readonly b: Position;
  readonly box: Box;
  /** Positive on the left, negative on the right, 0 on the whole line through a and b, within tolerance. */
  side(position: Position): number;
  /** Whether the place is on the segment, ends included, within tolerance. */
  covers(position: Position): boolean;
  /** Where along the segment a place is that it covers: 0 at a, 1 at b. */
  fractionOf(position: Position): number;
  positionAt(fraction: number): Position;
  /** Metres, or units of the plane. */
  distanceTo(position: Position): number;
  /** No more than `distanceTo`, not much less, and much faster. */
  leastDistanceTo(position: Position): number;
}

/** A closed line that does not cross itself. The smaller of the two regions that it bounds is its inside. */
export interface Ring {
  readonly positions: readonly Position[];
  readonly segments: readonly Segment[];
  /** Whether the inside lies on the right of its segments. */
  readonly isClockwise: boolean;
  /** Surely neither on it nor inside; false says nothing. */
  isFarFrom(position: Position): boolean;
  /** For places that no segment covers. */
  encloses(position: Position): boolean;
  /** Of the region on the left of its segments: square metres, or units of the plane. */
  readonly areaOnLeft: number;
  readonly areaInside: number;
}

export interface Surface {
  /** Why these are no coordinates; undefined when they are. */
  faultOf(x: number, y: number): string | undefined;
  position(x: number, y: number): Position;
  isSame(p: Position, q: Position): boolean;
  /** Undefined when no single shortest line joins them. */
  segment(a: Position, b: Position): Segment | undefined;
  /** Where two segments cross that are known to. */
  crossing(s: Segment, t: Segment): Position;
  /** `positions` without the repeated last one; undefined when it is too large for the surface. */
  ring(segments: readonly Segment[]): Ring | undefined;
  distance(p: Position, q: Position): number;
  /** What places are apart at the least that are so far from each other in the space of `Position.at`. */
  leastDistance(gap: number): number;
  /** Has everything inside that is no farther than `reach` from `middle` in the space of `Position.at`. */
  ball(middle: Vector, reach: number): Ball;
  /** Whether a clockwise outer ring means everything but its inside. */
  readonly hasInverseAreas: boolean;
}

/** How two segments meet: not at all, properly crossing, or with an end of one on the other. */
export function meeting(s: Segment, t: Segment): 'apart' | 'touching' | 'crossing' {
  if (!boxesMeet(s.box, t.box)) return 'apart';
  const [ta, tb, sa, sb] = [s.side(t.a), s.side(t.b), t.side(s.a), t.side(s.b)];
  if ((ta > 0 && tb > 0) || (ta < 0 && tb < 0) || (sa > 0 && sb > 0) || (sa < 0 && sb < 0)) return 'apart';
  if (ta === 0 || tb === 0 || sa === 0 || sb === 0) {
    return s.covers(t.a) || s.covers(t.b) || t.covers(s.a) || t.covers(s.b) ? 'touching' : 'apart';
  }
  // On a sphere the other pair of signs means that they cross on opposite sides.
  return tb > 0 === sa > 0 ? 'crossing' : 'apart';
}

export function boxesMeet(a: Box, b: Box): boolean {
  return (
    a.min[0] <= b.max[0] &&
    b.min[0] <= a.max[0] &&
    a.min[1] <= b.max[1] &&
    b.min[1] <= a.max[1] &&
    a.min[2] <= b.max[2] &&
    b.min[2] <= a.max[2]
  );
}

/** The box around two places, and `margin` more. */
export function boxAround(p: Vector, q: Vector, margin: number): Box {
  return {
    min: [Math.min(p[0], q[0]) - margin, Math.min(p[1], q[1]) - margin, Math.min(p[2], q[2]) - margin],
    max: [Math.max(p[0], q[0]) + margin, Math.max(p[1], q[1]) + margin, Math.max(p[2], q[2]) + margin],
  };
}

export function unionOf(boxes: readonly Box[]): Box {
  const min: [number, number, number] = [Infinity, Infinity, Infinity];
  const max: [number, number, number] = [-Infinity, -Infinity, -Infinity];
  for (const box of boxes) {
    for (const axis of [0, 1, 2] as const) {
      min[axis] = Math.min(min[axis], box.min[axis]);
      max[axis] = Math.max(max[axis], box.max[axis]);
    }
  }
  return { min, max };
}

/** Sides of a flat ring that are passed over together. */
const STRETCH = 32;

/** A polygon of flat coordinates: what lies in it, and which way it goes. */
export class FlatRing {
  readonly #xs: Float64Array;
  readonly #ys: Float64Array;
  /** Of each stretch of a long ring the least and the greatest y, made when first needed. */
  #stretches: Float64Array | undefined;

  constructor(points: readonly (readonly [x: number, y: number])[]) {
    this.#xs = Float64Array.from(points, ([x]) => x);
    this.#ys = Float64Array.from(points, ([, y]) => y);
  }

  /** Positive when it goes counter-clockwise. */
  get signedArea(): number {
    const [xs, ys] = [this.#xs, this.#ys];
    const [x0, y0] = [xs[0] as number, ys[0] as number];
    let twice = 0;
    // From the first corner, so that places far from the origin lose no digits.
    for (let i = 1; i + 1 < xs.length; i++) {
      const [ax, ay] = [(xs[i] as number) - x0, (ys[i] as number) - y0];
      const [bx, by] = [(xs[i + 1] as number) - x0, (ys[i + 1] as number) - y0];
      twice += ax * by - bx * ay;
    }
    return twice / 2;
  }

  /** By counting the sides that a ray from the point crosses; not for points on a side. */
  encloses(x: number, y: number): boolean {
    const [xs, ys] = [this.#xs, this.#ys];
    if (xs.length <= 2 * STRETCH) return isOdd(crossed(xs, ys, 0, xs.length, x, y));
    this.#stretches ??= stretchesOf(ys);
    const stretches = this.#stretches;
    let count = 0;
    for (let at = 0, from = 0; at < stretches.length; at += 2, from += STRETCH) {
      if ((stretches[at] as number) > y || (stretches[at + 1] as number) <= y) continue;
      count += crossed(xs, ys, from, Math.min(xs.length, from + STRETCH), x, y);
    }
    return isOdd(count);
  }
}

function isOdd(count: number): boolean {
  return count % 2 === 1;
}

/** How many of the sides that end at the corners from `from` to before `to` a ray from the place crosses. */
function crossed(xs: Float64Array, ys: Float64Array, from: number, to: number, x: number, y: number): number {
  let count = 0;
  for (let i = from, j = from === 0 ? xs.length - 1 : from - 1; i < to; j = i++) {
    const [yi, yj] = [ys[i] as number, ys[j] as number];
    if (yi > y === yj > y) continue;
    const [xi, xj] = [xs[i] as number, xs[j] as number];
    if (x < xi + ((y - yi) / (yj - yi)) * (xj - xi)) count++;
  }
  return count;
}

function stretchesOf(ys: Float64Array): Float64Array {
  const stretches = new Float64Array(2 * Math.ceil(ys.length / STRETCH));
  for (let at = 0, from = 0; at < stretches.length; at += 2, from += STRETCH) {
    // The first side of a stretch begins at the corner before it.
    let least = ys[from === 0 ? ys.length - 1 : from - 1] as number;
    let most = least;
    for (let i = from; i < Math.min(ys.length, from + STRETCH); i++) {
      least = Math.min(least, ys[i] as number);
      most = Math.max(most, ys[i] as number);
    }
    stretches[at] = least;
    stretches[at + 1] = most;
  }
  return stretches;
}
