import { murmur3x86Hash32 } from '../../src/base/index.ts';
import {
  type Dot,
  formatSessionToken,
  HybridClock,
  parseSessionTokens,
  StabilityTracker,
  VersionVector,
} from '../../src/causality/index.ts';
import { DatabaseError } from '../../src/errors/index.ts';
import {
  applyOperation,
  collect,
  EMPTY_ITEM,
  type ItemOperation,
  type ItemState,
  liveIncarnations,
  visiblePut,
} from '../../src/merge/index.ts';
import { type Change, decodeEntry, encodeEntry, peekEntry } from '../../src/partition/index.ts';
import { formatEtag } from '../../src/resource/index.ts';
import type { Channel } from '../../src/runtime/index.ts';
import type {
  ClientAnswer,
  ClientRequest,
  InspectedPartition,
  ItemName,
  PlanetUnderTest,
  RegionUnderTest,
} from './region-under-test.ts';
import type { SimulatedMachine } from './simulated-runtime.ts';
import type { PlanetContext } from './simulation.ts';

/**
 * A multi-master store small enough to be seen through, over the real merge and the simulated network. It
 * tests the test: run as it is, the checkers must find nothing; with any of these mistakes planted, they
 * must find it.
 */
export const MISTAKES = [
  'the winner is decided on arrival',
  'losers are dropped at once',
  'a delete names no incarnation',
  'a mark of the dead is dropped by age',
  'entries are applied without what they saw',
  'only own entries are passed on',
  'the hybrid clock ignores what it receives',
  'acknowledged before it is durable',
  'an entry that comes twice is applied twice',
  'session tokens are ignored',
  'a refused write happens all the same',
  'a restart gives the same numbers again',
  'reads are served from an old state',
  'queries miss what is new',
] as const;

/** What a toy can do: it decides conflicts by itself, and knows no policies. */
export const TOY_WORLD = {
  account: 'multi',
  conflicts: 'lastWriter',
  uniqueValues: 0,
  defaultTtl: undefined,
  withCount: 0,
  withLists: 0,
} as const;

export type Mistake = (typeof MISTAKES)[number];

const PARTITIONS = [1, 2] as const;
const GOSSIP_MS = 150;
const COLLECT_MS = 400;
const SYNC_MS_MAX = 8;
const SESSION_PATIENCE_MS = 1_000;
const MARK_AGE_MS = 1_500;

/** What a region's machine keeps when the power goes. */
type Disk = Map<number, Uint8Array[]>;

export function makeToyPlanet({ network, swarm }: PlanetContext, mistake?: Mistake): PlanetUnderTest {
  const disks = new Map(swarm.regions.map((name): [string, Disk] => [name, new Map()]));
  const origins = new Map(swarm.regions.map((name, place): [string, number] => [name, place + 1]));
  return {
    regions: swarm.regions,
    async open(name, machine) {
      const disk = disks.get(name) ?? new Map();
      const node = new ToyNode({
        name,
        machine,
        disk,
        origins,
        mistake,
        byPriority: swarm.conflictPath !== '/_ts',
      });
      const net = network.forRegion(machine);
      await net.listen(name, (channel) => node.serve(channel));
      for (const peer of swarm.regions) {
        if (peer !== name) void node.pullFrom(peer, (address) => net.connect(address));
      }
      return node;
    },
    crash: () => undefined,
    // Membership is beyond a toy: its disks are never lost.
    wipe: async () => undefined,
  };
}

/** What a region asks another for, and what it knows of everybody's progress. */
interface Question {
  readonly number: number;
  readonly vector: [number, number][];
  readonly reports: [origin: number, applied: [number, number][]][];
}

interface NodeOptions {
  readonly name: string;
  readonly machine: SimulatedMachine;
  readonly disk: Disk;
  readonly origins: ReadonlyMap<string, number>;
  readonly mistake: Mistake | undefined;
  readonly byPriority: boolean;
}

class ToyNode implements RegionUnderTest {
  readonly origin: number;
  readonly #options: NodeOptions;
  readonly #partitions = new Map<number, ToyPartition>();

  constructor(options: NodeOptions) {
    this.#options = options;
    this.origin = options.origins.get(options.name) ?? 0;
    const clock = new HybridClock(options.machine);
    for (const number of PARTITIONS) {
      this.#partitions.set(number, new ToyPartition({ ...options, number, origin: this.origin, clock }));
    }
    const { machine } = options;
    const tick = () => {
      void this.collect();
      machine.after(COLLECT_MS, tick);
    };
    machine.after(COLLECT_MS, tick);
  }

  partitionNumbers(): Iterable<number> {
    return PARTITIONS;
  }

