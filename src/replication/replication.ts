/**
 * Replication of one region with all others.
 *
 * Each region pulls from every other one that it can reach, over one channel for all partitions: it says
 * where its partitions are (version vectors), and the other side sends what is missing, from its log, as
 * soon as it is durable there. Entries are received in causal order (causal-buffer.ts). A region asks
 * each source only for the source's own writes, unless somebody's cannot be had from home: those it asks
 * of everybody (relay.ts).
 *
 * Whatever a network does to frames (lose, repeat, reorder, delay, stop) costs time only: frames are
 * numbered, a session in doubt is dropped, and the next one starts from the vectors.
 *
 *   Replication ── PullLink (one per member) ── PullSession      what we lack
 *        │   └──── Intake ── CausalBuffer (one per partition)
 *        └──────── Feed (one per puller) ── SourceSession        what others lack
 */
import { type Origin, type PeerClocks, VersionVector } from '../causality/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import type { PartitionTable } from '../partition/index.ts';
import type { Cancel, Channel, Network, NetworkListener, Runtime } from '../runtime/index.ts';
import { Feed } from './feed.ts';
import { FreezableNetwork } from './freezable-network.ts';
import { Intake } from './intake.ts';
import type { Levels } from './levels.ts';
import { type Answer, type Member, PullLink } from './pull-link.ts';
import type { Question, Told } from './pull-session.ts';
import { Reach } from './reach.ts';
import { Repair } from './repair.ts';
import { type PeerStatus, peerStatus, type ReplicationStatus } from './replication-status.ts';
import type { Lag, Reports } from './reports.ts';
import { type DiskOutdatedError, lossOf, ToldWrites } from './told-writes.ts';
import { Visibility } from './visibility.ts';

const TICK_MS = 250;
/** How long something may wait for a missing entry before everybody is asked for it. */
const MISSING_MS = 1_000;

export interface ReplicationOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  /** Id of the account; regions of different accounts do not talk to each other. */
  readonly account: string;
  /**
   * The membership epoch. Reports count in the epoch in which they were made (see StabilityTracker), so
   * sessions end with it, and two regions that know different ones do not talk until both know the later.
   */
  readonly epoch: () => number;
  readonly self: { readonly region: string; readonly origin: Origin };
  /** Where to listen for pullers, as `Network.listen` takes it. */
  readonly listenAddress: string;
  /** All regions of the account, with or without this one. Call `membersChanged` when the answer changes. */
  readonly members: () => readonly Member[];
  /**
   * Names of the members to replicate with directly while all is well: all of them unless given. When one of
   * them cannot be reached, everybody is tried. Call `membersChanged` when the answer changes.
   */
  readonly neighbours?: () => ReadonlySet<string>;
  /** Origins whose homes are gone, but whose entries may not be everywhere yet. */
  readonly retired: () => readonly Origin[];
  readonly table: PartitionTable;
  /** Hears the other regions' wall clocks here. */
  readonly clocks?: PeerClocks;
  /** What this region does for the account's consistency level; it hears here what the others have. */
  readonly levels: Levels;
  /**
   * A member is now known to have applied `vector`, durably. The vector changes in place later; clone to
   * keep.
   */
  readonly onReport?: (partition: PartitionNumber, origin: Origin, vector: VersionVector) => void;
  /**
   * A partition could not read its log or receive. Replication goes on trying; the node should look after
   * itself.
   */
  readonly onFailure: (error: unknown) => void;
}

/** Starts pulling from and serving all members. Rejects when `listenAddress` cannot be had. */
export async function startReplication(options: ReplicationOptions): Promise<Replication> {
  const replication = new Replication(options);
  await replication.listen();
  return replication;
}

export class Replication {
  readonly #options: ReplicationOptions;
  readonly #network: FreezableNetwork;
  readonly #reports: Reports;
  readonly #visibility = new Visibility();
  readonly #intake: Intake;
  readonly #links = new Map<string, PullLink>();
  readonly #feeds = new Set<Feed>();
  readonly #removals: (() => void)[];
  readonly #reach: Reach;
  #members: readonly Member[] = [];
  readonly #repair = new Repair();
  readonly #told: ToldWrites;
  #epoch: number;
  #listener: NetworkListener | undefined;
  #cancelTick: Cancel | undefined;
  #isClosed = false;

