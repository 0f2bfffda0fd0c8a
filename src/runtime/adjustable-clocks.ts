import type { Runtime } from './runtime.ts';

/** A machine whose clocks can be made wrong, for trying out what that does. */
export interface AdjustableClocks {
  readonly runtime: Runtime;
  /** The wall clock is `skewMs` ahead of what it should show; all clocks run fast by `ppm` millionths. */
  adjust(error: { readonly skewMs: number; readonly ppm: number }): void;
}

/** `base`, with clocks that are right until they are adjusted. */
export function createAdjustableClocks(base: Runtime): AdjustableClocks {
  let skewMs = 0;
  let rate = 1;
  /** Since when `rate` holds: the base's reading, and what was shown then. */
  let since = { baseMs: 0, shownMs: 0 };
  const monotonicMs = () => since.shownMs + (base.monotonicMs() - since.baseMs) * rate;
  return {
    runtime: {
      // What the drift has gained so far is in the wall clock too.
      nowMs: () =>
        rate === 1 && since.baseMs === since.shownMs
          ? base.nowMs() + skewMs
          : Math.floor(base.nowMs() + monotonicMs() - base.monotonicMs() + skewMs),
      monotonicMs,
      random: () => base.random(),
      uuid: () => base.uuid(),
      after: (delayMs, task) => base.after(delayMs / rate, task),
      soon: (task) => base.soon(task),
    },
    adjust(error) {
      since = { baseMs: base.monotonicMs(), shownMs: monotonicMs() };
      rate = 1 + error.ppm / 1e6;
      skewMs = error.skewMs;
    },
  };
}
