/**
 * Partial update of an item: a list of JSON-pointer operations, applied in order, all or none. What comes out
 * is the changed item, for the region that applies it, and the same as edits of places, for all others.
 */
import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { NESTING_MAX } from './item-text.ts';
import { appendEdit, defineMember, type PathEdit } from './path-edit.ts';
import { isWellFormed } from './resource-id.ts';

export interface Patch {
  /** Text of a filter such as `from c where c.a = 1`. */
  readonly condition: string | undefined;
  readonly operations: readonly PatchOperation[];
}

export interface PatchOperation {
  readonly op: 'add' | 'set' | 'replace' | 'remove' | 'incr' | 'move';
  readonly path: readonly string[];
  readonly from: readonly string[] | undefined;
  readonly value: Json | undefined;
}

const OPERATIONS_MAX = 10;
const KINDS = ['add', 'set', 'replace', 'remove', 'incr', 'move'] as const;
const SYSTEM = new Set(['id', '_rid', '_self', '_etag', '_ts', '_attachments']);

/**
 * The patch that a request body describes: a bare array of operations, or `{condition?, operations}`.
 * `keyPaths`: the container's partition key paths, which no operation may touch.
 * @throws DatabaseError `BadRequest`
 */
export function parsePatch(body: Json, keyPaths: readonly (readonly string[])[]): Patch {
  const list = Array.isArray(body) ? body : isJsonObject(body) ? body.operations : undefined;
  if (!Array.isArray(list) || list.length === 0) {
    throw new DatabaseError('BadRequest', 'The patch request must hold a non-empty list of operations.');
  }
  if (list.length > OPERATIONS_MAX) {
    throw new DatabaseError('BadRequest', `The number of patch operations can't exceed ${OPERATIONS_MAX}.`);
  }
  const condition = isJsonObject(body) ? body.condition : undefined;
  if (condition !== undefined && condition !== null && typeof condition !== 'string') {
    throw new DatabaseError('BadRequest', 'The condition of a patch request must be a string.');
  }
  return {
    condition: condition ?? undefined,
    operations: list.map((entry) => parseOperation(entry, keyPaths)),
  };
}

function parseOperation(entry: Json, keyPaths: readonly (readonly string[])[]): PatchOperation {
  if (!isJsonObject(entry)) throw new DatabaseError('BadRequest', 'A patch operation must be an object.');
  const op = KINDS.find((kind) => kind === entry.op);
  if (op === undefined) {
    throw new DatabaseError(
      'BadRequest',
      `The patch operation ${told(entry.op)} is not one of ${KINDS.join(', ')}.`,
    );
  }
  const path = parsePointer(entry.path);
  checkTarget(path, keyPaths);
  const from = op === 'move' ? parsePointer(entry.from) : undefined;
  if (from !== undefined) checkTarget(from, keyPaths);
  if ((op === 'add' || op === 'set' || op === 'replace' || op === 'incr') && entry.value === undefined) {
    throw new DatabaseError('BadRequest', `The patch operation '${op}' needs a value.`);
  }
  if (entry.value !== undefined) checkValue(entry.value, NESTING_MAX - path.length);
  return { op, path, from, value: entry.value };
}

/**
 * `levels`: of objects and arrays that there is room for. Checked before the value is worked with, since what
 * copies and writes values goes as deep as they do. A number that no double holds would be null to others.
 */
function checkValue(value: Json, levels: number): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new DatabaseError('BadRequest', 'A number in the patch request is out of range.');
  }
  if (typeof value !== 'object' || value === null) return;
  if (levels <= 0) {
    throw new DatabaseError('BadRequest', `The patch nests the item deeper than ${NESTING_MAX} levels.`);
  }
  for (const inner of Object.values(value)) checkValue(inner, levels - 1);
}

