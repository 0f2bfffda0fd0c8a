/**
 * Work that can be left in the middle: a generator that yields where others may have their turn. Whoever
 * cannot wait runs it to its end, so there is one way to do the work and not two.
 */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Does all of it now. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Does it while others have their turn. Rejects with what the work throws. */
export async function finishInTurns<T>(steps: Steps<T>, turn: () => Promise<void>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await turn();
  }
}

/** Tells now and then that others have waited for long enough. */
export class StepCounter {
  /** All pieces noted so far. */
  total = 0;
  readonly #most: number;
  #count = 0;

  /** `most`: pieces of work between two turns of others. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Notes pieces of work. */
  add(count = 1): void {
    this.#count += count;
    this.total += count;
  }

  /** Whether it is time; true once. */
  isDue(): boolean {
    if (this.#count < this.#most) return false;
    this.#count = 0;
    return true;
  }
}
