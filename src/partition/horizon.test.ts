import { expect, test } from 'vitest';
import { VersionVector } from '../causality/index.ts';
import type { Entry } from './entry.ts';
import { CollectionHorizon, encodeHorizon, ViewsForgetfulError } from './horizon.ts';

const at = (...entries: [number, number][]): VersionVector => new VersionVector(entries);
const horizon = (vector: VersionVector, ...origins: number[]) => ({ vector, origins });

function entry(n: number, context: VersionVector): Entry {
  const operation = { kind: 'delete', dot: { origin: 3, n }, context, time: 0, incarnations: [1] } as const;
  return { changes: [{ itemKey: 'k', operation }] };
}

test('who has forgotten nothing takes in everything, and knows nothing of anybody', () => {
  const fresh = new CollectionHorizon(undefined);
  fresh.admit([entry(1, at())], 1);
  expect(fresh.isWithin(at())).toBe(true);
  expect(fresh.knownOf(3)).toBeUndefined();
  expect(fresh.unfed).toBeUndefined();
});

test('an entry of somebody who had not seen what was forgotten is not taken in', () => {
  const forgetful = new CollectionHorizon(undefined);
  forgetful.reach(horizon(at([1, 2], [2, 3]), 1, 2, 3));
  forgetful.admit([entry(1, at([1, 2], [2, 3], [3, 1])), entry(2, at([1, 9], [2, 3], [3, 2]))], 7);
  const admit = () => forgetful.admit([entry(1, at([1, 2], [2, 3])), entry(2, at([1, 2], [2, 2]))], 7);
  expect(admit).toThrow(ViewsForgetfulError);
  expect(admit).toThrow('write 3.2 was made by somebody who had (1:2 2:2), while all had (1:2 2:3)');
});

test('those who were members then had it on their disks, and only they', () => {
  const forgetful = new CollectionHorizon(undefined);
  forgetful.reach(horizon(at([1, 2]), 1, 2));
  expect(String(forgetful.knownOf(2))).toBe('1:2');
  expect(forgetful.knownOf(4)).toBeUndefined();
  forgetful.reach(horizon(at([1, 3]), 1, 4));
  expect(forgetful.knownOf(2)).toBeUndefined();
  expect(String(forgetful.knownOf(4))).toBe('1:3');
});

test('it never goes back, also when rounds overlap or a newcomer lacks something', () => {
  const forgetful = new CollectionHorizon(undefined);
  const far = horizon(at([1, 5], [2, 5]), 1, 2);
  forgetful.reach(far);
  expect(forgetful.isWithin(at([1, 5], [2, 4]))).toBe(false);
  forgetful.reach(horizon(at([1, 4], [2, 5]), 1, 2));
  forgetful.reach(horizon(at([1, 9], [2, 4]), 1, 2, 4));
  expect(forgetful.unfed).toBe(far);
  expect(forgetful.isWithin(at([1, 5], [2, 5], [3, 1]))).toBe(true);
});

test('it comes back from the store as it was', () => {
  const forgetful = new CollectionHorizon(undefined);
  const next = horizon(at([1, 5], [1023, 2 ** 40]), 1, 1023);
  forgetful.reach(next);
  forgetful.fed(next);
  expect(forgetful.unfed).toBeUndefined();
  const loaded = new CollectionHorizon(encodeHorizon(next));
  expect(loaded.unfed).toBeUndefined();
  expect(String(loaded.knownOf(1023))).toBe(String(next.vector));
  expect(loaded.knownOf(2)).toBeUndefined();
  expect(loaded.isWithin(at([1, 4], [1023, 2 ** 40]))).toBe(false);
});
