/**
 * The names of objects with thousands of members. The platform keeps such objects as hash tables, and each
 * time it lists their names it sorts all of them at one go: 15 ms and more for a hundred thousand. Who puts
 * one together piece by piece therefore leaves the list here.
 */
import type { JsonObject } from '../base/index.ts';

/** Listing so many takes less than a millisecond. */
const LONG = 4_096;

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
  /** Undefined once the order of the platform is not that of putting in. */
  #names: string[] | undefined = [];

  /** Before the member is put in. */
  add(object: JsonObject, name: string): void {
    if (this.#names === undefined || Object.hasOwn(object, name)) return;
    // What looks like a place in an array is listed before all other names, by its number.
    if (/^[0-9]{1,10}$/.test(name)) this.#names = undefined;
    else this.#names.push(name);
  }

  /** All members are in; none is added or taken away any more. */
  leaveFor(object: JsonObject): void {
    if (this.#names !== undefined && this.#names.length > LONG) lists.set(object, this.#names);
  }
}
