/**
 * Databases, containers and items as data: ids, rids, etags, partition keys and their hash, policies, limits.
 */
export {
  checkReplacement,
  containerBody,
  normalizeContainer,
} from './container-definition.ts';
export { effectivePartitionKey, initialRanges, partitionKeyRange } from './effective-key.ts';
export { formatEtag } from './etag.ts';
export type { FullTextLanguage } from './full-text-language.ts';
export { applyPatch, type Patch, parsePatch } from './item-patch.ts';
export {
  checkNesting,
  etagWithin,
  itemTtl,
  NESTING_MAX,
  ownTtl,
  type ReadItem,
  readItem,
  SYSTEM_PROPERTIES,
  withSystemProperties,
} from './item-text.ts';
export {
  completeKey,
  extractPartitionKey,
  isKeyText,
  matchPartitionKey,
  parsePartitionKeyHeader,
  samePartitionKey,
  splitPath,
} from './partition-key.ts';
export {
  appendEdit,
  decodePath,
  decodePathEdits,
  encodePath,
  encodePathEdits,
  isAtOrAbove,
  type PathEdit,
  removeAt,
  setAt,
  valueAt,
} from './path-edit.ts';
export { checkResourceId } from './resource-id.ts';
export {
  childRid,
  childSelfLink,
  containerRid,
  databaseRid,
  documentRid,
  offerRid,
  parseRid,
  RID_NUMBER_MAX,
  type Rid,
  selfLink,
} from './rid.ts';
export {
  normalizeScript,
  SCRIPTS_MAX,
  type ScriptDefinition,
  type ScriptResourceKind,
  scriptBody,
  type TriggerType,
} from './script-definition.ts';
export {
  type SearchPolicies,
  searchPolicies,
  VECTOR_DISTANCE_FUNCTIONS,
  type VectorDataType,
  type VectorDistanceFunction,
  type VectorEmbedding,
} from './search-policies.ts';
export {
  checkThroughput,
  DEFAULT_THROUGHPUT,
  parseThroughput,
  throughputMin,
  throughputOfOffer,
  throughputRate,
} from './throughput.ts';
export type {
  ConflictResolutionPolicy,
  ContainerDefinition,
  EffectivePartitionKey,
  EpkRange,
  IndexingPolicy,
  KeyComponent,
  PartitionKey,
  PartitionKeyDefinition,
  Throughput,
} from './types.ts';
export { type UniqueKeys, uniqueKeysOf, uniqueTexts } from './unique-keys.ts';
