/** How JSON values become ordered keys, which paths of an item have them, and how postings are packed. */
export {
  type CompositeIndex,
  compositeValue,
  orderIn,
  placeBytesMax,
  placesOf,
  toldLength,
} from './composite.ts';
export { type Coverage, compileIndexingPolicy, compileIndexRules, type Indexer } from './indexer.ts';
export { NO_TERMS, type PackedTerms, unpackTerms } from './packed-terms.ts';
export {
  ARRAY_ELEMENT,
  GEOMETRY_CELLS,
  type PathSegment,
  pathId,
  TEXT_LENGTH,
  TEXT_REPEATS,
  TEXT_WORDS,
} from './path-id.ts';
export { PostingBlock, type TermText } from './postings/posting-block.ts';
export { PostingGatherer } from './postings/posting-gatherer.ts';
export { PostingMerge, type TermPart } from './postings/posting-merge.ts';
export {
  blocksWithin,
  decodeFences,
  encodeFences,
  estimateWithin,
  type Fences,
  RunBuilder,
  soleFence,
} from './postings/posting-run.ts';
export { type PostingRange, RunCursor } from './postings/run-cursor.ts';
export { searchCells } from './spatial/cells.ts';
export { EARTH } from './spatial/earth.ts';
export { PLANE } from './spatial/plane.ts';
export {
  isShapeWithin,
  isShapeWithinSteps,
  shapeArea,
  shapeDistance,
  shapeDistanceSteps,
  shapesIntersect,
  shapesIntersectSteps,
} from './spatial/relations.ts';
export { type ParsedShape, parseShape, parseShapeSteps, readShape, type Shape } from './spatial/shape.ts';
export { bm25Score } from './text/bm25.ts';
export {
  type AnalyzedText,
  analyzePhrase,
  analyzePhraseSteps,
  analyzerFor,
  containsPhraseSteps,
  countWords,
  occurrenceSteps,
  type TextAnalyzer,
} from './text/text-analyzer.ts';
export { COUNT_MAX, countOfRepeats, repeatsRange } from './text/word-counts.ts';
export { decodeIndexValue, encodeIndexValue, isExact } from './value-encoding.ts';
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
export { VectorIndex } from './vector/vector-index.ts';
export { isSimilarity, readVector, vectorScore } from './vector/vector-similarity.ts';
