import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { type Origin, VersionVector } from '../causality/index.ts';
import type { EntryHead } from '../partition/index.ts';
import { CausalBuffer } from './causal-buffer.ts';

/** An entry's head; the context includes the origin's earlier writes, as real ones do. */
function head(origin: Origin, n: number, ...seen: [Origin, number][]): EntryHead {
  return { dot: { origin, n }, context: new VersionVector([...seen, [origin, n - 1]]), time: 0 };
}

const text = (entries: readonly Uint8Array[] = []): string[] =>
  entries.map((bytes) => Buffer.from(bytes).toString());

function buffer(...applied: [Origin, number][]) {
  const subject = new CausalBuffer<string>(new VersionVector(applied));
  const offer = (name: string, entry: EntryHead, owner = 'S', nowMs = 0): boolean =>
    subject.offer(Buffer.from(name), entry, owner, nowMs);
  return { subject, offer };
}

test('what is deliverable goes out in the order it came', () => {
  const { subject, offer } = buffer([1, 4]);
  expect(offer('a5', head(1, 5))).toBe(true);
  expect(offer('b1', head(2, 1, [1, 5]))).toBe(true);
  expect(text(subject.take()?.entries)).toEqual(['a5', 'b1']);
  expect(subject.take()).toBeUndefined();
});

test('an entry waits for its predecessor and for what its origin had seen', () => {
  const { subject, offer } = buffer();
  offer('b2', head(2, 2));
  offer('b1', head(2, 1, [1, 1]));
  expect(subject.take()).toBeUndefined();
  expect(subject.waitingCount).toBe(2);
  expect(subject.waitingBytes).toBe(4);
  offer('a1', head(1, 1));
  expect(text(subject.take()?.entries)).toEqual(['a1', 'b1', 'b2']);
  expect(subject.waitingCount).toBe(0);
  expect(subject.waitingBytes).toBe(0);
});

test('what is there already is refused, whether received, ready or waiting from the same session', () => {
  const { offer } = buffer([1, 1]);
  expect(offer('a1', head(1, 1))).toBe(false);
  expect(offer('a2', head(1, 2))).toBe(true);
  expect(offer('a2', head(1, 2))).toBe(false);
  expect(offer('b2', head(2, 2))).toBe(true);
  expect(offer('b2', head(2, 2))).toBe(false);
});

test('our own writes let entries go that depend on them', () => {
  const { subject, offer } = buffer();
  offer('b1', head(2, 1, [9, 3]));
  subject.advance(new VersionVector([[9, 2]]));
  expect(subject.take()).toBeUndefined();
  subject.advance(new VersionVector([[9, 3]]));
  expect(text(subject.take()?.entries)).toEqual(['b1']);
});

describe('sessions', () => {
  test('each that sent an entry has it in its window until it is received', () => {
    const { subject, offer } = buffer();
    offer('a2', head(1, 2), 'S');
    expect(offer('a2', head(1, 2), 'T')).toBe(true);
    offer('a1', head(1, 1), 'T');
    expect(subject.take()?.shares).toEqual(
      new Map([
        ['S', 2],
        ['T', 4],
      ]),
    );
  });

  test('an entry is kept while one that sent it lives, and forgotten after the last', () => {
    const { subject, offer } = buffer();
    offer('a2', head(1, 2), 'S');
    offer('a2', head(1, 2), 'T');
    offer('a3', head(1, 3), 'S');
    subject.disown('S');
    expect(subject.waitingCount).toBe(1);
    subject.disown('T');
    expect(subject.waitingCount).toBe(0);
    offer('a1', head(1, 1), 'U');
    expect(text(subject.take()?.entries)).toEqual(['a1']);
  });

  test('entries that came round another way give their windows back', () => {
    const { subject, offer } = buffer();
    offer('a2', head(1, 2), 'S');
    subject.advance(new VersionVector([[1, 2]]));
    const batch = subject.take();
    expect(batch?.entries).toEqual([]);
    expect(batch?.shares).toEqual(new Map([['S', 2]]));
    expect(subject.waitingCount).toBe(0);
  });
});

describe('what is missing', () => {
  test('names origins that something waits for, once it has waited long enough', () => {
    const { subject, offer } = buffer();
    offer('b3', head(2, 3, [1, 2]), 'S', 100);
    expect(subject.missing(99)).toEqual(new Set());
    expect(subject.missing(100)).toEqual(new Set([2, 1]));
  });

  test('is not who waits himself, but who he waits for', () => {
    const { subject, offer } = buffer();
    offer('b1', head(2, 1, [1, 1]));
    offer('a1', head(1, 1, [3, 7]));
    expect(subject.missing(0)).toEqual(new Set([3]));
  });
});

test('an entry that waits does not keep the frame it came in', () => {
  const { subject } = buffer();
  const frame = Buffer.alloc(100_000, 'x');
  subject.offer(frame.subarray(10, 12), head(1, 2), 'S', 0);
  frame.fill('y');
  subject.offer(Buffer.from('a1'), head(1, 1), 'S', 0);
  expect(text(subject.take()?.entries)).toEqual(['a1', 'xx']);
});

test.each(Array.from({ length: 50 }, (_, seed) => seed))(
  'any order of arrival gives a causal order: seed %i',
  (seed) => {
    const random = new SeededRandom(seed);
    const entries: EntryHead[] = [];
    const regions = new Map<Origin, VersionVector>(
      [1, 2, 3, 4].map((origin) => [origin, new VersionVector()]),
    );
    for (let step = 0; step < 200; step++) {
      const origin = random.integer(1, 4);
      const vector = regions.get(origin) as VersionVector;
      // Seeing what another region has, whole, keeps every context closed under causality.
      if (random.chance(0.3)) vector.join(regions.get(random.integer(1, 4)) as VersionVector);
      const n = vector.get(origin) + 1;
      entries.push({ dot: { origin, n }, context: vector.clone(), time: 0 });
      vector.advance(origin, n);
    }
    const subject = new CausalBuffer<string>(new VersionVector());
    const byName = new Map(entries.map((entry) => [`${entry.dot.origin}.${entry.dot.n}`, entry]));
    const arrivals = random.shuffled([...byName.keys(), ...random.shuffled([...byName.keys()]).slice(0, 50)]);
    const received = new VersionVector();
    let count = 0;
    for (const name of arrivals) {
      subject.offer(Buffer.from(name), byName.get(name) as EntryHead, 'S', 0);
      for (const bytes of subject.take()?.entries ?? []) {
        const { dot, context } = byName.get(Buffer.from(bytes).toString()) as EntryHead;
        expect(dot.n).toBe(received.get(dot.origin) + 1);
        expect(received.coversAll(context)).toBe(true);
        received.advance(dot.origin, dot.n);
        count++;
      }
    }
    expect(count).toBe(200);
    expect(subject.waitingCount).toBe(0);
  },
);
