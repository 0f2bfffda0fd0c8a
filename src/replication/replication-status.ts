import type { Origin } from '../causality/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import type { Lag } from './reports.ts';

export interface PeerStatus {
  readonly region: string;
  readonly origin: Origin;
  /** This region pulls from it. */
  readonly isConnected: boolean;
  /** It pulls from this region. */
  readonly isPulling: boolean;
  /** Since anything at all was heard of it; undefined if never. */
  readonly lastHeardMs: number | undefined;
  /** Why the last session with it as the source ended, while there is none. */
  readonly lastError: string | undefined;
  /** Whose entries it is asked for. */
  readonly wants: readonly Origin[];
  /** Bytes of its entries that came and are not yet durable here. */
  readonly unreleasedBytes: number;
  /** Bytes sent to it that it has not said to hold durably. */
  readonly unacknowledgedBytes: number;
  /** Entries sent to it in its present session. */
  readonly entriesSent: number;
  /** Partitions that only a copy can bring up to date: its log starts after our position. */
  readonly unavailable: readonly PartitionNumber[];
  /** How far we are behind its own writes, over all partitions: operations summed, the longest time. */
  readonly lag: Lag;
}

export interface ReplicationStatus {
  readonly isPaused: boolean;
  readonly peers: readonly PeerStatus[];
  /** Entries that came before something they depend on. */
  readonly waitingEntries: number;
  readonly waitingBytes: number;
  /** Bytes being made durable. */
  readonly receivingBytes: number;
}