/** A path replicates as UTF-8, in which half a surrogate pair would become the name of another place. */
function parsePointer(value: Json | undefined): string[] {
  if (typeof value !== 'string' || !value.startsWith('/') || value.length < 2 || !isWellFormed(value)) {
    throw new DatabaseError('BadRequest', `The patch path ${told(value)} is not valid.`);
  }
  return value
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What is no text cannot always be made one: an object's `toString` may be the caller's, and no function. */
function told(value: Json | undefined): string {
  return typeof value === 'string' ? `'${value}'` : `of type ${typeof value}`;
}

function checkTarget(path: readonly string[], keyPaths: readonly (readonly string[])[]): void {
  const touchesKey = keyPaths.some((key) => {
    const shorter = Math.min(key.length, path.length);
    return key.slice(0, shorter).every((segment, place) => segment === path[place]);
  });
  if ((path.length === 1 && SYSTEM.has(path[0] ?? '')) || touchesKey) {
    throw new DatabaseError(
      'BadRequest',
      `The patch path '/${path.join('/')}' points to a property that cannot be changed.`,
    );
  }
}

/**
 * A changed copy of `item`, and what was done to it; `item` stays as it is.
 * @throws DatabaseError `BadRequest` when an operation does not fit the item.
 */
export function applyPatch(
  item: JsonObject,
  operations: readonly PatchOperation[],
): { readonly item: JsonObject; readonly edits: PathEdit[] } {
  const copy = structuredClone(item);
  const edits: PathEdit[] = [];
  for (const operation of operations) applyOne(copy, operation, edits);
  return { item: copy, edits };
}

function applyOne(item: JsonObject, operation: PatchOperation, edits: PathEdit[]): void {
  const { op, path, value } = operation;
  switch (op) {
    case 'add':
    case 'set':
      put(item, path, value as Json, op === 'add');
      appendEdit(edits, editOf(item, path));
      return;
    case 'replace':
      if (get(item, path) === undefined) throw missing(path);
      put(item, path, value as Json, false);
      appendEdit(edits, editOf(item, path));
      return;
    case 'remove':
      remove(item, path);
      appendEdit(edits, editOf(item, path));
      return;
    case 'incr': {
      const by = increment(item, path, value as Json);
      const array = arrayAround(item, path);
      appendEdit(edits, array === undefined ? { kind: 'increment', path, by } : editOf(item, array));
      return;
    }
    case 'move': {
      const from = operation.from ?? [];
      const moved = get(item, from);
      if (moved === undefined) throw missing(from);
      remove(item, from);
      appendEdit(edits, editOf(item, from));
      put(item, path, moved, true);
      appendEdit(edits, editOf(item, path));
    }
  }
}

/** What brings about the state that `path` is in now, in an item where it was different. */
function editOf(item: JsonObject, path: readonly string[]): PathEdit {
  const place = arrayAround(item, path) ?? path;
  const value = get(item, place);
  // A copy, since a later operation of the patch may change what is inside; and such as others will read.
  return value === undefined
    ? { kind: 'remove', path: place }
    : { kind: 'set', path: place, value: JSON.parse(JSON.stringify(value)) as Json };
}

/** The outermost array that a path leads into: elements have no names that would mean the same elsewhere. */
function arrayAround(item: JsonObject, path: readonly string[]): readonly string[] | undefined {
  let value: Json | undefined = item;
  for (const [place, segment] of path.entries()) {
    if (Array.isArray(value)) return path.slice(0, place);
    value = isJsonObject(value) && Object.hasOwn(value, segment) ? value[segment] : undefined;
  }
  return undefined;
}

/** Gives by how much. */
function increment(item: JsonObject, path: readonly string[], by: Json): number {
  const current = get(item, path);
  if (typeof by !== 'number' || (current !== undefined && typeof current !== 'number')) {
    throw new DatabaseError(
      'BadRequest',
      `The patch path '/${path.join('/')}' can only be incremented by a number if it holds a number.`,
    );
  }
  const sum = (current ?? 0) + by;
  if (!Number.isFinite(sum)) throw new DatabaseError('BadRequest', 'The incremented value is out of range.');
  put(item, path, sum, false);
  return by;
}

function get(item: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = item;
  for (const segment of path) {
    if (Array.isArray(value)) value = value[arrayIndex(segment, value.length - 1) ?? -1];
    else if (isJsonObject(value)) value = Object.hasOwn(value, segment) ? value[segment] : undefined;
    else return undefined;
  }
  return value;
}

function parentOf(item: JsonObject, path: readonly string[]): Json[] | JsonObject {
  const parent = get(item, path.slice(0, -1));
  if (Array.isArray(parent) || isJsonObject(parent)) return parent;
  throw missing(path);
}

function put(item: JsonObject, path: readonly string[], value: Json, inserts: boolean): void {
  const parent = parentOf(item, path);
  const leaf = path.at(-1) ?? '';
  if (!Array.isArray(parent)) {
    defineMember(parent, leaf, value);
    return;
  }
  const index = leaf === '-' ? parent.length : arrayIndex(leaf, parent.length);
  if (index === undefined) throw missing(path);
  if (inserts || index === parent.length) parent.splice(index, 0, value);
  else parent[index] = value;
}

function remove(item: JsonObject, path: readonly string[]): void {
  const parent = parentOf(item, path);
  const leaf = path.at(-1) ?? '';
  if (Array.isArray(parent)) {
    const index = arrayIndex(leaf, parent.length - 1);
    if (index === undefined) throw missing(path);
    parent.splice(index, 1);
  } else {
    if (!Object.hasOwn(parent, leaf)) throw missing(path);
    delete parent[leaf];
  }
}

function arrayIndex(segment: string, max: number): number | undefined {
  if (!/^(0|[1-9]\d{0,9})$/.test(segment)) return undefined;
  const index = Number(segment);
  return index <= max ? index : undefined;
}

function missing(path: readonly string[]): DatabaseError {
  return new DatabaseError('BadRequest', `The patch path '/${path.join('/')}' does not exist in the item.`);
}
