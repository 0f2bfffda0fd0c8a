import { expect, test } from 'vitest';
import type { Runtime } from '../runtime/index.ts';
import { catchUp, type Progress } from './catching-up.ts';

/** Time passes by sleeping only; `onTick` sees each new reading. */
function runtimeOf(onTick: (nowMs: number) => void): Runtime {
  let nowMs = 0;
  const after = (ms: number, call: () => void) => {
    queueMicrotask(() => {
      nowMs += ms;
      onTick(nowMs);
      call();
    });
    return () => undefined;
  };
  return { monotonicMs: () => nowMs, after } as unknown as Runtime;
}

function at(...vector: [number, number][]): Progress {
  const figures = {
    lsn: 0,
    applied: 0,
    siblings: 0,
    tombstones: 0,
    conflicts: 0,
    lag: {},
    lease: { held: false, expiresInMs: 0 },
  };
  return { partitions: [{ container: 'c', pkRangeId: '0', vector, ...figures }] };
}

test('a region is there once it has what the others had', async () => {
  let own = at([1, 3]);
  let doneAtMs = 0;
  const runtime = runtimeOf((nowMs) => {
    if (nowMs >= 100) own = at([1, 3], [2, 5]);
    doneAtMs = nowMs;
  });
  await catchUp({
    runtime,
    own: () => own,
    others: async () => [at([1, 3], [2, 4]), undefined, at([2, 5])],
    epoch: () => 1,
  });
  expect(doneAtMs).toBe(100);
});

test('what a lost region alone had is no goal any more once its loss is known', async () => {
  let epoch = 1;
  let others = [at([1, 3]), at([1, 3], [2, 7])];
  const runtime = runtimeOf((nowMs) => {
    if (nowMs !== 200) return;
    others = [at([1, 3]), at([4, 1])];
    epoch = 2;
  });
  await catchUp({ runtime, own: () => at([1, 3], [4, 1]), others: async () => others, epoch: () => epoch });
  expect(runtime.monotonicMs()).toBeLessThan(1_000);
});

test('a region that does not get there gives up', async () => {
  const waiting = catchUp({
    runtime: runtimeOf(() => undefined),
    own: () => undefined,
    others: async () => [at([1, 1])],
    epoch: () => 1,
  });
  await expect(waiting).rejects.toMatchObject({ code: 'ServiceUnavailable' });
});
