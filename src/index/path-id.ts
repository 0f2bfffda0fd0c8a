import { murmur3x64Hash128 } from '../base/index.ts';

/** Stands in a path for every element of an array, whatever its index. */
export const ARRAY_ELEMENT: unique symbol = Symbol('[]');

/** A property name, or any element of an array. */
export type PathSegment = string | typeof ARRAY_ELEMENT;

export const PATH_ID_BYTES = 8;

/** Id of the item itself, which is at no path. */
export const ROOT_PATH_ID: Buffer = Buffer.alloc(PATH_ID_BYTES);

const KIND_NAME = 0x6e;
const KIND_ELEMENT = 0x65;

/** A path's name in index keys: 8 bytes, the same for ever. */
export function pathId(segments: readonly PathSegment[]): Buffer {
  let id = ROOT_PATH_ID;
  for (const segment of segments) id = childPathId(id, segment);
  return id;
}

/** Id of the path one segment longer. Ids are chained, so a walk down an item hashes only the new name. */
export function childPathId(parent: Buffer, segment: PathSegment): Buffer {
  const isElement = segment === ARRAY_ELEMENT;
  const text = Buffer.alloc(PATH_ID_BYTES + 1 + (isElement ? 0 : 2 * segment.length));
  parent.copy(text);
  text[PATH_ID_BYTES] = isElement ? KIND_ELEMENT : KIND_NAME;
  // UTF-16, since UTF-8 would give all lone surrogates the same bytes.
  if (!isElement) text.write(segment, PATH_ID_BYTES + 1, 'utf16le');
  const [high, low] = murmur3x64Hash128(text);
  const id = Buffer.allocUnsafe(PATH_ID_BYTES);
  id.writeUInt32BE(high, 0);
  id.writeUInt32BE(low, 4);
  return id;
}