  /** Use `startReplication`. */
  constructor(options: ReplicationOptions) {
    this.#options = options;
    this.#epoch = options.epoch();
    const { table, levels } = options;
    this.#reports = levels.reports;
    this.#network = new FreezableNetwork(options.network);
    this.#intake = new Intake({
      table,
      nowMs: () => this.#nowMs(),
      onWaiting: (partition, dot) => this.#reports.hear(partition, dot, this.#nowMs()),
      onFailure: (error) => this.#receiveFailed(error),
    });
    this.#removals = [
      table.onOpened((number) => this.#opened(number)),
      table.onDurable((numbers) => this.#durable(numbers)),
      table.onDropped((number) => this.#dropped(number)),
      levels.onCommitted((number) => {
        for (const feed of this.#feeds) feed.markCommitted(number);
      }),
    ];
    this.#told = new ToldWrites(options.self.origin);
    this.#reach = new Reach({
      self: options.self.origin,
      members: () => this.#members.map(({ origin }) => origin),
      retired: options.retired,
    });
    for (const number of table.numbers()) this.#opened(number);
  }

  /** Part of starting. */
  async listen(): Promise<void> {
    this.#listener = await this.#network.listen(this.#options.listenAddress, (channel) =>
      this.#accept(channel),
    );
    this.membersChanged();
    this.#tickLater();
  }

  /** Where pullers reach this region; with the real port when `listenAddress` named port 0. */
  get address(): string {
    return this.#listener?.address ?? this.#options.listenAddress;
  }

  // --- partitions --------------------------------------------------------------------------------------

  #opened(number: PartitionNumber): void {
    this.#options.levels.opened(number);
    this.#told.open(number, this.#options.table.get(number)?.vector);
    for (const link of this.#links.values()) link.subscribe(number);
    for (const feed of this.#feeds) feed.markOpened(number);
  }

  #durable(numbers: readonly PartitionNumber[]): void {
    this.#options.levels.durable(numbers);
    for (const link of this.#links.values()) link.noteChanges(numbers);
    for (const feed of this.#feeds) feed.markDurable(numbers);
    for (const number of numbers) this.#intake.advance(number);
  }

  #dropped(number: PartitionNumber): void {
    for (const link of this.#links.values()) link.unsubscribe(number);
    for (const feed of this.#feeds) feed.session.markDropped(number);
    this.#intake.drop(number);
    this.#options.levels.dropped(number);
  }

  #receiveFailed(error: unknown): void {
    this.#intake.reset();
    this.restart('a partition could not receive');
    this.#options.onFailure(error);
  }

  /** Drops all sessions with this region as the puller, and begins new ones. */
  restart(reason: string): void {
    for (const link of this.#links.values()) link.restart(reason);
  }

  // --- peers -------------------------------------------------------------------------------------------

  /** Looks at `members`, `retired` and `epoch` again. */
  membersChanged(): void {
    if (this.#isClosed) return;
    this.#enterEpoch(this.#options.epoch());
    this.#members = this.#options.members().filter((member) => member.region !== this.#options.self.region);
    const current = new Map(this.#members.map((member) => [member.region, member]));
    for (const feed of [...this.#feeds]) {
      const { peer } = feed.session;
      if (peer !== undefined && current.get(peer.region)?.origin !== peer.origin) feed.end();
    }
    const origins = new Set(this.#members.map((member) => member.origin));
    this.#options.levels.retain(origins);
    this.#reports.bury(this.#options.retired());
    this.#options.clocks?.retain(origins);
    this.#relink();
  }

  /** Begins and ends links, so that there is one to every neighbour, or to every member during a repair. */
  #relink(): void {
    const neighbours = this.#options.neighbours?.();
    const wanted = this.#members.filter((member) => this.#repair.isWanted(member, neighbours));
    const current = new Map(wanted.map((member) => [member.region, member]));
    for (const [region, link] of this.#links) {
      const member = current.get(region);
      if (member?.address === link.member.address && member.origin === link.member.origin) continue;
      this.#links.delete(region);
      this.#reach.leave(link.member.origin);
      link.close();
    }
    for (const member of wanted) if (!this.#links.has(member.region)) this.#link(member);
    this.#updateWants();
  }

  #enterEpoch(epoch: number): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#options.levels.retain(new Set());
    for (const feed of [...this.#feeds]) feed.end();
    this.restart('the membership changed');
  }

  #link(member: Member): void {
    this.#reach.note(member.origin, this.#nowMs());
    const { runtime, account, epoch, self, table, levels } = this.#options;
    const link = new PullLink({
      runtime,
      network: this.#network,
      account,
      epoch,
      self,
      member,
      table,
      intake: this.#intake,
      wants: () => this.#reach.wantsFrom(member.origin, this.#nowMs()),
      allOrigins: () => this.#reach.allOrigins(),
      onRows: (rows) => {
        for (const { partition, origin, vector } of rows) this.#learn(partition, origin, vector);
      },
      knownOf: (partition) => this.#knownOf(partition, member.origin),
      onKnown: (rows) => {
        for (const { partition, vector } of rows) this.#isWhole(partition, member.origin, vector);
      },
      question: () => this.#question(member.origin),
      onAnswer: (answer) => this.#answered(member.origin, answer),
      onCommitted: (rows) => {
        for (const { partition, vector } of rows) levels.learnCommitted(partition, vector);
      },
      needsLease: () => levels.needsLeases,
      onChange: () => this.#updateWants(),
    });
    this.#links.set(member.region, link);
  }

  #accept(channel: Channel): void {
    if (this.#isClosed) {
      channel.close();
      return;
    }
    const { runtime, account, epoch, self, table, levels, onFailure } = this.#options;
    const feed = new Feed({
      runtime,
      channel,
      account,
      epoch,
      self,
      table,
      isMember: (region, origin) =>
        this.#members.some((one) => one.region === region && one.origin === origin),
      rowOf: (partition, origin) => this.#reports.rows(partition).get(origin),
      knownOf: (partition, origin) => this.#knownOf(partition, origin),
      onKnown: (partition, origin, known) => this.#isWhole(partition, origin, known),
      answer: (origin, question) => this.#answer(origin, question),
      onTold: (partition, n) => this.#told.note(partition, n),
      committedOf: (partition) => levels.committedVector(partition),
      onMet: (met) => this.#endOlderFeeds(met),
      onRows: (origin, rows) => {
        for (const { partition, vector } of rows) this.#learn(partition, origin, vector);
      },
      onEnd: (ended) => this.#feeds.delete(ended),
      onFailure,
    });
    this.#feeds.add(feed);
  }

  /** A region has one session with us at a time: whoever begins another has given up the one before. */
  #endOlderFeeds(met: Feed): void {
    for (const feed of [...this.#feeds]) {
      if (feed !== met && feed.session.peer?.region === met.session.peer?.region) feed.end();
    }
  }

  #learn(partition: PartitionNumber, origin: Origin, vector: VersionVector): void {
    const { table, onReport, self, levels } = this.#options;
    if (origin === self.origin || table.get(partition) === undefined) return;
    if (!this.#members.some((member) => member.origin === origin)) return;
    const problem = this.#told.problem(partition, origin, vector);
    if (problem !== undefined) {
      this.#giveUpDisk(problem);
      return;
    }
    if (!levels.reported(partition, origin, vector, (ms) => this.#visibility.note(origin, ms))) return;
    for (const feed of this.#feeds) feed.session.noteRow(partition, origin);
    const row = this.#reports.rows(partition).get(origin);
    if (row !== undefined) onReport?.(partition, origin, row);
  }

  /** What `origin` told at some time that it had; what this region has dropped on that word outlives it. */
  #knownOf(partition: PartitionNumber, origin: Origin): VersionVector {
    // The link may be older than the wipe: who answers at its end then has another disk.
    if (this.#options.retired().includes(origin)) return new VersionVector();
    const known = this.#reports.known(partition, origin);
    const restedOn = this.#options.table.get(partition)?.knownOf(origin);
    if (restedOn !== undefined) known.join(restedOn);
    return known;
  }

  /** Whether this region still has what `peer` knows it to have had. */
  #isWhole(partition: PartitionNumber, peer: Origin, known: VersionVector): boolean {
    const applied = this.#options.table.get(partition)?.vector;
    const problem = applied && lossOf({ partition, peer, known, applied });
    if (problem !== undefined) this.#giveUpDisk(problem);
    return problem === undefined;
  }

  #giveUpDisk(problem: DiskOutdatedError): void {
    // What is written on such a disk contradicts what others have: from here on nobody is told anything.
    this.pause();
    this.#options.onFailure(problem);
  }

  // --- questions and leases ----------------------------------------------------------------------------

  #question(source: Origin): Question {
    const { runtime } = this.#options;
    const roundTripMs = this.#visibility.roundTripMs(source) ?? -1;
    const [askedAtMs, wallMs] = [runtime.monotonicMs(), runtime.nowMs()];
    return { askedAtMs, wallMs, roundTripMs, helpHops: this.#repair.hops };
  }

  #answer(puller: Origin, question: Question): Told {
    const { runtime, levels, clocks } = this.#options;
    clocks?.note(puller, question.wallMs);
    if (this.#repair.help(puller, this.#nowMs(), question.helpHops)) this.#relink();
    if (question.roundTripMs >= 0) this.#visibility.measured(puller, question.roundTripMs);
    const leaseMs = levels.ask(puller);
    return { wallMs: runtime.nowMs(), clocks: clocks?.heardBeside(puller) ?? [], leaseMs };
  }

  #answered(source: Origin, { askedAtMs, wallMs, clocks, leaseMs }: Answer): void {
    this.#options.clocks?.note(source, wallMs, clocks);
    this.#visibility.measured(source, this.#nowMs() - askedAtMs);
    if (leaseMs > 0) this.#options.levels.take(source, askedAtMs, leaseMs);
  }

  #updateWants(): void {
    for (const link of this.#links.values()) link.updateWants();
  }

  // --- time --------------------------------------------------------------------------------------------

  #nowMs(): number {
    return this.#options.runtime.monotonicMs();
  }

  #tickLater(): void {
    this.#cancelTick = this.#options.runtime.after(TICK_MS, () => {
      this.#tickLater();
      if (!this.#network.isFrozen) this.#tick();
    });
  }

  #tick(): void {
    const nowMs = this.#nowMs();
    const missing = this.#intake.missing(MISSING_MS);
    this.#reach.miss(missing, nowMs);
    for (const link of this.#links.values()) {
      if (link.isLive) this.#reach.note(link.member.origin, nowMs);
      link.tick(missing.size > 0);
    }
    for (const feed of [...this.#feeds]) feed.tick();
    const neighbours = this.#options.neighbours?.();
    if (this.#repair.update(nowMs, neighbours, this.#members, this.#reach.reachedAtMs)) this.#relink();
    this.#options.levels.tick();
    this.#updateWants();
  }

  // --- what others ask ---------------------------------------------------------------------------------

  /** What each other member is known to have applied, durably. Rows change in place. */
  reports(partition: PartitionNumber): ReadonlyMap<Origin, VersionVector> {
    return this.#reports.rows(partition);
  }

  /** How far this region is behind each other member's own writes in one partition; by region. */
  lag(partition: PartitionNumber): Map<string, Lag> {
    const lags = new Map<string, Lag>();
    const applied = this.#options.table.get(partition)?.vector;
    if (applied === undefined) return lags;
    for (const { region, origin } of this.#members) {
      lags.set(region, this.#reports.lag(partition, origin, applied, this.#nowMs()));
    }
    return lags;
  }

  /** Nothing waits, is being received, or was sent without being acknowledged. */
  isIdle(): boolean {
    if (this.#intake.waitingBytes > 0 || this.#intake.receivingBytes > 0) return false;
    for (const link of this.#links.values()) if (!link.isIdle) return false;
    for (const feed of this.#feeds) if (!feed.session.isIdle) return false;
    return true;
  }

  status(): ReplicationStatus {
    return {
      isPaused: this.#network.isFrozen,
      peers: this.#members.map((member) => this.#peerStatus(member)),
      waitingEntries: this.#intake.waitingCount,
      waitingBytes: this.#intake.waitingBytes,
      receivingBytes: this.#intake.receivingBytes,
    };
  }

  #peerStatus({ region, origin }: Member): PeerStatus {
    const feeds = [...this.#feeds].filter((feed) => feed.session.peer?.region === region);
    const lag = this.#totalLag(origin);
    const link = this.#links.get(region);
    return peerStatus({
      region,
      origin,
      link,
      feeds,
      lag,
      visibility: this.#visibility,
      nowMs: this.#nowMs(),
    });
  }

  #totalLag(origin: Origin): Lag {
    let operations = 0;
    let ms = 0;
    for (const number of this.#options.table.numbers()) {
      const applied = this.#options.table.get(number)?.vector;
      if (applied === undefined) continue;
      const lag = this.#reports.lag(number, origin, applied, this.#nowMs());
      operations += lag.operations;
      ms = Math.max(ms, lag.ms);
    }
    return { operations, ms };
  }

  // --- stopping ----------------------------------------------------------------------------------------

  /** Behaves as if this region's process had been stopped: says nothing and hears nothing. */
  pause(): void {
    this.#network.freeze();
  }

  /** Goes on after `pause`, with new sessions: the old ones have missed frames. */
  resume(): void {
    if (!this.#network.isFrozen) return;
    this.#network.thaw();
    for (const feed of [...this.#feeds]) feed.end();
    this.restart('paused');
  }

  /** Ends all sessions; resolves when no partition is receiving any more. */
  async close(): Promise<void> {
    await Promise.all([this.#stop(), this.#listener?.close()]);
  }

  /** As a crash would: everything that is not durable is forgotten, nobody is told. */
  abandon(): void {
    void this.#stop();
    // A listener that is being closed late does no harm: it accepts nobody from here on.
    this.#listener?.close().catch(() => undefined);
  }

  #stop(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTick?.();
    for (const remove of this.#removals) remove();
    for (const link of this.#links.values()) link.close();
    for (const feed of [...this.#feeds]) feed.end();
    return this.#intake.close();
  }
}
