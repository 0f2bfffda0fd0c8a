import { describe, expect, test } from 'vitest';
import { FencedError, type Log, LogDamagedError, type Lsn, type PartitionNumber } from '../log/index.ts';
import { normalizeContainer } from '../resource/index.ts';
import { type Channel, createLocalNetwork } from '../runtime/index.ts';
import type { Directory } from './directory.ts';
import { DIRECTORY_PARTITION, encodeChange, encodeSnapshot, recoverState } from './directory-log.ts';
import { openEmbeddedDirectory } from './embedded-directory.ts';
import { initialAccountState } from './initial-state.ts';
import { connectDirectory, serveDirectory } from './remote-directory.ts';
import type { AccountState } from './state.ts';

const initial = initialAccountState({
  id: 'acct',
  regions: ['A', 'B'],
  multipleWriteRegions: true,
  consistency: { level: 'Session', stalenessOperations: 100_000, stalenessSeconds: 300 },
});
const runtime = { soon: (task: () => void) => void setImmediate(task) };
const moments = async (count = 5) => {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
};

/** A log in memory whose disk can be told to wait or to break. Trims by segments of ten entries. */
class TestLog implements Log {
  readonly entries: Buffer[] = [];
  first: Lsn = 1;
  readonly failed: Promise<unknown>;
  #expected: Lsn = 0;
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;
  #fail: (reason: unknown) => void = () => undefined;
  #failure: Error | undefined;

  constructor() {
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#open();
  }

  break(): void {
    this.#failure = new Error('EIO');
    this.#fail(this.#failure);
    this.release();
  }

  tail(partition: PartitionNumber): Lsn {
    expect(partition).toBe(DIRECTORY_PARTITION);
    return this.first + this.entries.length - 1;
  }

  head(): Lsn {
    return this.first;
  }

