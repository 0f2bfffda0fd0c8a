import type { Directory } from '../../account/index.ts';
import type { HistogramSnapshot } from '../../base/index.ts';
import type { Origin } from '../../causality/index.ts';
import type { OperationCounts } from '../../engine/index.ts';
import type { LinkFault } from '../../replication/index.ts';

/** What can be done to a planet, however its regions run. Region names are checked by the caller. */
export interface Planet {
  readonly regions: readonly string[];
  readonly directory: Pick<Directory, 'state' | 'execute'>;
  readonly faults: Faults;
  /**
   * @throws DatabaseError `Conflict` when the region is down already (kill, collect), up already (start), or
   * not down (wipe).
   */
  kill(region: string): Promise<void>;
  /**
   * Resolves when the region answers clients, or when it runs but will need long for that.
   * @throws DatabaseError `ServiceUnavailable` when what lies on its disk cannot be used.
   */
  start(region: string): Promise<void>;
  wipe(region: string): Promise<void>;
  collect(region: string): Promise<void>;
  /** Undefined for a region that is down or does not answer. */
  status(region: string): Promise<RegionStatus | undefined>;
  /** The same for what a region counts. */
  metrics(region: string): Promise<RegionMetrics | undefined>;
  /** What was found on the disk of a region that is down because of it. */
  damage(region: string): string | undefined;
}

/** The faults in force, each undone by its id. */
export interface Faults {
  list(): readonly { readonly id: string; readonly fault: Fault }[];
  /** Gives the fault's id once it is in force. */
  add(fault: Fault): Promise<string>;
  /** False when there is no such fault. */
  remove(id: string): Promise<boolean>;
  clear(): Promise<void>;
}

export type Fault = LinkFault | { readonly kind: 'pause'; readonly region: string } | ClockFault;

export type ClockFault =
  /** The wall clock shows so much more than it should. */
  | { readonly kind: 'skew'; readonly region: string; readonly ms: number }
  /** All clocks run fast by so many millionths. */
  | { readonly kind: 'drift'; readonly region: string; readonly ppm: number };

export interface RegionStatus {
  readonly region: string;
  readonly origin: Origin;
  readonly role: 'readWrite' | 'read';
  /** Whether clients are answered: not while a new storage life learns what the others know. */
  readonly isServing: boolean;
  /** Whether nothing waits to be sent, received or applied. */
  readonly isIdle: boolean;
  readonly partitions: readonly PartitionStatus[];
}

export interface PartitionStatus {
  readonly container: string;
  readonly pkRangeId: string;
  readonly vector: readonly (readonly [Origin, number])[];
  /** Last durable entry of the log, and how far the store has come. */
  readonly lsn: number;
  readonly applied: number;
  readonly siblings: number;
  readonly tombstones: number;
  readonly conflicts: number;
  /** Whether the region may answer reads of the account's level by itself, and for how long that is sure. */
  readonly lease: { readonly held: boolean; readonly expiresInMs: number };
  /**
   * Per other region: how many of its own writes this one lacks, and for how long it has known of the
   * oldest.
   */
  readonly lag: Readonly<Record<string, { readonly operations: number; readonly ms: number }>>;
}

/** What a region counts, since it was opened. Plain data. */
export interface RegionMetrics {
  readonly region: string;
  readonly operations: readonly OperationCounts[];
  readonly peers: readonly PeerMetrics[];
  /** Undefined at levels that need none. */
  readonly lease: { readonly held: boolean; readonly expiresInMs: number } | undefined;
  /** Of a Strong account: the regions that every write waits for. */
  readonly quorum: { readonly epoch: number; readonly size: number } | undefined;
  /** How far the wall clock is ahead of what it is taken for; see PeerClocks. */
  readonly clockCorrectionMs: number;
  /** Times of other regions that were too far ahead to be followed. */
  readonly clockRefusals: number;
  /** Bytes of items in memory: kept for reading, and waiting for the store. */
  readonly cachedBytes: number;
  readonly dirtyBytes: number;
  /** What its log takes on disk, and in how many segments the last scrub found damage. */
  readonly log: { readonly sizeBytes: number; readonly damagedSegments: number };
  /** The process that the region lives in, perhaps with others. */
  readonly process: { readonly id: number; readonly residentBytes: number; readonly heapBytes: number };
}

export interface PeerMetrics {
  readonly region: string;
  readonly isConnected: boolean;
  readonly lag: { readonly operations: number; readonly ms: number };
  readonly roundTripMs: number | undefined;
  readonly unacknowledgedBytes: number;
  /** Milliseconds from a write's being durable here to its being durable there. */
  readonly visibility: HistogramSnapshot | undefined;
}
