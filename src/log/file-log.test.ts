import { describe, expect, test, vi } from 'vitest';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { type Latency, SimulatedDisk } from '../../test/simulation/simulated-disk.ts';
import { createNodeRuntime, type Disk, sleep } from '../runtime/index.ts';
import { type FileLog, openFileLog } from './file-log.ts';
import { LogDamagedError, LogLockedError, LogVersionError } from './log.ts';
import { DATA_START, encodeSegmentHeader, segmentPath } from './segment-header.ts';

// Simulated syncs take real milliseconds here, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

const runtime = createNodeRuntime({ timersHoldProcess: true });
const DIRECTORY = '/log';

function newDisk(options: { seed?: number; latency?: Latency } = {}): SimulatedDisk {
  const random = new SeededRandom(options.seed ?? 1);
  return new SimulatedDisk({ random: () => random.next(), latency: options.latency ?? {} });
}

function openOn(
  disk: SimulatedDisk,
  options: { segmentBytes?: number; tailCacheBytes?: number } = {},
): Promise<FileLog> {
  const { segmentBytes = 16_384, tailCacheBytes = 4096 } = options;
  return openFileLog({
    disk: disk.mount(runtime),
    directory: DIRECTORY,
    runtime,
    segmentBytes,
    tailCacheBytes,
  });
}

/** Appends `count` entries of 1000 bytes, each in its own group. */
async function fill(log: FileLog, partition: number, count: number): Promise<void> {
  for (let left = count; left > 0; left--) {
    const tail = log.tail(partition);
    await log.append(partition, tail, [Buffer.alloc(1000, `${partition}/${tail + 1};`)]);
  }
}

async function readAll(log: FileLog, partition: number): Promise<string[]> {
  const found: string[] = [];
  for (let next = log.head(partition); next <= log.tail(partition); ) {
    const entries = await log.read(partition, next, 3000);
    for (const entry of entries) found.push(Buffer.from(entry).toString());
    next += entries.length;
  }
  return found;
}

/** Where the n-th group of a segment starts, from 0, by its mark. */
function groupOffsets(disk: SimulatedDisk, segment: number): number[] {
  const bytes = disk.contents(segmentPath(DIRECTORY, segment));
  const mark = bytes.subarray(22, 30);
  const offsets: number[] = [];
  for (let at = bytes.indexOf(mark, DATA_START); at >= 0; at = bytes.indexOf(mark, at + 1)) {
    // A footer carries the mark as well, but no group header in front of it.
    if (bytes.readUInt32BE(at - 15) === 19 && bytes[at - 11] === 1) offsets.push(at - 19);
  }
  return offsets;
}

describe('groups', () => {
  test('what waits for a sync shares the next one', async () => {
    const disk = newDisk({ latency: { syncMs: [2, 2] } });
    const log = await openOn(disk, { segmentBytes: 1 << 20 });
    await log.append(1, 0, [Buffer.from('first')]);
    const before = disk.counts.sync;
    const appends = Array.from({ length: 100 }, (_, index) => log.append(index + 2, 0, [Buffer.from('x')]));
    await Promise.all(appends);
    expect(disk.counts.sync - before).toBe(1);
    const loop = async (partition: number): Promise<void> => {
      for (let tail = log.tail(partition); tail < 10; )
        tail = await log.append(partition, tail, [Buffer.from('y')]);
    };
    await Promise.all(Array.from({ length: 50 }, (_, index) => loop(index + 2)));
    // 450 appends by 50 callers: each group holds one of each.
    expect(disk.counts.sync - before).toBe(10);
    await log.close();
  });

  test('a group ends at 1 MiB, and the rest goes into the next', async () => {
    const disk = newDisk();
    const log = await openOn(disk, { segmentBytes: 16 << 20 });
    const before = disk.counts.write;
    const appends = Array.from({ length: 10 }, (_, index) =>
      log.append(index + 1, 0, [Buffer.alloc(400 << 10, 7)]),
    );
    await Promise.all(appends);
    expect(disk.counts.write - before).toBeGreaterThanOrEqual(5);
    await log.close();
  });
});