  async append(_partition: PartitionNumber, expectedTail: Lsn, entries: readonly Uint8Array[]): Promise<Lsn> {
    if (expectedTail !== this.#expected) throw new FencedError(expectedTail, this.#expected);
    this.#expected += entries.length;
    await this.#gate;
    if (this.#failure !== undefined) throw this.#failure;
    for (const entry of entries) this.entries.push(Buffer.from(entry));
    return expectedTail + entries.length;
  }

  async read(_partition: PartitionNumber, fromLsn: Lsn, bytesMax: number): Promise<Uint8Array[]> {
    if (fromLsn < this.first) throw new RangeError('below the head');
    const found: Uint8Array[] = [];
    let bytes = 0;
    for (const entry of this.entries.slice(fromLsn - this.first)) {
      if (found.length > 0 && bytes + entry.length > bytesMax) break;
      found.push(entry);
      bytes += entry.length;
    }
    return found;
  }

  async trim(_partition: PartitionNumber, lsn: Lsn): Promise<void> {
    while (this.first + 9 <= lsn) {
      this.entries.splice(0, 10);
      this.first += 10;
    }
  }

  onDurable = () => () => undefined;
  drop = async () => undefined;
  partitions = () => [DIRECTORY_PARTITION];
  close = async () => undefined;
}

const open = (log: Log, snapshotBytesMin?: number) =>
  openEmbeddedDirectory({
    runtime,
    log,
    initial,
    ...(snapshotBytesMin === undefined ? {} : { snapshotBytesMin }),
  });
const createDatabase = (directory: Directory, id: string) =>
  directory.execute({ kind: 'createDatabase', id, timeMs: 1_700_000_000_000 });
const createContainer = (directory: Directory, databaseRid: string, id: string) =>
  directory.execute({
    kind: 'createContainer',
    databaseRid,
    definition: normalizeContainer({ id, partitionKey: { paths: ['/k'], kind: 'Hash', version: 2 } }),
    timeMs: 1_700_000_000_000,
  });

describe('embedded', () => {
  test('what was answered is there after a restart, and nothing else', async () => {
    const log = new TestLog();
    const directory = await open(log);
    const { rid } = await createDatabase(directory, 'db');
    const container = await createContainer(directory, rid, 'c');
    expect(directory.findContainer('db', 'c')).toBe(container);
    const again = await openEmbeddedDirectory({ runtime, log, initial: { ...initial, id: 'ignored' } });
    expect(again.state).toEqual(directory.state);
    expect(again.findContainer('db', 'c')).toEqual(container);
    expect(again.offerFor(container.rid)?.throughput).toEqual({ kind: 'manual', throughput: 400 });
  });

  test('nothing is shown or answered before it is durable, not even a refusal that rests on it', async () => {
    const log = new TestLog();
    const directory = await open(log);
    log.hold();
    const settled: string[] = [];
    const first = createDatabase(directory, 'db').then(() => settled.push('created'));
    const second = createDatabase(directory, 'db').catch((error) => settled.push(error.code));
    await moments();
    expect(settled).toEqual([]);
    expect(directory.findDatabase('db')).toBeUndefined();
    log.release();
    await Promise.all([first, second]);
    expect(settled).toEqual(['created', 'Conflict']);
    expect(directory.findDatabase('db')).toBeDefined();
  });

  test('commands that follow each other without waiting build on each other', async () => {
    const log = new TestLog();
    const directory = await open(log);
    const { rid } = await createDatabase(directory, 'db');
    log.hold();
    const created = Array.from({ length: 50 }, (_, n) => createContainer(directory, rid, `c${n}`));
    log.release();
    const rids = (await Promise.all(created)).map((container) => container.rid);
    expect(new Set(rids).size).toBe(50);
    expect(directory.containersOf(rid).map((container) => container.rid)).toEqual(rids);
    expect((await open(log)).state).toEqual(directory.state);
  });

  test('listeners see each change once, in order, before its answer', async () => {
    const directory = await open(new TestLog());
    const seen: [number, number, number][] = [];
    const remove = directory.onChange((state, previous, change) => {
      expect(directory.state).toBe(state);
      seen.push([previous.revision, state.revision, change.revision]);
    });
    await createDatabase(directory, 'a');
    expect(seen).toEqual([[0, 1, 1]]);
    await createDatabase(directory, 'a').catch(() => undefined);
    await createDatabase(directory, 'b');
    remove();
    await createDatabase(directory, 'c');
    expect(seen.slice(1)).toEqual([[1, 2, 2]]);
  });

  test('a disk that fails ends it: nobody is told of success', async () => {
    const log = new TestLog();
    const directory = await open(log);
    log.hold();
    const lost = createDatabase(directory, 'db');
    const refused = createDatabase(directory, 'db');
    log.break();
    await expect(lost).rejects.toMatchObject({ code: 'RequestTimeout' });
    await expect(refused).rejects.toMatchObject({ code: 'RequestTimeout' });
    expect(await directory.closed).toMatchObject({ message: expect.stringContaining('EIO') });
    await expect(createDatabase(directory, 'x')).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    expect(directory.state.revision).toBe(0);
    await directory.close();
  });

  test('somebody else who appends to its log ends it', async () => {
    const log = new TestLog();
    const directory = await open(log);
    await log.append(DIRECTORY_PARTITION, 1, [encodeChange({ revision: 1 })]);
    await expect(createDatabase(directory, 'db')).rejects.toMatchObject({ cause: expect.any(FencedError) });
    await directory.closed;
  });

  test('closing finishes what is under way', async () => {
    const log = new TestLog();
    const directory = await open(log);
    log.hold();
    const created = createDatabase(directory, 'db');
    const closing = directory.close();
    log.release();
    await closing;
    expect((await created).id).toBe('db');
    await expect(createDatabase(directory, 'x')).rejects.toMatchObject({ code: 'ServiceUnavailable' });
  });
});

describe('its log', () => {
  test('is cut behind snapshots, and read from the latest whole one', async () => {
    const log = new TestLog();
    let directory = await open(log, 2000);
    for (let n = 0; n < 120; n++) {
      await createDatabase(directory, `db${n}`);
      await moments(2);
      if (n % 17 === 0) directory = await open(log, 2000);
      expect((await recoverState(log))?.state).toEqual(directory.state);
    }
    expect(log.first).toBeGreaterThan(50);
    expect(Object.keys((await open(log)).state.databases)).toHaveLength(120);
  });

  test('holds a state that is larger than an entry in parts', async () => {
    const log = new TestLog();
    const parts = encodeSnapshot({ ...initial, id: 'é'.repeat(300) }, 100);
    expect(parts.length).toBeGreaterThan(8);
    await log.append(DIRECTORY_PARTITION, 0, parts);
    expect((await recoverState(log))?.state.id).toBe('é'.repeat(300));
    // The rest of an older snapshot that was trimmed in its middle comes first.
    const trimmed = new TestLog();
    await trimmed.append(DIRECTORY_PARTITION, 0, [...parts.slice(3), ...encodeSnapshot(initial, 100)]);
    expect((await recoverState(trimmed))?.state).toEqual(initial);
  });

  const change = encodeChange({ revision: 2 });
  test.each<[string, Uint8Array[]]>([
    ['no snapshot', [encodeChange({ revision: 1 })]],
    ['half a snapshot', encodeSnapshot(initial, 100).slice(0, -1)],
    ['a gap', [...encodeSnapshot(initial), change]],
    ['a newer format', [...encodeSnapshot(initial), Buffer.from([2, 1, 0x7b, 0x7d])]],
  ])('with %s is damaged', async (_name, entries) => {
    const log = new TestLog();
    await log.append(DIRECTORY_PARTITION, 0, entries);
    await expect(open(log)).rejects.toThrow(LogDamagedError);
  });

  test('2,000 containers are created at little cost each, and replayed in well under 300 ms', async () => {
    const log = new TestLog();
    const directory = await open(log);
    const { rid } = await createDatabase(directory, 'db');
    for (let n = 0; n < 1900; n++) await createContainer(directory, rid, `c${n}`);
    const created = performance.now();
    for (let n = 1900; n < 2000; n++) await createContainer(directory, rid, `c${n}`);
    const perCreateMs = (performance.now() - created) / 100;
    const opened = performance.now();
    const again = await open(log);
    const openMs = performance.now() - opened;
    expect(again.state).toEqual(directory.state);
    expect(perCreateMs).toBeLessThan(10);
    expect(openMs).toBeLessThan(300);
  });
});

describe('remote', () => {
  type Frames = (frame: Buffer) => Buffer[];
  const timers = { after: () => () => undefined };

  /** A directory served over a channel on whose way to the client `tamper` sits. */
  async function pair(directory: Directory, tamper: Frames = (frame) => [frame]) {
    const network = createLocalNetwork(runtime);
    const accepted = new Promise<Channel>((resolve) => void network.listen('x', resolve));
    const near = await network.connect('x');
    const far = await accepted;
    const send = (frame: Uint8Array) => {
      for (const each of tamper(Buffer.from(frame))) far.send(each);
    };
    const stop = serveDirectory(directory, through(far, send));
    return { far, stop, connected: connectDirectory({ runtime: timers, channel: near }) };
  }

  /** The channel with another way of sending. */
  function through(channel: Channel, send: Channel['send']): Channel {
    return {
      send,
      queuedBytes: 0,
      onFrame: (handler) => channel.onFrame(handler),
      onClose: (handler) => channel.onClose(handler),
      close: () => channel.close(),
    };
  }

  test('shows the state, follows changes and passes commands, answers and refusals', async () => {
    const directory = await open(new TestLog());
    await createDatabase(directory, 'before');
    const { connected } = await pair(directory);
    const remote = await connected;
    expect(remote.state).toEqual(directory.state);
    const seen: AccountState[] = [];
    remote.onChange((state) => seen.push(state));
    const made = await createDatabase(remote, 'made');
    expect(remote.findDatabase('made'), 'its own write is there when the answer comes').toEqual(made);
    expect(directory.findDatabase('made')).toEqual(made);
    await expect(createDatabase(remote, 'made')).rejects.toMatchObject({
      code: 'Conflict',
      message: 'Resource with specified id or name already exists.',
    });
    await createDatabase(directory, 'elsewhere');
    await moments();
    expect(remote.findDatabase('elsewhere')).toBeDefined();
    expect(remote.state).toEqual(directory.state);
    expect(seen.map(({ revision }) => revision)).toEqual([2, 3]);
    expect(await remote.execute({ kind: 'deleteDatabase', rid: made.rid })).toBeUndefined();
  });

  test('sends changes, not the whole state again', async () => {
    const directory = await open(new TestLog());
    for (let n = 0; n < 100; n++) await createDatabase(directory, `db${n}`);
    let bytes = 0;
    const { connected } = await pair(directory, (frame) => {
      bytes += frame.length;
      return [frame];
    });
    const remote = await connected;
    const initialBytes = bytes;
    await createDatabase(remote, 'one more');
    expect(bytes - initialBytes).toBeLessThan(initialBytes / 10);
  });

  test('frames that come twice count once', async () => {
    const directory = await open(new TestLog());
    const { connected } = await pair(directory, (frame) => [frame, frame]);
    const remote = await connected;
    await createDatabase(remote, 'a');
    await createDatabase(remote, 'b');
    expect(remote.state).toEqual(directory.state);
  });

  test('a frame that is lost ends the connection rather than the truth', async () => {
    const directory = await open(new TestLog());
    let lose = false;
    const { connected } = await pair(directory, (frame) => {
      const isLost = lose;
      lose = false;
      return isLost ? [] : [frame];
    });
    const remote = await connected;
    lose = true;
    await expect(createDatabase(remote, 'a')).rejects.toMatchObject({ code: 'RequestTimeout' });
    await remote.closed;
    expect(directory.findDatabase('a'), 'the outcome was unknown, not undone').toBeDefined();
    await expect(createDatabase(remote, 'b')).rejects.toMatchObject({ code: 'ServiceUnavailable' });
  });

  test('stopping, closing and a channel that closes too early', async () => {
    const directory = await open(new TestLog());
    const { connected, stop } = await pair(directory);
    const remote = await connected;
    stop();
    await remote.closed;
    await createDatabase(directory, 'still there');
    expect(remote.findDatabase('still there')).toBeUndefined();
    const second = await (await pair(directory)).connected;
    expect(second.findDatabase('still there')).toBeDefined();
    const cut = createDatabase(second, 'unanswered');
    await second.close();
    await expect(cut).rejects.toMatchObject({ code: 'RequestTimeout' });
    const third = await pair(directory, () => []);
    third.far.close();
    await expect(third.connected).rejects.toMatchObject({ code: 'ServiceUnavailable' });
  });

  test('an answer that does not come is given up', async () => {
    const directory = await open(new TestLog());
    const network = createLocalNetwork(runtime);
    await network.listen('x', (channel) => serveDirectory(directory, channel));
    const tasks: (() => void)[] = [];
    const clock = {
      after(_ms: number, task: () => void) {
        tasks.push(task);
        return () => undefined;
      },
    };
    const channel = await network.connect('x');
    const mute = through(channel, (frame) => (tasks.length < 2 ? channel.send(frame) : undefined));
    const remote = await connectDirectory({ runtime: clock, channel: mute });
    const asked = createDatabase(remote, 'a');
    tasks[1]?.();
    await expect(asked).rejects.toMatchObject({ code: 'RequestTimeout' });
  });
});
