import type { JsonObject } from '../base/index.ts';
import type { Origin } from '../causality/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import type { ContainerDefinition, EpkRange, ScriptDefinition, Throughput } from '../resource/index.ts';

export type ConsistencyLevel = 'Strong' | 'BoundedStaleness' | 'Session' | 'ConsistentPrefix' | 'Eventual';

/** Which regions replicate with which directly; everything else is relayed. */
export type Topology =
  /** Chosen by the account's level and the distances. */
  | { readonly kind: 'auto' }
  | { readonly kind: 'mesh' }
  /** All with one; the first region unless named. */
  | { readonly kind: 'star'; readonly hub?: string }
  /** Each with the next, in failover-priority order. */
  | { readonly kind: 'chain' }
  /** The shortest links that join all, by distance where the regions' places are known. */
  | { readonly kind: 'tree' };

export interface RegionRecord {
  readonly name: string;
  /** The region's present storage life; a wipe gives it a new one and raises the account's `epoch`. */
  readonly origin: Origin;
}

export interface DatabaseRecord {
  readonly id: string;
  readonly rid: string;
  readonly etag: string;
  /** Unix seconds. */
  readonly ts: number;
  /** Counts containers ever made in this database; container rids never repeat. */
  readonly containersMade: number;
}

/** One partition set: the same range in every region. */
export interface PartitionRecord {
  /** Name of the range on the wire: '0', '1', … within its container. */
  readonly id: string;
  readonly number: PartitionNumber;
  readonly range: EpkRange;
  readonly parents: readonly string[];
}

export interface ContainerRecord {
  readonly databaseRid: string;
  readonly rid: string;
  readonly etag: string;
  readonly ts: number;
  readonly definition: ContainerDefinition;
  readonly partitions: readonly PartitionRecord[];
}

export interface OfferRecord {
  readonly rid: string;
  readonly etag: string;
  readonly ts: number;
  /** rid of the database or container it belongs to. */
  readonly resourceRid: string;
  readonly throughput: Throughput;
  readonly maxThroughputEverProvisioned: number;
}

/** A stored procedure, trigger or function of a container. */
export interface ScriptRecord {
  readonly containerRid: string;
  readonly rid: string;
  readonly etag: string;
  readonly ts: number;
  readonly definition: ScriptDefinition;
}

/** Everything that is decided once for all regions. Plain data: it is stored and sent as JSON. */
export interface AccountState {
  /** Counts the commands applied. */
  readonly revision: number;
  readonly id: string;
  /** Membership epoch: rises whenever the set of origins changes; the version of session tokens. */
  readonly epoch: number;
  readonly multipleWriteRegions: boolean;
  readonly consistency: {
    readonly level: ConsistencyLevel;
    readonly stalenessOperations: number;
    readonly stalenessSeconds: number;
  };
  /**
   * The regions (by origin) that must hold a write durably before a Strong account answers it. Its epoch
   * rises with each change.
   */
  readonly quorum: { readonly epoch: number; readonly origins: readonly Origin[] };
  readonly topology: Topology;
  /** In failover-priority order; the first is the write region of a single-write account. */
  readonly regions: readonly RegionRecord[];
  /** Origins of storage lives that ended; their writes live on in the logs of others. */
  readonly retiredOrigins: readonly Origin[];
  /** Never used before: the next database, partition, offer, origin and script number. */
  readonly next: {
    readonly database: number;
    readonly partition: PartitionNumber;
    readonly offer: number;
    readonly origin: Origin;
    readonly script: number;
  };
  /** Keyed by rid. */
  readonly databases: Readonly<Record<string, DatabaseRecord>>;
  readonly containers: Readonly<Record<string, ContainerRecord>>;
  readonly offers: Readonly<Record<string, OfferRecord>>;
  readonly scripts: Readonly<Record<string, ScriptRecord>>;
}

/** Offer text on the wire, echoed through `replaceOffer`. */
export type OfferBody = JsonObject;