  partition(number: number): InspectedPartition | undefined {
    return this.#partitions.get(number);
  }

  locate({ partitionKey, id }: ItemName) {
    const partition = (murmur3x86Hash32(Buffer.from(partitionKey)) % PARTITIONS.length) + 1;
    return { partition, key: `${partitionKey}/${id}`, rangeId: String(partition) };
  }

  call(request: ClientRequest): Promise<ClientAnswer> {
    const { partition, key } = this.locate(request.item);
    return this.#of(partition).serve(key, request);
  }

  async find(value?: string): Promise<string[]> {
    const found = await Promise.all([...this.#partitions.values()].map((partition) => partition.bodies()));
    return found
      .flat()
      .filter((body) => value === undefined || (JSON.parse(body) as { value?: string }).value === value);
  }

  async collect(): Promise<void> {
    for (const partition of this.#partitions.values()) partition.collect();
  }

  async close(): Promise<void> {
    this.#options.machine.halt();
  }

  /** Answers vectors with the entries that they lack. */
  serve(channel: Channel): void {
    channel.onFrame((frame) => {
      const asked = JSON.parse(frame.toString()) as Question;
      const partition = this.#of(asked.number);
      const vector = new VersionVector(asked.vector);
      for (const [origin, applied] of asked.reports) {
        partition.tracker.observe({ origin, epoch: 1, applied: new VersionVector(applied) });
      }
      for (const bytes of partition.missing(vector)) channel.send(frameOf(asked.number, bytes));
    });
  }

  async pullFrom(peer: string, connect: (address: string) => Promise<Channel>): Promise<void> {
    const { machine } = this.#options;
    const again = () => machine.after(GOSSIP_MS, () => void this.pullFrom(peer, connect));
    let channel: Channel;
    try {
      channel = await connect(peer);
    } catch {
      again();
      return;
    }
    let isOver = false;
    channel.onFrame((frame) => this.#of(frame.readUInt32BE(0)).receive(frame.subarray(4)));
    channel.onClose(() => {
      isOver = true;
      again();
    });
    const ask = () => {
      if (isOver) return;
      for (const [number, partition] of this.#partitions) {
        const reports = partition.tracker.reports(partition.vector);
        const question: Question = {
          number,
          vector: [...partition.vector.entries()],
          reports: reports.map((report) => [report.origin, [...report.applied.entries()]]),
        };
        channel.send(Buffer.from(JSON.stringify(question)));
      }
      machine.after(GOSSIP_MS, ask);
    };
    ask();
  }

  #of(number: number): ToyPartition {
    const partition = this.#partitions.get(number);
    if (partition === undefined) throw new RangeError(`no partition ${number}`);
    return partition;
  }
}

function frameOf(number: number, bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(number);
  return Buffer.concat([head, bytes]);
}

interface PartitionOptions extends NodeOptions {
  readonly number: number;
  readonly origin: number;
  readonly clock: HybridClock;
}

class ToyPartition implements InspectedPartition {
  readonly number: number;
  readonly vector = new VersionVector();
  readonly tracker: StabilityTracker;
  readonly #options: PartitionOptions;
  readonly #applied = new VersionVector();
  /** Durable entries. */
  readonly #log: Uint8Array[];
  /** Of the entry of the same place in the log. */
  readonly #dots: Dot[] = [];
  /** Entries on their way to the disk, with who waits for them. */
  #inFlight: { bytes: Uint8Array; done: () => void }[] = [];
  readonly #items = new Map<string, ItemState>();
  readonly #before = new Map<string, ItemState>();
  readonly #deletedAtMs = new Map<string, number>();
  #incarnations = 0;

  constructor(options: PartitionOptions) {
    this.#options = options;
    this.number = options.number;
    const origins = [...options.origins.values()];
    const membership = { epoch: 1, origins };
    this.tracker = new StabilityTracker({ self: options.origin, membership });
    let log = options.disk.get(this.number);
    if (log === undefined) {
      log = [];
      options.disk.set(this.number, log);
    }
    this.#log = log;
    for (const bytes of log) {
      this.#apply(bytes);
      const { dot, time } = peekEntry(bytes);
      this.#dots.push(dot);
      options.clock.resumeAfter(time);
    }
    this.vector.join(this.#applied);
  }

  tail(): number {
    return this.#log.length;
  }

  async read(fromLsn: number): Promise<Uint8Array[]> {
    return this.#log.slice(fromLsn - 1, fromLsn + 99);
  }

  lookup(key: string): { state: ItemState } {
    return { state: this.#items.get(key) ?? EMPTY_ITEM };
  }

  async bodies(): Promise<string[]> {
    const isOld = this.#has('queries miss what is new');
    const states = [...this.#items].map(([key, state]) => (isOld ? (this.#before.get(key) ?? state) : state));
    const visible = states.map(visiblePut).filter((put) => put !== undefined);
    await this.#settled();
    return visible.map((put) => Buffer.from(put.body).toString());
  }

  isQuiet(): boolean {
    return this.#inFlight.length === 0;
  }

  async serve(key: string, request: ClientRequest): Promise<ClientAnswer> {
    const demand =
      request.sessionToken === undefined || this.#has('session tokens are ignored')
        ? undefined
        : parseSessionTokens(request.sessionToken, [String(this.number)]);
    await this.#reach(demand);
    if (request.kind === 'read') return this.#read(key);
    const refusal = this.#refusal(key, request);
    if (refusal !== undefined) {
      const state = this.#items.get(key) ?? EMPTY_ITEM;
      if (this.#has('a refused write happens all the same') && request.value !== undefined) {
        await this.#write(key, request, state);
      }
      await this.#settled();
      throw refusal;
    }
    const state = this.#items.get(key) ?? EMPTY_ITEM;
    const operation = await this.#write(key, request, state);
    const { dot, time } = operation;
    const isPut = operation.kind === 'put';
    return {
      etag: isPut ? formatEtag({ origin: dot.origin, n: dot.n, time }) : undefined,
      body: isPut ? Buffer.from(operation.body).toString() : undefined,
      sessionToken: this.#token(),
    };
  }

  #refusal(key: string, { kind, ifMatch }: ClientRequest): DatabaseError | undefined {
    const visible = visiblePut(this.#items.get(key) ?? EMPTY_ITEM);
    if (kind === 'create' && visible !== undefined) return new DatabaseError('Conflict', 'it exists');
    const needsOne = kind === 'replace' || kind === 'patch' || kind === 'delete' || ifMatch !== undefined;
    if (needsOne && visible === undefined) return new DatabaseError('NotFound', 'it does not exist');
    const { dot, time } = visible ?? { dot: { origin: 0, n: 0 }, time: 0 };
    if (ifMatch !== undefined && ifMatch !== formatEtag({ origin: dot.origin, n: dot.n, time })) {
      return new DatabaseError('PreconditionFailed', 'it is another version');
    }
    return undefined;
  }

  async #read(key: string): Promise<ClientAnswer> {
    const isOld = this.#has('reads are served from an old state');
    const state = (isOld ? this.#before.get(key) : undefined) ?? this.#items.get(key) ?? EMPTY_ITEM;
    await this.#settled();
    const visible = visiblePut(state);
    if (visible === undefined) throw new DatabaseError('NotFound', 'it does not exist');
    const { dot, time, body } = visible;
    const etag = formatEtag({ origin: dot.origin, n: dot.n, time });
    return { etag, body: Buffer.from(body).toString(), sessionToken: this.#token() };
  }

  async #reach(demand: VersionVector | undefined): Promise<void> {
    const { machine } = this.#options;
    const deadlineMs = machine.monotonicMs() + SESSION_PATIENCE_MS;
    while (demand !== undefined && !this.vector.coversAll(demand)) {
      if (machine.monotonicMs() > deadlineMs)
        throw new DatabaseError('ReadSessionNotAvailable', 'too far behind');
      await new Promise<void>((resolve) => machine.after(20, resolve));
    }
  }

  async #write(key: string, request: ClientRequest, state: ItemState): Promise<ItemOperation> {
    const { origin, clock, byPriority } = this.#options;
    const isReused = this.#has('a restart gives the same numbers again') && this.#log.length % 7 === 6;
    const n = this.#applied.get(origin) + (isReused ? 0 : 1);
    const head = { dot: { origin, n }, context: this.#applied.clone(), time: clock.now() };
    let operation: ItemOperation;
    if (request.kind === 'delete') {
      operation = { kind: 'delete', ...head, incarnations: liveIncarnations(state) };
    } else {
      this.#incarnations = Math.max(this.#incarnations, this.#log.length + this.#inFlight.length) + 1;
      const incarnation = visiblePut(state)?.incarnation ?? this.#incarnations * 1024 + origin;
      const { item, value, priority } = request;
      const body = Buffer.from(JSON.stringify({ id: item.id, pk: item.partitionKey, value, priority }));
      operation = { kind: 'put', ...head, incarnation, priority: byPriority ? priority : undefined, body };
    }
    const bytes = encodeEntry({ changes: [{ itemKey: key, operation }] });
    this.#apply(bytes);
    const durable = this.#append(bytes);
    if (!this.#has('acknowledged before it is durable')) await durable;
    return operation;
  }

  receive(bytes: Uint8Array): void {
    const { operation } = onlyChange(bytes);
    const isNew = !this.#applied.covers(operation.dot);
    const isTwice = this.#has('an entry that comes twice is applied twice') && operation.kind === 'put';
    if (!isNew && !(isTwice && operation.dot.n === this.#applied.get(operation.dot.origin))) return;
    if (isNew && operation.dot.n !== this.#applied.get(operation.dot.origin) + 1) return;
    const isReady = this.#applied.coversAll(operation.context);
    if (!isReady && !this.#has('entries are applied without what they saw')) return;
    if (!this.#has('the hybrid clock ignores what it receives')) this.#options.clock.observe(operation.time);
    this.#apply(bytes);
    void this.#append(bytes);
  }

  #apply(bytes: Uint8Array): void {
    const { itemKey, operation } = onlyChange(bytes);
    const before = this.#items.get(itemKey) ?? EMPTY_ITEM;
    this.#before.set(itemKey, before);
    this.#applied.advance(operation.dot.origin, operation.dot.n);
    const isSeen = before.siblings.some(
      (put) => put.dot.origin === operation.dot.origin && put.dot.n >= operation.dot.n,
    );
    let after = isSeen ? before : applyOperation(before, this.#mistaken(operation));
    if (operation.kind === 'delete') this.#deletedAtMs.set(itemKey, this.#options.machine.monotonicMs());
    if (this.#has('the winner is decided on arrival'))
      after = { ...after, siblings: after.siblings.slice(0, 1) };
    this.#items.set(itemKey, after);
  }

  #mistaken(operation: ItemOperation): ItemOperation {
    const isNameless = operation.kind === 'delete' && this.#has('a delete names no incarnation');
    return isNameless ? { ...operation, incarnations: [] } : operation;
  }

  #append(bytes: Uint8Array): Promise<void> {
    const { machine } = this.#options;
    return new Promise((resolve) => {
      const entry = { bytes, done: resolve };
      this.#inFlight.push(entry);
      // One sync at a time, in order.
      if (this.#inFlight.length === 1) machine.after(machine.random() * SYNC_MS_MAX, () => this.#synced());
    });
  }

  #synced(): void {
    const { machine } = this.#options;
    const entry = this.#inFlight.shift();
    if (entry === undefined) return;
    this.#log.push(entry.bytes);
    const { dot } = peekEntry(entry.bytes);
    this.#dots.push(dot);
    this.vector.advance(dot.origin, dot.n);
    entry.done();
    if (this.#inFlight.length > 0) machine.after(machine.random() * SYNC_MS_MAX, () => this.#synced());
  }

  #settled(): Promise<void> {
    const last = this.#inFlight.at(-1);
    if (last === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const { done } = last;
      last.done = () => {
        done();
        resolve();
      };
    });
  }

  /** In order of each origin, and in no other: who gets them must wait for what they saw. */
  missing(vector: VersionVector): Uint8Array[] {
    const { origin } = this.#options;
    const ownOnly = this.#has('only own entries are passed on');
    const wanted: { dot: Dot; bytes: Uint8Array }[] = [];
    for (const [place, bytes] of this.#log.entries()) {
      const dot = this.#dots[place];
      if (dot === undefined || vector.covers(dot) || (ownOnly && dot.origin !== origin)) continue;
      wanted.push({ dot, bytes });
    }
    return wanted.sort((a, b) => a.dot.origin - b.dot.origin).map(({ bytes }) => bytes);
  }

  collect(): void {
    const stable = this.tracker.stable(this.vector);
    const nowMs = this.#options.machine.monotonicMs();
    for (const [key, state] of this.#items) {
      const isOld = nowMs - (this.#deletedAtMs.get(key) ?? 0) > MARK_AGE_MS;
      const byAge = isOld && this.#has('a mark of the dead is dropped by age');
      const isStable = (dot: Dot) => stable.covers(dot);
      const drops = this.#has('losers are dropped at once');
      const less = {
        siblings: drops ? state.siblings.slice(0, 1) : state.siblings,
        dead: byAge ? [] : state.dead,
      };
      this.#items.set(key, collect(less, isStable) ?? EMPTY_ITEM);
    }
  }

  #token(): string {
    const origins = [...this.#options.origins.values()];
    return formatSessionToken(String(this.number), { version: 1, vector: this.vector }, origins);
  }

  #has(mistake: Mistake): boolean {
    return this.#options.mistake === mistake;
  }
}

/** The toy has no transactions. */
function onlyChange(bytes: Uint8Array): Change {
  const [change] = decodeEntry(bytes).changes;
  if (change === undefined) throw new RangeError('an entry without changes');
  return change;
}
