import type { Origin } from '../causality/index.ts';
import { assumedMs, STRONG_LEASE_MS } from './lease-terms.ts';

/** What the write region can say of another one, from what it has been told. */
export interface QuorumView {
  /** It has everything, durably, that is committed or may be. */
  isInStep(origin: Origin): boolean;
  /** A write has waited since `sinceMs` or longer, and it lacks that write. */
  holdsUp(origin: Origin, sinceMs: number): boolean;
}

/** Waiting for a region for so long is no longer called waiting. */
const SLOW_MS = 1_500;
/** A region that comes back must have kept step for so long. */
const STEADY_MS = 500;
/** A region that has not asked for a lease for so long is silent. */
const SILENCE_MS = 1_000;

interface Peer {
  /** Until when it may hold a lease, by our clock. */
  untilMs: number;
  askedAtMs: number;
  isInStep: boolean;
  /** Since when it has kept step outside the set. */
  steadySinceMs: number | undefined;
}

/**
 * The write region's half of Strong: which regions must hold a write before it is answered, and who may read.
 *
 * A region of the quorum set gets leases while it keeps up; while it may hold one it is waited for. One that
 * falls silent, or holds up writes, gets no more, and is proposed for removal once its last lease must have
 * run out on its own clock. One outside the set is proposed again when it has kept step for a while. The set
 * itself is changed by the directory alone, and never below a majority of all regions.
 *
 * Pure: it reads no clock and sends nothing.
 */
export class Quorum {
  readonly #self: Origin;
  readonly #peers = new Map<Origin, Peer>();
  #set: readonly Origin[] = [];
  #members: readonly Origin[] = [];
  #epoch = 0;
  readonly #leaving = new Set<Origin>();

  constructor(self: Origin) {
    this.#self = self;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get set(): readonly Origin[] {
    return this.#set;
  }

  /**
   * The directory's word. Whoever is new in the set may hold a lease that an earlier life of this region, or
   * an earlier write region, gave.
   */
  configure(
    { members, set, epoch }: { members: readonly Origin[]; set: readonly Origin[]; epoch: number },
    nowMs: number,
  ): void {
    this.#members = members;
    for (const origin of this.#peers.keys()) if (!members.includes(origin)) this.#peers.delete(origin);
    for (const origin of members) {
      if (origin === this.#self) continue;
      const isNew = set.includes(origin) && !this.#set.includes(origin);
      const peer = this.#peer(origin);
      if (isNew) peer.untilMs = Math.max(peer.untilMs, nowMs + assumedMs(STRONG_LEASE_MS));
      if (!set.includes(origin)) peer.isInStep = false;
    }
    if (epoch !== this.#epoch) this.#leaving.clear();
    this.#set = set;
    this.#epoch = epoch;
  }

  /**
   * Those other regions that must hold a write before it is committed: the set, and whoever may still
   * read.
   */
  waitedFor(nowMs: number): Origin[] {
    return this.#members.filter((origin) => {
      if (origin === this.#self) return false;
      return this.#set.includes(origin) || this.#peer(origin).untilMs >= nowMs;
    });
  }

  /** A region asks for a lease: its length in milliseconds, 0 for none. */
  ask(origin: Origin, nowMs: number, view: QuorumView): number {
    if (!this.#members.includes(origin)) return 0;
    const peer = this.#peer(origin);
    peer.askedAtMs = nowMs;
    if (!this.#set.includes(origin) || this.#leaving.has(origin)) return 0;
    // Once in step it stays so: nothing is committed without it while it is in the set.
    peer.isInStep ||= view.isInStep(origin);
    if (!peer.isInStep || view.holdsUp(origin, nowMs - SLOW_MS)) return 0;
    peer.untilMs = Math.max(peer.untilMs, nowMs + assumedMs(STRONG_LEASE_MS));
    return STRONG_LEASE_MS;
  }

  /** The set that the directory should be asked for now; undefined: the present one will do. */
  propose(nowMs: number, view: QuorumView): readonly Origin[] | undefined {
    if (this.#leaving.size > 0) return undefined;
    const least = Math.floor(this.#members.length / 2) + 1;
    const expired = this.#set
      .filter((origin) => origin !== this.#self && this.#members.includes(origin))
      .filter((origin) => this.#peer(origin).untilMs < nowMs)
      .sort((a, b) => this.#peer(a).untilMs - this.#peer(b).untilMs);
    const leaving = expired.slice(0, Math.max(0, this.#set.length - least));
    for (const origin of leaving) this.#leaving.add(origin);
    const returning =
      leaving.length > 0 ? [] : this.#members.filter((one) => this.#mayReturn(one, nowMs, view));
    if (leaving.length === 0 && returning.length === 0) return undefined;
    const wanted = new Set([...this.#set.filter((origin) => !leaving.includes(origin)), ...returning]);
    return this.#members.filter((origin) => wanted.has(origin));
  }

  /** The proposal came to nothing; another may be made. */
  withdraw(): void {
    this.#leaving.clear();
  }

  #mayReturn(origin: Origin, nowMs: number, view: QuorumView): boolean {
    if (origin === this.#self || this.#set.includes(origin)) return false;
    const peer = this.#peer(origin);
    if (nowMs - peer.askedAtMs > SILENCE_MS || !view.isInStep(origin)) {
      peer.steadySinceMs = undefined;
      return false;
    }
    peer.steadySinceMs ??= nowMs;
    return nowMs - peer.steadySinceMs >= STEADY_MS;
  }

  #peer(origin: Origin): Peer {
    let peer = this.#peers.get(origin);
    if (peer === undefined) {
      const never = Number.NEGATIVE_INFINITY;
      peer = { untilMs: never, askedAtMs: never, isInStep: false, steadySinceMs: undefined };
      this.#peers.set(origin, peer);
    }
    return peer;
  }
}
