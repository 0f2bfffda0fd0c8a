import { describe, expect, test } from 'vitest';
import { type Origin, VersionVector } from '../causality/index.ts';
import { encodeEntry, type PartitionTable, peekEntry, type ReplicatedPartition } from '../partition/index.ts';
import { ProtocolError } from './frame-sequence.ts';
import { SourceSession } from './source-session.ts';
import {
  countEntries,
  decodeEntries,
  decodeMessage,
  encodeMessage,
  type Message,
  PROTOCOL_VERSION,
} from './wire.ts';

// Vectors keep their numbers private, so a plain comparison would find any two of them alike.
expect.addEqualityTesters([
  (a, b) => (a instanceof VersionVector && b instanceof VersionVector ? a.equals(b) : undefined),
]);

const NOTHING = new VersionVector();

/** Partitions of region B (origin 2) with the given dots in their logs. */
class Logs implements PartitionTable {
  readonly logs = new Map<number, Uint8Array[]>();

  append(number: number, origin: Origin, n: number, bytes = 50): void {
    const operation = {
      dot: { origin, n },
      context: new VersionVector(),
      time: 0,
      incarnation: 1,
      priority: undefined,
    };
    const entry = encodeEntry({
      changes: [{ itemKey: 'k', operation: { kind: 'put', ...operation, body: Buffer.alloc(bytes) } }],
    });
    this.logs.set(number, [...(this.logs.get(number) ?? []), entry]);
  }

  get(number: number): ReplicatedPartition | undefined {
    const log = this.logs.get(number);
    if (log === undefined) return undefined;
    const dots = log.map((bytes) => peekEntry(bytes).dot);
    return {
      number,
      vector: new VersionVector(dots.map(({ origin, n }) => [origin, n])),
      tail: () => log.length,
      knownOf: () => undefined,
      coveredLsn: (vector) => {
        const first = dots.findIndex((dot) => !vector.covers(dot));
        return first < 0 ? log.length : first;
      },
      read: () => Promise.reject(new TypeError('the session does not read by itself')),
      receive: () => Promise.reject(new TypeError('a source receives nothing')),
    };
  }

  numbers = (): Iterable<number> => this.logs.keys();
  onOpened = () => () => undefined;
  onDurable = () => () => undefined;
  onDropped = () => () => undefined;
}

interface Memory {
  /** Of the puller, by the source. */
  readonly knownOf?: VersionVector;
}

function open(wants: readonly Origin[] = [2], { knownOf = new VersionVector() }: Memory = {}) {
  const table = new Logs();
  const session = new SourceSession({
    account: 'a',
    epoch: () => 1,
    self: { region: 'B', origin: 2 },
    table,
    answer: () => ({ wallMs: 1, clocks: [], leaseMs: 0 }),
    committedOf: () => undefined,
    onTold: () => undefined,
    knownOf: () => knownOf,
    onKnown: (partition, _, known) => table.get(partition)?.vector.coversAll(known) === true,
    isMember: (region, origin) => region === 'A' && origin === 1,
    rowOf: (_, origin) => (origin === 3 ? new VersionVector([[3, 9]]) : undefined),
  });
  let control = 0;
  const hear = (message: Message) => session.handle(encodeMessage(++control, message), 0);
  const hello: Message = {
    kind: 'hello',
    version: PROTOCOL_VERSION,
    account: 'a',
    epoch: 1,
    region: 'A',
    origin: 1,
    wants,
  };
  const subscribe = (...partitions: number[]) =>
    hear({
      kind: 'subscribe',
      rows: partitions.map((partition) => ({ partition, vector: NOTHING, known: NOTHING })),
    });
  /** Performs all reads and gives the dots that were sent, as `partition/origin.n`. */
  const pump = (): string[] => {
    for (let read = session.nextRead(); read !== undefined; read = session.nextRead()) {
      const log = table.logs.get(read.partition.number) ?? [];
      session.completeRead(read, log.slice(read.fromLsn - 1, read.fromLsn + 3), 0);
    }
    session.flush(0);
    return session.takeFrames().flatMap((frame) => (countEntries(frame) > 0 ? dotsOf(frame) : []));
  };
  return { table, session, hear, hello, subscribe, pump };
}

function dotsOf(frame: Uint8Array): string[] {
  return decodeEntries(frame).flatMap(({ partition, entries }) =>
    entries.map((bytes) => {
      const { dot } = peekEntry(bytes);
      return `${partition}/${dot.origin}.${dot.n}`;
    }),
  );
}

