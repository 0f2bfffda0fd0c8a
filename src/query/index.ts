/** Queries: from text to a syntax tree, to a plan over the indexes, to pages of rows. */
export { CarryOvers } from './carry-over.ts';
export { parseFeatures } from './client-features.ts';
export { concernsOneKey, isServableAcrossPartitions, planInTurns } from './client-plan.ts';
export { type CompiledQuery, compileQuery, prepareQuery } from './compiled-query.ts';
export {
  type ComputedProperties,
  type ComputedProperty,
  compileComputedProperties,
} from './computed-properties.ts';
export { beginEnvironment, type QueryEnvironment } from './environment.ts';
export { executePage } from './execute.ts';
export type { ExecuteOptions, QueryPage } from './execute-options.ts';
export {
  type ExplainedStep,
  type Explanation,
  explain,
  type PlanNode,
  sumExplanations,
} from './explanation.ts';
export { FUNCTION_FAMILIES } from './functions/function-table.ts';
export { MeteredSource } from './metered-source.ts';
export { evaluateOverResources, matchesCondition } from './resource-query.ts';
export type {
  Estimate,
  IndexScope,
  ItemNumber,
  Nearest,
  NearestRequest,
  NumberCursor,
  Posting,
  PostingCursor,
  QuerySource,
  QuerySpec,
  SourceItem,
  ValueCursor,
  ValuePostings,
  ValueRange,
} from './source.ts';
export type { FunctionCall, FunctionCaller } from './user-functions.ts';
export { isDeeperThan, VALUE_DEPTH_MAX } from './values.ts';
