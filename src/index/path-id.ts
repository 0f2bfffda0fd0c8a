import { murmur3x64Hash128 } from '../base/index.ts';

/** Stands in a path for every element of an array, whatever its index. */
export const ARRAY_ELEMENT: unique symbol = Symbol('[]');

/** Ends a path: the words of the text that stands there, each for itself. */
export const TEXT_WORDS: unique symbol = Symbol('words');

/** A property name, any element of an array, or any word of a text. */
export type PathSegment = PathStep | typeof TEXT_WORDS;

/** What leads from one value to those inside it. */
export type PathStep = string | typeof ARRAY_ELEMENT;

export const PATH_ID_BYTES = 8;

/** Id of the item itself, which is at no path. */
export const ROOT_PATH_ID: Buffer = Buffer.alloc(PATH_ID_BYTES);

const KIND_NAME = 0x6e;
const KIND_ELEMENT = 0x65;
const KIND_WORDS = 0x77;

/** A path's name in index keys: 8 bytes, the same for ever. */
export function pathId(segments: readonly PathSegment[]): Buffer {
  let id = ROOT_PATH_ID;
  for (const segment of segments) id = childPathId(id, segment);
  return id;
}

/** Id of the path one segment longer. Ids are chained, so a walk down an item hashes only the new name. */
export function childPathId(parent: Buffer, segment: PathSegment): Buffer {
  const name = typeof segment === 'string' ? segment : '';
  const text = Buffer.alloc(PATH_ID_BYTES + 1 + 2 * name.length);
  parent.copy(text);
  text[PATH_ID_BYTES] =
    segment === ARRAY_ELEMENT ? KIND_ELEMENT : segment === TEXT_WORDS ? KIND_WORDS : KIND_NAME;
  // UTF-16, since UTF-8 would give all lone surrogates the same bytes.
  text.write(name, PATH_ID_BYTES + 1, 'utf16le');
  const [high, low] = murmur3x64Hash128(text);
  const id = Buffer.allocUnsafe(PATH_ID_BYTES);
  id.writeUInt32BE(high, 0);
  id.writeUInt32BE(low, 4);
  return id;
}
