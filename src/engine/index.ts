/** The one inner face of a region: resource operations as plain data. */
export { createEngine, type EngineOptions, type EngineParts } from './create-engine.ts';
export type {
  AnswerHead,
  BatchAnswer,
  BatchOperation,
  BatchRequest,
  BatchResult,
  ContainerPath,
  Engine,
  FeedAnswer,
  FeedScope,
  IndexingChoice,
  ItemAnswer,
  Items,
  ItemTarget,
  ItemWrite,
  Preconditions,
  QueryMetrics,
  QueryRequest,
  RequestContext,
  Resources,
  ScriptAnswer,
  ScriptExecution,
  Scripts,
  TriggerNames,
} from './engine.ts';
export { createForwarder, type Forwarder, type ForwarderOptions, serveForwarding } from './forwarding.ts';
export type { CommitWait, LevelGate } from './level-gate.ts';
export type { OperationCounts } from './meter.ts';
export type { ScriptPath } from './script-resources.ts';
