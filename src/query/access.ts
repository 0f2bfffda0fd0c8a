import { assert, prefixEnd } from '../base/index.ts';

/**
 * A condition bound to the indexes of a container and to parameter values: which numbers can satisfy it.
 * `isExact`: every number found does, so the items need not be looked at.
 */
export type Access =
  /** No restriction; exact when the condition holds for every item. */
  | { readonly kind: 'everything'; readonly isExact: boolean }
  | { readonly kind: 'nothing'; readonly isExact: true }
  | ScanAccess
  | PointsAccess
  | FilterAccess
  /** `terms` are scans, ands and ors, two or more. */
  | { readonly kind: 'and' | 'or'; readonly terms: readonly Access[]; readonly isExact: boolean };

export interface ScanAccess {
  readonly kind: 'scan';
  readonly pathId: Buffer;
  readonly range: { readonly from: Buffer; readonly to: Buffer };
  /** All postings have one encoded value, `range.from`: they stand in the order of their numbers. */
  readonly isPoint: boolean;
  /** An item can have several postings at the path. */
  readonly isBelowArray: boolean;
  readonly isExact: boolean;
}

/** Any of many values of one path. */
export interface PointsAccess {
  readonly kind: 'points';
  readonly pathId: Buffer;
  /** Encoded, each once, by their text: one character for each byte. */
  readonly values: ReadonlyMap<string, Buffer>;
  /** From the first of them to the last. */
  readonly range: { readonly from: Buffer; readonly to: Buffer };
  readonly isExact: boolean;
}

/** Items whose value at a path, which is not below an array, satisfies a condition of any kind. */
export interface FilterAccess {
  readonly kind: 'filter';
  readonly pathId: Buffer;
  readonly range: { readonly from: Buffer; readonly to: Buffer };
  /** Undefined when the encoded value does not tell. */
  readonly holds: (value: Buffer) => boolean | undefined;
  /** As far as values tell; gathering them finds out. */
  readonly isExact: boolean;
}

/** More points of a path than this are looked for together. */
export const POINTS_MIN = 16;

/** Which of its values an item has does not matter. */
export class PointValues {
  readonly #values = new Map<string, Buffer>();
  // As text they are compared at a fraction of the cost.
  #first: string | undefined;
  #last = '';

  get isEmpty(): boolean {
    return this.#values.size === 0;
  }

  add(value: Buffer): void {
    const text = value.toString('latin1');
    if (this.#first === undefined || text < this.#first) this.#first = text;
    if (text > this.#last) this.#last = text;
    this.#values.set(text, value);
  }

  /** There are some. */
  at(pathId: Buffer, isExact: boolean): PointsAccess {
    const [from, last] = [this.#values.get(this.#first ?? ''), this.#values.get(this.#last)];
    assert(from !== undefined && last !== undefined, 'points have values');
    const range = { from, to: Buffer.from(prefixEnd(last) ?? last) };
    return { kind: 'points', pathId, values: this.#values, range, isExact };
  }
}

export const EVERYTHING: Access = { kind: 'everything', isExact: true };
/** Nothing is known before the items are read. */
export const UNKNOWN: Access = { kind: 'everything', isExact: false };
export const NOTHING: Access = { kind: 'nothing', isExact: true };

/** The numbers that all terms allow. */
export function intersection(terms: readonly Access[]): Access {
  if (terms.some((term) => term.kind === 'nothing')) return NOTHING;
  const flat = terms.flatMap((term) => (term.kind === 'and' ? term.terms : [term]));
  const restricting = flat.filter((term) => term.kind !== 'everything');
  const isExact = terms.every((term) => term.isExact);
  const [only] = restricting;
  if (only === undefined) return isExact ? EVERYTHING : UNKNOWN;
  if (restricting.length === 1)
    return only.isExact === isExact ? only : ({ ...only, isExact: false } as Access);
  return { kind: 'and', terms: restricting, isExact };
}

/** A union of many terms, with the points of one path taken together. */
function gatheredPoints(terms: readonly Access[], isExact: boolean): Access {
  const byPath = new Map<string, ScanAccess[]>();
  const rest: Access[] = [];
  for (const term of terms) {
    if (term.kind !== 'scan' || !term.isPoint) {
      rest.push(term);
      continue;
    }
    const path = term.pathId.toString('latin1');
    const points = byPath.get(path);
    if (points === undefined) byPath.set(path, [term]);
    else points.push(term);
  }
  for (const points of byPath.values()) {
    const [first] = points;
    if (first === undefined || points.length <= POINTS_MIN) rest.push(...points);
    else {
      const values = new PointValues();
      for (const { range } of points) values.add(range.from);
      const isExact = points.every((point) => point.isExact);
      rest.push(values.at(first.pathId, isExact));
    }
  }
  const [only] = rest;
  if (only === undefined || rest.length > 1) return { kind: 'or', terms: rest, isExact };
  return only.isExact === isExact ? only : ({ ...only, isExact } as Access);
}

/** The numbers that any term allows. */
export function union(terms: readonly Access[]): Access {
  // A union that is not exact as a whole may consist of terms that are: looking at them alone is not enough.
  const isExact = terms.every((term) => term.isExact);
  if (terms.some((term) => term.kind === 'everything')) {
    return terms.some((term) => term.kind === 'everything' && term.isExact) ? EVERYTHING : UNKNOWN;
  }
  const possible = terms.flatMap((term) =>
    term.kind === 'nothing' ? [] : term.kind === 'or' ? term.terms : [term],
  );
  const [only] = possible;
  if (only === undefined) return NOTHING;
  if (possible.length > POINTS_MIN) return gatheredPoints(possible, isExact);
  if (possible.length > 1) return { kind: 'or', terms: possible, isExact };
  return only.isExact === isExact ? only : ({ ...only, isExact } as Access);
}
