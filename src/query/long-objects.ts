/**
 * The names of objects with thousands of members. The platform keeps such objects as hash tables, and each
 * time it lists their names it sorts all of them at one go: 15 ms and more for a hundred thousand. Who puts
 * one together piece by piece therefore leaves the list here.
 */
import type { JsonObject, Steps } from '../base/index.ts';
import { PIECE, sortedNumbers } from './long-sort.ts';

/** Listing so many takes less than a millisecond. */
const LONG = 4_096;

/** Of the longest array that there can be. */
const PLACE_MAX = 2 ** 32 - 2;

const lists = new WeakMap<object, readonly string[]>();

/** As `Object.keys`; not to be changed. */
export function namesOf(object: JsonObject): readonly string[] {
  return lists.get(object) ?? Object.keys(object);
}

/** The same for an object that has many members and whose list is at hand, else undefined. */
export function namesAtHand(object: object): readonly string[] | undefined {
  return lists.get(object);
}

/** Notes the names of an object as its members are put in. */
export class NameList {
  readonly #places: number[] = [];
  readonly #names: string[] = [];

  /** Before the member is put in. */
  add(object: JsonObject, name: string): void {
    if (Object.hasOwn(object, name)) return;
    const place = placeIn(name);
    if (place === undefined) this.#names.push(name);
    else this.#places.push(place);
  }

  /** All members are in; none is added or taken away any more. */
  *leaveFor(object: JsonObject): Steps<void> {
    if (this.#places.length + this.#names.length <= LONG) return;
    lists.set(object, this.#places.length === 0 ? this.#names : yield* this.#allSteps());
  }

  *#allSteps(): Steps<string[]> {
    const all: string[] = [];
    for (const place of yield* sortedNumbers(this.#places)) {
      all.push(String(place));
      if (all.length % PIECE === 0) yield;
    }
    for (const name of this.#names) all.push(name);
    return all;
  }
}

/** What looks like a place in an array is listed before all other names, by its number. */
function placeIn(name: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,9})$/.test(name)) return undefined;
  const number = Number(name);
  return number <= PLACE_MAX ? number : undefined;
}
