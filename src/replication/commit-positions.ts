import { VersionVector } from '../causality/index.ts';
import type { Lsn } from '../log/index.ts';

interface Mark {
  readonly lsn: Lsn;
  /** What the log up to `lsn` amounts to. */
  readonly vector: VersionVector;
  readonly atMs: number;
}

interface Waiter {
  readonly lsn: Lsn;
  readonly resolve: () => void;
}

/** A promise that its owner may give up. */
export interface CommitWait {
  readonly promise: Promise<void>;
  readonly cancel: () => void;
}

const MARKS_MAX = 1_024;

/**
 * How far one partition of one region is known to be globally committed: every region of the quorum set has
 * it durably. What is known is a vector; what readers ask about is a place in their own region's log, so each
 * group that becomes durable leaves a mark that says which vector it amounts to.
 */
export class CommitPositions {
  readonly vector = new VersionVector();
  #marks: Mark[] = [];
  #lsn: Lsn = 0;
  #waiters: Waiter[] = [];

  /** Everything up to this LSN is committed. */
  get lsn(): Lsn {
    return this.#lsn;
  }

  /**
   * Since when, by the monotonic clock, something has been waiting to be committed; undefined: nothing
   * is.
   */
  get waitingSinceMs(): number | undefined {
    return this.#marks[0]?.atMs;
  }

  /** What the oldest group amounts to that is not committed yet. */
  get waitingFor(): VersionVector | undefined {
    return this.#marks[0]?.vector;
  }

  /** The region's log is durable up to `lsn`, which amounts to `vector`. */
  note(lsn: Lsn, vector: VersionVector, nowMs: number): void {
    if (lsn <= (this.#marks.at(-1)?.lsn ?? this.#lsn)) return;
    if (this.vector.coversAll(vector)) {
      this.#marks = [];
      this.#advance(lsn);
      return;
    }
    // One mark fewer makes those who asked for it wait for the next.
    if (this.#marks.length >= MARKS_MAX)
      this.#marks = this.#marks.filter((_, at) => at === 0 || at % 2 === 1);
    this.#marks.push({ lsn, vector: vector.clone(), atMs: nowMs });
  }

  /** At least `committed` is. False when that is nothing new. */
  learn(committed: VersionVector): boolean {
    if (this.vector.coversAll(committed)) return false;
    this.vector.join(committed);
    let done = 0;
    while (done < this.#marks.length) {
      const mark = this.#marks[done];
      if (mark === undefined || !this.vector.coversAll(mark.vector)) break;
      done++;
    }
    const last = this.#marks[done - 1];
    if (last === undefined) return true;
    this.#marks.splice(0, done);
    this.#advance(last.lsn);
    return true;
  }

  #advance(lsn: Lsn): void {
    this.#lsn = lsn;
    if (this.#waiters.length === 0) return;
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.lsn <= lsn) waiter.resolve();
      else waiting.push(waiter);
    }
    this.#waiters = waiting;
  }

  /** Resolves when everything up to `lsn` is committed; undefined when it is. */
  wait(lsn: Lsn): CommitWait | undefined {
    if (lsn <= this.#lsn) return undefined;
    let cancel: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => {
      const waiter = { lsn, resolve };
      this.#waiters.push(waiter);
      cancel = () => {
        this.#waiters = this.#waiters.filter((one) => one !== waiter);
      };
    });
    return { promise, cancel };
  }

  /** Nobody need wait any longer: the level that asked for it is given up, or the partition is gone. */
  release(): void {
    this.#marks = [];
    for (const { resolve } of this.#waiters) resolve();
    this.#waiters = [];
  }
}
