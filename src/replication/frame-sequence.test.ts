import { expect, test } from 'vitest';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { FrameSequence, ProtocolError } from './frame-sequence.ts';

const frame = (seq: number): Buffer => Buffer.from([seq]);
const numbers = (frames: readonly Buffer[]): (number | undefined)[] => frames.map((one) => one[0]);

test('early frames wait for those before them, repeated ones are dropped', () => {
  const subject = new FrameSequence();
  expect(numbers(subject.accept(1, frame(1)))).toEqual([1]);
  expect(subject.accept(3, frame(3))).toEqual([]);
  expect(subject.accept(4, frame(4))).toEqual([]);
  expect(subject.accept(3, frame(3))).toEqual([]);
  expect(subject.heldBytes).toBe(2);
  expect(numbers(subject.accept(2, frame(2)))).toEqual([2, 3, 4]);
  expect(subject.accept(2, frame(2))).toEqual([]);
  expect(subject.delivered).toBe(4);
  expect(subject.heldBytes).toBe(0);
});

test('any disorder gives each frame once, in order', () => {
  const random = new SeededRandom(7);
  const subject = new FrameSequence();
  const all = Array.from({ length: 200 }, (_, at) => at + 1);
  const seen: (number | undefined)[] = [];
  for (const seq of random.shuffled([...all, ...all])) seen.push(...numbers(subject.accept(seq, frame(seq))));
  expect(seen).toEqual(all);
});

test('a gap may last for a while, then the session is over', () => {
  const subject = new FrameSequence();
  subject.accept(2, frame(2));
  for (let tick = 0; tick < 4; tick++) subject.tick();
  subject.accept(1, frame(1));
  subject.tick();
  subject.accept(4, frame(4));
  for (let tick = 0; tick < 4; tick++) subject.tick();
  expect(() => subject.tick()).toThrow(ProtocolError);
});

test('what is held out of order is bounded in number and in bytes', () => {
  const many = new FrameSequence();
  const holdMany = (): void => {
    for (let seq = 2; seq < 20_000; seq++) many.accept(seq, frame(0));
  };
  expect(holdMany).toThrow(ProtocolError);
  const large = new FrameSequence();
  const block = Buffer.alloc(20 * 1024 * 1024);
  for (const seq of [2, 3, 4]) large.accept(seq, block);
  expect(() => large.accept(5, block)).toThrow(ProtocolError);
});
