/**
 * What this region does for the account's consistency level beyond keeping its own data.
 *
 *   Strong            the write region waits until every region of the quorum set, and every one that might
 *                     hold a read lease still, has a write durably (commit-positions.ts, quorum.ts); others
 *                     read while they hold a lease, and show nothing that is not committed everywhere.
 *   BoundedStaleness  each write region refuses writes that would leave another one more than K operations or
 *                     T seconds behind; the others read while a lease says that this is kept.
 *   the others        nothing.
 *
 * The account's state, the other regions' positions and the time are handed in; what leaves here are the
 * answers to `ask`, committed positions for those who pull, and proposals for the quorum set.
 */
import { assert } from '../base/index.ts';
import { type Origin, VersionVector } from '../causality/index.ts';
import type { Lsn, PartitionNumber } from '../log/index.ts';
import type { PartitionTable } from '../partition/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { CommitPositions, type CommitWait } from './commit-positions.ts';
import { LeaseHolder } from './lease-holder.ts';
import { boundedLeaseMs } from './lease-terms.ts';
import { OwnWrites } from './own-writes.ts';
import { Quorum, type QuorumView } from './quorum.ts';
import { Reports } from './reports.ts';

/** What the account demands of its regions. */
export interface LevelDemand {
  readonly kind: 'none' | 'bounded' | 'strong';
  readonly operationsMax: number;
  readonly lagMsMax: number;
  /** Origins of all regions. */
  readonly members: readonly Origin[];
  /** Origins of storage lives that ended. */
  readonly retired: readonly Origin[];
  /** Origins of the regions that take writes. */
  readonly writers: readonly Origin[];
  readonly quorum: { readonly epoch: number; readonly origins: readonly Origin[] };
}

export interface LevelsOptions {
  readonly runtime: Pick<Runtime, 'monotonicMs'>;
  readonly self: Origin;
  readonly table: PartitionTable;
  readonly demand: () => LevelDemand;
  /**
   * This region does not know yet what it may have answered before: it gives no leases, and says nothing of
   * what is committed, until `begin`.
   */
  readonly awaitsBeginning?: boolean;
  /** Asks the directory for another quorum set; rejects when it is refused or nobody knows. */
  readonly changeQuorum: (expectedEpoch: number, origins: readonly Origin[]) => Promise<unknown>;
}

export interface LeaseStatus {
  readonly held: boolean;
  readonly expiresInMs: number;
}

/** Why a write may not be accepted now. */
export interface Backlog {
  readonly origin: Origin;
  readonly operations: number;
  readonly ms: number;
}

export class Levels {
  readonly #options: LevelsOptions;
  readonly reports = new Reports();
  readonly #holder = new LeaseHolder();
  readonly #quorum: Quorum;
  readonly #commits = new Map<PartitionNumber, CommitPositions>();
  /** Partitions in which something waits to be committed. */
  readonly #pending = new Set<PartitionNumber>();
  readonly #own = new Map<PartitionNumber, OwnWrites>();
  /** What was there before this life began to count: it may be committed, and nobody can tell. */
  readonly #floors = new Map<PartitionNumber, VersionVector>();
  readonly #committedListeners = new Set<(partition: PartitionNumber) => void>();
  #demand: LevelDemand;
  #hasBegun: boolean;

  constructor(options: LevelsOptions) {
    this.#options = options;
    this.#quorum = new Quorum(options.self);
    this.#hasBegun = options.awaitsBeginning !== true;
    this.#demand = options.demand();
    this.#configure();
  }