describe('segments', () => {
  test('an empty log is small and made ahead only when it fills', async () => {
    const disk = newDisk();
    const log = await openOn(disk, { segmentBytes: 64 << 20 });
    await log.append(1, 0, [Buffer.from('a')]);
    expect(log.retention()).toEqual({ segments: 1, sizeBytes: 4 << 20 });
    expect(disk.paths()).toEqual([segmentPath(DIRECTORY, 1)]);
    await log.close();
  });

  test('full segments are sealed, and opening reads their footers only', async () => {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 1, 100);
    const expected = await readAll(log, 1);
    await log.close();
    const old = disk.paths().slice(0, -1);
    expect(old.length).toBeGreaterThan(6);
    // A byte of an old entry is not looked at until somebody reads it.
    disk.flipBit(segmentPath(DIRECTORY, 3), DATA_START + 5000);
    const again = await openOn(disk);
    expect(again.tail(1)).toBe(100);
    await expect(readAll(again, 1)).rejects.toThrow(/000000000003\.segment is damaged at offset \d+/);
    await again.close();
    disk.flipBit(segmentPath(DIRECTORY, 3), DATA_START + 5000);
    const repaired = await openOn(disk);
    expect(await readAll(repaired, 1)).toEqual(expected);
    await repaired.close();
  });

  test('a segment without its footer is scanned and gets a new one', async () => {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 1, 40);
    await fill(log, 2, 10);
    const expected = [await readAll(log, 1), await readAll(log, 2)];
    await log.close();
    const path = segmentPath(DIRECTORY, 2);
    const whole = disk.contents(path);
    disk.cut(path, whole.length - 10);
    const again = await openOn(disk);
    expect([await readAll(again, 1), await readAll(again, 2)]).toEqual(expected);
    await again.close();
    expect(disk.contents(path).equals(whole)).toBe(true);
  });

  test('points that are damaged are found anew', async () => {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 3, 2);
    await log.drop(3);
    await fill(log, 1, 40);
    const expected = await readAll(log, 1);
    await log.close();
    const path = segmentPath(DIRECTORY, 1);
    // The trailer has 56 bytes, the points stand before it.
    disk.flipBit(path, disk.contents(path).length - 60);
    const again = await openOn(disk);
    expect(await readAll(again, 1)).toEqual(expected);
    await again.close();
    // Unless the entries are damaged as well.
    disk.flipBit(path, DATA_START + 5000);
    const last = await openOn(disk);
    await expect(readAll(last, 1)).rejects.toThrow(/000000000001\.segment is damaged at offset \d+/);
    await last.close();
  });

  test('rows that are damaged are made anew', async () => {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 1, 40);
    const expected = await readAll(log, 1);
    await log.close();
    const path = segmentPath(DIRECTORY, 2);
    const bytes = disk.contents(path);
    disk.flipBit(path, bytes.readUInt32BE(bytes.length - 16));
    const again = await openOn(disk);
    expect(await readAll(again, 1)).toEqual(expected);
    await again.close();
  });
});

