import { describe, expect, test } from 'vitest';
import { assumedMs, STRONG_LEASE_MS } from './lease-terms.ts';
import { Quorum, type QuorumView } from './quorum.ts';

const LEASE = assumedMs(STRONG_LEASE_MS);

/** The write region 1 of an account of `size`, at time 0, and what it is told of the others. */
function open(size: number, set?: readonly number[]) {
  const members = Array.from({ length: size }, (_, index) => index + 1);
  const behind = new Set<number>();
  const slow = new Set<number>();
  const view: QuorumView = {
    isInStep: (origin) => !behind.has(origin),
    holdsUp: (origin) => slow.has(origin),
  };
  const quorum = new Quorum(1);
  let epoch = 1;
  quorum.configure({ members, set: set ?? members, epoch }, 0);
  /** The directory does what it is asked. */
  const decide = (origins: readonly number[], nowMs: number) =>
    quorum.configure({ members, set: origins, epoch: ++epoch }, nowMs);
  /** All but `silent` ask, four times a second; gives the proposals and when they came. */
  const run = (fromMs: number, untilMs: number, silent: readonly number[] = []) => {
    const proposals: [number, readonly number[]][] = [];
    for (let nowMs = fromMs; nowMs < untilMs; nowMs += 250) {
      for (const origin of members.slice(1)) if (!silent.includes(origin)) quorum.ask(origin, nowMs, view);
      const proposal = quorum.propose(nowMs, view);
      if (proposal === undefined) continue;
      proposals.push([nowMs, proposal]);
      decide(proposal, nowMs);
    }
    return proposals;
  };
  return { quorum, view, behind, slow, decide, run };
}

describe('who is waited for', () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [6, 4],
    [7, 4],
  ])('of %i regions at least %i stay in the set, whoever is silent', (size, least) => {
    const { quorum, run } = open(size);
    const others = Array.from({ length: size - 1 }, (_, index) => index + 2);
    run(0, 60_000, others);
    expect(quorum.set).toHaveLength(least);
    expect(quorum.set).toContain(1);
  });

  test('a silent region leaves only when its last lease must have run out', () => {
    const { quorum, run, view } = open(3);
    expect(run(0, 5_000)).toEqual([]);
    expect(quorum.ask(3, 5_000, view)).toBe(STRONG_LEASE_MS);
    const proposals = run(5_001, 20_000, [3]);
    expect(proposals).toHaveLength(1);
    expect(proposals[0]?.[1]).toEqual([1, 2]);
    expect(proposals[0]?.[0]).toBeGreaterThan(5_000 + LEASE);
    expect(proposals[0]?.[0]).toBeLessThan(5_000 + LEASE + 500);
    expect(quorum.waitedFor(20_000)).toEqual([2]);
  });

  test('a new life of the write region waits for leases that an earlier one may have given', () => {
    const { run } = open(3);
    const [first] = run(0, 20_000, [2, 3]);
    expect(first?.[0]).toBeGreaterThan(LEASE);
  });

  test('whoever may still hold a lease is waited for, in the set or not', () => {
    const { quorum, view, decide } = open(3);
    quorum.ask(3, 10_000, view);
    decide([1, 2], 10_100);
    expect(quorum.waitedFor(10_000 + LEASE - 1)).toEqual([2, 3]);
    expect(quorum.waitedFor(10_000 + LEASE + 1)).toEqual([2]);
    expect(quorum.ask(3, 10_200, view)).toBe(0);
  });

  test('a proposal that came to nothing is made again', () => {
    const { quorum, view } = open(3);
    expect(quorum.propose(10_000, view)).toEqual([1, 3]);
    expect(quorum.propose(10_250, view)).toBeUndefined();
    quorum.withdraw();
    expect(quorum.propose(10_500, view)).toEqual([1, 3]);
  });
});

describe('leases', () => {
  test('are for those in the set that have what is committed', () => {
    const { quorum, view, behind } = open(3, [1, 2]);
    expect(quorum.ask(2, 0, view)).toBe(STRONG_LEASE_MS);
    expect(quorum.ask(3, 0, view)).toBe(0);
    expect(quorum.ask(9, 0, view)).toBe(0);
    const newcomer = open(3);
    newcomer.behind.add(2);
    expect(newcomer.quorum.ask(2, 0, newcomer.view)).toBe(0);
    newcomer.behind.delete(2);
    expect(newcomer.quorum.ask(2, 250, newcomer.view)).toBe(STRONG_LEASE_MS);
    behind.add(2);
    // Nothing is committed without it, so it cannot have fallen behind.
    expect(quorum.ask(2, 250, view)).toBe(STRONG_LEASE_MS);
  });

  test('a region that holds up writes gets none, leaves, and returns when it keeps step', () => {
    const { slow, behind, run } = open(3);
    run(0, 1_000);
    slow.add(2);
    behind.add(2);
    const left = run(1_000, 10_000);
    expect(left.map(([, origins]) => origins)).toEqual([[1, 3]]);
    expect(left[0]?.[0]).toBeGreaterThan(LEASE);
    slow.delete(2);
    expect(run(10_000, 15_000)).toEqual([]);
    behind.delete(2);
    const back = run(15_000, 17_000);
    expect(back.map(([, origins]) => origins)).toEqual([[1, 2, 3]]);
    expect(back[0]?.[0]).toBeGreaterThanOrEqual(15_500);
  });
});