describe('meeting', () => {
  test('a member is welcomed', () => {
    const { session, hear, hello } = open();
    hear(hello);
    expect(session.peer).toEqual({ region: 'A', origin: 1 });
    expect(session.takeFrames().map(decodeMessage)).toEqual([{ kind: 'welcome', region: 'B', origin: 2 }]);
  });

  test.each([{ account: 'other' }, { epoch: 2 }, { region: 'X' }, { origin: 7 }])(
    '%o is refused with a reason',
    (stranger) => {
      const { session, hear, hello } = open();
      expect(() => hear({ ...hello, ...stranger } as Message)).toThrow(ProtocolError);
      expect(session.takeFrames().map(decodeMessage)).toMatchObject([{ kind: 'refuse' }]);
    },
  );

  test('nothing comes before hello, and nothing that only a source sends', () => {
    expect(() => open().subscribe(1)).toThrow(/begins with hello/);
    const { hear, hello } = open();
    hear(hello);
    expect(() => hear({ kind: 'welcome', region: 'A', origin: 1 })).toThrow(ProtocolError);
  });
});

describe('older disks', () => {
  const had = new VersionVector([[2, 2]]);

  test('a puller that has less than it is known to have had is told so, and gets nothing', () => {
    const { table, session, hear, hello, subscribe, pump } = open([2], { knownOf: had });
    table.append(1, 2, 1);
    hear(hello);
    session.takeFrames();
    expect(() => subscribe(1)).toThrow(ProtocolError);
    const known: Message = { kind: 'known', rows: [{ partition: 1, vector: had }] };
    expect(session.takeFrames().map(decodeMessage)).toEqual([known]);
    expect(pump()).toEqual([]);
  });

  test('a puller that has all that it is known to have had is served', () => {
    const { table, hear, hello, pump } = open([2], { knownOf: had });
    for (const n of [1, 2, 3]) table.append(1, 2, n);
    hear(hello);
    hear({ kind: 'subscribe', rows: [{ partition: 1, vector: had, known: had }] });
    expect(pump()).toEqual(['1/2.3']);
  });

  test('a source that has less than it is known to have had sends nothing', () => {
    const { table, session, hear, hello, pump } = open();
    table.append(1, 2, 1);
    hear(hello);
    const rows = [{ partition: 1, vector: NOTHING, known: had }];
    expect(() => hear({ kind: 'subscribe', rows })).toThrow(ProtocolError);
    expect(pump()).toEqual([]);
    session.markDropped(1);
  });

  test('nor when the partition is opened after that', () => {
    const { table, session, hear, hello, pump } = open();
    hear(hello);
    hear({ kind: 'subscribe', rows: [{ partition: 1, vector: NOTHING, known: had }] });
    table.append(1, 2, 1);
    expect(() => session.markOpened(1)).toThrow(ProtocolError);
    expect(pump()).toEqual([]);
  });
});

