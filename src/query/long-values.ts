/** Values of a megabyte and more: what is done with all of one, in pieces. */
import { isJsonObject, type Json, type Steps } from '../base/index.ts';
import { namesAtHand, namesOf } from './long-objects.ts';
import { PIECE, sortedTexts } from './long-sort.ts';
import { EFFORT_AT_ONCE } from './long-work.ts';
import { canonicalText, deepEqual, isPrimitive, type Value } from './values.ts';

/** Texts are looked at natively: so many characters are like one element. */
const CHARACTERS_LIKE_ELEMENT = 16;
/** What comparing, writing or hashing an element takes, in the unit of effort. */
const EFFORT_OF_ELEMENT = 4;

/** How many parts a value has, texts by their length; more than `most` are not counted on. */
function weightUpTo(most: number, value: Value): number {
  if (typeof value === 'string') return 1 + value.length / CHARACTERS_LIKE_ELEMENT;
  if (typeof value !== 'object' || value === null) return 1;
  let weight = 1;
  if (Array.isArray(value)) {
    for (const element of value) {
      if (weight > most) break;
      weight += weightUpTo(most - weight, element);
    }
    return weight;
  }
  const names = namesAtHand(value);
  if (names !== undefined && names.length > most) return names.length;
  for (const name in value) {
    if (weight > most) break;
    weight += weightUpTo(most - weight, value[name]);
  }
  return weight;
}

/**
 * What it takes to look at all of a value, in the unit of effort; not told exactly above what is too
 * much.
 */
export function effortOf(value: Value): number {
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' ? value.length / CHARACTERS_LIKE_ELEMENT : 0;
  return EFFORT_OF_ELEMENT * weightUpTo(EFFORT_AT_ONCE / EFFORT_OF_ELEMENT, value);
}

/** Tells of the parts of a long value which are long themselves, and when it is time for others. */
class Parts {
  #weight = 0;

  /** Whether the part is itself to be looked at in pieces. */
  isLong(part: Json): boolean {
    const weight = weightUpTo(PIECE, part);
    this.#weight += weight;
    return weight > PIECE && !isPrimitive(part);
  }

  /** True once for each piece. */
  isDue(): boolean {
    if (this.#weight < PIECE) return false;
    this.#weight = 0;
    return true;
  }
}

/** As `deepEqual`. */
export function* equalSteps(a: Json, b: Json): Steps<boolean> {
  if (a === b) return true;
  const parts = new Parts();
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) {
      const [x, y] = [a[i] as Json, b[i] as Json];
      if (!(parts.isLong(x) ? yield* equalSteps(x, y) : deepEqual(x, y))) return false;
      if (parts.isDue()) yield;
    }
    return true;
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return deepEqual(a, b);
  const names = namesOf(a);
  yield;
  if (names.length !== namesOf(b).length) return false;
  for (const name of names) {
    if (!Object.hasOwn(b, name)) return false;
    const [x, y] = [a[name] as Json, b[name] as Json];
    if (!(parts.isLong(x) ? yield* equalSteps(x, y) : deepEqual(x, y))) return false;
    if (parts.isDue()) yield;
  }
  return true;
}

/** As `canonicalText`. */
export function* canonicalSteps(value: Json): Steps<string> {
  return yield* textOf(value, true);
}

/** As `JSON.stringify`. */
export function* jsonSteps(value: Json): Steps<string> {
  return yield* textOf(value, false);
}

function* textOf(value: Json, isCanonical: boolean): Steps<string> {
  const whole = (part: Json) => (isCanonical ? canonicalText(part) : JSON.stringify(part));
  if (typeof value !== 'object' || value === null) return whole(value);
  const texts: string[] = [];
  const parts = new Parts();
  if (Array.isArray(value)) {
    for (const element of value) {
      texts.push(parts.isLong(element) ? yield* textOf(element, isCanonical) : whole(element));
      if (parts.isDue()) yield;
    }
    return `[${yield* joinedSteps(texts)}]`;
  }
  const names = isCanonical ? yield* sortedTexts(namesOf(value)) : namesOf(value);
  yield;
  for (const name of names) {
    const member = value[name] as Json;
    const text = parts.isLong(member) ? yield* textOf(member, isCanonical) : whole(member);
    texts.push(`${JSON.stringify(name)}:${text}`);
    if (parts.isDue()) yield;
  }
  return `{${yield* joinedSteps(texts)}}`;
}

function* joinedSteps(parts: readonly string[]): Steps<string> {
  if (parts.length <= PIECE) return parts.join(',');
  const pieces: string[] = [];
  for (let from = 0; from < parts.length; from += PIECE) {
    pieces.push(parts.slice(from, from + PIECE).join(','));
    yield;
  }
  return pieces.join(',');
}