describe('damage', () => {
  async function filled(entries: number): Promise<SimulatedDisk> {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 1, entries);
    // As a crash leaves it: without a last group that says it was closed.
    disk.processCrash();
    return disk;
  }

  test('a torn last group is dropped, and its place is clean when it is used again', async () => {
    const disk = await filled(3);
    const path = segmentPath(DIRECTORY, 1);
    const [, , third = 0] = groupOffsets(disk, 1);
    disk.flipBit(path, third + 500);
    const log = await openOn(disk);
    expect(log.tail(1)).toBe(2);
    expect(
      disk
        .contents(path)
        .subarray(third)
        .every((byte) => byte === 0),
    ).toBe(true);
    expect(await log.append(1, 2, [Buffer.from('new')])).toBe(3);
    await log.close();
    const again = await openOn(disk);
    expect((await readAll(again, 1)).at(-1)).toBe('new');
    await again.close();
  });

  test.each([
    ['its header', 10],
    ['its body', 300],
    ['its last byte', 1044],
  ])('a group that is damaged in %s is not dropped when one follows', async (_, place) => {
    const disk = await filled(4);
    const offset = groupOffsets(disk, 1)[2] ?? 0;
    disk.flipBit(segmentPath(DIRECTORY, 1), offset + place);
    await expect(openOn(disk)).rejects.toThrow(
      `log segment 000000000001.segment is damaged at offset ${offset}: a later group`,
    );
    await expect(openOn(disk), 'and nothing was changed').rejects.toThrow(LogDamagedError);
  });

  test('a group that was overwritten with zeros is noticed when one follows', async () => {
    const disk = await filled(5);
    const offset = groupOffsets(disk, 1)[1] ?? 0;
    disk.overwrite(segmentPath(DIRECTORY, 1), offset, Buffer.alloc(2000));
    await expect(openOn(disk)).rejects.toThrow(`damaged at offset ${offset}`);
  });

  test('the last group of a log that was closed is never taken for torn', async () => {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 1, 3);
    await log.close();
    const offset = groupOffsets(disk, 1)[2] ?? 0;
    disk.flipBit(segmentPath(DIRECTORY, 1), offset + 500);
    await expect(openOn(disk)).rejects.toThrow(`damaged at offset ${offset}`);
  });

  test('a payload that looks like a group is not taken for one', async () => {
    const disk = await filled(3);
    const groups = groupOffsets(disk, 1);
    const image = disk.contents(segmentPath(DIRECTORY, 1)).subarray(groups[1], groups[2]);
    const other = newDisk({ seed: 2 });
    const log = await openOn(other);
    await log.append(1, 0, [Buffer.from('a')]);
    await log.append(1, 1, [Buffer.concat([Buffer.alloc(100), image, image])]);
    other.processCrash();
    other.flipBit(segmentPath(DIRECTORY, 1), (groupOffsets(other, 1)[1] ?? 0) + 60);
    const again = await openOn(other);
    expect(again.tail(1)).toBe(1);
    await again.close();
  });

  test.each([1, 3, 6])('segment %i of 7 may not be missing', async (number) => {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 1, 75);
    expect(log.retention().segments).toBe(7);
    await log.close();
    disk.lose(segmentPath(DIRECTORY, number));
    await expect(openOn(disk)).rejects.toThrow(
      `00000000000${number}.segment is damaged at offset 0: it is missing`,
    );
  });

  test('the newest segment may not be missing either, nor its first group', async () => {
    for (const harm of ['lose', 'zero'] as const) {
      const disk = newDisk();
      const log = await openOn(disk);
      await fill(log, 1, 75);
      await log.close();
      const path = segmentPath(DIRECTORY, 7);
      if (harm === 'lose') disk.lose(path);
      else disk.overwrite(path, DATA_START, Buffer.alloc(disk.contents(path).length - DATA_START));
      await expect(openOn(disk)).rejects.toThrow(/000000000007\.segment is damaged/);
    }
  });

  test('a segment that was cut short at a group is noticed', async () => {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 1, 40);
    await log.close();
    const offset = groupOffsets(disk, 2)[5] ?? 0;
    disk.cut(segmentPath(DIRECTORY, 2), offset);
    await expect(openOn(disk)).rejects.toThrow(`000000000002.segment is damaged at offset ${offset}`);
  });

  test('a segment of another log, or under the wrong name, is not read', async () => {
    const [disk, other] = [newDisk(), newDisk({ seed: 2 })];
    for (const one of [disk, other]) {
      const log = await openOn(one);
      await fill(log, 1, 40);
      await log.close();
    }
    const foreign = other.contents(segmentPath(DIRECTORY, 2));
    const own = disk.contents(segmentPath(DIRECTORY, 1));
    const path = segmentPath(DIRECTORY, 2);
    disk.overwrite(path, 0, foreign);
    await expect(openOn(disk)).rejects.toThrow('it belongs to another log');
    disk.overwrite(path, 0, own);
    await expect(openOn(disk)).rejects.toThrow('it says that it is segment 1');
  });

  test('a damaged header is damage; a newer format is not', async () => {
    const disk = await filled(3);
    const path = segmentPath(DIRECTORY, 1);
    disk.flipBit(path, 20);
    await expect(openOn(disk)).rejects.toThrow('000000000001.segment is damaged at offset 0');
    disk.flipBit(path, 20);
    const header = disk.contents(path);
    const parts = { number: 1, mark: header.subarray(22, 30), logId: header.subarray(30, 46) };
    disk.overwrite(path, 0, encodeSegmentHeader({ ...parts, format: 2 }));
    const attempt = openOn(disk);
    await expect(attempt).rejects.toBeInstanceOf(LogVersionError);
    await expect(attempt).rejects.toMatchObject({ found: 2, supported: 1 });
    disk.overwrite(path, 0, encodeSegmentHeader(parts));
    const log = await openOn(disk);
    expect(log.tail(1)).toBe(3);
    await log.close();
  });
});

