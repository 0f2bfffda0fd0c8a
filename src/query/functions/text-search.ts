/**
 * Where a part stands in a long text. The search that comes with the platform may compare all of the part at
 * each place of the text, at one go: a part that is long is searched for with a table of its own repetitions
 * (Knuth, Morris and Pratt), and a short one in pieces of the text.
 */
import type { Steps } from '../../base/index.ts';

/** A part up to this length is compared at every place without harm. */
const SHORT_PART = 32;
/** Characters searched natively, and by table, between two moments at which others may have their turn. */
const CHARACTERS_PER_PIECE = 65_536;
const LOOKS_PER_PIECE = 32_768;

/** Effort of a search: of a short part little. */
export function searchEffort(text: string, part: string): number {
  if (part.length > text.length) return 0;
  return text.length / (part.length > SHORT_PART ? 1 : 16);
}

/** First place at or behind `from`, -1 without one: as `indexOf`. */
export function* placeSteps(text: string, part: string, from = 0): Steps<number> {
  const start = Math.min(Math.max(0, from), text.length);
  if (part.length > text.length - start) return -1;
  if (part.length > SHORT_PART) return yield* searchByTable(text, part, start);
  for (let at = start; at + part.length <= text.length; at += CHARACTERS_PER_PIECE) {
    const piece = text.slice(at, at + CHARACTERS_PER_PIECE + Math.max(0, part.length - 1));
    const place = piece.indexOf(part);
    if (place >= 0) return at + place;
    yield;
  }
  return -1;
}

/** Last place at or before `from`, -1 without one: as `lastIndexOf`. */
export function* lastPlaceSteps(text: string, part: string, from = text.length): Steps<number> {
  const last = Math.min(from, text.length - part.length);
  if (last < 0) return -1;
  if (part.length > SHORT_PART) return yield* searchBackByTable(text, part, last);
  for (let end = last; end >= 0; end -= CHARACTERS_PER_PIECE) {
    const start = Math.max(0, end - CHARACTERS_PER_PIECE + 1);
    const place = text.slice(start, end + part.length).lastIndexOf(part);
    if (place >= 0) return start + place;
    yield;
  }
  return -1;
}

/** Looks along a text, in one direction or the other. */
type CharacterAt = (place: number) => number;

function* searchByTable(text: string, part: string, start: number): Steps<number> {
  const table = yield* tableSteps(part.length, (place) => part.charCodeAt(place));
  const found = yield* matchSteps(
    { length: text.length - start, at: (place) => text.charCodeAt(start + place) },
    { length: part.length, at: (place) => part.charCodeAt(place) },
    table,
  );
  return found < 0 ? -1 : start + found;
}

/** The same of both read backwards. */
function* searchBackByTable(text: string, part: string, last: number): Steps<number> {
  const end = last + part.length;
  const partAt: CharacterAt = (place) => part.charCodeAt(part.length - 1 - place);
  const table = yield* tableSteps(part.length, partAt);
  const found = yield* matchSteps(
    { length: end, at: (place) => text.charCodeAt(end - 1 - place) },
    { length: part.length, at: partAt },
    table,
  );
  return found < 0 ? -1 : end - found - part.length;
}

/** For each place of a part: how much of the part's start ends there, the whole beginning left out. */
function* tableSteps(length: number, at: CharacterAt): Steps<Int32Array> {
  const table = new Int32Array(length);
  let looks = 0;
  for (let i = 1, matched = 0; i < length; i++) {
    while (matched > 0 && at(i) !== at(matched)) {
      matched = table[matched - 1] as number;
      looks++;
    }
    if (at(i) === at(matched)) matched++;
    table[i] = matched;
    if (++looks >= LOOKS_PER_PIECE) {
      looks = 0;
      yield;
    }
  }
  return table;
}

interface Characters {
  readonly length: number;
  readonly at: CharacterAt;
}

function* matchSteps(text: Characters, part: Characters, table: Int32Array): Steps<number> {
  let looks = 0;
  for (let i = 0, matched = 0; i < text.length; i++) {
    const character = text.at(i);
    while (matched > 0 && character !== part.at(matched)) {
      matched = table[matched - 1] as number;
      looks++;
    }
    if (character === part.at(matched)) matched++;
    if (matched === part.length) return i - matched + 1;
    if (++looks >= LOOKS_PER_PIECE) {
      looks = 0;
      yield;
    }
  }
  return -1;
}
