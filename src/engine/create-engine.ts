import type { ContainerRecord, Directory } from '../account/index.ts';
import type { Origin } from '../causality/index.ts';
import type { Partition, PartitionHost } from '../partition/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { ScriptRunner } from '../script/index.ts';
import { createConflictFeed } from './conflict-feed.ts';
import { ConflictHub } from './conflict-hub.ts';
import { Containers } from './containers.ts';
import { Deadlines } from './deadlines.ts';
import type { Engine, Items } from './engine.ts';
import { Feeds } from './feeds.ts';
import type { Forwarder } from './forwarding.ts';
import { runBatch } from './item-batch.ts';
import { ItemOperations } from './item-operations.ts';
import type { LevelGate } from './level-gate.ts';
import { LevelItems } from './level-items.ts';
import { Meter } from './meter.ts';
import { deletePartitionKey } from './partition-key-deletion.ts';
import { RegionPartitions } from './region-partitions.ts';
import { createResources } from './resources.ts';
import { ScriptOperations } from './script-operations.ts';
import { createScriptResources } from './script-resources.ts';
import type { ScriptTransactionOptions } from './script-transaction.ts';
import { TimedItems, timedConflicts } from './timed-items.ts';

export interface EngineOptions {
  readonly runtime: Runtime;
  readonly region: string;
  /** Under which this region writes. */
  readonly origin: Origin;
  readonly directory: Directory;
  readonly host: PartitionHost;
  readonly forwarder: Forwarder;
  readonly gate: LevelGate;
  /** What runs the scripts of users. */
  readonly runner: ScriptRunner;
  /** Whether this region decides conflicts of the partition that a merge procedure is for, as of now. */
  readonly decidesConflicts: (partition: Partition) => boolean;
  /** The region can go on no longer. */
  readonly onFailed: (reason: unknown) => void;
  /** How long a request waits for its session token before another region is asked, in milliseconds. */
  readonly sessionPatienceMs: number;
  /** How long a write waits while the store lags too far behind, in milliseconds. */
  readonly roomPatienceMs: number;
  /** Upper bound of every operation on items, in milliseconds. */
  readonly operationTimeoutMs: number;
}

export interface EngineParts {
  readonly engine: Engine;
  /** The same items for requests that other regions forwarded: these are never forwarded again. */
  readonly localItems: Items;
  /** What operations of clients came to; those that other regions forwarded are counted there. */
  readonly meter: Meter;
  /** Looks for conflicts to decide, as it does by itself when something is written. */
  decideConflicts(): void;
  /** Whether conflicts are being decided here, or are about to be. */
  isDeciding(): boolean;
  /** Operations under way are answered no more. */
  stop(): void;
  /** Opens the partitions of a container, unless the account has it no more. */
  open(record: ContainerRecord): Promise<void>;
  /** Forgets a container that the account has no more, with all its items. */
  drop(record: ContainerRecord): Promise<void>;
}

/** The engine of one region over parts that exist; its parts open partitions as they are wanted. */
export function createEngine(options: EngineOptions): EngineParts {
  const { directory, region, host } = options;
  const isWanted = (record: ContainerRecord) => Object.hasOwn(directory.state.containers, record.rid);
  const partitions = new RegionPartitions(host, options.origin, isWanted);
  const containers = new Containers(directory, partitions);
  const meter = new Meter();
  const deadlines = new Deadlines(options.runtime, options.operationTimeoutMs);
  const scripts = createScriptOperations(options, containers, options.forwarder);
  const items = createItems(options, containers, scripts, options.forwarder);
  const timed = new TimedItems(items, { ...options, deadlines, meter });
  const hub = new ConflictHub({ ...options, containers, openSource: openSourceOf(host) });
  const engine: Engine = {
    get account() {
      return directory.state;
    },
    region,
    items: timed,
    resources: createResources({ runtime: options.runtime, region, directory, containers, partitions }),
    conflicts: timedConflicts(timed, createConflictFeed({ directory, containers, items: scripts.items })),
    scripts: {
      ...createScriptResources({ ...options, containers }),
      execute: (execution) =>
        timed.run('execute', () => items.afterCommit(scripts.execute(execution), execution)),
    },
  };
  return {
    engine,
    localItems: createItems(
      options,
      containers,
      createScriptOperations(options, containers, undefined),
      undefined,
    ),
    meter,
    decideConflicts: () => hub.lookAgain(),
    isDeciding: () => !hub.isIdle,
    stop() {
      hub.stop();
      deadlines.stop();
    },
    open: async (record) => {
      if (!isWanted(record)) return;
      await partitions.openAll(record, () => containers.policiesNow(record));
      if (isWanted(record)) hub.watch(record);
    },
    async drop(record) {
      hub.forget(record);
      containers.forget(record);
      await partitions.dropAll(record);
    },
  };
}

function createScriptOperations(
  options: EngineOptions,
  containers: Containers,
  forwarder: Forwarder | undefined,
): ScriptOperations {
  const { host } = options;
  return new ScriptOperations({
    ...options,
    containers,
    items: new ItemOperations({ ...options, containers, forwarder, room: () => host.room() }),
    openSource: openSourceOf(host),
  });
}

function openSourceOf(host: PartitionHost): ScriptTransactionOptions['openSource'] {
  return (partition, view) => host.openSource(partition, view);
}

function createItems(
  options: EngineOptions,
  containers: Containers,
  scripts: ScriptOperations,
  forwarder: Forwarder | undefined,
): LevelItems {
  const { host } = options;
  const { items } = scripts;
  const feeds = new Feeds({
    ...options,
    containers,
    items,
    openSource: (partition, view) => host.openSource(partition, view),
  });
  const inner: Items = {
    create: (write) =>
      write.triggers === undefined
        ? items.create(write)
        : scripts.write({ op: 'create', write }, write.triggers),
    upsert: (write) =>
      write.triggers === undefined
        ? items.upsert(write)
        : scripts.write({ op: 'upsert', write }, write.triggers),
    replace: (target, body) =>
      target.triggers === undefined
        ? items.replace(target, body)
        : scripts.write({ op: 'replace', target, body }, target.triggers),
    patch: (target, body) => items.patch(target, body),
    delete: (target) =>
      target.triggers === undefined
        ? items.delete(target)
        : scripts.write({ op: 'delete', target }, target.triggers),
    read: (target) => items.read(target),
    list: (scope) => feeds.list(scope),
    query: (request) => feeds.query(request),
    batch: (request) => runBatch({ ...options, containers, items }, request),
    deletePartitionKey: (scope) => deletePartitionKey({ ...options, containers, items }, scope),
  };
  return new LevelItems(inner, { ...options, forwarder, commitPatienceMs: options.operationTimeoutMs });
}
