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

test('whoever is cut off is helped for as long as it says so', () => {
  const repair = new Repair();
  const reached = new Map([
    [2, 9_000],
    [3, 9_000],
  ]);
  expect(repair.help(d.origin, 0)).toBe(true);
  expect(repair.help(d.origin, 1_000)).toBe(false);
  expect(repair.isWanted(d, neighbours)).toBe(true);
  expect(repair.isOn).toBe(false);
  expect(repair.update(2_900, neighbours, members, reached)).toBe(false);
  expect(repair.update(3_100, neighbours, members, reached)).toBe(true);
  expect(repair.isWanted(d, neighbours)).toBe(false);
});

test('without a topology everybody is a neighbour', () => {
  const repair = new Repair();
  expect(repair.update(99_999, undefined, members, new Map())).toBe(false);
  expect([b, c, d].every((member) => repair.isWanted(member, undefined))).toBe(true);
});
