import { randomUUID } from 'node:crypto';
import type { Cancel, Runtime } from './runtime.ts';

/** setTimeout takes a longer delay for 1 ms. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

export interface NodeRuntimeOptions {
  /**
   * Whether a waiting `after` keeps the process running. Off by default: a server lives by its listeners, and
   * a forgotten timer must not hold up its end. A command that does nothing but wait sets it.
   */
  readonly timersHoldProcess?: boolean;
}

/** The real clock, timers and randomness of this machine. */
export function createNodeRuntime(options: NodeRuntimeOptions = {}): Runtime {
  const after = (delayMs: number, task: () => void): Cancel => {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, TIMEOUT_MS_MAX);
      timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : task()), stepMs);
      if (options.timersHoldProcess !== true) timer.unref();
    };
    // Timers count whole milliseconds and cut the rest off, so a fraction could end too soon.
    wait(Math.max(0, Math.ceil(delayMs)));
    return () => clearTimeout(timer);
  };
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    random: () => Math.random(),
    uuid: () => randomUUID(),
    after,
    // Not unref'd: what waits here is work already begun, such as an append without an answer.
    soon: (task) => {
      setImmediate(task);
    },
  };
}
