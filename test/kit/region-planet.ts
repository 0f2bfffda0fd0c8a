import {
  type AccountPlan,
  type ContainerRecord,
  type Directory,
  initialAccountState,
  openEmbeddedDirectory,
} from '../../src/account/index.ts';
import type { JsonObject } from '../../src/base/index.ts';
import type { Items } from '../../src/engine/index.ts';
import { createMemoryLog, type MemoryLog, type MemoryMedium } from '../../src/log/index.ts';
import { normalizeContainer } from '../../src/resource/index.ts';
import { createInProcessRunner, loadInstance, SCRIPT_LIMITS } from '../../src/script/index.ts';
import { openRegion, type Region } from '../../src/server/index.ts';
import { createMemoryStore, MemoryStoreState } from '../../src/store/index.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { type LinkQuality, SimulatedNetwork } from '../simulation/simulated-network.ts';
import { type SimulatedMachine, SimulatedRuntime } from '../simulation/simulated-runtime.ts';
import { Trace } from '../simulation/trace.ts';

/** Loaded before any simulation, whose time stands still while something real is waited for. */
const INSTANCE = await loadInstance(SCRIPT_LIMITS.memoryBytes);

export interface RegionPlanetOptions extends Partial<Omit<AccountPlan, 'id'>> {
  readonly seed?: number;
  readonly link?: Partial<LinkQuality>;
  readonly operationTimeoutMs?: number;
  /** Policies of the container. */
  readonly container?: JsonObject;
}

interface Node {
  machine: SimulatedMachine;
  region: Region;
  log: MemoryLog;
  store: MemoryStoreState;
  /** What its next life finds instead of what this one wrote. */
  medium?: MemoryMedium;
}

export interface StartOptions {
  /** Error of the wall clock. */
  readonly skewMs?: number;
  /** See RegionOptions; the region is admitted by who started it. */
  readonly awaitsAdmission?: boolean;
  /** Told of each address at which the region listens, before it does. */
  readonly onListen?: (address: string) => void;
}

export const PATH = { database: 'd', container: 'c' };

/**
 * Real regions over simulated machines, links and media, with one container: time passes when a test says
 * so.
 */
export class RegionPlanet {
  readonly runtime: SimulatedRuntime;
  readonly network: SimulatedNetwork;
  readonly directory: Directory;
  readonly random: SeededRandom;
  readonly failures: unknown[] = [];
  readonly #options: RegionPlanetOptions;
  readonly #nodes = new Map<string, Node>();
  #lives = 0;

  private constructor(
    options: RegionPlanetOptions,
    parts: Pick<RegionPlanet, 'runtime' | 'network' | 'directory' | 'random'>,
  ) {
    this.#options = options;
    this.runtime = parts.runtime;
    this.network = parts.network;
    this.directory = parts.directory;
    this.random = parts.random;
  }

  static async open(options: RegionPlanetOptions = {}): Promise<RegionPlanet> {
    const random = new SeededRandom(options.seed ?? 1);
    const runtime = new SimulatedRuntime({ random: random.split('runtime'), trace: new Trace() });
    const network = new SimulatedNetwork({ runtime, random: random.split('network') });
    const link = { delayMs: 20, jitterMs: 0, loss: 0, duplicate: 0, reorder: 0, ...options.link };
    network.setAllLinks(link);
    const machine = runtime.forRegion('directory');
    const opening = openEmbeddedDirectory({
      runtime: machine,
      log: createMemoryLog({ runtime: machine }),
      initial: initialAccountState({
        id: 'tested',
        regions: options.regions ?? ['A', 'B', 'C'],
        multipleWriteRegions: options.multipleWriteRegions ?? false,
        consistency: options.consistency ?? {
          level: 'Session',
          stalenessOperations: 100_000,
          stalenessSeconds: 300,
        },
        ...(options.topology === undefined ? {} : { topology: options.topology }),
      }),
    });
    const directory = await settle(runtime, opening);
    const planet = new RegionPlanet(options, { runtime, network, directory, random });
    await planet.until(planet.#createContainer(machine.nowMs()));
    for (const { name } of directory.state.regions) await planet.start(name);
    // Sessions, leases and clocks need a moment to come up.
    await planet.run(2_000);
    return planet;
  }

  async #createContainer(timeMs: number): Promise<ContainerRecord> {
    const { directory } = this;
    const { rid } = await directory.execute({ kind: 'createDatabase', id: PATH.database, timeMs });
    const definition = normalizeContainer({
      id: PATH.container,
      partitionKey: { paths: ['/pk'], kind: 'Hash' },
      ...this.#options.container,
    });
    return directory.execute({ kind: 'createContainer', databaseRid: rid, definition, timeMs });
  }

  get names(): readonly string[] {
    return this.directory.state.regions.map(({ name }) => name);
  }

  /** Starts a region over what its last life made durable. */
  start(name: string, how: StartOptions = {}): Promise<void> {
    return this.until(this.launch(name, how));
  }

