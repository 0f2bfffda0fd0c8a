/** Scripts in threads of their own: one that computes for seconds holds up nobody but those behind it. */
import { DatabaseError } from '../errors/index.ts';
import type { Cancel, Runtime, StartThread, Thread } from '../runtime/index.ts';
import { threadStarter } from '../runtime/index.ts';
import type { StepLimits } from './sandbox.ts';
import type { ScriptHost, ScriptOutcome, ScriptRun, ScriptRunner } from './script-run.ts';
import { runToEnd, type Stepper, type StepResult } from './script-session.ts';
import type { StepRequest } from './script-thread.ts';

export interface ScriptPoolOptions {
  readonly runtime: Runtime;
  /** Each takes one run at a time; started when first needed. */
  readonly threadsMax?: number;
  readonly startThread?: StartThread;
}

const THREADS_MAX = 4;
/** Runs that may wait, for each thread: with runs of some milliseconds, for about a second. */
const WAITING_MAX = 64;
/** How long a thread that nobody needs is kept. */
const IDLE_MS = 30_000;
/** How much later than a step's limit, which the sandbox keeps by itself, its whole thread is ended. */
const GRACE_MS = 1000;

/** Runs scripts in threads, each run in an instance of its own; a thread that does not answer is ended. */
export function createScriptPool(options: ScriptPoolOptions): ScriptRunner {
  return new ScriptPool(options);
}

class ScriptPool implements ScriptRunner {
  readonly #runtime: Runtime;
  readonly #threadsMax: number;
  readonly #startThread: StartThread;
  readonly #idle: ScriptThread[] = [];
  readonly #all = new Set<ScriptThread>();
  readonly #waiting: ((thread: ScriptThread | undefined) => void)[] = [];
  #isClosed = false;

  constructor({ runtime, threadsMax, startThread }: ScriptPoolOptions) {
    this.#runtime = runtime;
    this.#threadsMax = threadsMax ?? THREADS_MAX;
    this.#startThread = startThread ?? threadStarter(new URL('./script-thread.js', import.meta.url));
  }

  async run(run: ScriptRun, host: ScriptHost): Promise<ScriptOutcome> {
    const thread = await this.#acquire();
    try {
      const stepper: Stepper = {
        step: (end, text, limits) => thread.step({ end, text, limits, memoryBytes: run.limits.memoryBytes }),
      };
      return await runToEnd(stepper, run, host, () => this.#runtime.monotonicMs());
    } finally {
      this.#release(thread);
    }
  }

  async #acquire(): Promise<ScriptThread> {
    if (this.#isClosed) throw closed();
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      idle.cancelRetirement();
      return idle;
    }
    if (this.#all.size < this.#threadsMax) {
      const thread = new ScriptThread(this.#runtime, this.#startThread, () => this.#gone(thread));
      this.#all.add(thread);
      return thread;
    }
    if (this.#waiting.length >= WAITING_MAX * this.#threadsMax) {
      throw new DatabaseError('TooManyRequests', 'Too many scripts are waiting to run.');
    }
    const thread = await new Promise<ScriptThread | undefined>((resolve) => this.#waiting.push(resolve));
    if (thread === undefined) {
      // The one that was to come is gone; there is room for another.
      return this.#acquire();
    }
    return thread;
  }

  #release(thread: ScriptThread): void {
    if (!this.#all.has(thread)) return;
    // A run that was given up in the middle: its sandbox may still be busy.
    if (thread.isBusy) {
      thread.end();
      return;
    }
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(thread);
      return;
    }
    this.#idle.push(thread);
    thread.retireAfter(IDLE_MS);
  }

  #gone(thread: ScriptThread): void {
    this.#all.delete(thread);
    const place = this.#idle.indexOf(thread);
    if (place >= 0) this.#idle.splice(place, 1);
    this.#waiting.shift()?.(undefined);
  }

  close(): void {
    this.#isClosed = true;
    for (const thread of [...this.#all]) thread.end();
    for (const wake of this.#waiting.splice(0)) wake(undefined);
  }
}

function closed(): DatabaseError {
  return new DatabaseError('ServiceUnavailable', 'The region is stopping.');
}

/** One thread, and the answer it owes. */
class ScriptThread {
  readonly #runtime: Runtime;
  readonly #thread: Thread;
  readonly #onGone: () => void;
  #owed: ((result: StepResult) => void) | undefined;
  #cancelTimer: Cancel = () => undefined;
  #isGone = false;

  constructor(runtime: Runtime, start: StartThread, onGone: () => void) {
    this.#runtime = runtime;
    this.#onGone = onGone;
    this.#thread = start({
      onMessage: (message) => this.#settle(message as StepResult),
      onGone: () => this.#lost('crash', 'The thread of the script came to its end.'),
    });
  }

  get isBusy(): boolean {
    return this.#owed !== undefined;
  }

  step(request: StepRequest): Promise<StepResult> {
    if (this.#isGone) return Promise.resolve(lost('crash', 'The thread of the script came to its end.'));
    return new Promise((resolve) => {
      this.#owed = resolve;
      this.#watch(request.limits);
      this.#thread.post(request);
    });
  }

  #watch({ timeMs }: StepLimits): void {
    this.#cancelTimer = this.#runtime.after(timeMs + GRACE_MS, () => {
      this.#lost('time', 'The script did not end within its time.');
      this.#thread.end();
    });
  }

  #settle(result: StepResult): void {
    this.#cancelTimer();
    const owed = this.#owed;
    this.#owed = undefined;
    owed?.(result);
  }

  #lost(kind: 'time' | 'crash', message: string): void {
    if (!this.#isGone) {
      this.#isGone = true;
      this.#onGone();
    }
    this.#settle(lost(kind, message));
  }

  retireAfter(delayMs: number): void {
    this.#cancelTimer = this.#runtime.after(delayMs, () => this.end());
  }

  cancelRetirement(): void {
    this.#cancelTimer();
  }

  end(): void {
    this.#lost('crash', 'The thread of the script came to its end.');
    this.#thread.end();
  }
}

function lost(kind: 'time' | 'crash', message: string): StepResult {
  return { report: { kind, message }, interruptsLeft: 0 };
}
