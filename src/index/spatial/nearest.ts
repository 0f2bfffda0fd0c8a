/**
 * How near two shapes come that do not meet. The nearest places are a corner of one and a place on a segment
 * of the other, but the exact distance of such a pair costs some ten microseconds on the Earth, and there are
 * as many pairs as the product of the corners. So pairs of runs of segments go into a queue by what they are
 * apart at the least; the first in the queue is taken apart, down to single pairs, whose distance is
 * calculated when nothing in the queue can be nearer.
 */
import type { Steps } from '../../base/index.ts';
import { type PairKind, PairQueue } from './pair-queue.ts';
import type { SegmentTree } from './segment-tree.ts';
import type { Box, Position, Segment, Surface } from './surface.ts';

/** A segment, or a place: a segment without length. */
export type Piece = Pick<Segment, 'a' | 'b' | 'box' | 'distanceTo' | 'leastDistanceTo'>;

/** One place as a piece. */
export class Spot implements Piece {
  readonly a: Position;
  readonly box: Box;
  readonly #surface: Surface;

  constructor(position: Position, surface: Surface) {
    this.a = position;
    this.box = { min: position.at, max: position.at };
    this.#surface = surface;
  }

  get b(): Position {
    return this.a;
  }

  distanceTo(position: Position): number {
    return this.#surface.distance(this.a, position);
  }

  leastDistanceTo({ at }: Position): number {
    const [p, q] = [this.a.at, at];
    return this.#surface.leastDistance(Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
  }
}

/** Steps between two turns of others, and how many steps it is to take a pair apart or to measure it. */
const STEPS_BETWEEN_TURNS = 2_000;
const STEPS_OF_LEAVES = 30;
const STEPS_OF_DISTANCE = 100;
/** What the bound by boxes lacks on the Earth at the most, as a share of the distance. */
const BOX_SLACK = 0.003;

/** Metres, or units of the plane. */
export function* nearestSteps(a: SegmentTree<Piece>, b: SegmentTree<Piece>, surface: Surface): Steps<number> {
  const search = new Search(a, b, surface);
  let done = 0;
  for (;;) {
    const steps = search.step();
    if (steps === 0) return search.best;
    done += steps;
    if (done > STEPS_BETWEEN_TURNS) {
      done = 0;
      yield;
    }
  }
}

class Search {
  best = Infinity;
  readonly #a: SegmentTree<Piece>;
  readonly #b: SegmentTree<Piece>;
  readonly #surface: Surface;
  readonly #queue = new PairQueue();

  constructor(a: SegmentTree<Piece>, b: SegmentTree<Piece>, surface: Surface) {
    this.#a = a;
    this.#b = b;
    this.#surface = surface;
    this.#add('boxes', 1, 1, 0);
  }

  /** Does one thing more, and tells how many steps it was; 0 when the best is known. */
  step(): number {
    const pair = this.#queue.take();
    if (pair === undefined || pair.least >= this.best) return 0;
    const { kind, i, j, least } = pair;
    switch (kind) {
      case 'corner of a':
        this.best = Math.min(this.best, (this.#b.segments[j] as Piece).distanceTo(cornerOf(this.#a, i)));
        return STEPS_OF_DISTANCE;
      case 'corner of b':
        this.best = Math.min(this.best, (this.#a.segments[i] as Piece).distanceTo(cornerOf(this.#b, j)));
        return STEPS_OF_DISTANCE;
      case 'boxes': {
        const sizes = this.#a.halfSize(i) + this.#b.halfSize(j);
        // From afar the boxes tell less than the middles do.
        if (this.#surface.leastDistance(Math.min(1, sizes)) < least * BOX_SLACK) {
          const byMiddles = this.#leastByMiddles(i, j);
          if (byMiddles > least) {
            this.#queue.add(byMiddles, 'balls', i, j);
            return STEPS_OF_DISTANCE;
          }
        }
        return this.#split(i, j, least);
      }
      default:
        return this.#split(i, j, least);
    }
  }

  #leastByMiddles(u: number, v: number): number {
    const p = this.#surface.ball(this.#a.middle(u), this.#a.halfSize(u));
    const q = this.#surface.ball(this.#b.middle(v), this.#b.halfSize(v));
    return this.#surface.distance(p.middle, q.middle) - p.radius - q.radius;
  }

  #split(u: number, v: number, least: number): number {
    const [a, b] = [this.#a, this.#b];
    if (u >= a.leaf && v >= b.leaf) return this.#splitLeaves(u, v, least);
    if (v >= b.leaf || (u < a.leaf && a.halfSize(u) >= b.halfSize(v))) {
      this.#add('boxes', 2 * u, v, least);
      this.#add('boxes', 2 * u + 1, v, least);
    } else {
      this.#add('boxes', u, 2 * v, least);
      this.#add('boxes', u, 2 * v + 1, least);
    }
    return 2;
  }

  /** `least`: of the pair that this one is a part of. */
  #add(kind: PairKind, u: number, v: number, least: number): void {
    const gap = this.#a.gap(u, this.#b, v);
    // There are no segments in a leaf beyond the last.
    if (gap === Infinity) return;
    const bound = Math.max(least, this.#surface.leastDistance(gap));
    if (bound < this.best) this.#queue.add(bound, kind, u, v);
  }

  #splitLeaves(u: number, v: number, least: number): number {
    const [a, b] = [this.#a, this.#b];
    for (let i = a.firstOf(u); i < a.endOf(u); i++) {
      const s = a.segments[i] as Piece;
      for (let j = b.firstOf(v); j < b.endOf(v); j++) {
        const t = b.segments[j] as Piece;
        this.#addCorner('corner of a', i, j, Math.max(least, t.leastDistanceTo(s.a)));
        this.#addCorner('corner of b', i, j, Math.max(least, s.leastDistanceTo(t.a)));
        // In a ring the end of the last is the beginning of the first.
        if (i === a.segments.length - 1)
          this.#addCorner('corner of a', i + 1, j, Math.max(least, t.leastDistanceTo(s.b)));
        if (j === b.segments.length - 1)
          this.#addCorner('corner of b', i, j + 1, Math.max(least, s.leastDistanceTo(t.b)));
      }
    }
    return STEPS_OF_LEAVES;
  }

  #addCorner(kind: PairKind, i: number, j: number, least: number): void {
    if (least < this.best) this.#queue.add(least, kind, i, j);
  }
}

/** Where a segment begins, or, one place further, the last one ends. */
function cornerOf({ segments }: SegmentTree<Piece>, place: number): Position {
  return place < segments.length ? (segments[place] as Piece).a : (segments[place - 1] as Piece).b;
}
