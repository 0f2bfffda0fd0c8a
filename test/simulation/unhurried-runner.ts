import { DatabaseError } from '../../src/errors/index.ts';
import type { Runtime } from '../../src/runtime/index.ts';
import type { ScriptHost, ScriptOutcome, ScriptRun, ScriptRunner } from '../../src/script/index.ts';

const QUICK_MS_MAX = 5;
/** As long as it takes for the writes of others to get in between, and not for a queue to form. */
const SLOW_MS_MAX = 500;
const SLOW_SHARE = 0.1;

/**
 * Scripts that take their time, as those in threads do: others write while one waits for an answer. `close`
 * ends those that wait, so that they do not keep their place in the sandbox beyond the life of a machine.
 */
export class UnhurriedRunner implements ScriptRunner {
  readonly #runner: ScriptRunner;
  readonly #runtime: Pick<Runtime, 'after' | 'random'>;
  readonly #waiting = new Set<(reason: DatabaseError) => void>();

  constructor(runner: ScriptRunner, runtime: Pick<Runtime, 'after' | 'random'>) {
    this.#runner = runner;
    this.#runtime = runtime;
  }

  run(run: ScriptRun, host: ScriptHost): Promise<ScriptOutcome> {
    return this.#runner.run(run, async (requests) => {
      await this.#pause();
      return host(requests);
    });
  }

  #pause(): Promise<void> {
    const longest = this.#runtime.random() < SLOW_SHARE ? SLOW_MS_MAX : QUICK_MS_MAX;
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      this.#runtime.after(this.#runtime.random() * longest, () => {
        this.#waiting.delete(reject);
        resolve();
      });
    });
  }

  close(): void {
    this.#runner.close();
    const reason = new DatabaseError('ServiceUnavailable', 'The region is stopping.');
    for (const end of this.#waiting) end(reason);
    this.#waiting.clear();
  }
}
