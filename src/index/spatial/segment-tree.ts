import type { Steps } from '../../base/index.ts';
import { type Box, boxesMeet, type Vector } from './surface.ts';

/** What a tree is made of: segments of a shape, or a place. */
export interface Boxed {
  readonly box: Box;
}

/** So many neighbours share a leaf. */
const RUN = 4;
/** Minimum and maximum on three axes. */
const SIDES = 6;
/** Pairs of boxes between two turns of others: some tenth of a millisecond. */
const PAIRS_BETWEEN_TURNS = 1_000;

/**
 * Boxes around runs of neighbouring segments, around runs of such runs and so on, up to all of them: whole
 * runs are seen to be too far away at once. Neighbours in a line or ring are near each other, so their order
 * is a good one already. Node 1 is the root; the children of node n are 2n and 2n + 1.
 */
export class SegmentTree<T extends Boxed> {
  readonly segments: readonly T[];
  /** The first leaf; also how many there are. */
  readonly leaf: number;
  readonly #boxes: number[];

  constructor(segments: readonly T[]) {
    this.segments = segments;
    const leaves = Math.max(1, Math.ceil(segments.length / RUN));
    this.leaf = 2 ** Math.ceil(Math.log2(leaves));
    const boxes = new Array<number>(2 * this.leaf * SIDES).fill(Infinity);
    for (let at = 0; at < boxes.length; at += SIDES) boxes.fill(-Infinity, at + 3, at + SIDES);
    segments.forEach(({ box: { min, max } }, place) => {
      const at = (this.leaf + Math.floor(place / RUN)) * SIDES;
      for (let axis = 0; axis < 3; axis++) {
        if ((min[axis] as number) < (boxes[at + axis] as number)) boxes[at + axis] = min[axis] as number;
        if ((max[axis] as number) > (boxes[at + 3 + axis] as number))
          boxes[at + 3 + axis] = max[axis] as number;
      }
    });
    for (let node = this.leaf - 1; node >= 1; node--) {
      for (let axis = 0; axis < 3; axis++) {
        const [left, right] = [2 * node * SIDES + axis, (2 * node + 1) * SIDES + axis];
        boxes[node * SIDES + axis] = Math.min(boxes[left] as number, boxes[right] as number);
        boxes[node * SIDES + axis + 3] = Math.max(boxes[left + 3] as number, boxes[right + 3] as number);
      }
    }
    this.#boxes = boxes;
  }

  /** The place of a leaf's first segment. */
  firstOf(leaf: number): number {
    return (leaf - this.leaf) * RUN;
  }

  /** Behind the place of a leaf's last segment. */
  endOf(leaf: number): number {
    return Math.min(this.segments.length, (leaf - this.leaf + 1) * RUN);
  }

