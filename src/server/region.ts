/**
 * One region's node: its partitions over one log and one store, its engine, its replication. Everything that
 * touches the world is handed in, so the simulator opens exactly this.
 */
import {
  type AccountChange,
  type AccountState,
  type ContainerRecord,
  type Directory,
  hubOf,
  topologyEdges,
} from '../account/index.ts';
import type { PartitionStatus, RegionMetrics, RegionStatus } from '../api/fault/index.ts';
import { assert } from '../base/index.ts';
import { HybridClock, type Origin, PeerClocks } from '../causality/index.ts';
import {
  createEngine,
  createForwarder,
  type Engine,
  type EngineParts,
  type Forwarder,
  serveForwarding,
} from '../engine/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { Log } from '../log/index.ts';
import { openConflicts, type Partition, PartitionHost, type PartitionTable } from '../partition/index.ts';
import { type LevelDemand, Levels, type Replication, startReplication } from '../replication/index.ts';
import type { Network, NetworkListener, Runtime } from '../runtime/index.ts';
import type { ScriptRunner } from '../script/index.ts';
import type { Store } from '../store/index.ts';
import { StabilityBook } from './stability-book.ts';

export interface RegionOptions {
  readonly runtime: Runtime;
  /** This region's end of the links to the others. */
  readonly network: Network;
  readonly log: Log;
  readonly store: Store;
  readonly directory: Directory;
  readonly region: string;
  /** What runs the scripts of users; not closed by the region. */
  readonly runner: ScriptRunner;
  /** Where this region listens for the others, and where they listen; undefined while unknown. */
  readonly listenAddresses: RegionAddresses;
  readonly addressesOf: (region: string) => RegionAddresses | undefined;
  readonly memory?: RegionMemory;
  /** Upper bound of every operation on items, in milliseconds; 5,000 unless given. */
  readonly operationTimeoutMs?: number;
  /** The region's storage life is new: it vouches for nothing before `admit`. */
  readonly awaitsAdmission?: boolean;
  /** For the person who runs the server: what is wrong and goes on. */
  readonly warn?: (line: string) => void;
  /** The region can go on no longer; it must be closed and opened anew. */
  readonly onFailed: (reason: unknown) => void;
}

export interface RegionAddresses {
  readonly replication: string;
  readonly forwarding: string;
}

export interface RegionMemory {
  readonly cacheBytesMax: number;
  readonly dirtyBytesMax: number;
  /** See PartitionHostOptions. */
  readonly batchItems?: number;
}

const MEMORY_DEFAULT: RegionMemory = { cacheBytesMax: 64 << 20, dirtyBytesMax: 48 << 20 };
const COLLECT_EVERY_MS = 1000;
const SESSION_PATIENCE_MS = 1000;
const FORWARD_TIMEOUT_MS = 2000;
const ROOM_PATIENCE_MS = 5000;
const OPERATION_TIMEOUT_MS = 5000;
/** Long enough for a round trip round the globe. */
const BOUND_RETRY_MS = 250;

/** What a region says of itself; whether it answers clients is for those to say who let them in. */
export type NodeStatus = Omit<RegionStatus, 'isServing'>;
/** What a region counts; its process and its files are known to those who own them. */
export type NodeMetrics = Omit<RegionMetrics, 'process' | 'log'>;

export interface Region {
  readonly name: string;
  readonly origin: Origin;
  readonly engine: Engine;
  /** Of this region's machine, but with a wall clock that is held near those of the other regions. */
  readonly runtime: Runtime;
  readonly partitions: PartitionTable;
  /** Where it really listens, with ports filled in. */
  readonly addresses: RegionAddresses;
  status(): NodeStatus;
  metrics(): NodeMetrics;
  /** Drops merge state that nobody can need any more, by what is known now. */
  collect(): Promise<void>;
  /** The region has learnt what the others knew. */
  admit(): void;
  /** Stops and resumes taking part in replication. */
  pause(): void;
  resume(): void;
  membersChanged(): void;
  /** Feeds the store what is left, then stops. The log and the store stay open, they are the caller's. */
  close(): Promise<void>;
  /** Stops as a crash would: nothing is flushed, nobody is told. */
  abandon(): Promise<void>;
}

/** Resolves when its partitions are open and replication has begun, not when it has caught up. */
export async function openRegion(options: RegionOptions): Promise<Region> {
  const node = new RegionNode(options);
  await node.open();
  return node;
}

