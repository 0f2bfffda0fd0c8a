import { expect } from 'vitest';
import { assert } from '../../src/base/index.ts';
import { type Origin, VersionVector } from '../../src/causality/index.ts';
import {
  encodeEntry,
  type PartitionTable,
  peekEntry,
  type ReplicatedPartition,
} from '../../src/partition/index.ts';
import {
  LinkConditions,
  type Member,
  type Replication,
  startReplication,
} from '../../src/replication/index.ts';
import { type Channel, createLocalNetwork, type Network } from '../../src/runtime/index.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { type LinkQuality, SimulatedNetwork } from '../simulation/simulated-network.ts';
import { type SimulatedMachine, SimulatedRuntime } from '../simulation/simulated-runtime.ts';
import { Trace } from '../simulation/trace.ts';
import { undemanding } from './undemanding-levels.ts';

// --- a region's partitions over plain arrays -------------------------------------------------------------

interface Disk {
  readonly machine: SimulatedMachine;
  /** How long a group takes to become durable. */
  delayMs: number;
}

/** Keeps to the letter of ReplicatedPartition, and asserts that its callers do. */
class ArrayPartition implements ReplicatedPartition {
  readonly number: number;
  readonly vector = new VersionVector();
  readonly #applied = new VersionVector();
  readonly #table: ArrayTable;
  readonly durable: Uint8Array[];
  #queue: { readonly entries: readonly Uint8Array[]; readonly done: () => void }[] = [];
  #isWriting = false;
  isReceiving = false;
  /** Entries before this LSN can be read no more. */
  head = 1;

  constructor(table: ArrayTable, number: number, durable: Uint8Array[]) {
    this.#table = table;
    this.number = number;
    this.durable = durable;
    for (const bytes of durable) {
      const { dot } = peekEntry(bytes);
      this.vector.advance(dot.origin, dot.n);
    }
    this.#applied.join(this.vector);
  }

  /** Whether every write that was begun is durable. */
  get isSettled(): boolean {
    return this.vector.coversAll(this.#applied);
  }

  tail(): number {
    return this.durable.length;
  }

  /** It drops nothing. */
  knownOf(): undefined {}

  coveredLsn(vector: VersionVector): number {
    if (vector.coversAll(this.vector)) return this.tail();
    let lsn = 0;
    const upto = new VersionVector();
    for (const bytes of this.durable) {
      const { dot } = peekEntry(bytes);
      upto.advance(dot.origin, dot.n);
      if (!vector.covers(dot)) break;
      lsn++;
    }
    // As coarse as checkpoints are.
    return lsn - (lsn % 16);
  }

  async read(fromLsn: number, bytesMax: number): Promise<Uint8Array[]> {
    if (fromLsn < this.head) throw new RangeError('below the head');
    const entries: Uint8Array[] = [];
    let bytes = 0;
    for (let at = fromLsn - 1; at < this.durable.length && bytes < bytesMax; at++) {
      const entry = this.durable[at] as Uint8Array;
      entries.push(entry);
      bytes += entry.length;
    }
    return entries;
  }

  write(bodyBytes: number): Promise<void> {
    const origin = this.#table.origin;
    const n = this.#applied.get(origin) + 1;
    const context = this.#applied.clone();
    const body = Buffer.alloc(bodyBytes, n & 0xff);
    const operation = { dot: { origin, n }, context, time: n, incarnation: n, priority: undefined, body };
    this.#applied.advance(origin, n);
    return this.#append([
      encodeEntry({ changes: [{ itemKey: 'k', operation: { kind: 'put', ...operation } }] }),
    ]);
  }

  async receive(entries: readonly Uint8Array[]): Promise<void> {
    assert(!this.isReceiving, 'one receive at a time');
    this.isReceiving = true;
    const fresh: Uint8Array[] = [];
    for (const bytes of entries) {
      const { dot, context } = peekEntry(bytes);
      assert(dot.origin !== this.#table.origin, 'our own writes do not come from others');
      if (this.#applied.covers(dot)) continue;
      assert(dot.n === this.#applied.get(dot.origin) + 1, 'entries of one origin arrive in order');
      assert(this.#applied.coversAll(context), 'what an entry saw is here before it');
      this.#applied.advance(dot.origin, dot.n);
      fresh.push(Uint8Array.from(bytes));
    }
    await this.#append(fresh);
    this.isReceiving = false;
  }

  #append(entries: readonly Uint8Array[]): Promise<void> {
    return new Promise((done) => {
      this.#queue.push({ entries, done });
      this.#writeGroup();
    });
  }

  #writeGroup(): void {
    if (this.#isWriting || this.#queue.length === 0) return;
    this.#isWriting = true;
    const group = this.#queue;
    this.#queue = [];
    this.#table.disk.machine.after(this.#table.disk.delayMs, () => {
      for (const { entries } of group) {
        for (const bytes of entries) {
          const { dot } = peekEntry(bytes);
          this.vector.advance(dot.origin, dot.n);
          this.durable.push(bytes);
        }
      }
      this.#isWriting = false;
      this.#table.becameDurable(this.number);
      for (const { done } of group) done();
      this.#writeGroup();
    });
  }
}