describe('trimming', () => {
  test('a segment goes when nobody wants anything in it, and only then', async () => {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 1, 5);
    await fill(log, 2, 60);
    const segments = (): number => disk.paths().filter((path) => path.endsWith('.segment')).length;
    expect(log.retention().segments).toBeGreaterThan(2);
    await log.trim(2, 60);
    // Partition 1 stands in the first segment, 2 alone in all others but the newest.
    expect(log.retention()).toMatchObject({ segments: 2 });
    await log.trim(1, 5);
    expect(log.retention()).toMatchObject({ segments: 1 });
    expect([log.head(1), log.tail(1), log.head(2), log.tail(2)]).toEqual([6, 5, 61, 60]);
    await log.close();
    expect(segments()).toBe(1);
    const again = await openOn(disk);
    expect([again.head(1), again.tail(1), again.head(2), again.tail(2)]).toEqual([6, 5, 61, 60]);
    expect(await again.append(1, 5, [Buffer.from('next')])).toBe(6);
    expect(await readAll(again, 1)).toEqual(['next']);
    await again.close();
  });

  test('a dropped partition holds nothing back', async () => {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 1, 5);
    await fill(log, 2, 60);
    await log.trim(2, 60);
    await log.drop(1);
    expect(log.retention().segments).toBe(1);
    await fill(log, 2, 40);
    await log.close();
    const again = await openOn(disk);
    expect(again.partitions()).toEqual([2]);
    await again.close();
  });

  test('what could not be removed goes at the next opening', async () => {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 1, 60);
    disk.failNext({ operation: 'remove', code: 'EACCES', path: /000000000002\.segment$/ });
    await log.trim(1, 60);
    await log.close();
    expect(disk.paths()).toContain(segmentPath(DIRECTORY, 2));
    const again = await openOn(disk);
    expect(disk.paths()).toHaveLength(1);
    expect(again.head(1)).toBe(61);
    await again.close();
  });

  test('a reader that is under way when its entries go gets what it can, or RangeError', async () => {
    const disk = newDisk({ latency: { readMs: [1, 1] } });
    const log = await openOn(disk);
    await fill(log, 1, 60);
    const read = log.read(1, 1, 50_000);
    await log.trim(1, 60);
    const outcome = await read.then(
      (entries) => entries.map((entry) => Buffer.from(entry).toString('latin1', 0, 4)),
      (error: unknown) => error,
    );
    if (!(outcome instanceof RangeError)) {
      expect(outcome).toEqual(
        Array.from({ length: (outcome as string[]).length }, (_, i) => `1/${i + 1};`.slice(0, 4)),
      );
    }
    await log.close();
  });
});

