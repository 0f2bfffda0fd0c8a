/**
 * Where geometries are, as index terms. The space of `Position.at` is halved along each axis again and again;
 * a geometry's terms are the few cells, about as large as itself, that its box touches. Cells are named by
 * the halves that lead to them, so everything inside a cell starts with its name, and what is larger has a
 * name that the cell's starts with. On the Earth that space is the cube around it: there are no poles and
 * no date line. Cells only propose; whether geometries meet is always seen from themselves.
 */
import type { Shape } from './shape.ts';
import type { Box, Vector } from './surface.ts';

/** A space that is cut into cells. What lies outside of it counts to the cells at its edge. */
export interface CellGrid {
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** Directions from the centre of the Earth. */
export const EARTH_GRID: CellGrid = { low: [-1, -1, -1], high: [1, 1, 1] };

/** Cells are halved so often: on the Earth down to 200 metres. */
const LEVELS = 16;
/** A search looks into so many cells at the most, each with everything inside. */
const SEARCH_CELLS_MAX = 24;
/** Of everything: the name of the whole space. */
const WHOLE = '';

/** The names of the cells that a geometry is in. */
export function cellsOf(shape: Shape, grid: CellGrid): string[] {
  const box = boxOf(shape);
  if (box === undefined) return [WHOLE];
  const cover = coverAt(box, grid, levelOf(box, grid));
  return [...cover.cells()];
}

/** Where geometries may be that come as near to `shape` as `reach`, in the units of the space. */
export interface CellSearch {
  /** Cells to be searched with all inside them. */
  readonly inside: readonly string[];
  /** Larger cells around them. */
  readonly around: readonly string[];
}

/** Undefined when it may be anywhere. */
export function searchCells(shape: Shape, reach: number, grid: CellGrid): CellSearch | undefined {
  const near = boxOf(shape);
  if (near === undefined || !Number.isFinite(reach)) return undefined;
  const pad = (at: Vector, by: number): Vector => [at[0] + by, at[1] + by, at[2] + by];
  const box = { min: pad(near.min, -reach), max: pad(near.max, reach) };
  let level = LEVELS;
  let cover = coverAt(box, grid, level);
  while (cover.count > SEARCH_CELLS_MAX) cover = coverAt(box, grid, --level);
  const inside = [...cover.cells()];
  const around = new Set<string>();
  for (const cell of inside) for (let end = 0; end < cell.length; end++) around.add(cell.slice(0, end));
  return inside.includes(WHOLE) ? undefined : { inside, around: [...around] };
}

/** Undefined when it has no bounds. */
function boxOf(shape: Shape): Box | undefined {
  if (shape.box !== undefined) return shape.box;
  if (shape.areas.some((area) => area.isInverse)) return undefined;
  // On the Earth an area bulges beyond the box of its rim. It lies in the cap around the middle of its
  // corners
  // that reaches to the farthest of them, if that is less than a hemisphere.
  let box: Box | undefined;
  for (const { outer } of shape.areas) {
    const cap = capAround(outer.positions.map(({ at }) => at));
    if (cap === undefined) return undefined;
    box = box === undefined ? cap : joined(box, cap);
  }
  return box;
}

function capAround(corners: readonly Vector[]): Box | undefined {
  const sum = corners.reduce<Vector>((s, at) => [s[0] + at[0], s[1] + at[1], s[2] + at[2]], [0, 0, 0]);
  const length = Math.hypot(...sum);
  if (length === 0) return undefined;
  const middle: Vector = [sum[0] / length, sum[1] / length, sum[2] / length];
  const cosine = Math.min(...corners.map((at) => at[0] * middle[0] + at[1] * middle[1] + at[2] * middle[2]));
  if (cosine <= 0) return undefined;
  const chord = Math.sqrt(Math.max(0, 2 - 2 * cosine)) + CAP_MARGIN;
  return {
    min: [middle[0] - chord, middle[1] - chord, middle[2] - chord],
    max: [middle[0] + chord, middle[1] + chord, middle[2] + chord],
  };
}

/** Six millimetres, for rounding. */
const CAP_MARGIN = 1e-9;

function joined(a: Box, b: Box): Box {
  const of = (choose: (x: number, y: number) => number, p: Vector, q: Vector): Vector => [
    choose(p[0], q[0]),
    choose(p[1], q[1]),
    choose(p[2], q[2]),
  ];
  return { min: of(Math.min, a.min, b.min), max: of(Math.max, a.max, b.max) };
}

/** The finest level at which the box is no wider than a cell. */
function levelOf({ min, max }: Box, { low, high }: CellGrid): number {
  let level = LEVELS;
  low.forEach((from, axis) => {
    const share = ((max[axis] as number) - (min[axis] as number)) / ((high[axis] as number) - from);
    if (share > 0) level = Math.min(level, Math.floor(-Math.log2(Math.min(1, share))));
  });
  return level;
}

/** The cells of a level that a box touches. */
class Cover {
  readonly #level: number;
  readonly #first: readonly number[];
  readonly #last: readonly number[];

  constructor(level: number, first: readonly number[], last: readonly number[]) {
    this.#level = level;
    this.#first = first;
    this.#last = last;
  }

  get count(): number {
    return this.#first.reduce((count, first, axis) => count * ((this.#last[axis] as number) - first + 1), 1);
  }

  *cells(): Generator<string> {
    const at = [...this.#first];
    for (;;) {
      yield nameOf(at, this.#level);
      let axis = 0;
      while (axis < at.length && at[axis] === this.#last[axis]) {
        at[axis] = this.#first[axis] as number;
        axis++;
      }
      if (axis === at.length) return;
      at[axis] = (at[axis] as number) + 1;
    }
  }
}

function coverAt({ min, max }: Box, { low, high }: CellGrid, level: number): Cover {
  const cells = 2 ** level;
  const placeOf = (value: number, axis: number) => {
    const from = low[axis] as number;
    const place = Math.floor(((value - from) / ((high[axis] as number) - from)) * cells);
    return Math.min(cells - 1, Math.max(0, place));
  };
  const first = low.map((_, axis) => placeOf(min[axis] as number, axis));
  const last = low.map((_, axis) => placeOf(max[axis] as number, axis));
  return new Cover(level, first, last);
}

/** From the first halves to the last: one digit for each level, one bit of it for each axis. */
function nameOf(at: readonly number[], level: number): string {
  let name = '';
  for (let bit = level - 1; bit >= 0; bit--) {
    let digit = 0;
    for (const place of at) digit = digit * 2 + (Math.floor(place / 2 ** bit) % 2);
    name += digit;
  }
  return name;
}
