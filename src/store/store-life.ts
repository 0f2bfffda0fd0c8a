import { assert } from '../base/index.ts';
import { StoreFailedError } from './store.ts';

/** Whether a store may still be used, and by how many it is: what every engine has to keep count of. */
export class StoreLife {
  #failure: { readonly cause: unknown } | undefined;
  #isClosing = false;
  #users = 0;
  #onUnused: (() => void)[] = [];

  /** @throws StoreFailedError once the store failed or was closed. */
  check(): void {
    this.checkFailure();
    if (this.#isClosing) throw new StoreFailedError('the store is closed');
  }

  /** For those who entered before `end`. @throws StoreFailedError once the store failed. */
  checkFailure(): void {
    if (this.#failure !== undefined) throw this.#failedError();
  }

  /** Notes that the engine cannot be trusted any more; the result is to be thrown. The first cause stays. */
  fail(cause: unknown): StoreFailedError {
    this.#failure ??= { cause };
    return this.#failedError();
  }

  /** Somebody needs the engine to stay open until `leave`. */
  enter(): void {
    this.#users += 1;
  }

  leave(): void {
    this.#users -= 1;
    assert(this.#users >= 0, 'only who entered leaves');
    if (this.#users === 0) for (const resolve of this.#onUnused.splice(0)) resolve();
  }

  /** Lets nobody new in, and resolves once all have left. */
  async end(): Promise<void> {
    this.#isClosing = true;
    if (this.#users > 0) await new Promise<void>((resolve) => this.#onUnused.push(resolve));
  }

  #failedError(): StoreFailedError {
    const cause = this.#failure?.cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new StoreFailedError(`the store failed: ${reason}`, { cause });
  }
}