  /**
   * The account has changed. True when what is committed has to be told anew: this region begins to keep
   * account of it.
   */
  configure(): boolean {
    const before = { kind: this.#demand.kind, isWriter: this.#isWriter };
    this.#demand = this.#options.demand();
    this.#configure();
    if (before.kind === this.#demand.kind && before.isWriter === this.#isWriter) return false;
    if (this.#demand.kind !== 'strong') {
      this.#forgetCommits();
      return false;
    }
    this.#trackAll();
    return !this.#isWriter;
  }

  #configure(): void {
    const { members, writers, quorum, kind } = this.#demand;
    this.#holder.need(kind === 'none' ? [] : writers.filter((origin) => origin !== this.#options.self));
    this.#quorum.configure({ members, set: quorum.origins, epoch: quorum.epoch }, this.#nowMs());
    this.#recomputePending();
  }

  #trackAll(): void {
    this.#forgetCommits();
    for (const number of this.#options.table.numbers()) this.#track(number);
  }

  #forgetCommits(): void {
    for (const positions of this.#commits.values()) positions.release();
    this.#commits.clear();
    this.#pending.clear();
    this.#floors.clear();
  }

  #nowMs(): number {
    return this.#options.runtime.monotonicMs();
  }

  /** This region vouches for its writes: it takes some, and knows all that it ever answered. */
  get #isWriter(): boolean {
    return this.#hasBegun && this.#demand.writers.includes(this.#options.self);
  }

  /** The region has learnt what the others knew. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    // Now is when it counts what may be committed; others keep what they were told.
    if (this.#demand.kind === 'strong' && this.#isWriter) this.#trackAll();
  }

  // --- partitions --------------------------------------------------------------------------------------

  /** A partition was opened, at the position that it has now. */
  opened(number: PartitionNumber): void {
    const vector = this.#options.table.get(number)?.vector;
    if (vector === undefined) return;
    this.#own.set(number, new OwnWrites(vector.get(this.#options.self), this.#nowMs()));
    if (this.#demand.kind === 'strong') this.#track(number);
  }

  #track(number: PartitionNumber): void {
    const partition = this.#options.table.get(number);
    if (partition === undefined) return;
    this.#commits.set(number, new CommitPositions());
    if (this.#isWriter) this.#floors.set(number, partition.vector.clone());
    this.#noteDurable(number);
  }

  /** Partitions have more that is durable. */
  durable(numbers: readonly PartitionNumber[]): void {
    const nowMs = this.#nowMs();
    // Nobody can lack what one region alone has.
    const hasOthers = this.#demand.members.length > 1;
    for (const number of numbers) {
      const vector = this.#options.table.get(number)?.vector;
      if (vector === undefined) continue;
      if (hasOthers) this.#own.get(number)?.note(vector.get(this.#options.self), nowMs);
      if (this.#demand.kind === 'strong') this.#noteDurable(number);
    }
  }

  #noteDurable(number: PartitionNumber): void {
    const partition = this.#options.table.get(number);
    const positions = this.#commits.get(number);
    if (partition === undefined || positions === undefined) return;
    positions.note(partition.tail(), partition.vector, this.#nowMs());
    if (positions.waitingSinceMs !== undefined) this.#pending.add(number);
    this.#recompute(number);
  }

  dropped(number: PartitionNumber): void {
    this.reports.forget(number);
    this.#own.delete(number);
    this.#commits.get(number)?.release();
    this.#commits.delete(number);
    this.#pending.delete(number);
    this.#floors.delete(number);
  }

  // --- what others say ---------------------------------------------------------------------------------

  /**
   * `origin` has durably applied `vector`: false when that is nothing new. `onSeen` gets the
   * milliseconds from each of our writes' becoming durable here to this moment, for those that it now
   * turns out to have.
   */
  reported(
    partition: PartitionNumber,
    origin: Origin,
    vector: VersionVector,
    onSeen: (ms: number) => void,
  ): boolean {
    const { self } = this.#options;
    const nowMs = this.#nowMs();
    const before = this.#acknowledged(partition, origin);
    if (!this.reports.learn(partition, origin, vector, nowMs)) return false;
    const own = this.#own.get(partition);
    const after = vector.get(self);
    if (own !== undefined && after > before) {
      for (const atMs of own.between(before, after)) onSeen(nowMs - atMs);
      own.prune(this.#acknowledgedByAll(partition));
    }
    if (this.#demand.kind === 'strong') this.#recompute(partition);
    return true;
  }

  #acknowledged(partition: PartitionNumber, origin: Origin): number {
    return this.reports.rows(partition).get(origin)?.get(this.#options.self) ?? 0;
  }

  #acknowledgedByAll(partition: PartitionNumber): number {
    let least = Number.POSITIVE_INFINITY;
    for (const origin of this.#demand.members) {
      if (origin !== this.#options.self) least = Math.min(least, this.#acknowledged(partition, origin));
    }
    return least;
  }

  /** What each other member is known to have is forgotten: the membership changed. */
  retain(origins: ReadonlySet<Origin>): void {
    this.reports.retain(origins);
  }

  /** The write region says what is committed. */
  learnCommitted(partition: PartitionNumber, vector: VersionVector): void {
    this.#advance(partition, vector);
  }

  #advance(partition: PartitionNumber, vector: VersionVector): void {
    const positions = this.#commits.get(partition);
    if (positions === undefined || !positions.learn(vector)) return;
    if (positions.waitingSinceMs === undefined) this.#pending.delete(partition);
    const floor = this.#floors.get(partition);
    if (floor !== undefined && positions.vector.coversAll(floor)) this.#floors.delete(partition);
    for (const listener of this.#committedListeners) listener(partition);
  }

  /** In the write region: what all that are waited for have is committed. */
  #recompute(partition: PartitionNumber): void {
    if (!this.#isWriter) return;
    const own = this.#options.table.get(partition)?.vector;
    if (own === undefined) return;
    const rows = this.reports.rows(partition);
    let common = own;
    for (const origin of this.#quorum.waitedFor(this.#nowMs())) {
      common = common.meet(rows.get(origin) ?? NOTHING);
    }
    this.#advance(partition, common);
  }

  #recomputePending(): void {
    if (this.#demand.kind === 'strong') for (const number of [...this.#pending]) this.#recompute(number);
  }

  /** What is known to be committed; undefined when nobody keeps account of it. */
  committedVector(partition: PartitionNumber): VersionVector | undefined {
    return this.#commits.get(partition)?.vector;
  }

  /** Tells when more of a partition is known to be committed. Returns the listener's removal. */
  onCommitted(listener: (partition: PartitionNumber) => void): () => void {
    this.#committedListeners.add(listener);
    return () => this.#committedListeners.delete(listener);
  }

  // --- leases ------------------------------------------------------------------------------------------

  /** The level rests on leases. */
  get needsLeases(): boolean {
    return this.#demand.kind !== 'none';
  }

  /** Another region asks for a lease: its length in milliseconds, 0 for none. */
  ask(origin: Origin): number {
    if (!this.#isWriter || !this.#demand.members.includes(origin)) return 0;
    if (this.#demand.kind === 'strong') return this.#quorum.ask(origin, this.#nowMs(), this.#view);
    if (this.#demand.kind === 'none') return 0;
    return boundedLeaseMs(this.#oldestLacking(origin), this.#demand.lagMsMax);
  }

  #oldestLacking(origin: Origin): number {
    const nowMs = this.#nowMs();
    let oldest = 0;
    for (const [partition, own] of this.#own) {
      oldest = Math.max(oldest, own.ageAfter(this.#acknowledged(partition, origin), nowMs));
    }
    return oldest;
  }

  readonly #view: QuorumView = {
    isInStep: (origin) => {
      for (const [partition, positions] of this.#commits) {
        const row = this.reports.rows(partition).get(origin) ?? NOTHING;
        const floor = this.#floors.get(partition);
        if (!row.coversAll(positions.vector) || (floor !== undefined && !row.coversAll(floor))) return false;
      }
      return true;
    },
    holdsUp: (origin, sinceMs) => {
      for (const partition of this.#pending) {
        const positions = this.#commits.get(partition);
        const { waitingSinceMs, waitingFor } = positions ?? {};
        if (waitingSinceMs === undefined || waitingFor === undefined || waitingSinceMs > sinceMs) continue;
        if (!(this.reports.rows(partition).get(origin) ?? NOTHING).coversAll(waitingFor)) return true;
      }
      return false;
    },
  };

  /** A lease came. */
  take(giver: Origin, askedAtMs: number, leaseMs: number): void {
    this.#holder.take(giver, askedAtMs, leaseMs);
  }

  /** Not held at levels that need none; held for ever where nobody has to give it. */
  lease(): LeaseStatus {
    if (this.#demand.kind === 'none') return { held: false, expiresInMs: 0 };
    const leftMs = this.#holder.untilMs - this.#nowMs();
    // Whoever needs none holds it for ever, which JSON has no word for.
    return { held: leftMs > 0, expiresInMs: Math.max(0, Math.min(leftMs, Number.MAX_SAFE_INTEGER)) };
  }

  /** Call it at a steady pace. */
  tick(): void {
    if (this.#demand.kind !== 'strong' || !this.#isWriter) return;
    // A lease may have run out that was waited for.
    this.#recomputePending();
    const proposal = this.#quorum.propose(this.#nowMs(), this.#view);
    if (proposal === undefined) return;
    this.#options.changeQuorum(this.#quorum.epoch, proposal).catch(() => this.#quorum.withdraw());
  }

  // --- what the engine asks ----------------------------------------------------------------------------

  get kind(): LevelDemand['kind'] {
    return this.#demand.kind;
  }

  /** Reads of the account's level may be answered from this region's own data. */
  holdsLease(): boolean {
    return this.#hasBegun && this.#nowMs() < this.#holder.untilMs;
  }

  /**
   * Resolves when everything up to `lsn`, or all that is durable here, is globally committed; undefined when
   * it is, or need not be.
   */
  committed(partition: PartitionNumber, lsn?: Lsn): CommitWait | undefined {
    const upTo = lsn ?? this.#options.table.get(partition)?.tail() ?? 0;
    return this.#commits.get(partition)?.wait(upTo);
  }

  /** What is durable here and known to be committed; undefined when nobody keeps account of it. */
  committedHere(partition: PartitionNumber): VersionVector | undefined {
    const committed = this.committedVector(partition);
    return committed && this.#options.table.get(partition)?.vector.meet(committed);
  }

  /**
   * No region has all of `demand`, and none ever will: it names writes of a storage life that ended, beyond
   * what any region says to have of it. Only told when every region has said.
   */
  isLost(partition: PartitionNumber, demand: VersionVector): boolean {
    const own = this.#options.table.get(partition)?.vector;
    const rows = this.reports.rows(partition);
    return this.#demand.retired.some((origin) => {
      const n = demand.get(origin);
      if (own === undefined || n <= own.get(origin)) return false;
      return this.#demand.members.every((member) => {
        const row = member === this.#options.self ? own : rows.get(member);
        return row !== undefined && row.get(origin) < n;
      });
    });
  }

  /** Why another write of this region must wait; undefined when it need not. `head`: own writes so far. */
  backlog(partition: PartitionNumber, head: number): Backlog | undefined {
    if (this.#demand.kind !== 'bounded') return undefined;
    const nowMs = this.#nowMs();
    const own = this.#own.get(partition);
    assert(own !== undefined, 'partitions are known before they are written to');
    for (const origin of this.#demand.members) {
      if (origin === this.#options.self) continue;
      const acknowledged = this.#acknowledged(partition, origin);
      const operations = head - acknowledged;
      const ms = own.waitingMs(acknowledged, nowMs);
      if (operations >= this.#demand.operationsMax || ms >= this.#demand.lagMsMax) {
        return { origin, operations, ms };
      }
    }
    return undefined;
  }
}

const NOTHING = new VersionVector();