export class ArrayTable implements PartitionTable {
  readonly origin: Origin;
  readonly disk: Disk;
  /** What survives a crash. */
  readonly #logs: Map<number, Uint8Array[]>;
  readonly #partitions = new Map<number, ArrayPartition>();
  readonly #opened = new Set<(number: number) => void>();
  readonly #durable = new Set<(numbers: readonly number[]) => void>();
  readonly #dropped = new Set<(number: number) => void>();

  constructor(origin: Origin, disk: Disk, logs: Map<number, Uint8Array[]>) {
    this.origin = origin;
    this.disk = disk;
    this.#logs = logs;
    for (const number of logs.keys()) this.open(number);
  }

  open(number: number): void {
    const log = this.#logs.get(number) ?? [];
    this.#logs.set(number, log);
    this.#partitions.set(number, new ArrayPartition(this, number, log));
    for (const listener of this.#opened) listener(number);
  }

  drop(number: number): void {
    this.#partitions.delete(number);
    this.#logs.delete(number);
    for (const listener of this.#dropped) listener(number);
  }

  becameDurable(number: number): void {
    for (const listener of this.#durable) listener([number]);
  }

  get(number: number): ArrayPartition | undefined {
    return this.#partitions.get(number);
  }

  numbers(): Iterable<number> {
    return this.#partitions.keys();
  }

  onOpened(listener: (number: number) => void): () => void {
    this.#opened.add(listener);
    return () => this.#opened.delete(listener);
  }

  onDurable(listener: (numbers: readonly number[]) => void): () => void {
    this.#durable.add(listener);
    return () => this.#durable.delete(listener);
  }

  onDropped(listener: (number: number) => void): () => void {
    this.#dropped.add(listener);
    return () => this.#dropped.delete(listener);
  }
}

// --- a planet of them ------------------------------------------------------------------------------------

interface RegionUnderTest {
  readonly name: string;
  origin: Origin;
  life: number;
  machine: SimulatedMachine;
  logs: Map<number, Uint8Array[]>;
  table: ArrayTable;
  replication: Replication | undefined;
}

interface PlanetOptions {
  readonly names: readonly string[];
  readonly seed?: number;
  readonly partitions?: number;
  readonly latencyMs?: number;
  readonly diskMs?: number;
  /** Uses the simulated network, which can lose frames, instead of the product's own links. */
  readonly lossy?: LinkQuality;
}

export class Planet {
  readonly random: SeededRandom;
  readonly runtime: SimulatedRuntime;
  readonly #wire: SimulatedMachine;
  readonly #local: Network;
  readonly simulated: SimulatedNetwork;
  readonly links: LinkConditions;
  readonly regions = new Map<string, RegionUnderTest>();
  readonly #options: PlanetOptions;
  readonly failures: unknown[] = [];
  retired: Origin[] = [];
  readonly removed = new Set<string>();
  frames = 0;
  frameBytes = 0;

  constructor(options: PlanetOptions) {
    this.#options = options;
    this.random = new SeededRandom(options.seed ?? 1);
    this.runtime = new SimulatedRuntime({ random: this.random.split('runtime'), trace: new Trace() });
    this.#wire = this.runtime.forRegion('wire');
    this.#local = createLocalNetwork(this.#wire);
    this.simulated = new SimulatedNetwork({ runtime: this.runtime, random: this.random.split('network') });
    if (options.lossy !== undefined) this.simulated.setAllLinks(options.lossy);
    const latencyMs = options.latencyMs ?? 1;
    this.links = new LinkConditions({ runtime: this.#wire, latencyMs: () => latencyMs });
    for (const [at, name] of options.names.entries()) {
      const logs = new Map<number, Uint8Array[]>();
      for (let number = 1; number <= (options.partitions ?? 1); number++) logs.set(number, []);
      const machine = this.runtime.forRegion(name);
      const table = new ArrayTable(at + 1, { machine, delayMs: options.diskMs ?? 1 }, logs);
      this.regions.set(name, { name, origin: at + 1, life: 0, machine, logs, table, replication: undefined });
    }
  }

  static async start(options: PlanetOptions): Promise<Planet> {
    const planet = new Planet(options);
    await Promise.all([...planet.regions.values()].map((region) => planet.startRegion(region)));
    return planet;
  }

  region(name: string): RegionUnderTest {
    const region = this.regions.get(name);
    assert(region !== undefined, `no region ${name}`);
    return region;
  }

  replication(name: string): Replication {
    const { replication } = this.region(name);
    assert(replication !== undefined, `${name} is down`);
    return replication;
  }

  partition(name: string, number = 1): ArrayPartition {
    const partition = this.region(name).table.get(number);
    assert(partition !== undefined, `${name} has no partition ${number}`);
    return partition;
  }

  members(): Member[] {
    const members = [...this.regions.values()].filter(({ name }) => !this.removed.has(name));
    return members.map(({ name, origin }) => ({ region: name, origin, address: name }));
  }

  async startRegion(region: RegionUnderTest): Promise<void> {
    const base =
      this.#options.lossy === undefined
        ? this.links.network(region.name, this.#local, (address) => address)
        : this.simulated.forRegion(region.machine);
    region.replication = await startReplication({
      runtime: region.machine,
      network: this.#counted(base),
      account: 'test',
      epoch: () => 1 + this.retired.length,
      self: { region: region.name, origin: region.origin },
      listenAddress: region.name,
      members: () => this.members(),
      retired: () => this.retired,
      table: region.table,
      levels: undemanding(region.machine, region.table, region.origin),
      onFailure: (error) => this.failures.push(error),
    });
  }

  #counted(base: Network): Network {
    const count = (channel: Channel): Channel => ({
      send: (frame) => {
        this.frames++;
        this.frameBytes += frame.length;
        channel.send(frame);
      },
      get queuedBytes() {
        return channel.queuedBytes;
      },
      onFrame: (handler) => channel.onFrame(handler),
      onClose: (handler) => channel.onClose(handler),
      close: () => channel.close(),
    });
    return {
      connect: async (address) => count(await base.connect(address)),
      listen: (address, accept) => base.listen(address, (channel) => accept(count(channel))),
    };
  }

  /** Everything in memory is gone, what is durable stays. */
  crash(name: string): void {
    const region = this.region(name);
    region.machine.halt();
    region.replication?.abandon();
    this.simulated.crash(region.machine);
    region.replication = undefined;
  }

  async restart(name: string, { wiped = false } = {}): Promise<void> {
    const region = this.region(name);
    region.life++;
    region.machine = this.runtime.forRegion(name, { life: region.life });
    if (wiped) {
      this.retired = [...this.retired, region.origin];
      region.origin = 100 + region.life;
      region.logs = new Map([...region.logs.keys()].map((number) => [number, []]));
    }
    const { delayMs } = region.table.disk;
    region.table = new ArrayTable(region.origin, { machine: region.machine, delayMs }, region.logs);
    await this.startRegion(region);
    for (const { replication } of this.regions.values()) replication?.membersChanged();
  }

  write(name: string, number = 1, bodyBytes = 100): void {
    const region = this.region(name);
    if (region.replication !== undefined) void this.partition(name, number).write(bodyBytes);
  }

  async run(ms: number): Promise<void> {
    await this.runtime.run({ untilMs: this.runtime.elapsedMs + ms });
  }

  /** Runs until `isDone`; gives how long it took. */
  async until(isDone: () => boolean, msMax = 30_000): Promise<number> {
    const startMs = this.runtime.elapsedMs;
    await this.runtime.run({ untilMs: startMs + msMax, isDone });
    expect(isDone(), `not done after ${msMax} ms: ${this.describe()}`).toBe(true);
    return this.runtime.elapsedMs - startMs;
  }

  /** Every region has every write, durably. */
  isEqual(): boolean {
    const [first, ...others] = this.regions.values();
    if (first === undefined) return true;
    for (const number of first.table.numbers()) {
      const one = first.table.get(number);
      if (one?.isSettled !== true) return false;
      for (const { table } of others) {
        const other = table.get(number);
        if (other?.isSettled !== true || !other.vector.equals(one.vector)) return false;
      }
    }
    return true;
  }

  /** And nobody has anything left to do. */
  isConverged(): boolean {
    return (
      this.isEqual() && [...this.regions.values()].every(({ replication }) => replication?.isIdle() === true)
    );
  }

  describe(): string {
    const text = [...this.regions.values()].map(({ name, table, replication }) => {
      const vectors = [...table.numbers()].slice(0, 3).map((number) => `${table.get(number)?.vector}`);
      return `${name} [${vectors.join(' | ')}] ${JSON.stringify(replication?.status())}`;
    });
    return text.join('\n');
  }

  /** Only these pairs can talk. */
  connectOnly(pairs: readonly (readonly [string, string])[]): void {
    const names = [...this.regions.keys()];
    for (const [at, from] of names.entries()) {
      for (const to of names.slice(at + 1)) {
        const isLinked = pairs.some(([a, b]) => (a === from && b === to) || (a === to && b === from));
        if (!isLinked) this.links.add({ kind: 'cut', from, to, direction: 'both' });
      }
    }
  }
}
