import { assert, type ByteReader, type ByteWriter } from '../base/index.ts';
import type { Lsn, PartitionNumber } from './log.ts';

/** How far apart, in bytes of the stream, two places to start reading a partition from are at least. */
export const POINT_DISTANCE = 4096;

/** One partition's log, as far as memory knows it: a few numbers, since a node has thousands of them. */
export class PartitionState {
  readonly number: PartitionNumber;
  /** Oldest entry that is kept. */
  head: Lsn = 1;
  /** Last durable entry. */
  tail: Lsn = 0;
  /** Last entry that was accepted; ahead of `tail` while appends are under way. */
  acceptedTail: Lsn = 0;
  isDropping = false;
  /** The last group with entries of this partition, as GroupCommit counts them since the log was opened. */
  lastGroup = 0;
  /** LSN, offset, LSN, offset, … in the segment that is being written; undefined when none is in it. */
  points: number[] | undefined;

  constructor(number: PartitionNumber) {
    this.number = number;
  }

  /** Remembers where an entry stands in the segment that is being written. */
  place(lsn: Lsn, offset: number): void {
    if (this.points === undefined) this.points = [lsn, offset];
    else if (offset >= (this.points.at(-1) ?? 0) + POINT_DISTANCE) this.points.push(lsn, offset);
  }
}

/** All partitions of a log, and the numbers of those that are no more. */
export class PartitionTable {
  readonly #states = new Map<PartitionNumber, PartitionState>();
  readonly #dropped = new Set<PartitionNumber>();

  get(number: PartitionNumber): PartitionState | undefined {
    return this.#states.get(number);
  }

  isDropped(number: PartitionNumber): boolean {
    return this.#dropped.has(number);
  }

  /** The state of `number`, made if need be. */
  obtain(number: PartitionNumber): PartitionState {
    let state = this.#states.get(number);
    if (state === undefined) {
      assert(!this.#dropped.has(number), 'a dropped partition does not come back');
      state = new PartitionState(number);
      this.#states.set(number, state);
    }
    return state;
  }

  drop(number: PartitionNumber): void {
    this.#states.delete(number);
    this.#dropped.add(number);
  }

  /** Whether none of the partition's entries up to `lsn` is wanted any more. */
  isForgotten(number: PartitionNumber, lsn: Lsn): boolean {
    const state = this.#states.get(number);
    return state === undefined ? this.#dropped.has(number) : state.head > lsn;
  }

  states(): Iterable<PartitionState> {
    return this.#states.values();
  }

  /** Numbers of all partitions that hold an entry or did once. */
  durable(): PartitionNumber[] {
    const found: PartitionNumber[] = [];
    for (const state of this.#states.values()) if (state.tail > 0) found.push(state.number);
    return found;
  }

  /** Marks and tails of all durable entries, by rising number. */
  encode(writer: ByteWriter): void {
    const durable = [...this.#states.values()].filter((state) => state.tail > 0);
    writer.uint(durable.length);
    let last = 0;
    for (const state of durable.sort((a, b) => a.number - b.number)) {
      writer
        .uint(state.number - last)
        .uint(state.head)
        .uint(state.tail);
      last = state.number;
    }
    writer.uint(this.#dropped.size);
    last = 0;
    for (const number of [...this.#dropped].sort((a, b) => a - b)) {
      writer.uint(number - last);
      last = number;
    }
  }

  static decode(reader: ByteReader): PartitionTable {
    const table = new PartitionTable();
    let number = 0;
    for (let left = reader.uint(); left > 0; left--) {
      number += reader.uint();
      const state = table.obtain(number);
      state.head = reader.uint();
      state.tail = reader.uint();
      state.acceptedTail = state.tail;
    }
    number = 0;
    for (let left = reader.uint(); left > 0; left--) {
      number += reader.uint();
      table.#dropped.add(number);
    }
    return table;
  }
}
