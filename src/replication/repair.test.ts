import { expect, test } from 'vitest';
import { Repair } from './repair.ts';

const members = ['B', 'C', 'D'].map((region, index) => ({ region, origin: index + 2, address: region }));
const [b, c, d] = members as [(typeof members)[0], (typeof members)[0], (typeof members)[0]];
const neighbours = new Set(['B', 'C']);

test('neighbours while all is well; everybody when one is out of reach, and for a while after', () => {
  const repair = new Repair();
  const reached = new Map([
    [2, 0],
    [3, 0],
  ]);
  expect(repair.update(1_000, neighbours, members, reached)).toBe(false);
  expect(members.map((member) => repair.isWanted(member, neighbours))).toEqual([true, true, false]);
  expect(repair.update(2_000, neighbours, members, reached)).toBe(true);
  expect(repair.isWanted(d, neighbours)).toBe(true);
  reached.set(2, 2_500).set(3, 2_500);
  expect(repair.update(2_600, neighbours, members, reached)).toBe(false);
  expect(repair.isOn).toBe(true);
  reached.set(2, 9_000).set(3, 9_000);
  expect(repair.update(9_000, neighbours, members, reached)).toBe(true);
  expect(repair.isWanted(d, neighbours)).toBe(false);
});

test('whoever asks for help gets it for as long as it asks', () => {
  const repair = new Repair();
  const reached = new Map([
    [2, 9_000],
    [3, 9_000],
  ]);
  expect(repair.help(d.origin, 0, 0)).toBe(false);
  expect(repair.isWanted(d, neighbours)).toBe(false);
  expect(repair.help(d.origin, 0, 1)).toBe(true);
  expect(repair.help(d.origin, 1_000, 1)).toBe(false);
  expect(repair.isWanted(d, neighbours)).toBe(true);
  expect(repair.update(2_900, neighbours, members, reached)).toBe(false);
  expect(repair.update(3_100, neighbours, members, reached)).toBe(true);
  expect(repair.isWanted(d, neighbours)).toBe(false);
});

test('a call for help is passed on, one region less far each time', () => {
  const [cutOff, between] = [new Repair(), new Repair()];
  expect(between.hops).toBe(0);
  cutOff.update(2_000, neighbours, members, new Map());
  expect(cutOff.hops).toBeGreaterThan(members.length);
  between.help(b.origin, 0, cutOff.hops);
  between.help(c.origin, 0, 2);
  expect(between.hops).toBe(cutOff.hops - 1);
  expect(between.isWanted(d, neighbours), 'the way round may begin here').toBe(true);
});

test('calls of two who only hear each other end', () => {
  const pair = [new Repair(), new Repair()] as const;
  const reached = new Map(members.map(({ origin }) => [origin, Number.POSITIVE_INFINITY]));
  pair[0].help(d.origin, 0, 99);
  let nowMs = 0;
  for (; pair[0].isOn || pair[1].isOn; nowMs += 500) {
    expect(nowMs).toBeLessThan(20_000);
    for (const [one, other] of [pair, [pair[1], pair[0]] as const]) {
      other.help(b.origin, nowMs, one.hops);
      one.update(nowMs, neighbours, members, reached);
    }
  }
  expect(nowMs).toBeGreaterThan(2_000);
});

test('without a topology everybody is a neighbour', () => {
  const repair = new Repair();
  expect(repair.update(99_999, undefined, members, new Map())).toBe(false);
  expect([b, c, d].every((member) => repair.isWanted(member, undefined))).toBe(true);
});
