import { expect, test } from 'vitest';
import { FaultBook } from './fault-book.ts';

const CUT = { kind: 'cut', from: 'A', to: 'B', direction: 'both' } as const;
const PAUSE = { kind: 'pause', region: 'A' } as const;

function record(): { book: FaultBook; told: string[] } {
  const told: string[] = [];
  const book = new FaultBook({
    addLinkFault: async (fault, id) => void told.push(`add ${fault.kind} ${id}`),
    removeLinkFault: async (id) => void told.push(`remove ${id}`),
    pause: (region) => void told.push(`pause ${region}`),
    resume: (region) => void told.push(`resume ${region}`),
    setClock: async (region, { skewMs, ppm }) => void told.push(`${region} ${skewMs} ms ${ppm} ppm`),
  });
  return { book, told };
}

test('faults are listed until they are undone, and ids never repeat', async () => {
  const { book, told } = record();
  const first = await book.add(CUT);
  expect(book.list()).toEqual([{ id: first, fault: CUT }]);
  expect(await book.remove(first)).toBe(true);
  expect(await book.remove(first)).toBe(false);
  const second = await book.add(CUT);
  expect(second).not.toBe(first);
  await book.clear();
  expect(book.list()).toEqual([]);
  expect(told).toEqual([`add cut ${first}`, `remove ${first}`, `add cut ${second}`, `remove ${second}`]);
});

test('a region paused twice goes on when both pauses are undone', async () => {
  const { book, told } = record();
  const [first, second] = [await book.add(PAUSE), await book.add(PAUSE)];
  await book.remove(first);
  expect([book.isPaused('A'), told.includes('resume A')]).toEqual([true, false]);
  await book.remove(second);
  expect([book.isPaused('A'), told.at(-1)]).toEqual([false, 'resume A']);
});

test('clock faults of one region add up, and each is undone by itself', async () => {
  const { book, told } = record();
  const first = await book.add({ kind: 'skew', region: 'A', ms: 100 });
  await book.add({ kind: 'skew', region: 'A', ms: 20 });
  await book.add({ kind: 'drift', region: 'A', ppm: -7 });
  await book.add({ kind: 'drift', region: 'B', ppm: 9 });
  await book.remove(first);
  expect(told).toEqual([
    'A 100 ms 0 ppm',
    'A 120 ms 0 ppm',
    'A 120 ms -7 ppm',
    'B 0 ms 9 ppm',
    'A 20 ms -7 ppm',
  ]);
  expect(book.listLinkFaults()).toEqual([]);
});
