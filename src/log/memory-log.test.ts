import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { SimulatedRuntime } from '../../test/simulation/simulated-runtime.ts';
import { Trace } from '../../test/simulation/trace.ts';
import { createMemoryLog, type UnsyncedFate } from './memory-log.ts';

const bytes = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));

/** A promise's state after the events that are due. */
function watch(promise: Promise<unknown>): { state: string } {
  const watched = { state: 'waiting' };
  promise.then(
    () => {
      watched.state = 'resolved';
    },
    () => {
      watched.state = 'rejected';
    },
  );
  return watched;
}

function newTime(): SimulatedRuntime {
  return new SimulatedRuntime({ random: new SeededRandom(1), trace: new Trace() });
}

test('acknowledges when the sync is over, by the clock of the runtime, and not before', async () => {
  const time = newTime();
  const log = createMemoryLog({ runtime: time.forRegion('node'), syncMs: 5 });
  const first = watch(log.append(1, 0, bytes('a')));
  await time.run({ untilMs: 1 });
  const second = watch(log.append(1, 1, bytes('b')));
  await time.run({ untilMs: 4.9 });
  expect([first.state, log.tail(1)]).toEqual(['waiting', 0]);
  await time.run({ untilMs: 5.1 });
  expect([first.state, second.state, log.tail(1)]).toEqual(['resolved', 'waiting', 1]);
  await time.run({ untilMs: 9.9 });
  expect(second.state).toBe('waiting');
  await time.run({ untilMs: 10.1 });
  expect([second.state, log.tail(1)]).toEqual(['resolved', 2]);
  log.syncMs = 50;
  const slow = watch(log.append(1, 2, bytes('c')));
  await time.run({ untilMs: 60 });
  expect(slow.state).toBe('waiting');
});

describe('power loss', () => {
  async function lose(fate: UnsyncedFate) {
    const time = newTime();
    const log = createMemoryLog({ runtime: time.forRegion('node'), syncMs: 5 });
    const safe = watch(log.append(1, 0, bytes('safe')));
    await time.run({ untilMs: 6 });
    const underWay = [
      watch(log.append(1, 1, bytes('u1', 'u2'))),
      watch(log.append(2, 0, bytes('v1'))),
      watch(log.trim(1, 1)),
    ];
    await time.run({ untilMs: 7 });
    const waiting = watch(log.append(1, 3, bytes('w')));
    log.powerLoss(fate);
    const late = [watch(log.append(1, 1, bytes('x'))), watch(log.read(1, 1, 10)), watch(log.drop(1))];
    await time.run({ untilMs: 100 });
    expect(safe.state).toBe('resolved');
    expect([...underWay, waiting, ...late].map(({ state }) => state)).toEqual(Array(7).fill('waiting'));
    await log.close();
    return createMemoryLog({ runtime: time.forRegion('node', { life: 1 }), medium: log.medium });
  }

  test.each<UnsyncedFate>(['lost', 'torn'])('%s: the group under way is gone as a whole', async (fate) => {
    const log = await lose(fate);
    expect([log.head(1), log.tail(1), log.tail(2), log.partitions()]).toEqual([1, 1, 0, [1]]);
    expect((await log.read(1, 1, 10)).map(String)).toEqual(['safe']);
  });

  test('kept: the group under way is there as a whole', async () => {
    const log = await lose('kept');
    expect([log.head(1), log.tail(1), log.tail(2), log.partitions()]).toEqual([2, 3, 1, [1, 2]]);
    expect((await log.read(1, 2, 10)).map(String)).toEqual(['u1', 'u2']);
  });

  test('what was abandoned is judged once', async () => {
    const log = await lose('kept');
    const again = createMemoryLog({ medium: log.medium });
    expect(again.tail(1)).toBe(3);
    expect(await again.append(1, 3, bytes('next'))).toBe(4);
    await again.close();
  });
});
