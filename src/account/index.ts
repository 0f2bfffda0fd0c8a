/** The account: its state, the commands that change it, and the directory that decides them one by one. */
export type { AccountChange, Edits } from './account-change.ts';
export { accountDocument, type RegionEndpoint } from './account-document.ts';
export type { AccountLookups } from './account-view.ts';
export type { Command, CommandResult } from './command.ts';
export {
  isStronger,
  STALENESS_MAX,
  STALENESS_MIN,
} from './consistency-policy.ts';
export type { Directory } from './directory.ts';
export { type EmbeddedDirectoryOptions, openEmbeddedDirectory } from './embedded-directory.ts';
export { type Hub, hubOf } from './hub.ts';
export { type AccountPlan, initialAccountState } from './initial-state.ts';
export { greatCircleLatency, REGION_NAMES } from './region-map.ts';
export { type ConnectOptions, connectDirectory, serveDirectory } from './remote-directory.ts';
export type {
  AccountState,
  ConsistencyLevel,
  ContainerRecord,
  DatabaseRecord,
  OfferRecord,
  PartitionRecord,
  RegionRecord,
  ScriptRecord,
  Topology,
} from './state.ts';
export { topologyEdges } from './topology.ts';