  /** The same, for whoever lets time pass already. */
  async launch(
    name: string,
    { skewMs = 0, awaitsAdmission = false, onListen = () => undefined }: StartOptions = {},
  ): Promise<void> {
    const before = this.#nodes.get(name);
    const life = ++this.#lives;
    const machine = this.runtime.forRegion(name, { life, skewMs });
    const medium = before === undefined ? {} : { medium: before.medium ?? before.log.medium };
    const log = createMemoryLog({ runtime: machine, syncMs: 1, ...medium });
    const store = before?.store ?? new MemoryStoreState();
    const { operationTimeoutMs } = this.#options;
    const network = this.network.forRegion(machine);
    const opening = openRegion({
      runtime: machine,
      network: {
        connect: (address) => network.connect(address),
        listen: (address, accept) => {
          onListen(address);
          return network.listen(address, accept);
        },
      },
      log,
      store: createMemoryStore({ state: store, runtime: machine }),
      directory: this.directory,
      region: name,
      runner: createInProcessRunner(machine, INSTANCE),
      listenAddresses: addressesOf(name),
      addressesOf,
      ...(operationTimeoutMs === undefined ? {} : { operationTimeoutMs }),
      awaitsAdmission,
      onFailed: (reason) => this.failures.push(reason),
    });
    const region = await opening;
    this.#nodes.set(name, { machine, region, log, store });
  }

  /** The region's machine loses power; what was synced is there at the next start. */
  crash(name: string): void {
    const { machine, log } = this.#node(name);
    machine.halt();
    this.network.crash(machine);
    log.powerLoss('lost');
  }

  /** Copies the region's disk; the function returned puts the copy in its place, when it has no power. */
  copyDisk(name: string): () => void {
    const medium = this.#node(name).log.medium.copy();
    return () => {
      const node = this.#node(name);
      // The store is made again from the log.
      this.#nodes.set(name, { ...node, store: new MemoryStoreState(), medium });
    };
  }

  /** What the region, which has no power, made of its log is gone. */
  loseStore(name: string): void {
    this.#nodes.set(name, { ...this.#node(name), store: new MemoryStoreState() });
  }

  /** The region, which has no power, gets an empty disk, and with it a new origin. */
  async wipe(name: string): Promise<void> {
    this.#nodes.delete(name);
    await this.until(this.directory.execute({ kind: 'renewOrigin', region: name }));
  }

  #node(name: string): Node {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new RangeError(`there is no region ${name}`);
    return node;
  }

  region(name: string): Region {
    return this.#node(name).region;
  }

  machine(name: string): SimulatedMachine {
    return this.#node(name).machine;
  }

  items(name: string): Items {
    return this.region(name).engine.items;
  }

  cut(one: string, other: string): void {
    this.network.cut(one, other);
    this.network.cut(other, one);
  }

  isolate(name: string): void {
    for (const other of this.names) if (other !== name) this.cut(name, other);
  }

  heal(): void {
    this.network.healAll();
  }

  /** Lets simulated time pass. */
  run(ms: number): Promise<void> {
    return this.runtime.run({ untilMs: this.runtime.elapsedMs + ms });
  }

  /** Lets time pass until `work` ends. */
  until<T>(work: Promise<T>): Promise<T> {
    return settle(this.runtime, work);
  }

  /** The code of the refusal; undefined for an answer. */
  async refusal(work: Promise<unknown> | (() => unknown)): Promise<string | undefined> {
    const begun = typeof work === 'function' ? (async () => work())() : work;
    return this.until(
      begun.then(
        () => undefined,
        (error: { readonly code?: string }) => error.code ?? String(error),
      ),
    );
  }

  write(name: string, id: string, value: unknown): ReturnType<Items['upsert']> {
    const body = Buffer.from(JSON.stringify({ id, pk: 'p', value }));
    return this.items(name).upsert({ path: PATH, partitionKey: ['p'], body });
  }

  /** The value; undefined when there is no such item. */
  async read(name: string, id: string, context: object = {}): Promise<unknown> {
    try {
      const answer = await this.items(name).read({ path: PATH, partitionKey: ['p'], id, ...context });
      return (JSON.parse(String(answer.body)) as { value: unknown }).value;
    } catch (error) {
      if ((error as { code?: string }).code === 'NotFound') return undefined;
      throw error;
    }
  }

  /** Whether the region has power, and was opened. */
  isUp(name: string): boolean {
    return this.#nodes.get(name)?.machine.isHalted === false;
  }

  async close(): Promise<void> {
    for (const { region, machine } of this.#nodes.values()) {
      if (!machine.isHalted) await this.until(region.abandon());
    }
  }
}

async function settle<T>(runtime: SimulatedRuntime, work: Promise<T>): Promise<T> {
  let isDone = false;
  const finished = work.finally(() => {
    isDone = true;
  });
  finished.catch(() => undefined);
  // An hour is for ever here.
  await runtime.run({ untilMs: runtime.elapsedMs + 3_600_000, isDone: () => isDone });
  return finished;
}

function addressesOf(name: string) {
  return { replication: `${name}/replication`, forwarding: `${name}/forwarding` };
}
