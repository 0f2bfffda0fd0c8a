/** Stops what it was given for; calling it twice, or too late, does nothing. */
export type Cancel = () => void;

/**
 * The one door through which time and chance enter. The real implementation is `createNodeRuntime`; the
 * simulator has its own, so product code that goes round this door cannot be replayed.
 */
export interface Runtime {
  /** Wall clock in Unix milliseconds. May step backwards. */
  nowMs(): number;
  /** Milliseconds since an arbitrary start. Never steps backwards; measure durations with it. */
  monotonicMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** A fresh GUID in its lower-case text form. */
  uuid(): string;
  /** Runs `task` once, no sooner than `delayMs` from now. */
  after(delayMs: number, task: () => void): Cancel;
  /**
   * Runs `task` once, after the events that are already waiting: lets work of one moment gather into a
   * group.
   */
  soon(task: () => void): void;
}

/** Resolves no sooner than `delayMs` from now. */
export function sleep(runtime: Runtime, delayMs: number): Promise<void> {
  return new Promise((resolve) => runtime.after(delayMs, resolve));
}