describe('crashes', () => {
  test.each(Array.from({ length: 12 }, (_, seed) => seed))(
    'what a killed process left without a sync is durable once it was shown (seed %i)',
    async (seed) => {
      const disk = newDisk({ seed, latency: { syncMs: [3, 3] } });
      const log = await openOn(disk);
      await log.append(1, 0, [Buffer.from('a')]);
      void log.append(1, 1, [Buffer.from('b')]);
      await sleep(runtime, 1);
      disk.processCrash();
      const next = await openOn(disk);
      const shown = await readAll(next, 1);
      expect(shown).toEqual(['a', 'b']);
      disk.powerLoss();
      const last = await openOn(disk);
      expect(await readAll(last, 1)).toEqual(shown);
      await last.close();
    },
  );

  test.each(Array.from({ length: 12 }, (_, seed) => seed))(
    'a name that a killed process left without a sync is durable once it is used (seed %i)',
    async (seed) => {
      const disk = newDisk({ seed, latency: { syncMs: [3, 3] } });
      void openOn(disk);
      while (disk.counts.rename === 0) await sleep(runtime, 1);
      disk.processCrash();
      const log = await openOn(disk);
      await log.append(1, 0, [Buffer.from('a')]);
      disk.powerLoss();
      const again = await openOn(disk);
      expect(await readAll(again, 1)).toEqual(['a']);
      await again.close();
    },
  );

  test('a footer that is torn in the middle is not taken for whole', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const disk = newDisk({ seed, latency: { syncMs: [5, 5] } });
      const log = await openOn(disk, { segmentBytes: 100_000 });
      // So many partitions, and so often, that the footer takes several pages.
      const append = (): Promise<unknown> =>
        Promise.all(
          Array.from({ length: 60 }, (_, index) =>
            log.append(index + 1, log.tail(index + 1), [Buffer.alloc(60, 7)]),
          ),
        );
      while (log.retention().segments === 1) await append();
      const tail = log.tail(1);
      // Into its first sync, or its second.
      await sleep(runtime, seed % 2 === 0 ? 3 : 8);
      disk.powerLoss();
      const again = await openOn(disk, { segmentBytes: 100_000 });
      for (let partition = 1; partition <= 60; partition++) {
        expect(await readAll(again, partition)).toHaveLength(again.tail(partition));
      }
      expect(again.tail(1)).toBeGreaterThanOrEqual(tail);
      await again.close();
    }
  });

  test('a segment that was being made when the process ended is no obstacle', async () => {
    const disk = newDisk({ latency: { syncMs: [2, 2] } });
    void openOn(disk);
    while (disk.paths().length === 0) await sleep(runtime, 1);
    expect(disk.paths()).toEqual([`${segmentPath(DIRECTORY, 1)}.new`]);
    disk.processCrash();
    const log = await openOn(disk);
    await fill(log, 1, 30);
    await log.close();
  });
});

describe('a scrub', () => {
  test('finds what has rotted before anybody reads it, segment by segment, and nothing else happens', async () => {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 1, 60);
    expect(await log.scrub()).toEqual([]);
    for (const segment of [1, 3]) disk.flipBit(segmentPath(DIRECTORY, segment), DATA_START + 5000);
    disk.failNext({ operation: 'read', code: 'EIO', path: /000000000002\.segment/ });
    const found = await log.scrub();
    expect(found.map(({ message }) => message)).toEqual([
      expect.stringMatching(/000000000001\.segment is damaged at offset \d+/),
      expect.stringMatching(/000000000002\.segment cannot be read: .*EIO/),
      expect.stringMatching(/000000000003\.segment is damaged at offset \d+/),
    ]);
    await fill(log, 1, 1);
    await log.close();
  });

  test('does not miss a segment that is deleted meanwhile, and ends with the log', async () => {
    const disk = newDisk({ latency: { readMs: [2, 2] } });
    const log = await openOn(disk);
    await fill(log, 1, 60);
    const scrub = log.scrub();
    await log.trim(1, 60);
    expect(await scrub).toEqual([]);
    await fill(log, 1, 60);
    const cut = log.scrub();
    await log.close();
    const { read } = disk.counts;
    expect(await cut).toEqual([]);
    await sleep(runtime, 50);
    expect(disk.counts.read, 'nothing is read of a closed log').toBe(read);
  });
});

