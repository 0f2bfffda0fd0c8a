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

/** Reads the log through again and again, until what it returns is called or the log is closed. */
export function keepScrubbing({ runtime, log, onDamage }: LogScrubOptions): () => void {
  let isStopped = false;
  let cancel: Cancel = () => undefined;
  const round = async (): Promise<void> => {
    const damages = await log.scrub();
    if (isStopped) return;
    for (const damage of damages) onDamage(damage);
    cancel = runtime.after(EVERY_MS, () => void round());
  };
  void round();
  return () => {
    isStopped = true;
    cancel();
  };
}
