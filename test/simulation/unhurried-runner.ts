import { DatabaseError } from '../../src/errors/index.ts';
import type { Runtime } from '../../src/runtime/index.ts';
import type { ScriptHost, ScriptOutcome, ScriptRun, ScriptRunner } from '../../src/script/index.ts';

/** Mostly far less: one in two is an eighth of a second at most. */
const ANSWER_MS_MAX = 2_000;

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
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      this.#runtime.after(this.#runtime.random() ** 4 * ANSWER_MS_MAX, () => {
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
