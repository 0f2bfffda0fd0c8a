import { expect, test } from 'vitest';
import { VersionVector } from '../causality/index.ts';
import { EMPTY_ITEM } from '../merge/index.ts';
import type { HeldItem } from './item-cache.ts';
import { itemKey } from './item-key.ts';
import { UnsettledItems } from './unsettled-items.ts';

const KEYS = [itemKey('05', 'one'), itemKey('05', 'two')] as const;

function noted(): UnsettledItems {
  const items = new UnsettledItems();
  for (const key of KEYS) items.note(unsettled(key));
  return items;
}

function unsettled(key: HeldItem['key']): HeldItem {
  const dead = [{ incarnation: 1, deletes: [{ origin: 1, n: 1 }] }];
  return { key, state: { ...EMPTY_ITEM, dead }, visible: undefined, lsn: 1 };
}

test('while nothing more is stable only what changed is looked at again', () => {
  const items = noted();
  const stable = new VersionVector([[1, 1]]);
  expect(items.takeCollectible(stable)).toEqual([...KEYS]);
  expect(items.takeCollectible(stable)).toEqual([]);
  items.note(unsettled(KEYS[1]));
  expect(items.takeCollectible(stable)).toEqual([KEYS[1]]);
  expect(items.keys()).toEqual([...KEYS]);
});

test('when more is stable everything is looked at, also when the vector was moved in place', () => {
  const items = noted();
  const stable = new VersionVector([[1, 1]]);
  items.takeCollectible(stable);
  stable.advance(1, 2);
  expect(items.takeCollectible(stable)).toEqual([...KEYS]);
});

test('what is settled is not looked at', () => {
  const items = noted();
  items.note({ ...unsettled(KEYS[0]), state: EMPTY_ITEM });
  expect(items.takeCollectible(new VersionVector())).toEqual([KEYS[1]]);
});
