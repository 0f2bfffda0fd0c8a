import type { Origin, VersionVector } from '../../src/causality/index.ts';
import type { Lsn, PartitionNumber } from '../../src/log/index.ts';
import type { ItemState, StoredPut } from '../../src/merge/index.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedMachine } from './simulated-runtime.ts';
import type { UniqueValues } from './unique-model.ts';

/** An item as clients name it. */
export interface ItemName {
  readonly partitionKey: string;
  readonly id: string;
}

export type RequestKind = 'create' | 'upsert' | 'replace' | 'patch' | 'delete' | 'read';

export interface ClientRequest {
  readonly kind: RequestKind;
  readonly item: ItemName;
  /** The member `value` of the body: unique in a simulation, so that every version can be told by it. */
  readonly value: string | undefined;
  /** The member `priority` of the body, for containers that resolve conflicts by it. */
  readonly priority: number | undefined;
  /** Members that are unique; undefined in worlds without. */
  readonly unique: UniqueValues | undefined;
  /** The member `ttl` of the body, in seconds. */
  readonly ttl?: number | undefined;
  readonly ifMatch: string | undefined;
  readonly sessionToken: string | undefined;
  /** Number of the client, and of its session: those that follow one another pass no tokens on. */
  readonly client: number;
  readonly session: number;
  /** Requests with one number are one transaction. */
  readonly batch: number | undefined;
}

export interface ClientAnswer {
  readonly etag: string | undefined;
  /** JSON text. */
  readonly body: string | undefined;
  readonly sessionToken: string;
}

/** What the checkers look at in one physical partition of one region, without disturbing it. */
export interface InspectedPartition {
  readonly number: PartitionNumber;
  /** Durable and applied. */
  readonly vector: VersionVector;
  tail(): Lsn;
  read(fromLsn: Lsn, bytesMax: number): Promise<Uint8Array[]>;
  /** The newest state of an item, possibly ahead of `vector`: see `isQuiet`. */
  lookup(key: string): { readonly state: ItemState; readonly visible?: StoredPut | undefined } | undefined;
  /** Whether `lookup` shows exactly what `vector` says: nothing is between memory and log. */
  isQuiet(): boolean;
}

/** An entry of the conflicts feed. */
export interface Conflict {
  readonly id: string;
  /** Of the losing write: its dot. */
  readonly name: string;
}

/** One life of one region: from its opening to its close or crash. */
export interface RegionUnderTest {
  readonly origin: Origin;
  /** Rejects with DatabaseError as the engine does. */
  call(request: ClientRequest): Promise<ClientAnswer>;
  /** All of them happen, or none, and then it rejects; undefined: there are no transactions here. */
  batch?(requests: readonly ClientRequest[]): Promise<ClientAnswer[]>;
  /** Bodies (JSON text) of all items, or of those whose member `value` is `value`, as a query finds them. */
  find(value?: string): Promise<string[]>;
  /** The entries of the conflicts feed; undefined: there is none here. */
  conflicts?(): Promise<Conflict[]>;
  /** Deals with an entry of the feed, by taking it away. */
  settle?(id: string): Promise<void>;
  partitionNumbers(): Iterable<PartitionNumber>;
  partition(number: PartitionNumber): InspectedPartition | undefined;
  /** Where an item lives: its partition set, its key in entries, and the range that session tokens name. */
  locate(item: ItemName): {
    readonly partition: PartitionNumber;
    readonly key: string;
    readonly rangeId: string;
  };
  /** Drops what is safe to drop, at once. */
  collect(): Promise<void>;
  close(): Promise<void>;
}

/**
 * All regions of one account and what outlives their processes: disks, the directory. The simulation starts,
 * crashes and restarts regions through this face and knows nothing else of them.
 */
export interface PlanetUnderTest {
  readonly regions: readonly string[];
  /**
   * Opens a region on `machine`, with what its disk still holds. `onFailed`: it says that it cannot go on.
   */
  open(
    region: string,
    machine: SimulatedMachine,
    onFailed: (reason: unknown) => void,
  ): Promise<RegionUnderTest>;
  /**
   * The region's machine has just lost power: its disk keeps what was synced, and perhaps some of the rest.
   */
  crash(region: string): void;
  /** The region's disk, when it has one that can fail. */
  disk?(region: string): SimulatedDisk | undefined;
  /** The region, which has no power, loses what it can make anew from its logs. */
  loseStore?(region: string): void;
  /**
   * Copies what is safely on the region's disk; what it returns puts the copy in the place of the disk, once,
   * when the region has no power.
   */
  copyDisk?(region: string): () => void;
  /** The region, which has no power, gets an empty disk: its next life writes under another origin. */
  wipe(region: string): Promise<void>;
}
