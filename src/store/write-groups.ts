import type { StoreWrite } from './store.ts';

/** A group takes no further call once it holds so many writes. */
const GROUP_WRITES_MAX = 16_384;

interface Call {
  readonly writes: readonly StoreWrite[];
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Applies calls in their order, one group at a time; calls that come while a group is under way wait and
 * share the next one. Engines run writes on threads, so two under way at once could land in either order.
 */
export class WriteGroups {
  readonly #apply: (group: readonly (readonly StoreWrite[])[]) => Promise<void>;
  #waiting: Call[] = [];
  #isRunning = false;

  /** `apply` applies all lists, in order, or none; it is not called again before it has settled. */
  constructor(apply: (group: readonly (readonly StoreWrite[])[]) => Promise<void>) {
    this.#apply = apply;
  }

  /** Resolves once these writes, and so all earlier ones, are applied; rejects as `apply` does. */
  write(writes: readonly StoreWrite[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ writes, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.#apply(group.map((call) => call.writes));
        for (const call of group) call.resolve();
      } catch (error) {
        for (const call of group) call.reject(error);
      }
    }
    this.#isRunning = false;
  }

  #takeGroup(): Call[] {
    let calls = 0;
    let writes = 0;
    while (calls < this.#waiting.length && writes < GROUP_WRITES_MAX) {
      writes += this.#waiting[calls]?.writes.length ?? 0;
      calls += 1;
    }
    return this.#waiting.splice(0, calls);
  }
}
