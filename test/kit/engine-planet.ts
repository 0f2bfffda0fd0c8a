import { type Directory, initialAccountState, openEmbeddedDirectory } from '../../src/account/index.ts';
import type { JsonObject } from '../../src/base/index.ts';
import { HybridClock } from '../../src/causality/index.ts';
import { createEngine, createForwarder, type EngineParts, serveForwarding } from '../../src/engine/index.ts';
import { createMemoryLog, type Log } from '../../src/log/index.ts';
import { PartitionHost } from '../../src/partition/index.ts';
import {
  createLocalNetwork,
  createNodeRuntime,
  type Network,
  type Runtime,
} from '../../src/runtime/index.ts';
import { createInProcessRunner, type ScriptHost } from '../../src/script/index.ts';
import { createMemoryStore, MemoryStoreState } from '../../src/store/index.ts';

export interface EnginePlanetOptions {
  /** Two unless given. */
  readonly regions?: readonly string[];
  /** On unless given. */
  readonly multipleWriteRegions?: boolean;
  /** 50 unless given. */
  readonly sessionPatienceMs?: number;
  /** How long the regions' logs take to make something durable; 0 unless given. */
  readonly syncMs?: number;
  /** Takes place in a region each time that one of its scripts asks for something, before the answer. */
  readonly beforeAnswer?: (region: string) => Promise<void> | void;
}

/** Engines over memory in one account, without replication: entries go over only when a test says so. */
export class EnginePlanet {
  readonly runtime: Runtime;
  /** How far the wall clocks of all regions are ahead of the machine's, in milliseconds. */
  skewMs = 0;
  /** For how long all regions stood still so far, in milliseconds: their clocks went on meanwhile. */
  stoodStillMs = 0;
  readonly directory: Directory;
  readonly regions: readonly EngineRegion[];
  readonly #accountLog: Log;

  private constructor(directory: Directory, accountLog: Log, options: EnginePlanetOptions) {
    const real = createNodeRuntime({ timersHoldProcess: true });
    this.runtime = {
      ...real,
      nowMs: () => real.nowMs() + this.skewMs + this.stoodStillMs,
      monotonicMs: () => real.monotonicMs() + this.stoodStillMs,
    };
    this.directory = directory;
    this.#accountLog = accountLog;
    const network = createLocalNetwork(this.runtime);
    this.regions = directory.state.regions.map(
      ({ name, origin }) =>
        new EngineRegion({
          name,
          origin,
          runtime: this.runtime,
          directory,
          network,
          sessionPatienceMs: options.sessionPatienceMs ?? 50,
          syncMs: options.syncMs ?? 0,
          beforeAnswer: options.beforeAnswer ?? (() => undefined),
        }),
    );
  }

  static async open(options: EnginePlanetOptions = {}): Promise<EnginePlanet> {
    const runtime = createNodeRuntime({ timersHoldProcess: true });
    const log = createMemoryLog({ runtime });
    const initial = initialAccountState({
      id: 'tested',
      regions: options.regions ?? ['A', 'B'],
      multipleWriteRegions: options.multipleWriteRegions ?? true,
      consistency: { level: 'Session', stalenessOperations: 100_000, stalenessSeconds: 300 },
    });
    const directory = await openEmbeddedDirectory({ runtime, log, initial });
    const planet = new EnginePlanet(directory, log, options);
    for (const region of planet.regions) await region.listen();
    return planet;
  }

  region(place: number): EngineRegion {
    const region = this.regions[place];
    if (region === undefined) throw new RangeError(`there is no region ${place}`);
    return region;
  }

  /** Makes the container `c` of the database `d`, with partition key `/pk`, and opens it in all regions. */
  async makeContainer(more: JsonObject = {}, throughput?: number): Promise<void> {
    const { resources } = this.region(0).engine;
    await resources.createDatabase({ id: 'd' }, undefined);
    const body = { id: 'c', partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 }, ...more };
    const offer = throughput === undefined ? undefined : ({ kind: 'manual', throughput } as const);
    await resources.createContainer('d', body, offer);
    for (const record of Object.values(this.directory.state.containers))
      for (const region of this.regions) await region.parts.open(record);
  }

  async close(): Promise<void> {
    for (const region of this.regions) await region.close();
    await this.directory.close();
    await this.#accountLog.close();
  }
}

