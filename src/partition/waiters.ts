import type { DatabaseError } from '../errors/index.ts';

interface Waiter {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
  readonly reject: (reason: DatabaseError) => void;
}

/** A promise that can be given up: nobody will look at it any more. */
export interface Waiting {
  readonly promise: Promise<void>;
  readonly cancel: () => void;
}

/** Those who wait for a partition to get somewhere. */
export class Waiters {
  #waiters: Waiter[] = [];
  #failure: DatabaseError | undefined;

  /** Resolves at the first `wake` at which `isDone` says so. */
  wait(isDone: () => boolean): Waiting {
    if (this.#failure !== undefined)
      return { promise: Promise.reject(this.#failure), cancel: () => undefined };
    let cancel: () => void = () => undefined;
    const promise = new Promise<void>((resolve, reject) => {
      const waiter = { isDone, resolve, reject };
      this.#waiters.push(waiter);
      cancel = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
      };
    });
    return { promise, cancel };
  }

  wake(): void {
    if (this.#waiters.length === 0) return;
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.isDone()) waiter.resolve();
      else waiting.push(waiter);
    }
    this.#waiters = waiting;
  }

  /** Nobody who waits, now or later, gets there. */
  fail(reason: DatabaseError): void {
    this.#failure = reason;
    for (const waiter of this.#waiters) waiter.reject(reason);
    this.#waiters = [];
  }
}
