/**
 * Changes of single places inside an item, as patches replicate them. A path names members of nested objects
 * only: an array is one unit, so whoever changes an element sets the whole array.
 */
import { type ByteReader, type ByteWriter, isJsonObject, type Json, type JsonObject } from '../base/index.ts';

export type PathEdit =
  | { readonly kind: 'set'; readonly path: readonly string[]; readonly value: Json }
  | { readonly kind: 'remove'; readonly path: readonly string[] }
  /** Adds to the number at the path; a missing one counts as 0. */
  | { readonly kind: 'increment'; readonly path: readonly string[]; readonly by: number };

/** Whether `above` names the same place as `path`, or an object around it. */
export function isAtOrAbove(above: readonly string[], path: readonly string[]): boolean {
  if (above.length > path.length) return false;
  for (let place = 0; place < above.length; place++) if (above[place] !== path[place]) return false;
  return true;
}

/**
 * Appends an edit to those before it, without the ones that it overwrites: ten changes of elements of one
 * large array would replicate the array ten times.
 */
export function appendEdit(edits: PathEdit[], edit: PathEdit): void {
  if (edit.kind !== 'increment') {
    const kept = edits.filter(({ path }) => !isAtOrAbove(edit.path, path));
    if (kept.length < edits.length) edits.splice(0, edits.length, ...kept);
  }
  edits.push(edit);
}

/** What stands at a path; undefined when nothing does. Arrays are not entered. */
export function valueAt(item: Json, path: readonly string[]): Json | undefined {
  let value: Json | undefined = item;
  for (const segment of path) {
    if (!isJsonObject(value) || !Object.hasOwn(value, segment)) return undefined;
    value = value[segment];
  }
  return value;
}

/** Sets a value in place. What stands in the way, or is missing on it, becomes an object. */
export function setAt(item: JsonObject, path: readonly string[], value: Json): void {
  let parent = item;
  for (const segment of path.slice(0, -1)) {
    const next: Json | undefined = Object.hasOwn(parent, segment) ? parent[segment] : undefined;
    if (isJsonObject(next)) {
      parent = next;
      continue;
    }
    const made: JsonObject = {};
    defineMember(parent, segment, made);
    parent = made;
  }
  defineMember(parent, path.at(-1) ?? '', value);
}

/** Removes a member in place; nothing when it is not there. */
export function removeAt(item: JsonObject, path: readonly string[]): void {
  const parent = valueAt(item, path.slice(0, -1));
  if (isJsonObject(parent)) delete parent[path.at(-1) ?? ''];
}

/** Assignment to `__proto__` would change the object's prototype instead. */
export function defineMember(object: JsonObject, name: string, value: Json): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

const KINDS = ['set', 'remove', 'increment'] as const;

export function encodePathEdits(writer: ByteWriter, edits: readonly PathEdit[]): void {
  writer.uint(edits.length);
  for (const edit of edits) {
    writer.u8(KINDS.indexOf(edit.kind));
    encodePath(writer, edit.path);
    if (edit.kind === 'set') writer.string(JSON.stringify(edit.value));
    if (edit.kind === 'increment') writer.f64(edit.by);
  }
}

/** @throws RangeError when the bytes are not edits. */
export function decodePathEdits(reader: ByteReader): PathEdit[] {
  const edits: PathEdit[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    const kind = KINDS[reader.u8()];
    const path = decodePath(reader);
    if (kind === 'set') edits.push({ kind, path, value: JSON.parse(reader.string()) as Json });
    else if (kind === 'remove') edits.push({ kind, path });
    else if (kind === 'increment') edits.push({ kind, path, by: reader.f64() });
    else throw new RangeError('an edit of unknown kind');
  }
  return edits;
}

export function encodePath(writer: ByteWriter, path: readonly string[]): void {
  writer.uint(path.length);
  for (const segment of path) writer.string(segment);
}

export function decodePath(reader: ByteReader): string[] {
  const path: string[] = [];
  for (let left = reader.uint(); left > 0; left--) path.push(reader.string());
  return path;
}
