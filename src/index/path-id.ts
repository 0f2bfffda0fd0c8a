import { murmur3x64Hash128 } from '../base/index.ts';

/** Stands in a path for every element of an array, whatever its index. */
export const ARRAY_ELEMENT: unique symbol = Symbol('[]');

/** Ends a path: the words of the text that stands there, each for itself. */
export const TEXT_WORDS: unique symbol = Symbol('words');

/** Ends a path: how many words the text has that stands there, as a number. */
export const TEXT_LENGTH: unique symbol = Symbol('length');

/** Ends a path: words that the text has more than once, each with how often (see `repeatedWord`). */
export const TEXT_REPEATS: unique symbol = Symbol('repeats');

/** Ends a path: the cells in which the geometry that stands there is. */
export const GEOMETRY_CELLS: unique symbol = Symbol('cells');

/** A property name, any element of an array, or what an index makes of the value at a path. */
export type PathSegment =
  | PathStep
  | typeof TEXT_WORDS
  | typeof TEXT_LENGTH
  | typeof TEXT_REPEATS
  | typeof GEOMETRY_CELLS;

/** What leads from one value to those inside it. */
export type PathStep = string | typeof ARRAY_ELEMENT;

export const PATH_ID_BYTES = 8;

/** Id of the item itself, which is at no path. */
export const ROOT_PATH_ID: Buffer = Buffer.alloc(PATH_ID_BYTES);

const KIND_NAME = 0x6e;
const KIND_ELEMENT = 0x65;
const KIND_WORDS = 0x77;
const KIND_LENGTH = 0x6c;
const KIND_REPEATS = 0x72;
const KIND_CELLS = 0x63;
const KIND_COMPOSITE = 0x6f;

/** A path's name in index keys: 8 bytes, the same for ever. */
export function pathId(segments: readonly PathSegment[]): Buffer {
  let id = ROOT_PATH_ID;
  for (const segment of segments) id = childPathId(id, segment);
  return id;
}

function kindOf(segment: PathSegment): number {
  if (segment === ARRAY_ELEMENT) return KIND_ELEMENT;
  if (segment === TEXT_WORDS) return KIND_WORDS;
  if (segment === TEXT_LENGTH) return KIND_LENGTH;
  if (segment === TEXT_REPEATS) return KIND_REPEATS;
  return segment === GEOMETRY_CELLS ? KIND_CELLS : KIND_NAME;
}

/** Id of the path one segment longer. Ids are chained, so a walk down an item hashes only the new name. */
export function childPathId(parent: Buffer, segment: PathSegment): Buffer {
  return idBelow(parent, kindOf(segment), typeof segment === 'string' ? segment : '');
}

/** Where the entries of a composite index stand; `text` tells its paths and directions. */
export function compositePathId(text: string): Buffer {
  return idBelow(ROOT_PATH_ID, KIND_COMPOSITE, text);
}

function idBelow(parent: Buffer, kind: number, name: string): Buffer {
  const text = Buffer.alloc(PATH_ID_BYTES + 1 + 2 * name.length);
  parent.copy(text);
  text[PATH_ID_BYTES] = kind;
  // UTF-16, since UTF-8 would give all lone surrogates the same bytes.
  text.write(name, PATH_ID_BYTES + 1, 'utf16le');
  const [high, low] = murmur3x64Hash128(text);
  const id = Buffer.allocUnsafe(PATH_ID_BYTES);
  id.writeUInt32BE(high, 0);
  id.writeUInt32BE(low, 4);
  return id;
}