class RegionNode implements Region {
  readonly name: string;
  readonly origin: Origin;
  readonly #options: RegionOptions;
  readonly #host: PartitionHost;
  readonly #parts: EngineParts;
  readonly #forwarder: Forwarder;
  readonly #book: StabilityBook;
  readonly #levels: Levels;
  readonly #clocks: PeerClocks;
  readonly #hybridClock: HybridClock;
  readonly runtime: Runtime;
  readonly #removals: (() => void)[] = [];
  #neighbours: ReadonlySet<string>;
  #replication: Replication | undefined;
  #forwardListener: NetworkListener | undefined;
  #cancelCollection: () => void = () => undefined;
  #isAdmitted: boolean;
  #isStopped = false;

  constructor(options: RegionOptions) {
    const { log, store, directory, region, onFailed } = options;
    this.#options = options;
    this.#isAdmitted = options.awaitsAdmission !== true;
    this.#clocks = new PeerClocks(options.runtime);
    this.runtime = withWallClock(options.runtime, this.#clocks);
    const { runtime } = this;
    this.#hybridClock = new HybridClock(runtime);
    this.name = region;
    this.origin = originOf(directory.state, region);
    const memory = options.memory ?? MEMORY_DEFAULT;
    this.#host = new PartitionHost({
      runtime,
      log,
      store,
      clock: this.#hybridClock,
      ...memory,
      admitWrite: (partition, head) => this.#admitWrite(partition, head),
      onFailed,
    });
    this.#levels = new Levels({
      runtime,
      self: this.origin,
      table: this.#host,
      demand: () => levelDemand(directory.state),
      awaitsBeginning: options.awaitsAdmission ?? false,
      changeQuorum: (expectedEpoch, origins) =>
        directory.execute({ kind: 'changeQuorum', expectedEpoch, origins }),
    });
    void log.failed.then((reason) => {
      if (!this.#isStopped) onFailed(reason);
    });
    this.#forwarder = createForwarder({
      runtime,
      network: options.network,
      addressOf: (name) => options.addressesOf(name)?.forwarding,
      timeoutMs: FORWARD_TIMEOUT_MS,
    });
    this.#parts = createEngine({
      runtime,
      region,
      origin: this.origin,
      directory,
      host: this.#host,
      forwarder: this.#forwarder,
      gate: this.#levels,
      operationTimeoutMs: options.operationTimeoutMs ?? OPERATION_TIMEOUT_MS,
      runner: options.runner,
      decidesConflicts: (partition) => this.#decidesConflicts(partition),
      onFailed: (reason) => {
        if (!this.#isStopped) onFailed(reason);
      },
      sessionPatienceMs: SESSION_PATIENCE_MS,
      roomPatienceMs: ROOM_PATIENCE_MS,
    });
    this.#book = new StabilityBook(this.origin, directory.state);
    this.#neighbours = neighboursOf(directory.state, region);
  }

  get engine(): Engine {
    return this.#parts.engine;
  }

  get partitions(): PartitionTable {
    return this.#host;
  }

  get addresses(): RegionAddresses {
    assert(this.#replication !== undefined && this.#forwardListener !== undefined, 'the region is open');
    return { replication: this.#replication.address, forwarding: this.#forwardListener.address };
  }

  async open(): Promise<void> {
    const { directory, network, listenAddresses } = this.#options;
    try {
      // First, so that no container is missed that comes or goes while the others are opened.
      this.#removals.push(directory.onChange((...args) => this.#accountChanged(...args)));
      await this.#dropForgotten();
      for (const record of Object.values(directory.state.containers)) await this.#parts.open(record);
      this.#replication = await this.#startReplication();
      // Last: who asks is answered by what the account's level promises, which replication keeps count of.
      this.#forwardListener = await serveForwarding(
        network,
        listenAddresses.forwarding,
        this.#parts.localItems,
      );
    } catch (error) {
      await this.abandon();
      throw error;
    }
    this.#scheduleCollection();
  }

  /** Containers may have been deleted while this region was down. */
  async #dropForgotten(): Promise<void> {
    const { directory, log } = this.#options;
    const { containers, next } = directory.state;
    const present = new Set<number>();
    for (const { partitions } of Object.values(containers)) {
      for (const { number } of partitions) present.add(number);
    }
    for (const number of log.partitions()) {
      if (!present.has(number) && number < next.partition) await this.#host.forget(number);
    }
  }

  #startReplication(): Promise<Replication> {
    const { runtime, network, directory, region, listenAddresses, addressesOf, onFailed } = this.#options;
    return startReplication({
      runtime,
      network,
      account: directory.state.id,
      epoch: () => directory.state.epoch,
      self: { region, origin: this.origin },
      listenAddress: listenAddresses.replication,
      members: () => {
        // A region whose address is not known yet is as good as unreachable; membersChanged() tells when it
        // is.
        const reachable = directory.state.regions.map((other) => ({
          region: other.name,
          origin: other.origin,
          address: addressesOf(other.name)?.replication ?? '',
        }));
        return reachable.filter((member) => member.address !== '');
      },
      neighbours: () => this.#neighbours,
      retired: () => directory.state.retiredOrigins,
      table: this.#host,
      levels: this.#levels,
      clocks: this.#clocks,
      onReport: (partition, origin, vector) =>
        this.#book.observe(partition, origin, directory.state.epoch, vector.clone()),
      onFailure: onFailed,
    });
  }

  #accountChanged(state: AccountState, previous: AccountState, change: AccountChange): void {
    if (
      state.consistency !== previous.consistency ||
      state.quorum !== previous.quorum ||
      state.epoch !== previous.epoch
    ) {
      if (this.#levels.configure()) this.#replication?.restart('the consistency level changed');
    }
    if (state.topology !== previous.topology || state.consistency !== previous.consistency) {
      this.#neighbours = neighboursOf(state, this.name);
      this.#replication?.membersChanged();
    }
    if (state.epoch !== previous.epoch) {
      this.#book.membershipChanged(state);
      this.#replication?.membersChanged();
    }
    for (const record of change.containers?.put ?? []) void this.#attempt(this.#parts.open(record));
    for (const rid of change.containers?.removed ?? []) {
      const record = previous.containers[rid];
      if (record !== undefined) void this.#attempt(this.#dropContainer(record));
    }
  }

  async #dropContainer(record: ContainerRecord): Promise<void> {
    await this.#parts.drop(record);
    // Not before: until then others report their positions in it.
    for (const partition of record.partitions) this.#book.forget(partition.number);
  }

  async #attempt(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!this.#isStopped) this.#options.onFailed(error);
    }
  }

  /** @throws DatabaseError `StalenessBoundReached` */
  #admitWrite(partition: number, head: number): void {
    if (this.#levels.kind !== 'bounded') return;
    const backlog = this.#levels.backlog(partition, head);
    if (backlog === undefined) return;
    const { regions } = this.#options.directory.state;
    const slowest = regions.find(({ origin }) => origin === backlog.origin)?.name;
    throw new DatabaseError(
      'StalenessBoundReached',
      `The region '${slowest}' lacks ${backlog.operations} operations, the oldest for ` +
        `${Math.round(backlog.ms)} ms: more would break the account's staleness bound.`,
      { retryAfterMs: BOUND_RETRY_MS },
    );
  }

  /**
   * Whether this region is the hub, and has all that any member has of hubs before it: one that decided anew
   * what such a one had decided would do twice what is to be done once.
   */
  #decidesConflicts(partition: Partition): boolean {
    const { state } = this.#options.directory;
    if (hubOf(state).region !== this.name || !this.#isAdmitted) return false;
    if (originOf(state, this.name) !== this.origin) return false;
    return state.retiredOrigins.length === 0 || this.#book.hasHeardAll(partition.number, partition.vector);
  }

  #scheduleCollection(): void {
    this.#cancelCollection = this.#options.runtime.after(COLLECT_EVERY_MS, () => {
      this.#watchClock();
      // That this region decides conflicts from now on may rest on what others reported.
      this.#parts.decideConflicts();
      void this.#attempt(this.collect()).then(() => {
        if (!this.#isStopped) this.#scheduleCollection();
      });
    });
  }

  /** Says once when the clock goes wrong, and once when it is right again. */
  #watchClock(): void {
    const change = this.#clocks.change();
    if (change === undefined) return;
    const aheadMs = Math.round(this.#clocks.correctionMs);
    const what =
      change === 'went wrong'
        ? `its wall clock is ${Math.abs(aheadMs)} ms too far ${aheadMs > 0 ? 'ahead of' : 'behind'} those ` +
          'of most regions and is not believed; set it right'
        : 'its wall clock is believed again';
    this.#options.warn?.(`region ${this.name}: ${what}`);
  }

  collect(): Promise<void> {
    const origins = this.#options.directory.state.regions.map((region) => region.origin);
    // What a region wrote that is no member any more falls to the first of those that are.
    const isFirst = this.origin === Math.min(...origins);
    const isOurs = (origin: Origin) => (origins.includes(origin) ? origin === this.origin : isFirst);
    const stableIn = (partition: Partition) => this.#book.stable(partition.number, partition.vector);
    // The directory may already name a newcomer, who has reported nothing yet.
    return this.#host.collect(stableIn, isOurs, () => this.#book.members);
  }

  status(): NodeStatus {
    const { directory } = this.#options;
    const partitions: PartitionStatus[] = [];
    for (const record of Object.values(directory.state.containers)) {
      for (const { id, number } of record.partitions) {
        const partition = this.#host.get(number);
        if (partition !== undefined) partitions.push(this.#partitionStatus(record.rid, id, partition));
      }
    }
    return {
      region: this.name,
      origin: this.origin,
      role: takesWrites(directory.state, this.name) ? 'readWrite' : 'read',
      isIdle: this.#replication?.isIdle() === true && !this.#parts.isDeciding(),
      partitions,
    };
  }

  metrics(): NodeMetrics {
    const { quorum, consistency } = this.#options.directory.state;
    const isStrong = consistency.level === 'Strong';
    return {
      region: this.name,
      operations: this.#parts.meter.snapshot(),
      peers: this.#replication?.status().peers ?? [],
      lease: this.#levels.needsLeases ? this.#levels.lease() : undefined,
      quorum: isStrong ? { epoch: quorum.epoch, size: quorum.origins.length } : undefined,
      clockCorrectionMs: this.#clocks.correctionMs,
      clockRefusals: this.#hybridClock.refused,
      ...this.#host.memory(),
    };
  }

  #partitionStatus(container: string, pkRangeId: string, partition: Partition): PartitionStatus {
    const { siblings, tombstones } = partition.countUnsettled();
    const lag = Object.fromEntries(this.#replication?.lag(partition.number) ?? []);
    return {
      container,
      pkRangeId,
      vector: [...partition.vector.entries()],
      lsn: partition.durableLsn,
      applied: partition.fed.lsn,
      siblings,
      tombstones,
      conflicts: openConflicts(partition).conflicts.length,
      lag,
      lease: this.#levels.lease(),
    };
  }

  admit(): void {
    this.#isAdmitted = true;
    this.#levels.begin();
  }

  pause(): void {
    this.#replication?.pause();
  }

  resume(): void {
    this.#replication?.resume();
  }

  membersChanged(): void {
    this.#replication?.membersChanged();
  }

  async close(): Promise<void> {
    await this.#stop();
    await this.#replication?.close();
    await this.#host.close();
  }

  async abandon(): Promise<void> {
    await this.#stop();
    this.#replication?.abandon();
    await this.#host.abandon();
  }

  async #stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelCollection();
    for (const remove of this.#removals) remove();
    this.#parts.stop();
    this.#forwarder.close();
    await this.#forwardListener?.close();
  }
}

