import type { Runtime } from './runtime.ts';

/** How long others wait before they have their turn. */
const TURN_MS = 4;
/** Whoever asked so often has worked for long enough, whatever the clock says. */
const ASKED_MAX = 16;

const AT_ONCE = Promise.resolve();

/**
 * Lets the other work of a process run while something long is under way. Whoever works for long asks after
 * each small piece, a fraction of a millisecond: mostly it may go on at once. Of several that ask, one goes
 * on between two turns of everybody else: many long ones do not make others wait longer than one does.
 */
export class Turns {
  readonly #runtime: Pick<Runtime, 'soon' | 'monotonicMs'>;
  /** Those who go on next, the first first. */
  readonly #waiting: (() => void)[] = [];

  constructor(runtime: Pick<Runtime, 'soon' | 'monotonicMs'>) {
    this.#runtime = runtime;
  }

  /** For work that begins now: what it asks resolves when it is time to go on. */
  begin(): () => Promise<void> {
    const runtime = this.#runtime;
    let startMs = runtime.monotonicMs();
    let asked = 0;
    return () => {
      if (++asked < ASKED_MAX && runtime.monotonicMs() - startMs < TURN_MS) return AT_ONCE;
      return new Promise((resolve) => {
        this.#wait(() => {
          startMs = runtime.monotonicMs();
          asked = 0;
          resolve();
        });
      });
    };
  }

  #wait(goOn: () => void): void {
    if (this.#waiting.push(goOn) === 1) this.#runtime.soon(() => this.#next());
  }

  #next(): void {
    this.#waiting.shift()?.();
    if (this.#waiting.length > 0) this.#runtime.soon(() => this.#next());
  }
}