describe('entries', () => {
  test('go in the order of the log, without what the puller has or does not want', () => {
    const { table, hear, hello, pump } = open([2]);
    for (let n = 1; n <= 5; n++) {
      table.append(1, 2, n);
      table.append(1, 3, n);
    }
    hear(hello);
    hear({
      kind: 'subscribe',
      rows: [{ partition: 1, vector: new VersionVector([[2, 2]]), known: NOTHING }],
    });
    expect(pump()).toEqual(['1/2.3', '1/2.4', '1/2.5']);
    expect(pump()).toEqual([]);
  });

  test('partitions take turns', () => {
    const { table, hear, hello, subscribe, pump } = open();
    for (let n = 1; n <= 8; n++) for (const number of [1, 2, 3]) table.append(number, 2, n);
    hear(hello);
    subscribe(1, 2, 3);
    const turns = pump().map((name) => name[0]);
    // Reads here give four entries at a time.
    expect(turns.join('')).toBe('111122223333111122223333');
  });

  test('new ones follow when they are durable, in partitions that exist by then', () => {
    const { table, session, hear, hello, subscribe, pump } = open();
    hear(hello);
    subscribe(1);
    expect(pump()).toEqual([]);
    table.append(1, 2, 1);
    session.markOpened(1);
    expect(pump()).toEqual(['1/2.1']);
    table.append(1, 2, 2);
    session.markDurable(1);
    expect(pump()).toEqual(['1/2.2']);
    session.markDropped(1);
    table.append(1, 2, 3);
    session.markDurable(1);
    expect(pump()).toEqual([]);
  });

  test('an origin that is wanted later is sent from its beginning, and nothing twice', () => {
    const { table, hear, hello, subscribe, pump } = open([2]);
    for (let n = 1; n <= 3; n++) {
      table.append(1, 3, n);
      table.append(1, 2, n);
    }
    hear(hello);
    subscribe(1);
    expect(pump()).toEqual(['1/2.1', '1/2.2', '1/2.3']);
    hear({ kind: 'want', origins: [2, 3] });
    expect(pump()).toEqual(['1/3.1', '1/3.2', '1/3.3']);
    hear({ kind: 'want', origins: [2] });
    table.append(1, 3, 4);
    expect(pump()).toEqual([]);
  });

  test('what the puller reports to have from elsewhere is not sent', () => {
    const { table, hear, hello, subscribe, session, pump } = open([2, 3]);
    hear(hello);
    table.append(1, 2, 1);
    subscribe(1);
    pump();
    const vector = new VersionVector([[3, 1]]);
    expect(hear({ kind: 'report', releasedBytes: 0, rows: [{ partition: 1, vector }] })).toEqual([
      { partition: 1, vector },
    ]);
    for (const n of [1, 2]) table.append(1, 3, n);
    session.markDurable(1);
    expect(pump()).toEqual(['1/3.2']);
  });

  test('stop when the window is full and go on when it is released', () => {
    const { table, hear, hello, subscribe, session, pump } = open();
    for (let n = 1; n <= 100; n++) table.append(1, 2, n, 1_000);
    hear(hello);
    subscribe(1);
    const first = pump().length;
    expect(first).toBeGreaterThan(10);
    expect(first).toBeLessThan(20);
    expect(session.isIdle).toBe(false);
    hear({ kind: 'report', releasedBytes: session.unreleasedBytes, rows: [] });
    const second = pump().length;
    expect(second).toBeGreaterThan(first);
    for (let total = session.entriesSent; total < 100; total = session.entriesSent) {
      hear({ kind: 'report', releasedBytes: releasedBy(table, total), rows: [] });
      pump();
    }
    hear({ kind: 'report', releasedBytes: releasedBy(table, 100), rows: [] });
    expect(session.isIdle).toBe(true);
  });

  test('a read that was overtaken by events changes nothing', () => {
    const { table, hear, hello, subscribe, session, pump } = open([2]);
    table.append(1, 3, 1);
    table.append(1, 2, 1);
    hear(hello);
    subscribe(1);
    pump();
    table.append(1, 2, 2);
    session.markDurable(1);
    const read = session.nextRead();
    hear({ kind: 'want', origins: [2, 3] });
    if (read !== undefined) session.completeRead(read, table.logs.get(1)?.slice(2) ?? [], 0);
    expect(pump()).toEqual(['1/3.1', '1/2.2']);
  });
});

function releasedBy(table: Logs, count: number): number {
  return (table.logs.get(1) ?? []).slice(0, count).reduce((sum, bytes) => sum + bytes.length, 0);
}

test('positions are told of what is wanted from here, once after each change', () => {
  const { table, session, hear, hello, subscribe } = open([2, 3, 4]);
  table.append(1, 2, 1);
  hear(hello);
  subscribe(1);
  const told = (): unknown[] => {
    session.takeFrames();
    for (let tick = 0; tick < 4; tick++) session.tick();
    hear({ kind: 'ask', askedAtMs: 0, wallMs: 0, roundTripMs: -1, helpHops: 3 });
    return session
      .takeFrames()
      .map(decodeMessage)
      .flatMap((message) => (message.kind === 'rows' ? message.rows : []));
  };
  const rows = [
    { partition: 1, origin: 2, vector: new VersionVector([[2, 1]]) },
    { partition: 1, origin: 3, vector: new VersionVector([[3, 9]]) },
  ];
  expect(told()).toEqual(rows);
  expect(told()).toEqual([]);
  session.noteRow(1, 3);
  expect(told()).toEqual(rows);
  session.noteRow(1, 5);
  expect(told()).toEqual([]);
});

test('a silent puller is given up, heard or not yet met', () => {
  for (const isMet of [true, false]) {
    const { session, hear, hello } = open();
    if (isMet) hear(hello);
    for (let tick = 0; tick < 8; tick++) session.tick();
    expect(() => session.tick()).toThrow(/fell silent/);
  }
});