/** Those that this region replicates with directly. */
function neighboursOf(state: AccountState, region: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [one, other] of topologyEdges(state)) {
    if (one === region) names.add(other);
    if (other === region) names.add(one);
  }
  return names;
}

function levelDemand(state: AccountState): LevelDemand {
  const { level, stalenessOperations, stalenessSeconds } = state.consistency;
  const members = state.regions.map(({ origin }) => origin);
  return {
    kind: level === 'Strong' ? 'strong' : level === 'BoundedStaleness' ? 'bounded' : 'none',
    operationsMax: stalenessOperations,
    lagMsMax: stalenessSeconds * 1000,
    members,
    retired: state.retiredOrigins,
    writers: state.multipleWriteRegions ? members : members.slice(0, 1),
    quorum: state.quorum,
  };
}

function withWallClock(base: Runtime, clocks: PeerClocks): Runtime {
  return {
    nowMs: () => clocks.nowMs(),
    monotonicMs: () => base.monotonicMs(),
    random: () => base.random(),
    uuid: () => base.uuid(),
    after: (delayMs, task) => base.after(delayMs, task),
    soon: (task) => base.soon(task),
  };
}

function takesWrites({ multipleWriteRegions, regions }: AccountState, region: string): boolean {
  return multipleWriteRegions || regions[0]?.name === region;
}

function originOf(state: AccountState, region: string): Origin {
  const record = state.regions.find((candidate) => candidate.name === region);
  assert(record !== undefined, 'a region is opened only while it is a member');
  return record.origin;
}
