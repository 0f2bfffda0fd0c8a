import type { Origin, VersionVector } from '../causality/index.ts';
import type { EntryHead } from '../partition/index.ts';

interface Waiting<Owner> {
  readonly bytes: Uint8Array;
  readonly head: EntryHead;
  /** Sessions that sent this entry and count it against their window. Seldom more than one. */
  readonly owners: Owner[];
  readonly sinceMs: number;
}

/** Entries in an order in which a partition may receive them. */
export interface Batch<Owner> {
  readonly entries: readonly Uint8Array[];
  /** How many of the batch's bytes each owner has in its window. */
  readonly shares: ReadonlyMap<Owner, number>;
}

/**
 * Puts the entries that several sources send of one partition into an order that respects causality:
 * n of an origin follows n - 1, and whatever the origin had seen comes before.
 *
 * An entry waits here until that holds. It is charged to every session that sent it, and forgotten when
 * the last of them ends: a session that lives believes us to have what it sent, and would not send it again.
 * So what waits is bounded by the windows of the sessions that live.
 */
export class CausalBuffer<Owner> {
  /** What the partition has, plus what was handed out of here to be received. */
  readonly #frontier: VersionVector;
  readonly #waiting = new Map<Origin, Map<number, Waiting<Owner>>>();
  #waitingCount = 0;
  #waitingBytes = 0;
  #ready: Uint8Array[] = [];
  #shares = new Map<Owner, number>();

  /** `applied`: what the partition has. */
  constructor(applied: VersionVector) {
    this.#frontier = applied.clone();
  }

  get waitingCount(): number {
    return this.#waitingCount;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /**
   * Takes an entry from a session. False when it is not needed: the owner has nothing of it in its window
   * then.
   */
  offer(bytes: Uint8Array, head: EntryHead, owner: Owner, nowMs: number): boolean {
    if (this.#frontier.covers(head.dot)) return false;
    if (this.#isDeliverable(head)) {
      this.#deliver(bytes, head);
      this.#charge(owner, bytes.length);
      if (this.#waitingCount > 0) this.#drain();
      return true;
    }
    return this.#wait(bytes, head, owner, nowMs);
  }

  /**
   * The partition has `applied` now, its own region's writes included; entries that waited for that
   * become ready.
   */
  advance(applied: VersionVector): void {
    if (this.#frontier.coversAll(applied)) return;
    this.#frontier.join(applied);
    if (this.#waitingCount === 0) return;
    this.#drain();
    this.#dropCovered();
  }

  /** Everything that is ready, or undefined. It counts as received from here on. */
  take(): Batch<Owner> | undefined {
    if (this.#ready.length === 0 && this.#shares.size === 0) return undefined;
    const batch = { entries: this.#ready, shares: this.#shares };
    this.#ready = [];
    this.#shares = new Map();
    return batch;
  }

  /** Forgets everything: the partition is no more. How many bytes of it each owner has in its window. */
  giveUp(): ReadonlyMap<Owner, number> {
    const shares = this.#shares;
    for (const queue of this.#waiting.values()) {
      for (const { bytes, owners } of queue.values()) {
        for (const owner of owners) shares.set(owner, (shares.get(owner) ?? 0) + bytes.length);
      }
    }
    this.#waiting.clear();
    this.#waitingCount = 0;
    this.#waitingBytes = 0;
    this.#ready = [];
    this.#shares = new Map();
    return shares;
  }

  /** A session ended: what only it had sent is forgotten. */
  disown(owner: Owner): void {
    for (const [origin, queue] of this.#waiting) {
      for (const [n, entry] of queue) {
        const at = entry.owners.indexOf(owner);
        if (at < 0) continue;
        entry.owners.splice(at, 1);
        if (entry.owners.length === 0) this.#remove(origin, n, entry);
      }
    }
  }

  /** Origins whose entries are missed by something that has waited since `sinceMs` or longer. */
  missing(sinceMs: number): Set<Origin> {
    const missing = new Set<Origin>();
    for (const [origin, queue] of this.#waiting) {
      const first = lowest(queue);
      if (first === undefined || first.sinceMs > sinceMs) continue;
      if (first.head.dot.n > this.#frontier.get(origin) + 1) missing.add(origin);
      for (const [other, n] of first.head.context.entries()) {
        const next = this.#frontier.get(other) + 1;
        // When the next one of that origin is here, the question is what *it* waits for.
        if (other !== origin && n >= next && !this.#waiting.get(other)?.has(next)) missing.add(other);
      }
    }
    return missing;
  }

  #isDeliverable({ dot, context }: EntryHead): boolean {
    return dot.n === this.#frontier.get(dot.origin) + 1 && this.#frontier.coversAll(context);
  }

  #deliver(bytes: Uint8Array, { dot }: EntryHead): void {
    this.#frontier.advance(dot.origin, dot.n);
    this.#ready.push(bytes);
  }

  #charge(owner: Owner, bytes: number): void {
    this.#shares.set(owner, (this.#shares.get(owner) ?? 0) + bytes);
  }

  #wait(bytes: Uint8Array, head: EntryHead, owner: Owner, nowMs: number): boolean {
    const { origin, n } = head.dot;
    let queue = this.#waiting.get(origin);
    if (queue === undefined) {
      queue = new Map();
      this.#waiting.set(origin, queue);
    }
    const known = queue.get(n);
    if (known !== undefined) {
      if (known.owners.includes(owner)) return false;
      known.owners.push(owner);
      return true;
    }
    // A view would keep all of its frame in memory for as long as this one entry waits.
    const kept = bytes.buffer.byteLength > 2 * bytes.length ? Uint8Array.from(bytes) : bytes;
    queue.set(n, { bytes: kept, head, owners: [owner], sinceMs: nowMs });
    this.#waitingCount++;
    this.#waitingBytes += bytes.length;
    return true;
  }

  /**
   * Hands out all that became deliverable. Only the lowest n of an origin can be next, so each round is
   * short.
   */
  #drain(): void {
    let isMoving = true;
    while (isMoving) {
      isMoving = false;
      for (const [origin, queue] of this.#waiting) {
        if (this.#drainOrigin(origin, queue)) isMoving = true;
      }
    }
  }

  #drainOrigin(origin: Origin, queue: Map<number, Waiting<Owner>>): boolean {
    let moved = false;
    for (;;) {
      const n = this.#frontier.get(origin) + 1;
      const next = queue.get(n);
      if (next === undefined || !this.#isDeliverable(next.head)) return moved;
      this.#deliver(next.bytes, next.head);
      for (const owner of next.owners) this.#charge(owner, next.bytes.length);
      this.#remove(origin, n, next);
      moved = true;
    }
  }

  /** What reached the partition by another way than through here need not wait any longer. */
  #dropCovered(): void {
    for (const [origin, queue] of this.#waiting) {
      for (const [n, entry] of queue) {
        if (n > this.#frontier.get(origin)) continue;
        for (const owner of entry.owners) this.#charge(owner, entry.bytes.length);
        this.#remove(origin, n, entry);
      }
    }
  }

  #remove(origin: Origin, n: number, entry: Waiting<Owner>): void {
    const queue = this.#waiting.get(origin);
    queue?.delete(n);
    if (queue?.size === 0) this.#waiting.delete(origin);
    this.#waitingCount--;
    this.#waitingBytes -= entry.bytes.length;
  }
}

function lowest<T>(queue: ReadonlyMap<number, T>): T | undefined {
  let lowestN = Number.POSITIVE_INFINITY;
  for (const n of queue.keys()) if (n < lowestN) lowestN = n;
  return queue.get(lowestN);
}
