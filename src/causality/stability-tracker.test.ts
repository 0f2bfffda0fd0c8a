import { describe, expect, test } from 'vitest';
import { StabilityTracker } from './stability-tracker.ts';
import { VersionVector } from './version-vector.ts';

const [A, B, C] = [1, 2, 3];

function vector(entries: Record<number, number>): VersionVector {
  return new VersionVector(Object.entries(entries).map(([origin, n]) => [Number(origin), n]));
}

function trackerOf(self: number, origins: readonly number[]): StabilityTracker {
  return new StabilityTracker({ self, membership: { epoch: 1, origins } });
}

function report(origin: number, applied: Record<number, number>, epoch = 1) {
  return { origin, epoch, applied: vector(applied) };
}

test('alone in the world, whatever is applied is stable', () => {
  expect(
    trackerOf(A, [A])
      .stable(vector({ 1: 3 }))
      .toString(),
  ).toBe('1:3');
});

test('a member that never reported holds everything back', () => {
  const tracker = trackerOf(A, [A, B, C]);
  tracker.observe(report(B, { 1: 3 }));
  expect(tracker.stable(vector({ 1: 3 })).toString()).toBe('');
  tracker.observe(report(C, { 1: 2 }));
  expect(tracker.stable(vector({ 1: 3 })).toString()).toBe('1:2');
});

test('a report does not count while a write made before it may be under way', () => {
  const tracker = trackerOf(A, [A, B]);
  const dot = { origin: A, n: 1 };
  // B wrote its first entry, then applied ours, then reported; its entry has not arrived yet.
  tracker.observe(report(B, { 1: 1, 2: 1 }));
  expect(tracker.stable(vector({ 1: 1 })).covers(dot)).toBe(false);
  expect(tracker.stable(vector({ 1: 1, 2: 1 })).covers(dot)).toBe(true);
});

test('steady load cannot starve it: an older report counts while newer ones run ahead of the log', () => {
  const tracker = trackerOf(A, [A, B]);
  for (let n = 1; n <= 20; n++) {
    tracker.observe(report(B, { 1: n, 2: n }));
    const stable = tracker.stable(vector({ 1: 30, 2: Math.max(0, n - 3) }));
    if (n > 6) expect(stable.get(A)).toBeGreaterThan(0);
  }
  expect(tracker.stable(vector({ 1: 30, 2: 20 })).toString()).toBe('1:20 2:20');
});

test('what is reported again, or late, or twice, takes nothing back', () => {
  const tracker = trackerOf(A, [A, B]);
  const applied = vector({ 1: 5, 2: 5 });
  tracker.observe(report(B, { 1: 4 }));
  tracker.observe(report(B, { 1: 2 }));
  expect(tracker.stable(applied).toString()).toBe('1:4');
  tracker.observe(report(B, { 1: 4 }));
  tracker.observe(report(B, { 1: 3 }));
  expect(tracker.stable(applied).toString()).toBe('1:4');
});

test('reports of third parties reach a region through any chain of links', () => {
  const [a, b, c] = [A, B, C].map((self) => trackerOf(self, [A, B, C])) as [
    StabilityTracker,
    StabilityTracker,
    StabilityTracker,
  ];
  const applied = vector({ 1: 1 });
  for (const one of c.reports(applied)) b.observe(one);
  for (const one of b.reports(applied)) a.observe(one);
  expect(a.stable(applied).toString()).toBe('1:1');
});

test('an own report is a copy: later writes do not leak into it', () => {
  const applied = vector({ 1: 1 });
  const [own] = trackerOf(A, [A, B]).reports(applied);
  applied.advance(A, 2);
  expect(own?.applied.toString()).toBe('1:1');
});

describe('membership', () => {
  test('a new epoch asks everybody again', () => {
    const tracker = trackerOf(A, [A, B]);
    const applied = vector({ 1: 1 });
    tracker.observe(report(B, { 1: 1 }));
    expect(tracker.stable(applied).toString()).toBe('1:1');
    tracker.changeMembership({ epoch: 2, origins: [A, B, C] });
    tracker.observe(report(B, { 1: 1 }, 1));
    tracker.observe(report(C, { 1: 1 }, 2));
    expect(tracker.stable(applied).toString(), 'B must report in epoch 2').toBe('');
    tracker.observe(report(B, { 1: 1 }, 2));
    expect(tracker.stable(applied).toString()).toBe('1:1');
  });

  test('an older membership is ignored', () => {
    const tracker = trackerOf(A, [A, B]);
    tracker.changeMembership({ epoch: 2, origins: [A] });
    tracker.changeMembership({ epoch: 1, origins: [A, B] });
    expect(tracker.stable(vector({ 1: 1 })).toString()).toBe('1:1');
  });

  test('a silent member stops holding things back once it is retired', () => {
    const tracker = trackerOf(A, [A, B, C]);
    tracker.changeMembership({ epoch: 2, origins: [A, B] });
    tracker.observe(report(B, { 1: 1 }, 2));
    tracker.observe(report(C, {}, 1));
    expect(tracker.stable(vector({ 1: 1 })).toString()).toBe('1:1');
  });

  test('a write of a retired origin that only another member holds is still waited for', () => {
    const tracker = trackerOf(A, [A, B, C]);
    tracker.changeMembership({ epoch: 2, origins: [A, B] });
    // C wrote 3:1 without having seen 1:1, gave it to B alone, and was retired.
    tracker.observe(report(B, { 1: 1, 3: 1 }, 2));
    expect(tracker.stable(vector({ 1: 1 })).toString()).toBe('');
    expect(tracker.stable(vector({ 1: 1, 3: 1 })).toString()).toBe('1:1 3:1');
  });
});
