import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { SimulatedDisk } from '../../test/simulation/simulated-disk.ts';
import { createNodeDisk, createNodeRuntime } from '../runtime/index.ts';
import { openFileLog } from './file-log.ts';
import { FencedError, type Log } from './log.ts';
import { createMemoryLog } from './memory-log.ts';

/** One log and its successors on the same medium. */
interface Bench {
  log: Log;
  /** Closes the log and opens it again. */
  reopen(): Promise<Log>;
  /** What the next sync does. */
  failNextSync(reason: Error): void;
  end(): Promise<void>;
}

// One of the disks is real, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

const runtime = createNodeRuntime({ timersHoldProcess: true });

async function memoryBench(): Promise<Bench> {
  let log = createMemoryLog({ runtime });
  const bench: Bench = {
    log,
    reopen: async () => {
      await log.close();
      log = createMemoryLog({ runtime, medium: log.medium });
      bench.log = log;
      return log;
    },
    failNextSync: (reason) => log.failNextSync(reason),
    end: () => log.close(),
  };
  return bench;
}

/** Small segments and hardly any cache, so that a few entries meet every part of the engine. */
async function simulatedBench(): Promise<Bench> {
  const random = new SeededRandom(1);
  const disk = new SimulatedDisk({ random: () => random.next() });
  const open = (): Promise<Log> =>
    openFileLog({
      disk: disk.mount(runtime),
      directory: '/data/log',
      runtime,
      segmentBytes: 8192,
      tailCacheBytes: 4096,
    });
  return reopenable(open, {
    failNextSync: (reason) => disk.failNext({ operation: 'sync', code: reason.message }),
    end: async () => undefined,
  });
}

async function realBench(): Promise<Bench> {
  const directory = await mkdtemp(join(tmpdir(), 'orrery-log-'));
  const real = createNodeDisk();
  let failure: Error | undefined;
  const disk = {
    ...real,
    open: async (path: string, mode: 'read' | 'write' | 'create') => {
      const file = await real.open(path, mode);
      const sync = file.sync.bind(file);
      const writeDurably = file.writeDurably.bind(file);
      file.sync = () => (failure === undefined ? sync() : Promise.reject(failure));
      file.writeDurably = (...write) =>
        failure === undefined ? writeDurably(...write) : Promise.reject(failure);
      return file;
    },
  };
  return reopenable(() => openFileLog({ disk, directory, runtime, segmentBytes: 1 << 20 }), {
    failNextSync: (reason) => {
      failure = reason;
    },
    end: () => rm(directory, { recursive: true, force: true }),
  });
}

async function reopenable(
  open: () => Promise<Log>,
  rest: Pick<Bench, 'failNextSync' | 'end'>,
): Promise<Bench> {
  const bench: Bench = {
    log: await open(),
    reopen: async () => {
      await bench.log.close();
      bench.log = await open();
      return bench.log;
    },
    failNextSync: rest.failNextSync,
    end: async () => {
      await bench.log.close();
      await rest.end();
    },
  };
  return bench;
}

const bytes = (text: string): Buffer => Buffer.from(text);
const many = (prefix: string, count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => bytes(`${prefix}${index + 1}`));

async function readAll(log: Log, partition: number, from = log.head(partition)): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const entries = await log.read(partition, from + found.length, 100);
    if (entries.length === 0) return found;
    for (const entry of entries) found.push(Buffer.from(entry).toString());
  }
}

/** The log as it is, then reopened again and again. */
async function* lives(bench: Bench, count: number): AsyncGenerator<Log> {
  yield bench.log;
  for (let life = 1; life < count; life++) yield await bench.reopen();
}

