import { placesOf } from '../index/index.ts';
import type { Execution } from './execution.ts';
import { compareKeys, comparePlaces, type KeyPlaces, type SortedPlace } from './order-key.ts';
import type { ItemNumber, SourceItem } from './source.ts';
import type { Value } from './values.ts';

export interface SortedItem extends SortedPlace {
  /** Unless too many texts are kept already. */
  readonly item?: SourceItem | undefined;
}

/** Where an item stands in the order. */
export interface Place {
  readonly number: ItemNumber;
  readonly places: KeyPlaces;
  /** The keys themselves; undefined when the item is gone or was changed. */
  readonly keys: readonly Value[] | undefined;
}

/** Equal ones stand by number, falling when the first term does: as in an index that is read backwards. */
export function comparator({ compiled: { order } }: Execution) {
  const sign = order[0]?.isDescending === true ? -1 : 1;
  return (a: SortedPlace, b: SortedPlace) =>
    compareKeys(a.keys, b.keys, order) || sign * (a.number - b.number);
}

/**
 * Whether an item stands at the place or before it. When the item of the place is gone, and long strings
 * leave it open who came first, rows may come twice rather than not at all.
 */
export function isConsumed(execution: Execution, item: SortedPlace, last: Place): boolean {
  const compare = comparator(execution);
  if (last.keys !== undefined) return compare(item, { number: last.number, keys: last.keys }) <= 0;
  const { order } = execution.compiled;
  const difference = comparePlaces(placesOf(item.keys), last.places, order);
  if (difference !== 0) return difference < 0;
  const isWhole = item.keys.every((key) => typeof key !== 'string' || key.length < WHOLE_LENGTH_MAX);
  const sign = order[0]?.isDescending === true ? -1 : 1;
  return isWhole && sign * (item.number - last.number) <= 0;
}

/** Strings up to this length are never cut, however many keys there are and however they are encoded. */
const WHOLE_LENGTH_MAX = 12;
