import { expect, test } from 'vitest';
import { type Origin, VersionVector } from '../causality/index.ts';
import { LogDamagedError } from '../log/index.ts';
import { encodeEntry, type PartitionTable, peekEntry, type ReplicatedPartition } from '../partition/index.ts';
import { type EntryOwner, Intake } from './intake.ts';

function entry(origin: Origin, n: number, seen: [Origin, number][] = []): Uint8Array {
  const operation = {
    dot: { origin, n },
    context: new VersionVector(seen),
    time: 0,
    incarnation: 1,
    priority: undefined,
  };
  return encodeEntry({
    changes: [{ itemKey: 'k', operation: { kind: 'put', ...operation, body: Buffer.from('{}') } }],
  });
}

/** One partition whose log is as slow as the test wants it. */
function world() {
  const vector = new VersionVector();
  const batches: { dots: string[]; finish: () => void; fail: (error: unknown) => void }[] = [];
  const partition: ReplicatedPartition = {
    number: 1,
    vector,
    tail: () => 0,
    knownOf: () => undefined,
    coveredLsn: () => 0,
    read: async () => [],
    receive: (entries) =>
      new Promise((resolve, reject) => {
        const dots = entries.map((bytes) => peekEntry(bytes).dot);
        const finish = (): void => {
          for (const { origin, n } of dots) vector.advance(origin, n);
          resolve();
        };
        batches.push({ dots: dots.map(({ origin, n }) => `${origin}.${n}`), finish, fail: reject });
      }),
  };
  const table: PartitionTable = {
    get: (number) => (number === 1 ? partition : undefined),
    numbers: () => [1],
    onOpened: () => () => undefined,
    onDurable: () => () => undefined,
    onDropped: () => () => undefined,
  };
  const failures: unknown[] = [];
  const heard: string[] = [];
  let nowMs = 0;
  const intake = new Intake({
    table,
    nowMs: () => nowMs,
    onWaiting: (_, { origin, n }) => heard.push(`${origin}.${n}`),
    onFailure: (error) => failures.push(error),
  });
  const at = (ms: number): void => {
    nowMs = ms;
  };
  return { intake, batches, vector, failures, heard, at };
}

class Window implements EntryOwner {
  released = 0;
  release(bytes: number): void {
    this.released += bytes;
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('one batch is received at a time; what comes meanwhile makes the next', async () => {
  const { intake, batches } = world();
  const window = new Window();
  for (let n = 1; n <= 4; n++) intake.offer({ partition: 1, entries: [entry(2, n)] }, window);
  expect(batches.map(({ dots }) => dots)).toEqual([['2.1']]);
  expect(window.released).toBe(0);
  batches[0]?.finish();
  await settle();
  expect(batches.map(({ dots }) => dots)).toEqual([['2.1'], ['2.2', '2.3', '2.4']]);
  expect(window.released).toBe(entry(2, 1).length);
  expect(intake.receivingBytes).toBe(3 * entry(2, 1).length);
  batches[1]?.finish();
  await settle();
  expect(window.released).toBe(4 * entry(2, 1).length);
  expect(intake.receivingBytes).toBe(0);
});

test('what is there already, or of a partition that is not, is given back at once', () => {
  const { intake, vector, batches } = world();
  const window = new Window();
  vector.advance(2, 1);
  intake.offer({ partition: 1, entries: [entry(2, 1)] }, window);
  intake.offer({ partition: 9, entries: [entry(2, 1)] }, window);
  expect(window.released).toBe(2 * entry(2, 1).length);
  expect(batches).toEqual([]);
});

test('entries that wait for our own writes go on when these are durable', () => {
  const { intake, vector, batches, heard, at } = world();
  intake.offer({ partition: 1, entries: [entry(2, 1, [[7, 1]])] }, new Window());
  expect(batches).toEqual([]);
  expect(heard).toEqual(['2.1']);
  expect(intake.waitingCount).toBe(1);
  at(500);
  expect(intake.missing(1_000)).toEqual(new Set());
  at(1_000);
  expect(intake.missing(1_000)).toEqual(new Set([7]));
  vector.advance(7, 1);
  intake.advance(1);
  expect(batches.map(({ dots }) => dots)).toEqual([['2.1']]);
  expect(intake.waitingBytes).toBe(0);
});

test('a partition that cannot receive is reported; after a reset entries may come again', async () => {
  const { intake, batches, failures } = world();
  const [before, after] = [new Window(), new Window()];
  intake.offer({ partition: 1, entries: [entry(2, 1)] }, before);
  batches[0]?.fail('disk full');
  await settle();
  expect(failures).toEqual(['disk full']);
  expect(before.released).toBe(0);
  intake.reset();
  intake.offer({ partition: 1, entries: [entry(2, 1)] }, after);
  batches[1]?.finish();
  await settle();
  expect(after.released).toBe(entry(2, 1).length);
});

test('a partition that is dropped, or a node that closes, fails in silence', async () => {
  const { intake, batches, failures } = world();
  intake.offer({ partition: 1, entries: [entry(2, 1)] }, new Window());
  intake.drop(1);
  batches[0]?.fail('dropped');
  await settle();
  intake.offer({ partition: 1, entries: [entry(2, 1)] }, new Window());
  const closed = intake.close();
  batches[1]?.fail('closed');
  await closed;
  intake.offer({ partition: 1, entries: [entry(2, 1)] }, new Window());
  expect(failures).toEqual([]);
  expect(batches).toHaveLength(2);
});

test('what a dropped partition had of a session does not stay in its window', async () => {
  const { intake, batches } = world();
  const window = new Window();
  const entries = [entry(2, 1), entry(2, 2), entry(3, 1, [[7, 1]])];
  // One is being received, one is ready to be, one waits for another.
  for (const each of entries) intake.offer({ partition: 1, entries: [each] }, window);
  expect(batches.map(({ dots }) => dots)).toEqual([['2.1']]);
  intake.drop(1);
  batches[0]?.fail('dropped');
  await settle();
  expect(window.released).toBe(entries.reduce((sum, bytes) => sum + bytes.length, 0));
});

test.each([
  ['of an unknown format', Buffer.from([9, 9, 9])],
  ['cut short', Buffer.from(entry(2, 1)).subarray(0, 3)],
  ['of no origin', entry(0, 1)],
  ['before the first', entry(2, 0)],
])('an entry %s is damage, not a bug of ours', (_, bytes) => {
  const { intake } = world();
  expect(() => intake.offer({ partition: 1, entries: [bytes] }, new Window())).toThrow(LogDamagedError);
});
