import { DatabaseError } from '../errors/index.ts';
import type { Cancel, Runtime } from '../runtime/index.ts';

/** Something under way that has to end in time. */
export interface Deadline {
  /** It ended: false when it was too late for that. */
  end(): boolean;
}

class Pending implements Deadline {
  readonly atMs: number;
  readonly onLate: () => void;
  readonly #owner: Deadlines;
  before: Pending | undefined;
  after: Pending | undefined;
  isOver = false;

  constructor(owner: Deadlines, atMs: number, onLate: () => void) {
    this.#owner = owner;
    this.atMs = atMs;
    this.onLate = onLate;
  }

  end(): boolean {
    if (this.isOver) return false;
    this.#owner.remove(this);
    return true;
  }
}

/**
 * Deadlines of one length: as they end in the order in which they began, one timer watches over all of them,
 * and beginning and ending one costs a few assignments.
 */
export class Deadlines {
  readonly #runtime: Pick<Runtime, 'after' | 'monotonicMs'>;
  readonly #lengthMs: number;
  #first: Pending | undefined;
  #last: Pending | undefined;
  #cancelTimer: Cancel | undefined;

  constructor(runtime: Pick<Runtime, 'after' | 'monotonicMs'>, lengthMs: number) {
    this.#runtime = runtime;
    this.#lengthMs = lengthMs;
  }

  get lengthMs(): number {
    return this.#lengthMs;
  }

  /**
   * Calls `onLate` unless the deadline's `end` was called in time. `nowMs`: reading of the monotonic
   * clock.
   */
  begin(nowMs: number, onLate: () => void): Deadline {
    const pending = new Pending(this, nowMs + this.#lengthMs, onLate);
    pending.before = this.#last;
    if (this.#last === undefined) this.#first = pending;
    else this.#last.after = pending;
    this.#last = pending;
    this.#cancelTimer ??= this.#runtime.after(this.#lengthMs, () => this.#expire());
    return pending;
  }

  /** @internal */
  remove(pending: Pending): void {
    pending.isOver = true;
    const { before, after } = pending;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    // One that is over and has grown old would otherwise keep all that came after it from being collected
    // young: each holds the next.
    pending.before = undefined;
    pending.after = undefined;
  }

  #expire(): void {
    this.#cancelTimer = undefined;
    const nowMs = this.#runtime.monotonicMs();
    for (let first = this.#first; first !== undefined && first.atMs <= nowMs; first = this.#first) {
      this.remove(first);
      first.onLate();
    }
    const next = this.#first;
    if (next !== undefined)
      this.#cancelTimer ??= this.#runtime.after(next.atMs - nowMs, () => this.#expire());
  }

  /** Nobody is told anything more. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#first = undefined;
    this.#last = undefined;
  }
}

/** What an operation is answered whose time is over. */
export function tooLate(ms: number): DatabaseError {
  return new DatabaseError(
    'RequestTimeout',
    `The operation did not end within ${ms} ms; whether a write took effect is unknown.`,
  );
}
