/** Between regions: streams, causal delivery, relaying, and the faults of links. */

export { type Backlog, type LeaseStatus, type LevelDemand, Levels, type LevelsOptions } from './levels.ts';
export { LinkConditions, type LinkConditionsOptions, type LinkFault, type ListedLinkFault } from './links.ts';
export type { Member } from './pull-link.ts';
export { type Replication, type ReplicationOptions, startReplication } from './replication.ts';
export type { PeerStatus, ReplicationStatus } from './replication-status.ts';
export type { Lag } from './reports.ts';
export { DiskOutdatedError } from './told-writes.ts';
