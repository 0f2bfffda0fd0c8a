import type { AccountState, ConsistencyLevel, ContainerRecord } from '../account/index.ts';
import type { Json, JsonObject } from '../base/index.ts';
import type { DatabaseError } from '../errors/index.ts';
import type { Explanation, QuerySpec } from '../query/index.ts';
import type { EpkRange, PartitionKey, Throughput } from '../resource/index.ts';
import type { Conflicts } from './conflict-feed.ts';
import type { ScriptResources } from './script-resources.ts';

/**
 * The one inner face of a region: resource operations as plain data. Front doors decode requests into
 * these calls and encode the answers; nothing here knows a wire format.
 *
 * A `ContainerPath` names database and container by id or by rid, as the caller addressed them.
 * Every operation rejects with DatabaseError for what the caller did or must handle.
 */
export interface ContainerPath {
  readonly database: string;
  readonly container: string;
}

/** What every data request may carry. */
export interface RequestContext {
  /** Session-token header as received. */
  readonly sessionToken?: string;
  /** Must not be stronger than the account's level. */
  readonly consistency?: ConsistencyLevel;
  /** When it differs from the container's rid the request is refused (400/1024). */
  readonly intendedContainerRid?: string;
}

export interface Preconditions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
}

/** Of a write: whether the item goes into indexes, whatever the container's policy says of new items. */
export interface IndexingChoice {
  readonly indexing?: 'Include' | 'Exclude';
}

/** What every data answer carries, errors included (see `AnswerError`). */
export interface AnswerHead {
  readonly containerRid: string;
  /** Owner path by name, `dbs/d/colls/c`. */
  readonly containerPath: string;
  readonly rangeId: string;
  readonly sessionToken: string;
  readonly lsn: number;
  /** The position in this region's log that the answer rests on; 0 when another region vouches for it. */
  readonly basedOn: number;
  /** Request units. */
  readonly charge: number;
}

export interface ItemAnswer extends AnswerHead {
  readonly status: 200 | 201 | 204 | 304;
  readonly etag: string | undefined;
  /** The item as JSON text; undefined for 204 and 304. */
  readonly body: Buffer | undefined;
}

export interface FeedAnswer extends AnswerHead {
  /** Each row as JSON text. */
  readonly rows: readonly (Buffer | string)[];
  readonly continuation: string | undefined;
  readonly metrics: QueryMetrics | undefined;
}

export interface QueryMetrics {
  readonly totalMs: number;
  readonly compileMs: number;
  readonly indexLookupMs: number;
  readonly documentLoadMs: number;
  readonly retrievedCount: number;
  readonly retrievedBytes: number;
  readonly outputCount: number;
  readonly outputBytes: number;
  /** Share of retrieved items that satisfied the condition, from 0 to 1. */
  readonly indexHitRatio: number;
  /** What was read and how, over all ranges together. */
  readonly explanation: Explanation | undefined;
}

/** Triggers to be run around a write, by id. */
export interface TriggerNames {
  readonly pre: readonly string[];
  readonly post: readonly string[];
}

export interface ItemTarget extends RequestContext, Preconditions, IndexingChoice {
  readonly path: ContainerPath;
  /** Item id, or the item's rid when the container was addressed by rid. */
  readonly id: string;
  readonly partitionKey: PartitionKey | undefined;
  /** Of a replace or delete; left out when there are none. */
  readonly triggers?: TriggerNames;
}

export interface ItemWrite extends RequestContext, Preconditions, IndexingChoice {
  readonly path: ContainerPath;
  /** As the client sent it; checked against the key in the body. */
  readonly partitionKey: PartitionKey | undefined;
  /** JSON text as received. */
  readonly body: Buffer;
  /** Left out when there are none: nearly always. */
  readonly triggers?: TriggerNames;
}

/** One operation of a batch; what it needs beside its conditions depends on its kind. */
export type BatchOperation = Preconditions &
  (
    | { readonly kind: 'create' | 'upsert'; readonly body: Buffer }
    | { readonly kind: 'replace' | 'patch'; readonly id: string; readonly body: Buffer }
    | { readonly kind: 'read' | 'delete'; readonly id: string }
  );

/** Operations on items of one logical partition: all of them happen, or none. */
export interface BatchRequest extends RequestContext {
  readonly path: ContainerPath;
  readonly partitionKey: PartitionKey | undefined;
  readonly operations: readonly BatchOperation[];
}

export type BatchResult =
  | Pick<ItemAnswer, 'status' | 'etag' | 'body' | 'charge'>
  /** Why the batch failed. */
  | { readonly error: DatabaseError }
  /** Not done, since another operation failed. */
  | 'failed dependency';

export interface BatchAnswer extends AnswerHead {
  readonly isCommitted: boolean;
  /** In the order of the operations. */
  readonly results: readonly BatchResult[];
}

