import type { EffectivePartitionKey } from '../resource/index.ts';

/**
 * Names an item in its partition set: effective partition key and id. Neither may contain a slash, and
 * '/' sorts before every hexadecimal digit, so keys of one logical partition stand together.
 */
export type ItemKey = string;

export function itemKey(epk: EffectivePartitionKey, id: string): ItemKey {
  return `${epk}/${id}`;
}

export function idIn(key: ItemKey): string {
  return key.slice(key.indexOf('/') + 1);
}

export function epkOf(key: ItemKey): EffectivePartitionKey {
  return key.slice(0, key.indexOf('/'));
}
