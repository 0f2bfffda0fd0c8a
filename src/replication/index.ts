/** Between regions: streams, causal delivery, relaying, and the faults of links. */

export { LinkConditions, type LinkConditionsOptions, type LinkFault, type ListedLinkFault } from './links.ts';
export type { Member } from './pull-link.ts';
export {
  type PeerStatus,
  type Replication,
  type ReplicationOptions,
  type ReplicationStatus,
  startReplication,
} from './replication.ts';
export type { Lag } from './reports.ts';
