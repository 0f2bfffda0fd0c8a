import { createHash } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { listAt, objectAt, objectsAt, plainPath, refuse } from './body-shape.ts';
import { SYSTEM_PROPERTIES } from './item-text.ts';
import { splitPath } from './partition-key.ts';
import { valueAt } from './path-edit.ts';
import type { ContainerDefinition } from './types.ts';

/**
 * What no two items of one logical partition may have in common: the paths of each unique key, split. Never
 * changed in the life of a container.
 */
export type UniqueKeys = readonly (readonly (readonly string[])[])[];

const UNIQUE_KEYS_MAX = 10;
const UNIQUE_KEY_PATHS_MAX = 16;
/** Longer values are known by their hash. */
const TEXT_MAX = 96;

/** @throws DatabaseError `BadRequest` when the value is no unique key policy. */
export function checkUniqueKeys(value: Json): void {
  if (!isJsonObject(value)) throw refuse("'uniqueKeyPolicy' must be an object.");
  const keys = objectsAt(value, 'uniqueKeys') ?? [];
  if (keys.length > UNIQUE_KEYS_MAX) throw refuse(`More than ${UNIQUE_KEYS_MAX} unique keys.`);
  const seen = new Set<string>();
  for (const key of keys) {
    const paths = (listAt(key, 'paths') ?? []).map((path) => plainPath(path, 'a unique key'));
    if (paths.length < 1 || paths.length > UNIQUE_KEY_PATHS_MAX) {
      throw refuse(`A unique key has 1 to ${UNIQUE_KEY_PATHS_MAX} paths, not ${paths.length}.`);
    }
    const system = paths.find((path) => (SYSTEM_PROPERTIES as readonly string[]).includes(path.slice(1)));
    if (system !== undefined) throw refuse(`The unique key path '${system}' is set by the system.`);
    const names = paths.map((path) => JSON.stringify(splitPath(path))).sort();
    if (new Set(names).size < names.length)
      throw refuse('The paths of a unique key must differ from each other.');
    if (seen.has(names.join())) throw refuse('Two unique keys have the same paths.');
    seen.add(names.join());
  }
}

/** The unique keys of a container; undefined when it has none, as nearly all. */
export function uniqueKeysOf({ others }: Pick<ContainerDefinition, 'others'>): UniqueKeys | undefined {
  const keys = objectsAt(objectAt(others, 'uniqueKeyPolicy') ?? {}, 'uniqueKeys') ?? [];
  if (keys.length === 0) return undefined;
  return keys.map((key) => (listAt(key, 'paths') ?? []).map((path) => splitPath(String(path))));
}

/**
 * What an item has at each of the unique keys, as short texts: two items have the same text exactly when they
 * have the same values there. A missing value is null; members of objects have no order.
 */
export function uniqueTexts(keys: UniqueKeys, item: JsonObject): string[] {
  return keys.map((paths, place) => {
    const values = paths.map((path) => canonicalText(valueAt(item, path) ?? null)).join();
    const text = values.length <= TEXT_MAX ? values : `#${createHash('sha256').update(values).digest('hex')}`;
    return `${place}:${text}`;
  });
}

function canonicalText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalText(value[name] ?? null)}`).join()}}`;
}
