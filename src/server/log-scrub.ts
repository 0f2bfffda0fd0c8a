import type { FileLog, LogDamagedError } from '../log/index.ts';
import type { Cancel, Runtime } from '../runtime/index.ts';

/** From the end of one round to the beginning of the next. */
const EVERY_MS = 24 * 60 * 60 * 1000;

export interface LogScrubOptions {
  readonly runtime: Pick<Runtime, 'after'>;
  readonly log: Pick<FileLog, 'scrub'>;
  /** Told anew in each round. */
  readonly onDamage: (damage: LogDamagedError) => void;
}

/** Reads the log through again and again, until it is stopped or the log is closed. */
export class LogScrub {
  readonly #options: LogScrubOptions;
  #damagedSegments = 0;
  #isStopped = false;
  #cancel: Cancel = () => undefined;

  constructor(options: LogScrubOptions) {
    this.#options = options;
    void this.#round();
  }

  /** In how many segments the last round found damage. */
  get damagedSegments(): number {
    return this.#damagedSegments;
  }

  async #round(): Promise<void> {
    const { runtime, log, onDamage } = this.#options;
    const damages = await log.scrub();
    if (this.#isStopped) return;
    this.#damagedSegments = damages.length;
    for (const damage of damages) onDamage(damage);
    this.#cancel = runtime.after(EVERY_MS, () => void this.#round());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }
}
