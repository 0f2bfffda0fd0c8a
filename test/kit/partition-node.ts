import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { HybridClock } from '../../src/causality/index.ts';
import { compileIndexingPolicy, type Indexer } from '../../src/index/index.ts';
import { type Log, openFileLog } from '../../src/log/index.ts';
import { type Partition, PartitionHost, type PartitionHostOptions } from '../../src/partition/index.ts';
import { createNodeDisk, createNodeRuntime } from '../../src/runtime/index.ts';
import { createMemoryStore, MemoryStoreState, type Store } from '../../src/store/index.ts';

export interface PartitionNodeRequest {
  readonly number: number;
  /** All paths unless given. */
  readonly indexer?: Indexer;
  /** 1 unless given. */
  readonly origin?: number;
  /** The log's; a fresh one unless given. */
  readonly folder?: string;
  /** What the store keeps over crashes; nothing unless given. */
  readonly state?: MemoryStoreState;
  /** How long a batch of the store may take, in milliseconds; none takes any unless given. */
  readonly writeMsMax?: number;
  readonly host?: Partial<PartitionHostOptions>;
}

const runtime = createNodeRuntime({ timersHoldProcess: true });

/** The indexer of the default policy. */
export const EVERYTHING = compileIndexingPolicy({
  indexingMode: 'consistent',
  automatic: true,
  includedPaths: [{ path: '/*' }],
  excludedPaths: [],
});

/** Removed when the test has ended. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'orrery-partition-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** One region's node with one partition, a log in files and a store in memory; crashes when the test ends. */
export class PartitionNode {
  readonly log: Log;
  readonly store: Store;
  readonly host: PartitionHost;
  readonly partition: Partition;
  #isUp = true;

  private constructor(log: Log, store: Store, host: PartitionHost, partition: Partition) {
    this.log = log;
    this.store = store;
    this.host = host;
    this.partition = partition;
  }

  static async open(request: PartitionNodeRequest): Promise<PartitionNode> {
    const { number, indexer = EVERYTHING, origin = 1, state = new MemoryStoreState(), writeMsMax } = request;
    const directory = request.folder ?? (await makeFolder());
    const log = await openFileLog({ runtime, disk: createNodeDisk(), directory, segmentBytes: 1 << 20 });
    const store = createMemoryStore(writeMsMax === undefined ? { state } : { state, runtime, writeMsMax });
    const host = new PartitionHost({
      runtime,
      log,
      store,
      clock: new HybridClock(runtime),
      cacheBytesMax: 1 << 16,
      dirtyBytesMax: 1 << 20,
      onFailed: (reason) => {
        throw reason;
      },
      ...request.host,
    });
    const node = new PartitionNode(log, store, host, await host.open(number, origin, indexer));
    onTestFinished(() => node.crash());
    return node;
  }

  /** What is in the store stays; memory goes. */
  async crash(): Promise<void> {
    if (!this.#isUp) return;
    this.#isUp = false;
    await this.host.abandon();
    await this.log.close();
  }

  /** As it should: the store has everything in the end. */
  async close(): Promise<void> {
    this.#isUp = false;
    await this.host.close();
    await this.log.close();
  }
}
