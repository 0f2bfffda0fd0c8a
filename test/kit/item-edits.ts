import type { JsonObject } from '../../src/base/index.ts';
import { type PathEdit, removeAt, SYSTEM_PROPERTIES, setAt, valueAt } from '../../src/resource/index.ts';

/** An item as regions write it, with system properties that say nothing. */
export function textOf(item: JsonObject): Uint8Array {
  const system = SYSTEM_PROPERTIES.map((name) => [name, name === '_ts' ? 1 : name]);
  return Buffer.from(JSON.stringify({ ...item, ...Object.fromEntries(system) }));
}

/** Applies an edit as an origin would, and tells whether it fitted. */
export function fits(item: JsonObject, edit: PathEdit): boolean {
  const parent = valueAt(item, edit.path.slice(0, -1));
  if (typeof parent !== 'object' || parent === null || Array.isArray(parent)) return false;
  const old = valueAt(item, edit.path);
  if (edit.kind === 'set') setAt(item, edit.path, structuredClone(edit.value));
  else if (edit.kind === 'remove' && old !== undefined) removeAt(item, edit.path);
  else if (edit.kind === 'increment' && (old === undefined || typeof old === 'number'))
    setAt(item, edit.path, (old ?? 0) + edit.by);
  else return false;
  return true;
}