  /** The middle of a node's box. */
  middle(node: number): Vector {
    const [boxes, at] = [this.#boxes, node * SIDES];
    return [
      ((boxes[at] as number) + (boxes[at + 3] as number)) / 2,
      ((boxes[at + 1] as number) + (boxes[at + 4] as number)) / 2,
      ((boxes[at + 2] as number) + (boxes[at + 5] as number)) / 2,
    ];
  }

  /** Around everything. */
  get box(): Box {
    const [x, y, z, toX, toY, toZ] = this.#boxes.slice(SIDES, 2 * SIDES) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return { min: [x, y, z], max: [toX, toY, toZ] };
  }

  /** Half of the diagonal of a node's box. */
  halfSize(node: number): number {
    const [boxes, at] = [this.#boxes, node * SIDES];
    const x = (boxes[at + 3] as number) - (boxes[at] as number);
    const y = (boxes[at + 4] as number) - (boxes[at + 1] as number);
    const z = (boxes[at + 5] as number) - (boxes[at + 2] as number);
    return Math.sqrt(x * x + y * y + z * z) / 2;
  }

  /** How far apart the boxes of two nodes are, in the space of `Position.at`. */
  gap(node: number, other: SegmentTree<Boxed>, otherNode: number): number {
    const [p, q] = [this.#boxes, other.#boxes];
    let sum = 0;
    for (let i = node * SIDES, j = otherNode * SIDES, axis = 0; axis < 3; i++, j++, axis++) {
      const before = (q[j] as number) - (p[i + 3] as number);
      const behind = (p[i] as number) - (q[j + 3] as number);
      const apart = before > behind ? before : behind;
      if (apart > 0) sum += apart * apart;
    }
    return Math.sqrt(sum);
  }

  meets(node: number, other: SegmentTree<Boxed>, otherNode: number): boolean {
    const [p, q, i, j] = [this.#boxes, other.#boxes, node * SIDES, otherNode * SIDES];
    return (
      (p[i] as number) <= (q[j + 3] as number) &&
      (q[j] as number) <= (p[i + 3] as number) &&
      (p[i + 1] as number) <= (q[j + 4] as number) &&
      (q[j + 1] as number) <= (p[i + 4] as number) &&
      (p[i + 2] as number) <= (q[j + 5] as number) &&
      (q[j + 2] as number) <= (p[i + 5] as number)
    );
  }

  /** Whether the box of a node has something in common with one from `min` to `max`. */
  #meetsBox(node: number, { min, max }: Box): boolean {
    const [p, i] = [this.#boxes, node * SIDES];
    return (
      (p[i] as number) <= max[0] &&
      min[0] <= (p[i + 3] as number) &&
      (p[i + 1] as number) <= max[1] &&
      min[1] <= (p[i + 4] as number) &&
      (p[i + 2] as number) <= max[2] &&
      min[2] <= (p[i + 5] as number)
    );
  }

  /** Whether `holds` is true of a segment from `from` to before `to` whose box meets this one. */
  some(box: Box, from: number, to: number, holds: (segment: T) => boolean): boolean {
    const { segments } = this;
    if (segments.length <= RUN) {
      for (let place = from; place < to; place++) {
        const segment = segments[place] as T;
        if (boxesMeet(segment.box, box) && holds(segment)) return true;
      }
      return false;
    }
    return this.#someBelow(1, 0, this.leaf * RUN, { box, from, to, holds });
  }

  #someBelow(node: number, first: number, count: number, search: Search<T>): boolean {
    if (first >= search.to || first + count <= search.from || !this.#meetsBox(node, search.box)) return false;
    if (node < this.leaf) {
      const half = count / 2;
      return (
        this.#someBelow(2 * node, first, half, search) ||
        this.#someBelow(2 * node + 1, first + half, half, search)
      );
    }
    const end = Math.min(search.to, first + count);
    for (let place = Math.max(search.from, first); place < end; place++) {
      const segment = this.segments[place] as T;
      if (boxesMeet(segment.box, search.box) && search.holds(segment)) return true;
    }
    return false;
  }
}

interface Search<T> {
  readonly box: Box;
  readonly from: number;
  readonly to: number;
  readonly holds: (segment: T) => boolean;
}

/**
 * Whether `holds` is true of the places of two segments whose boxes meet, one of each tree. For a tree and
 * itself each pair comes once, the lower place first.
 */
export function* somePairSteps<T extends Boxed>(
  a: SegmentTree<T>,
  b: SegmentTree<T>,
  holds: (i: number, j: number) => boolean,
): Steps<boolean> {
  const pairs = [1, 1];
  let done = 0;
  while (pairs.length > 0) {
    const v = pairs.pop() as number;
    const u = pairs.pop() as number;
    if (++done > PAIRS_BETWEEN_TURNS) {
      done = 0;
      yield;
    }
    if (!a.meets(u, b, v)) continue;
    if (u >= a.leaf && v >= b.leaf) {
      if (someInLeaves(a, u, b, v, holds)) return true;
      done += 2 * RUN;
    } else if (a === b && u === v) pairs.push(2 * u, 2 * u, 2 * u + 1, 2 * u + 1, 2 * u, 2 * u + 1);
    else if (v >= b.leaf || (u < a.leaf && a.halfSize(u) >= b.halfSize(v)))
      pairs.push(2 * u, v, 2 * u + 1, v);
    else pairs.push(u, 2 * v, u, 2 * v + 1);
  }
  return false;
}

function someInLeaves<T extends Boxed>(
  a: SegmentTree<T>,
  u: number,
  b: SegmentTree<T>,
  v: number,
  holds: (i: number, j: number) => boolean,
): boolean {
  const [endOfA, firstOfB, endOfB] = [a.endOf(u), b.firstOf(v), b.endOf(v)];
  for (let i = a.firstOf(u); i < endOfA; i++) {
    const { box } = a.segments[i] as T;
    for (let j = a === b && u === v ? i + 1 : firstOfB; j < endOfB; j++) {
      if (boxesMeet(box, (b.segments[j] as T).box) && holds(i, j)) return true;
    }
  }
  return false;
}
