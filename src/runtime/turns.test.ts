import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

/** A process whose clock stands still unless it is moved, and whose events are run one by one. */
function standing() {
  const events: (() => void)[] = [];
  const process = {
    ms: 0,
    monotonicMs: () => process.ms,
    soon: (task: () => void) => void events.push(task),
    /** Lets promises come to rest and runs what waits then; false when nothing does. */
    async event(onEvent: () => void): Promise<boolean> {
      await new Promise((resolve) => setImmediate(resolve));
      const due = events.splice(0);
      if (due.length > 0) onEvent();
      for (const task of due) task();
      return due.length > 0;
    },
  };
  return process;
}

async function work(turns: Turns, pieces: number, onPiece: () => void): Promise<void> {
  const turn = turns.begin();
  for (let piece = 0; piece < pieces; piece++) {
    onPiece();
    await turn();
  }
}

/** Pieces done in each event. */
async function pieces(process: ReturnType<typeof standing>, count: number, msOfPiece: number) {
  const perEvent = [0];
  const all = work(new Turns(process), count, () => {
    perEvent.push((perEvent.pop() as number) + 1);
    process.ms += msOfPiece;
  });
  while (await process.event(() => perEvent.push(0)));
  await all;
  return perEvent;
}

test('who works for long lets others run when its time is over', async () => {
  expect(await pieces(standing(), 18, 1)).toEqual([4, 4, 4, 4, 2]);
});

test('and after some pieces when the clock stands still', async () => {
  expect(await pieces(standing(), 40, 0)).toEqual([16, 16, 8]);
});

test('of several, one goes on at a time', async () => {
  const process = standing();
  const turns = new Turns(process);
  const events: string[] = [''];
  const all = ['a', 'b', 'c'].map((name) =>
    work(turns, 2, () => {
      events.push(events.pop() + name);
      process.ms += 5;
    }),
  );
  while (await process.event(() => events.push('')));
  await Promise.all(all);
  expect(events).toEqual(['abc', 'a', 'b', 'c', '', '', '']);
});
