import { describe, expect, test } from 'vitest';
import { VersionVector } from '../causality/index.ts';
import { ProtocolError } from './frame-sequence.ts';
import { PullSession } from './pull-session.ts';
import { decodeMessage, encodeEntries, encodeMessage, type Message, PROTOCOL_VERSION } from './wire.ts';

// Vectors keep their numbers private, so a plain comparison would find any two of them alike.
expect.addEqualityTesters([
  (a, b) => (a instanceof VersionVector && b instanceof VersionVector ? a.equals(b) : undefined),
]);

const vector = new VersionVector([[2, 7]]);
const known = new VersionVector([[2, 5]]);

function open(partitions = 1) {
  const rows = Array.from({ length: partitions }, (_, at) => ({ partition: at + 1, vector, known }));
  const options = {
    account: 'a',
    epoch: 1,
    self: { region: 'A', origin: 1 },
    source: { region: 'B', origin: 2 },
    wants: [2],
  };
  const session = new PullSession(options, rows);
  let control = 0;
  const hear = (message: Message) => session.handle(encodeMessage(++control, message));
  const sent = (): Message[] => session.takeFrames().map(decodeMessage);
  return { session, hear, sent };
}

function live() {
  const opened = open();
  opened.hear({ kind: 'welcome', region: 'B', origin: 2 });
  opened.sent();
  return opened;
}

const entries = (seq: number, ...texts: string[]): Buffer =>
  encodeEntries(seq, [{ partition: 1, entries: texts.map((text) => Buffer.from(text)) }]);

describe('opening', () => {
  test('says who it is, what it wants and where its partitions are', () => {
    const { session, sent, hear } = open();
    expect(sent()).toEqual([
      {
        kind: 'hello',
        version: PROTOCOL_VERSION,
        account: 'a',
        epoch: 1,
        region: 'A',
        origin: 1,
        wants: [2],
      },
      { kind: 'subscribe', rows: [{ partition: 1, vector, known }] },
    ]);
    expect(session.isLive).toBe(false);
    expect(hear({ kind: 'welcome', region: 'B', origin: 2 })).toEqual([{ kind: 'live' }]);
    expect(session.isLive).toBe(true);
  });

  test('what the source knows this region to have had is handed on', () => {
    const { hear } = open();
    const message: Message = { kind: 'known', rows: [{ partition: 1, vector: known }] };
    expect(hear(message)).toEqual([message]);
  });

  test('thousands of partitions go in several frames', () => {
    const subscribed = open(2_500)
      .sent()
      .flatMap((message) => (message.kind === 'subscribe' ? [message.rows.length] : []));
    expect(subscribed).toEqual([1_000, 1_000, 500]);
  });

  test.each([
    { kind: 'welcome', region: 'B', origin: 3 },
    { kind: 'welcome', region: 'C', origin: 2 },
    { kind: 'refuse', reason: 'unknown' },
    { kind: 'want', origins: [] },
  ] as Message[])('%o ends the session', (message) => {
    expect(() => open().hear(message)).toThrow(ProtocolError);
  });

  test('waits ten seconds for an answer, and no longer', () => {
    const { session } = open();
    for (let tick = 0; tick < 40; tick++) session.tick();
    expect(() => session.tick()).toThrow(/did not answer/);
  });
});

describe('entries', () => {
  test('come in order, once, whatever the network did', () => {
    const { session } = live();
    expect(session.handle(entries(2, 'bb'))).toEqual([]);
    expect(session.unreleasedBytes).toBeGreaterThan(2); // the frame that came early
    const events = session.handle(entries(1, 'a'));
    expect(events.map((event) => event.kind === 'entries' && event.sections[0]?.entries.map(String))).toEqual(
      [['a'], ['bb']],
    );
    expect(session.handle(entries(2, 'bb'))).toEqual([]);
    expect(session.unreleasedBytes).toBe(3);
    session.release(3);
    expect(session.unreleasedBytes).toBe(0);
  });

  test('a frame that stays away ends the session, as does one that was announced and never seen', () => {
    const gap = live().session;
    gap.handle(entries(2, 'x'));
    for (let tick = 0; tick < 4; tick++) gap.tick();
    expect(() => gap.tick()).toThrow(/frame 1 was lost/);

    const { session, hear } = live();
    const wait = (): void => {
      for (let tick = 0; tick < 50; tick++) {
        hear({ kind: 'answer', askedAtMs: 0, wallMs: 0, clocks: [], leaseMs: 0, entryFrames: 1 });
        session.tick();
      }
    };
    expect(wait).toThrow(/last entries were lost/);
  });

  test('entries that trickle in slowly are no reason to give up', () => {
    const { session, hear } = live();
    for (let seq = 1; seq <= 10; seq++) {
      session.handle(entries(seq, 'x'));
      for (let tick = 0; tick < 30; tick++) {
        hear({ kind: 'answer', askedAtMs: 0, wallMs: 0, clocks: [], leaseMs: 0, entryFrames: 10 });
        session.tick();
      }
    }
    expect(session.unreleasedBytes).toBe(10);
  });
});

describe('reports', () => {
  test('tell once what was released and where partitions are now', () => {
    const { session, sent } = live();
    session.handle(entries(1, 'abc'));
    session.release(3);
    session.noteChange(1);
    session.noteChange(9);
    expect(session.isReported).toBe(false);
    session.report((partition) => (partition === 1 ? vector : undefined));
    expect(sent()).toEqual([{ kind: 'report', releasedBytes: 3, rows: [{ partition: 1, vector }] }]);
    expect(session.isReported).toBe(true);
    session.report(() => vector);
    expect(sent()).toEqual([]);
  });

  test('wants are told when they change', () => {
    const { session, sent } = live();
    session.want([2]);
    session.want([2, 3]);
    session.want([2, 3]);
    expect(sent()).toEqual([{ kind: 'want', origins: [2, 3] }]);
  });
});

test('silence ends a live session; any frame breaks it', () => {
  const { session, hear } = live();
  for (let round = 0; round < 5; round++) {
    for (let tick = 0; tick < 8; tick++) session.tick();
    hear({ kind: 'answer', askedAtMs: 0, wallMs: 0, clocks: [], leaseMs: 0, entryFrames: 0 });
  }
  for (let tick = 0; tick < 8; tick++) session.tick();
  expect(() => session.tick()).toThrow(/fell silent/);
});
