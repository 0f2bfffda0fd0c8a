import { compareBytes } from '../base/index.ts';
import type { Evaluator } from './binder.ts';
import type { DocumentPath } from './document-path.ts';
import type { ItemNumber } from './source.ts';
import type { Location } from './syntax-error.ts';
import { compareForOrder, type Value } from './values.ts';

/** One term of ORDER BY. */
export interface OrderKey {
  readonly evaluate: Evaluator;
  /** Undefined for anything but a property of the item. */
  readonly path: DocumentPath | undefined;
  /** No item has the property: it is computed. */
  readonly isComputed: boolean;
  readonly isDescending: boolean;
  readonly location: Location;
}

/** Negative when `a` stands before `b`; zero for equal ones, which the terms do not tell apart. */
export function compareKeys(a: readonly Value[], b: readonly Value[], order: readonly OrderKey[]): number {
  for (let i = 0; i < order.length; i++) {
    const difference = compareForOrder(a[i], b[i]);
    if (difference !== 0) return order[i]?.isDescending === true ? -difference : difference;
  }
  return 0;
}

/** Where an item stands in an order of several terms. */
export interface SortedPlace {
  readonly number: ItemNumber;
  readonly keys: readonly Value[];
}

/** Items that come next in the order; unless `isAll`, others come after them. */
export interface SortedRest {
  readonly items: readonly SortedPlace[];
  readonly isAll: boolean;
  /** About what they take in memory, where that was worked out. */
  readonly bytes?: number;
}

/** What a continuation remembers of a row's keys: see the index's `placesOf`. */
export type KeyPlaces = readonly Buffer[];

export function packPlaces(places: KeyPlaces): Buffer {
  return Buffer.concat(places.flatMap((place) => [Buffer.of(place.length), place]));
}

/** Undefined when that is not what `packPlaces` made of so many keys. */
export function unpackPlaces(packed: Buffer, count: number): KeyPlaces | undefined {
  const places: Buffer[] = [];
  let at = 0;
  while (at < packed.length) {
    const length = packed[at] ?? 0;
    places.push(packed.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return at === packed.length && places.length === count ? places : undefined;
}

/** As `compareKeys`, as far as places tell. */
export function comparePlaces(a: KeyPlaces, b: KeyPlaces, order: readonly OrderKey[]): number {
  for (let i = 0; i < order.length; i++) {
    const difference = compareBytes(a[i] as Buffer, b[i] as Buffer);
    if (difference !== 0) return order[i]?.isDescending === true ? -difference : difference;
  }
  return 0;
}