describe.each([
  ['memory', memoryBench],
  ['file on a simulated disk', simulatedBench],
  ['file on this disk', realBench],
])('%s', (_, makeBench) => {
  let bench: Bench;
  const start = async (): Promise<Log> => {
    bench = await makeBench();
    return bench.log;
  };

  afterEach(() => bench.end());

  test('an unknown partition is empty', async () => {
    const log = await start();
    expect([log.tail(7), log.head(7), log.partitions()]).toEqual([0, 1, []]);
    expect(await log.read(7, 1, 100)).toEqual([]);
    await log.trim(7, 5);
    expect(log.head(7)).toBe(1);
    await expect(log.read(7, 0, 100)).rejects.toThrow(RangeError);
  });

  test('entries come back in order, by partition, across a restart', async () => {
    const log = await start();
    expect(await log.append(1, 0, many('a', 3))).toBe(3);
    expect(await log.append(2, 0, many('b', 2))).toBe(2);
    expect(await log.append(1, 3, many('c', 1))).toBe(4);
    for await (const each of lives(bench, 2)) {
      expect([each.tail(1), each.tail(2), each.head(1), each.partitions().sort()]).toEqual([4, 2, 1, [1, 2]]);
      expect(await readAll(each, 1)).toEqual(['a1', 'a2', 'a3', 'c1']);
      expect(await readAll(each, 1, 3)).toEqual(['a3', 'c1']);
      expect(await readAll(each, 2)).toEqual(['b1', 'b2']);
      expect(await each.read(1, 5, 100)).toEqual([]);
      expect(await each.read(1, 50, 100)).toEqual([]);
    }
  });

  test('reads give at least one entry and stop near the limit', async () => {
    const log = await start();
    await log.append(1, 0, many('entry-', 9));
    expect(await log.read(1, 1, 0)).toHaveLength(1);
    expect(await log.read(1, 1, 1)).toHaveLength(1);
    expect(await log.read(1, 1, 8)).toHaveLength(2);
    expect(await log.read(1, 1, 1 << 20)).toHaveLength(9);
  });

  test('appends may follow each other without waiting, and resolve in order', async () => {
    const log = await start();
    const order: number[] = [];
    const appends = Array.from({ length: 20 }, (_unused, index) =>
      log.append(1 + (index % 2), index >> 1, [bytes(`e${index}`)]).then((tail) => {
        order.push(index);
        return tail;
      }),
    );
    expect(await Promise.all(appends)).toEqual(Array.from({ length: 20 }, (_unused, i) => (i >> 1) + 1));
    expect(order).toEqual(Array.from({ length: 20 }, (_unused, index) => index));
  });

  test('a stale leader is fenced, also by appends under way', async () => {
    const log = await start();
    const first = log.append(1, 0, many('a', 2));
    await expect(log.append(1, 0, many('x', 1))).rejects.toMatchObject({ expected: 0, actual: 2 });
    await first;
    await expect(log.append(1, 1, many('x', 1))).rejects.toThrow(FencedError);
    await expect(log.append(1, 3, many('x', 1))).rejects.toThrow(FencedError);
    await expect(log.append(9, 1, many('x', 1))).rejects.toMatchObject({ expected: 1, actual: 0 });
    await expect(log.append(1, 1, [])).rejects.toThrow(FencedError);
    expect(await log.append(1, 2, many('b', 1))).toBe(3);
    const again = await bench.reopen();
    expect(await readAll(again, 1)).toEqual(['a1', 'a2', 'b1']);
    expect(again.partitions()).toEqual([1]);
    await expect(again.append(1, 2, many('x', 1))).rejects.toThrow(FencedError);
  });

  test('an append of nothing waits for those before it and makes no partition', async () => {
    const log = await start();
    expect(await log.append(1, 0, [])).toBe(0);
    expect(log.partitions()).toEqual([]);
    const first = log.append(1, 0, many('a', 1));
    expect(await log.append(1, 1, [])).toBe(1);
    expect(log.tail(1)).toBe(1);
    await first;
    expect(await log.append(1, 1, [])).toBe(1);
  });

  test('the tail moves only when entries are durable, and listeners hear before callers go on', async () => {
    const log = await start();
    const heard: string[] = [];
    const stop = log.onDurable((partitions) => heard.push(`${[...partitions].sort()} at ${log.tail(1)}`));
    const appends = [
      log.append(1, 0, many('a', 2)).then(() => heard.push('first')),
      log.append(2, 0, many('b', 1)).then(() => heard.push('second')),
      log.append(1, 2, many('a', 1)).then(() => heard.push('third')),
    ];
    expect(log.tail(1)).toBe(0);
    expect(await log.read(1, 1, 100)).toEqual([]);
    await Promise.all(appends);
    expect(heard).toEqual(['1,2 at 3', 'first', 'second', 'third']);
    stop();
    stop();
    await log.append(1, 3, many('a', 1));
    await log.trim(1, 1);
    expect(heard).toHaveLength(4);
  });

  test('trimming moves the head, never past the tail, and survives a restart', async () => {
    const log = await start();
    await log.append(1, 0, many('a', 5));
    await log.append(2, 0, many('b', 2));
    await log.trim(1, 3);
    await log.trim(1, 2);
    await log.trim(2, 99);
    for await (const each of lives(bench, 3)) {
      expect([each.head(1), each.tail(1), each.head(2), each.tail(2)]).toEqual([4, 5, 3, 2]);
      expect(await readAll(each, 1)).toEqual(['a4', 'a5']);
      expect(await each.read(2, 3, 100)).toEqual([]);
      await expect(each.read(1, 3, 100)).rejects.toThrow(RangeError);
      expect(each.partitions().sort()).toEqual([1, 2]);
    }
    expect(await bench.log.append(2, 2, many('c', 1))).toBe(3);
    expect(await readAll(bench.log, 2)).toEqual(['c1']);
  });

  test('a dropped partition is gone, for ever', async () => {
    const log = await start();
    await log.append(1, 0, many('a', 2));
    const before = log.append(1, 2, many('a', 1));
    const drop = log.drop(1);
    await expect(log.append(1, 3, many('x', 1))).rejects.toMatchObject({ code: 'PartitionKeyRangeGone' });
    expect(await before).toBe(3);
    await drop;
    await log.drop(1);
    await log.drop(5);
    await log.append(2, 0, many('b', 1));
    for await (const each of lives(bench, 2)) {
      expect([each.tail(1), each.head(1), each.partitions()]).toEqual([0, 1, [2]]);
      expect(await each.read(1, 1, 100)).toEqual([]);
      for (const gone of [1, 5]) {
        const attempt = each.append(gone, 0, many('x', 1));
        await expect(attempt).rejects.toMatchObject({ code: 'PartitionKeyRangeGone' });
      }
    }
  });

  test('refuses what is no entry, no LSN and no partition', async () => {
    const log = await start();
    await expect(log.append(1, 0, [bytes('a'), Buffer.alloc(0)])).rejects.toThrow('1 byte');
    await expect(log.append(1, 0, [Buffer.alloc((16 << 20) + 1)])).rejects.toThrow('16 MiB');
    await expect(log.append(0, 0, many('a', 1))).rejects.toThrow('numbered');
    await expect(log.append(2 ** 32, 0, many('a', 1))).rejects.toThrow('numbered');
    await expect(log.append(1, -1, many('a', 1))).rejects.toThrow('natural');
    await expect(log.append(1, 0.5, many('a', 1))).rejects.toThrow('natural');
    expect(await log.append(2 ** 32 - 1, 0, many('a', 1))).toBe(1);
    expect(log.partitions()).toEqual([2 ** 32 - 1]);
  });

  test('the largest entry goes in and comes back', async () => {
    const log = await start();
    const large = Buffer.alloc(16 << 20, 'large');
    await log.append(1, 0, [bytes('a'), large, bytes('b')]);
    await log.append(2, 0, many('c', 1));
    const again = await bench.reopen();
    const found = [...(await again.read(1, 1, 10)), ...(await again.read(1, 3, 10))];
    expect(found.map((entry) => entry.length)).toEqual([1, 16 << 20, 1]);
    expect(Buffer.compare(found[1] ?? bytes(''), large)).toBe(0);
  });

  test('after a failed sync nothing is acknowledged again', async () => {
    const log = await start();
    await log.append(1, 0, many('a', 1));
    bench.failNextSync(new Error('EIO'));
    const lost = log.append(1, 1, many('b', 1));
    const waiting = log.append(2, 0, many('c', 1));
    await expect(lost).rejects.toThrow('EIO');
    await expect(waiting).rejects.toThrow('EIO');
    expect(await log.failed).toMatchObject({ message: expect.stringContaining('EIO') });
    await expect(log.append(1, 1, many('d', 1))).rejects.toThrow('EIO');
    await expect(log.append(1, 2, many('d', 1))).rejects.toThrow('EIO');
    await expect(log.trim(1, 1)).rejects.toThrow('EIO');
    await expect(log.drop(1)).rejects.toThrow('EIO');
    expect([log.tail(1), log.tail(2)]).toEqual([1, 0]);
    await log.close();
  });

  test('closing finishes what is under way and takes nothing more', async () => {
    const log = await start();
    const append = log.append(1, 0, many('a', 2));
    const closed = log.close();
    await expect(log.append(1, 2, many('b', 1))).rejects.toThrow('closed');
    expect(await append).toBe(2);
    await closed;
    await log.close();
    await expect(log.read(1, 1, 100)).rejects.toThrow('closed');
    expect(await readAll(await bench.reopen(), 1)).toEqual(['a1', 'a2']);
  });

  test('many partitions interleaved, read from many places', async () => {
    const log = await start();
    const random = new SeededRandom('interleaved');
    const model = new Map<number, string[]>();
    const pending: Promise<number>[] = [];
    for (let step = 0; step < 400; step++) {
      const partition = random.integer(1, 9);
      const kept = model.get(partition) ?? [];
      const added = Array.from({ length: random.integer(1, 3) }, () =>
        `${step}:`.padEnd(random.integer(4, random.chance(0.05) ? 9000 : 200), 'x'),
      );
      pending.push(log.append(partition, kept.length, added.map(bytes)));
      model.set(partition, [...kept, ...added]);
      if (random.chance(0.3)) await Promise.all(pending.splice(0));
    }
    await Promise.all(pending);
    for await (const each of lives(bench, 2)) {
      for (const [partition, kept] of model) {
        expect(await readAll(each, partition)).toEqual(kept);
        const from = random.integer(1, kept.length);
        const entries = await each.read(partition, from, random.integer(1, 20_000));
        expect(entries.map(String)).toEqual(kept.slice(from - 1, from - 1 + entries.length));
      }
    }
  });
});
