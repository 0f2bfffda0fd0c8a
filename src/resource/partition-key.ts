import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { isWellFormed } from './resource-id.ts';
import type { KeyComponent, PartitionKey, PartitionKeyDefinition } from './types.ts';

/** Bytes of UTF-8 that one component may have. */
const COMPONENT_BYTES_MAX = 2048;

/**
 * The key in a partition-key header or in an operation of a batch: a JSON array of components, `{}` for
 * undefined. `[]` is what clients send for items without a key in legacy containers; see `completeKey`.
 * @throws DatabaseError `BadRequest` for anything else.
 */
export function parsePartitionKeyHeader(text: string): PartitionKey {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new DatabaseError('BadRequest', `Partition key ${shorten(text)} is invalid.`, { cause });
  }
  if (!Array.isArray(parsed))
    throw new DatabaseError('BadRequest', `Partition key ${shorten(text)} is invalid.`);
  return parsed.map((component: Json) => headerComponent(component, text));
}

function headerComponent(component: Json, text: string): KeyComponent {
  if (typeof component !== 'object' || component === null) return component;
  if (isJsonObject(component) && Object.keys(component).length === 0) return undefined;
  throw new DatabaseError('BadRequest', `Partition key ${shorten(text)} is invalid.`);
}

function shorten(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}

/** The item's full key: missing, object and array values count as undefined. */
export function extractPartitionKey(definition: PartitionKeyDefinition, item: JsonObject): PartitionKey {
  const key: KeyComponent[] = [];
  for (const names of keyPathNames(definition)) {
    let value: Json | undefined = item;
    for (const name of names) {
      value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
      if (value === undefined) break;
    }
    key.push(typeof value === 'object' && value !== null ? undefined : value);
  }
  checkComponents(key);
  return key;
}

/** Definitions are never changed in place, so the split paths of each live as long as it does. */
const pathNames = new WeakMap<PartitionKeyDefinition, readonly (readonly string[])[]>();

function keyPathNames(definition: PartitionKeyDefinition): readonly (readonly string[])[] {
  let names = pathNames.get(definition);
  if (names === undefined) {
    names = definition.paths.map(splitPath);
    pathNames.set(definition, names);
  }
  return names;
}

/** The property names of a path such as `/a/"b c"/d`. */
export function splitPath(path: string): string[] {
  const names: string[] = [];
  for (const match of path.matchAll(/\/(?:"((?:[^"\\]|\\.)*)"|([^/]*))/gs)) {
    names.push(match[1]?.replace(/\\(.)/gs, '$1') ?? match[2] ?? '');
  }
  return names;
}

/**
 * The full key that a client named for one item, made regular: a legacy container's `[]` means undefined.
 * @throws DatabaseError `PartitionKeyMismatch` when it has too few or too many components, `BadRequest` when
 * a component is too long or not well-formed.
 */
export function completeKey(definition: PartitionKeyDefinition, key: PartitionKey): PartitionKey {
  if (key.length === 0 && definition.systemKey === true) return [undefined];
  if (key.length !== definition.paths.length) throw wrongArity(definition, key);
  checkComponents(key);
  return key;
}

/**
 * The key or, of a hierarchical one, its prefix, that a client named for a feed or a query.
 * @throws DatabaseError as `completeKey`.
 */
export function completeKeyOrPrefix(definition: PartitionKeyDefinition, key: PartitionKey): PartitionKey {
  const isPrefix = definition.kind === 'MultiHash' && key.length < definition.paths.length;
  if (!isPrefix) return completeKey(definition, key);
  checkComponents(key);
  return key;
}

function wrongArity(definition: PartitionKeyDefinition, key: PartitionKey): DatabaseError {
  return new DatabaseError(
    'PartitionKeyMismatch',
    `Partition key has ${key.length} components, ` +
      `but the definition of the container has ${definition.paths.length}.`,
  );
}

function checkComponents(key: PartitionKey): void {
  for (const component of key) {
    if (typeof component !== 'string' || isKeyText(component)) continue;
    const isLong = Buffer.byteLength(component) > COMPONENT_BYTES_MAX;
    const fault = isLong ? `longer than ${COMPONENT_BYTES_MAX} bytes` : 'not well-formed Unicode';
    throw new DatabaseError('BadRequest', `Partition key value is ${fault}.`);
  }
}

/** Whether a text may be a component of a key. Keys are hashed as UTF-8, where half pairs would be alike. */
export function isKeyText(text: string): boolean {
  // A UTF-16 unit takes at most three bytes, so short strings need no counting.
  const isShort = text.length * 3 <= COMPONENT_BYTES_MAX || Buffer.byteLength(text) <= COMPONENT_BYTES_MAX;
  return isShort && isWellFormed(text);
}

/** Whether two keys name one logical partition. 0 and -0 are two: they hash differently. */
export function samePartitionKey(a: PartitionKey, b: PartitionKey): boolean {
  return a.length === b.length && a.every((component, index) => Object.is(component, b[index]));
}

/**
 * Demands that the key a client named (if it did) is the one in the item's body; returns the latter.
 * @throws DatabaseError `PartitionKeyMismatch` otherwise.
 */
export function matchPartitionKey(
  definition: PartitionKeyDefinition,
  { named, item }: { readonly named: PartitionKey | undefined; readonly item: JsonObject },
): PartitionKey {
  const key = extractPartitionKey(definition, item);
  if (named !== undefined && !samePartitionKey(completeKey(definition, named), key)) {
    throw new DatabaseError(
      'PartitionKeyMismatch',
      'Partition key extracted from the document does not match the one specified in the header.',
    );
  }
  return key;
}
