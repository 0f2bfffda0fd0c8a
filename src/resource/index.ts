/**
 * Databases, containers and items as data: ids, rids, etags, partition keys and their hash, policies, limits.
 */
export {
  checkReplacement,
  containerBody,
  type NormalizeOptions,
  normalizeContainer,
} from './container-definition.ts';
export { effectivePartitionKey, initialRanges, partitionKeyRange } from './effective-key.ts';
export { type EtagSource, formatEtag } from './etag.ts';
export type { FullTextLanguage } from './full-text-language.ts';
export { applyPatch, type Patch, parsePatch } from './item-patch.ts';
export {
  ITEM_BYTES_MAX,
  itemTtl,
  NESTING_MAX,
  ownTtl,
  type ReadItem,
  readItem,
  SYSTEM_PROPERTIES,
  type SystemProperties,
  withSystemProperties,
} from './item-text.ts';
export {
  completeKey,
  completeKeyOrPrefix,
  extractPartitionKey,
  formatPartitionKey,
  matchPartitionKey,
  parsePartitionKeyHeader,
  samePartitionKey,
  splitPath,
} from './partition-key.ts';
export {
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
export { checkItemId, checkResourceId } from './resource-id.ts';
export {
  type ContainerChild,
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
  userRid,
} from './rid.ts';
export {
  normalizeScript,
  SCRIPTS_MAX,
  type ScriptDefinition,
  type ScriptResourceKind,
  scriptBody,
  type TriggerOperation,
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
  IncludedPath,
  IndexingPolicy,
  KeyComponent,
  PartitionKey,
  PartitionKeyDefinition,
  Throughput,
} from './types.ts';