interface RegionParts {
  readonly name: string;
  readonly origin: number;
  readonly runtime: Runtime;
  readonly directory: Directory;
  readonly network: Network;
  readonly sessionPatienceMs: number;
  readonly syncMs: number;
  readonly beforeAnswer: (region: string) => Promise<void> | void;
}

export class EngineRegion {
  readonly parts: EngineParts;
  readonly host: PartitionHost;
  readonly log: Log;
  /** What the node said when it could not go on. */
  readonly failures: unknown[] = [];
  readonly origin: number;
  readonly #given: RegionParts;
  #stopListening: () => Promise<void> = async () => undefined;
  readonly #forget: () => void;
  readonly #drops: Promise<void>[] = [];

  constructor(given: RegionParts) {
    const { name, origin, runtime, directory, network, sessionPatienceMs, syncMs, beforeAnswer } = given;
    this.#given = given;
    this.origin = origin;
    this.log = createMemoryLog({ runtime, syncMs });
    this.host = new PartitionHost({
      runtime,
      log: this.log,
      store: createMemoryStore({ state: new MemoryStoreState() }),
      clock: new HybridClock(runtime),
      cacheBytesMax: 1 << 20,
      dirtyBytesMax: 1 << 20,
      onFailed: (reason) => this.failures.push(reason),
    });
    const runner = createInProcessRunner(runtime);
    this.parts = createEngine({
      runtime,
      region: name,
      origin,
      directory,
      host: this.host,
      forwarder: createForwarder({ runtime, network, addressOf: (other) => other, timeoutMs: 500 }),
      gate: {
        kind: 'none',
        holdsLease: () => true,
        isLost: () => false,
        committed: () => undefined,
        committedHere: () => undefined,
      },
      runner: {
        ...runner,
        run: (run, host) =>
          runner.run(run, async (requests: Parameters<ScriptHost>[0]) => {
            await beforeAnswer(name);
            return host(requests);
          }),
      },
      decidesConflicts: () => directory.state.regions[0]?.name === name,
      onFailed: (reason) => this.failures.push(reason),
      sessionPatienceMs,
      roomPatienceMs: 100,
      operationTimeoutMs: 5_000,
    });
    this.#forget = directory.onChange((_, previous, change) => {
      for (const rid of change.containers?.removed ?? []) {
        const record = previous.containers[rid];
        if (record !== undefined) this.#drops.push(this.parts.drop(record));
      }
    });
  }

  get engine() {
    return this.parts.engine;
  }

  get items() {
    return this.parts.engine.items;
  }

  /** Answers the other regions from here on; again after `deafen`. */
  async listen(): Promise<void> {
    const { network, name } = this.#given;
    const listener = await serveForwarding(network, name, this.parts.localItems);
    this.#stopListening = () => listener.close();
  }

  deafen(): Promise<void> {
    return this.#stopListening();
  }

  /** Takes over everything that `other` has in partitions that are open here. */
  async pull(other: EngineRegion): Promise<void> {
    for (const number of this.host.numbers()) {
      const [mine, theirs] = [this.host.get(number), other.host.get(number)];
      if (mine === undefined || theirs === undefined) continue;
      await mine.receive(await theirs.read(theirs.coveredLsn(mine.vector) + 1, 1 << 24));
    }
  }

  /** Resolves when what the account no longer has is gone here too. */
  async settleDrops(): Promise<void> {
    await Promise.all(this.#drops);
  }

  async close(): Promise<void> {
    this.#forget();
    await this.settleDrops();
    await this.deafen();
    await this.host.abandon();
    await this.log.close();
  }
}
