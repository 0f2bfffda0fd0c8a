import { describe, expect, test } from 'vitest';
import { VersionVector } from '../causality/index.ts';
import { ProtocolError } from './frame-sequence.ts';
import {
  countEntries,
  decodeEntries,
  decodeMessage,
  encodeEntries,
  encodeMessage,
  type Message,
  PROTOCOL_VERSION,
  readFrameHead,
} from './wire.ts';

// Vectors keep their numbers private, so a plain comparison would find any two of them alike.
expect.addEqualityTesters([
  (a, b) => (a instanceof VersionVector && b instanceof VersionVector ? a.equals(b) : undefined),
]);

const vector = new VersionVector([
  [1, 5],
  [1023, 2 ** 40],
]);

const MESSAGES: Message[] = [
  {
    kind: 'hello',
    version: PROTOCOL_VERSION,
    account: 'a',
    epoch: 7,
    region: 'West US',
    origin: 3,
    wants: [1, 2],
  },
  { kind: 'welcome', region: 'Nord-Östlich', origin: 1023 },
  { kind: 'refuse', reason: 'no' },
  { kind: 'subscribe', rows: [{ partition: 2 ** 32 - 1, vector, known: new VersionVector([[7, 1]]) }] },
  { kind: 'unsubscribe', partitions: [1, 2 ** 32 - 1] },
  { kind: 'want', origins: [] },
  { kind: 'report', releasedBytes: 2 ** 50, rows: [{ partition: 1, vector: new VersionVector() }] },
  { kind: 'rows', rows: [{ partition: 1, origin: 2, vector }] },
  { kind: 'ask', askedAtMs: 12.5, wallMs: 1.7e12, roundTripMs: -1, helpHops: 3 },
  {
    ...{ kind: 'answer', askedAtMs: 12.5, wallMs: 1.7e12, leaseMs: 2_000, entryFrames: 300 },
    clocks: [{ origin: 3, wallMs: 1.7e12 }],
  },
  { kind: 'committed', rows: [{ partition: 3, vector }] },
  { kind: 'known', rows: [{ partition: 3, vector }] },
  { kind: 'unavailable', partition: 9 },
];

describe('messages', () => {
  test.each(MESSAGES)('$kind comes back as it was', (message) => {
    const frame = encodeMessage(200, message);
    expect(readFrameHead(frame)).toEqual({ isEntries: false, seq: 200 });
    expect(decodeMessage(frame)).toEqual(message);
    expect(countEntries(frame)).toBe(0);
  });

  test.each(MESSAGES)(
    '$kind that is cut short or too long breaks the protocol, and nothing else',
    (message) => {
      const frame = encodeMessage(1, message);
      for (let length = 0; length < frame.length; length++) {
        const cut = frame.subarray(0, length);
        expect(() => [readFrameHead(cut), decodeMessage(cut)]).toThrow(ProtocolError);
      }
      expect(() => decodeMessage(Buffer.concat([frame, Buffer.from([0])]))).toThrow(ProtocolError);
    },
  );

  test('an impossible vector, a foreign version, an unknown kind or lane break the protocol', () => {
    const row = encodeMessage(1, {
      kind: 'subscribe',
      rows: [{ partition: 1, vector: new VersionVector([[1, 1]]), known: new VersionVector() }],
    });
    row[row.length - 3] = 0; // origin 0
    expect(() => decodeMessage(row)).toThrow(ProtocolError);
    const hello = MESSAGES[0] as Extract<Message, { kind: 'hello' }>;
    const foreign = encodeMessage(1, { ...hello, version: PROTOCOL_VERSION + 1 });
    expect(() => decodeMessage(foreign)).toThrow(/version 6 is not 5/);
    expect(() => decodeMessage(Buffer.from([0, 1, 99]))).toThrow(ProtocolError);
    expect(() => readFrameHead(Buffer.from([2, 1, 0]))).toThrow(ProtocolError);
  });
});

describe('entries', () => {
  const sections = [
    { partition: 1, entries: [Buffer.from('one'), Buffer.from('two')] },
    { partition: 2 ** 32 - 1, entries: [Buffer.alloc(100_000, 7)] },
  ];

  test('come back as they were, as views of the frame', () => {
    const frame = encodeEntries(77, sections);
    expect(readFrameHead(frame)).toEqual({ isEntries: true, seq: 77 });
    expect(countEntries(frame)).toBe(3);
    const decoded = decodeEntries(frame);
    expect(decoded).toEqual(sections);
    expect(decoded[0]?.entries[0]?.buffer).toBe(frame.buffer);
  });

  test('a damaged frame breaks the protocol', () => {
    const frame = encodeEntries(1, sections.slice(0, 1));
    for (let length = 4; length < frame.length; length++) {
      expect(() => decodeEntries(frame.subarray(0, length))).toThrow(ProtocolError);
    }
  });

  test("another protocol's frame counts for no entries", () => {
    expect(countEntries(Buffer.from([1]))).toBe(0);
    expect(countEntries(Buffer.from([]))).toBe(0);
    expect(countEntries(Buffer.from('{}'))).toBe(0);
  });
});
