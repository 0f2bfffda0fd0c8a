import { type Dot, ORIGIN_MAX, type Origin } from '../causality/index.ts';
import { LogDamagedError, type PartitionNumber } from '../log/index.ts';
import {
  type EntryHead,
  type PartitionTable,
  peekEntry,
  type ReplicatedPartition,
} from '../partition/index.ts';
import { type Batch, CausalBuffer } from './causal-buffer.ts';
import type { Section } from './wire.ts';

/** A session as the intake sees it: whose window the entries are charged to. */
export interface EntryOwner {
  /** This many bytes of its entries are durable here, or were not needed. */
  release(bytes: number): void;
}

export interface IntakeOptions {
  readonly table: PartitionTable;
  readonly nowMs: () => number;
  /** An entry exists that cannot be received yet. */
  readonly onWaiting: (partition: PartitionNumber, dot: Dot) => void;
  /** A partition refused entries: nothing that was sent of it can be relied on to arrive. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Brings entries of all sessions into the partitions: each partition receives one batch at a time, in causal
 * order, and what comes meanwhile makes the next batch. So batches are as large as the log is slow.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #lanes = new Map<PartitionNumber, PartitionLane>();
  #isClosed = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  get waitingCount(): number {
    return this.#sum((lane) => lane.buffer.waitingCount);
  }

  get waitingBytes(): number {
    return this.#sum((lane) => lane.buffer.waitingBytes);
  }

  /** Bytes being received. */
  get receivingBytes(): number {
    return this.#sum((lane) => lane.receivingBytes);
  }

  #sum(of: (lane: PartitionLane) => number): number {
    let sum = 0;
    for (const lane of this.#lanes.values()) sum += of(lane);
    return sum;
  }

  /** Takes what one session sent. @throws LogDamagedError when that is not an entry. */
  offer({ partition: number, entries }: Section, owner: EntryOwner): void {
    const lane = this.#laneOf(number);
    // Entries often depend on our own latest writes, which reach the partition by another way than this.
    lane?.catchUp();
    let unneededBytes = 0;
    for (const bytes of entries) {
      const head = lane === undefined ? undefined : readHead(bytes);
      if (lane === undefined || head === undefined || !lane.offer(bytes, head, owner))
        unneededBytes += bytes.length;
    }
    if (unneededBytes > 0) owner.release(unneededBytes);
    lane?.kick();
  }

  /** The partition's log has grown, perhaps by something that entries here wait for. */
  advance(number: PartitionNumber): void {
    const lane = this.#lanes.get(number);
    if (lane === undefined || lane.buffer.waitingCount === 0) return;
    lane.catchUp();
    lane.kick();
  }

  /** A session ended. */
  disown(owner: EntryOwner): void {
    for (const lane of this.#lanes.values()) lane.buffer.disown(owner);
  }

  /** Origins whose entries something has missed for `ms` or longer. */
  missing(ms: number): Set<Origin> {
    const missing = new Set<Origin>();
    const sinceMs = this.#options.nowMs() - ms;
    for (const lane of this.#lanes.values()) {
      if (lane.buffer.waitingCount === 0) continue;
      for (const origin of lane.buffer.missing(sinceMs)) missing.add(origin);
    }
    return missing;
  }

  /** The partition is no more; the sessions live on, and get their windows back. */
  drop(number: PartitionNumber): void {
    this.#lanes.get(number)?.close();
    this.#lanes.delete(number);
  }

  /** Forgets everything that is not being received yet. */
  reset(): void {
    for (const lane of this.#lanes.values()) lane.close();
    this.#lanes.clear();
  }

  /** Takes and hands on nothing more; resolves when no partition is receiving. */
  async close(): Promise<void> {
    const lanes = [...this.#lanes.values()];
    this.#isClosed = true;
    this.reset();
    await Promise.all(lanes.map((lane) => lane.settled));
  }

  #laneOf(number: PartitionNumber): PartitionLane | undefined {
    if (this.#isClosed) return undefined;
    const partition = this.#options.table.get(number);
    if (partition === undefined) return undefined;
    let lane = this.#lanes.get(number);
    if (lane === undefined) {
      lane = new PartitionLane(partition, this.#options);
      this.#lanes.set(number, lane);
    }
    return lane;
  }
}

/** What another region sent must not trip our asserts, whatever it is. */
function readHead(bytes: Uint8Array): EntryHead {
  const head = peekEntry(bytes);
  const { origin, n } = head.dot;
  if (origin < 1 || origin > ORIGIN_MAX || n < 1) throw new LogDamagedError(`no write can be ${origin}.${n}`);
  return head;
}

class PartitionLane {
  readonly buffer: CausalBuffer<EntryOwner>;
  readonly #partition: ReplicatedPartition;
  readonly #options: IntakeOptions;
  #isClosed = false;
  receivingBytes = 0;
  #isReceiving = false;
  settled: Promise<void> = Promise.resolve();

  constructor(partition: ReplicatedPartition, options: IntakeOptions) {
    this.#partition = partition;
    this.#options = options;
    this.buffer = new CausalBuffer(partition.vector);
  }

  offer(bytes: Uint8Array, head: EntryHead, owner: EntryOwner): boolean {
    const waitingBefore = this.buffer.waitingCount;
    const isNeeded = this.buffer.offer(bytes, head, owner, this.#options.nowMs());
    if (this.buffer.waitingCount > waitingBefore) this.#options.onWaiting(this.#partition.number, head.dot);
    return isNeeded;
  }

  catchUp(): void {
    this.buffer.advance(this.#partition.vector);
  }

  kick(): void {
    if (this.#isReceiving || this.#isClosed) return;
    const batch = this.buffer.take();
    if (batch === undefined) return;
    this.#isReceiving = true;
    for (const bytes of batch.shares.values()) this.receivingBytes += bytes;
    this.settled = this.#partition.receive(batch.entries).then(
      () => this.#received(batch),
      (error: unknown) => this.#fail(error, batch),
    );
  }

  close(): void {
    this.#isClosed = true;
    release(this.buffer.giveUp());
  }

  #received({ shares }: Batch<EntryOwner>): void {
    this.#isReceiving = false;
    this.receivingBytes = 0;
    release(shares);
    this.kick();
  }

  #fail(error: unknown, { shares }: Batch<EntryOwner>): void {
    this.#isReceiving = false;
    this.receivingBytes = 0;
    // A partition may well fail while it is being dropped, or while everything stops.
    if (this.#isClosed) {
      release(shares);
      return;
    }
    this.#isClosed = true;
    this.#options.onFailure(error);
  }
}

function release(shares: Batch<EntryOwner>['shares']): void {
  for (const [owner, bytes] of shares) owner.release(bytes);
}