export interface FeedScope extends RequestContext {
  readonly path: ContainerPath;
  /** A full key or a prefix of a hierarchical one. */
  readonly partitionKey?: PartitionKey;
  readonly rangeId?: string;
  /** Confines further, inside the range. */
  readonly epkRange?: EpkRange;
  /** -1 or undefined: the engine decides. */
  readonly itemCountMax?: number;
  readonly continuation?: string;
}

export interface QueryRequest extends FeedScope {
  readonly spec: QuerySpec;
  readonly wantMetrics?: boolean;
  /** Refuses a query that concerns several ranges, unless it names one or filters by one partition key. */
  readonly staysInOneKey?: boolean;
}

/**
 * Operations on items, as the account's consistency level promises them. Callers' faults and expected states
 * (a conflict, a missing item, no lease) reject with a DatabaseError, mostly an AnswerError that carries the
 * answer's head.
 */
export interface Items {
  create(write: ItemWrite): Promise<ItemAnswer>;
  upsert(write: ItemWrite): Promise<ItemAnswer>;
  replace(target: ItemTarget, body: Buffer): Promise<ItemAnswer>;
  /** `body` is the PATCH body: operations, optionally with a condition. */
  patch(target: ItemTarget, body: Buffer): Promise<ItemAnswer>;
  delete(target: ItemTarget): Promise<ItemAnswer>;
  /** Answers at once when the item is in memory and nothing has to be waited for. */
  read(target: ItemTarget): ItemAnswer | Promise<ItemAnswer>;
  list(scope: FeedScope): Promise<FeedAnswer>;
  query(request: QueryRequest): Promise<FeedAnswer>;
  deletePartitionKey(scope: FeedScope): Promise<AnswerHead>;
  /** Resolves also when an operation fails, since then all have: see `isCommitted`. */
  batch(request: BatchRequest): Promise<BatchAnswer>;
}

/** Metadata as the SQL protocol shows it: complete resources with `_rid`, `_self`, `_etag`, `_ts`. */
export interface Resources {
  listDatabases(): JsonObject[];
  readDatabase(database: string): JsonObject;
  createDatabase(body: JsonObject, throughput: Throughput | undefined): Promise<JsonObject>;
  deleteDatabase(database: string, ifMatch?: string): Promise<void>;
  listContainers(database: string): JsonObject[];
  readContainer(path: ContainerPath): JsonObject;
  createContainer(
    database: string,
    body: JsonObject,
    throughput: Throughput | undefined,
  ): Promise<JsonObject>;
  replaceContainer(path: ContainerPath, body: JsonObject, ifMatch?: string): Promise<JsonObject>;
  deleteContainer(path: ContainerPath, ifMatch?: string): Promise<void>;
  listPartitionKeyRanges(path: ContainerPath): JsonObject[];
  listOffers(): JsonObject[];
  readOffer(rid: string): JsonObject;
  replaceOffer(rid: string, body: JsonObject): Promise<JsonObject>;
  /**
   * For signing and for `x-ms-content-path`: the rid of what a path names. @throws `OwnerNotFound` /
   * `NotFound`.
   */
  databaseRid(database: string): string;
  /** The partition key definition, for query plans. */
  containerOf(path: ContainerPath): ContainerRecord;
  /** For the quota headers. */
  usage(path: ContainerPath): ContainerUsage;
}

/** What a container has in this region. */
export interface ContainerUsage {
  readonly itemCount: number;
  readonly itemBytes: number;
  /** How much of the index is as the policy wants it; 100 unless the policy was changed not long ago. */
  readonly indexPercent: number;
}

/** A stored procedure to be run; see ScriptResources for its upkeep. */
export interface ScriptExecution extends RequestContext {
  readonly path: ContainerPath;
  /** Id or rid of the procedure. */
  readonly id: string;
  /** The logical partition that it works on. */
  readonly partitionKey: PartitionKey | undefined;
  readonly arguments: readonly Json[];
  /** Whether what it logs is to be kept. */
  readonly isLogging: boolean;
}

export interface ScriptAnswer extends AnswerHead {
  /** JSON text of what the procedure left as its answer; empty when it left none. */
  readonly body: Buffer;
  readonly log: string;
}

/** Scripts as resources, and the running of stored procedures. */
export interface Scripts extends ScriptResources {
  /**
   * Runs a stored procedure as one transaction.
   * @throws DatabaseError `BadRequest` when it throws, `ScriptTimeout` when it takes too long.
   */
  execute(execution: ScriptExecution): Promise<ScriptAnswer>;
}

/** One region's face, for every front door. */
export interface Engine {
  readonly account: AccountState;
  /** Name of the region that this engine serves. */
  readonly region: string;
  readonly items: Items;
  readonly resources: Resources;
  readonly scripts: Scripts;
  readonly conflicts: Conflicts;
}
