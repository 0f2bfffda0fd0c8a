/** How JSON values become ordered keys, and which paths of an item have them. */
export { type Coverage, compileIndexingPolicy, type Indexer } from './indexer.ts';
export { ARRAY_ELEMENT, type PathSegment, pathId } from './path-id.ts';
export { decodeIndexValue, encodedValueLength, encodeIndexValue, isExact } from './value-encoding.ts';
export {
  allRange,
  definedRange,
  equalRange,
  type IndexedType,
  type IndexRange,
  intersectRanges,
  isEmptyRange,
  prefixRange,
  rangeAbove,
  rangeBelow,
  typeRange,
} from './value-range.ts';