describe('the disk fails', () => {
  test('no room for the next segment: appends go on while the active one has room', async () => {
    const disk = newDisk();
    const log = await openOn(disk, { segmentBytes: 40_000 });
    disk.capacityBytes = 40_000;
    await fill(log, 1, 25);
    const failing = fill(log, 1, 25);
    await expect(failing).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await log.failed).toMatchObject({ code: 'ENOSPC' });
    const acknowledged = log.tail(1);
    expect(acknowledged).toBeGreaterThanOrEqual(30);
    await log.close();
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    const again = await openOn(disk);
    expect(again.tail(1)).toBe(acknowledged);
    await fill(again, 1, 25);
    await again.close();
  });

  test('room that comes back in time is used', async () => {
    const disk = newDisk();
    const log = await openOn(disk, { segmentBytes: 40_000 });
    disk.capacityBytes = 40_000;
    await fill(log, 1, 30);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await fill(log, 1, 30);
    expect(log.tail(1)).toBe(60);
    await log.close();
  });

  test('a read that fails is the reader’s matter only', async () => {
    const disk = newDisk();
    const log = await openOn(disk);
    await fill(log, 1, 40);
    disk.failNext({ operation: 'read', code: 'EIO', path: /segment$/ });
    await expect(log.read(1, 1, 100)).rejects.toMatchObject({ code: 'EIO' });
    expect(await log.read(1, 1, 100)).toHaveLength(1);
    await fill(log, 1, 1);
    await log.close();
  });

  test('a footer that cannot be synced ends the log: it is the same disk', async () => {
    const disk = newDisk({ latency: { syncMs: [1, 1] } });
    const log = await openOn(disk);
    disk.failNext({ operation: 'truncate', code: 'EIO' });
    const atFailure = log.failed.then(() => log.tail(1));
    await expect(fill(log, 1, 60)).rejects.toMatchObject({ code: 'EIO' });
    const acknowledged = await atFailure;
    await sleep(runtime, 10);
    expect(log.tail(1), 'not even what was under way').toBe(acknowledged);
    await log.close();
    disk.powerLoss();
    const again = await openOn(disk);
    expect(again.tail(1)).toBeGreaterThanOrEqual(acknowledged);
    await again.close();
  });
});

test('closing a log that failed waits for the group that is on its way to a file', async () => {
  const disk = newDisk({ latency: { writeMs: [1, 1], syncMs: [5, 5] } });
  const mounted = disk.mount(runtime);
  const underWay = new Set<string>();
  const closedUnder: string[] = [];
  const watched: Disk = {
    ...bound(mounted),
    open: async (path, mode) => {
      const file = await mounted.open(path, mode);
      return {
        ...bound(file),
        writeDurably: async (position, bytes) => {
          underWay.add(path);
          await file.writeDurably(position, bytes).finally(() => underWay.delete(path));
        },
        close: () => {
          if (underWay.has(path)) closedUnder.push(path);
          return file.close();
        },
      };
    },
  };
  const log = await openFileLog({ disk: watched, directory: DIRECTORY, runtime, segmentBytes: 16_384 });
  disk.failNext({ operation: 'truncate', code: 'EIO' });
  fill(log, 1, 60).catch(() => undefined);
  await log.failed;
  expect(underWay.size, 'the footer failed beside a group').toBe(1);
  await log.close();
  expect(closedUnder).toEqual([]);
});

/** An object with the methods of another, whatever class that is of. */
function bound<T extends object>(whole: T): T {
  const copy: Record<string, unknown> = {};
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(whole))) {
    const member: unknown = Reflect.get(whole, name);
    if (typeof member === 'function') copy[name] = member.bind(whole);
  }
  return copy as T;
}

test('one opener at a time', async () => {
  const disk = newDisk();
  const log = await openOn(disk);
  await expect(openOn(disk)).rejects.toBeInstanceOf(LogLockedError);
  await log.close();
  await (await openOn(disk)).close();
  disk.failNext({ operation: 'read', code: 'EIO' });
  await expect(openOn(disk)).rejects.toMatchObject({ code: 'EIO' });
  await (await openOn(disk)).close();
});

test('the tail is read from memory, old entries from disk', async () => {
  const disk = newDisk();
  const log = await openOn(disk, { segmentBytes: 1 << 20, tailCacheBytes: 40_000 });
  await fill(log, 1, 200);
  const before = disk.counts.read;
  expect(await log.read(1, 190, 1 << 20)).toHaveLength(11);
  expect(disk.counts.read).toBe(before);
  expect(await log.read(1, 2, 1)).toHaveLength(1);
  expect(disk.counts.read).toBe(before + 1);
  await log.close();
});

test('what was read from memory stays what it is while much more is written', async () => {
  const log = await openOn(newDisk(), { segmentBytes: 1 << 20, tailCacheBytes: 40_000 });
  const given: Uint8Array[] = [];
  for (let round = 0; round < 20; round++) {
    await fill(log, 1, 15);
    given.push(...(await log.read(1, given.length + 1, 1 << 20)));
  }
  expect(given).toHaveLength(300);
  expect(given).toEqual(await log.read(1, 1, 1 << 20));
  await log.close();
});
