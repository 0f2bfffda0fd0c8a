import { expect, test } from 'vitest';
import { wantedOrigins } from './relay.ts';

const usual = {
  home: 2,
  self: 1,
  members: [2, 3, 4],
  retired: [],
  reachable: new Set([2, 3, 4]),
  missed: [],
};

test('a region answers for its own writes only, when all can be reached', () => {
  expect(wantedOrigins(usual)).toEqual([2]);
});

test('the writes of one that is out of reach are asked of everybody else', () => {
  expect(wantedOrigins({ ...usual, reachable: new Set([2, 3]) })).toEqual([2, 4]);
});

test('so are those that something waits for, and those whose home is gone', () => {
  expect(wantedOrigins({ ...usual, missed: [4], retired: [17, 9] })).toEqual([2, 4, 9, 17]);
});

test('never our own: they were durable here before anybody else had them', () => {
  expect(wantedOrigins({ ...usual, members: [1, 2, 3], missed: [1], reachable: new Set([2, 3]) })).toEqual([
    2,
  ]);
});
