import type { JsonObject } from '../base/index.ts';
import { listAt, PLAIN_PATH, refuse } from './body-shape.ts';
import { SYSTEM_PROPERTIES } from './item-text.ts';
import { splitPath } from './partition-key.ts';
import type { PartitionKeyDefinition } from './types.ts';

const LEVELS_MAX = 3;

/** What clients that know partitioned containers must see for one that was created without a key. */
export const LEGACY_DEFINITION: PartitionKeyDefinition = {
  paths: ['/_partitionKey'],
  kind: 'Hash',
  version: 1,
  implicitVersion: true,
  systemKey: true,
};

/** @throws DatabaseError `BadRequest` when it breaks the published rules. */
export function parsePartitionKeyDefinition(body: JsonObject): PartitionKeyDefinition {
  const kind = body.kind ?? 'Hash';
  if (kind !== 'Hash' && kind !== 'MultiHash') {
    throw refuse(
      `The partition key kind ${JSON.stringify(kind)} is not valid: expected 'Hash' or 'MultiHash'.`,
    );
  }
  const paths = (listAt(body, 'paths') ?? []).map(keyPath);
  const version = body.version;
  if (version !== undefined && version !== 1 && version !== 2) {
    throw refuse(`The partition key version ${JSON.stringify(version)} is not valid: expected 1 or 2.`);
  }
  if (kind === 'MultiHash' && version !== 2) throw refuse("Partition key kind 'MultiHash' needs version 2.");
  checkCount(kind, paths);
  return {
    paths,
    kind,
    version: version ?? 1,
    ...(version === undefined ? { implicitVersion: true as const } : {}),
    ...(body.systemKey === true && paths[0] === LEGACY_DEFINITION.paths[0]
      ? { systemKey: true as const }
      : {}),
  };
}

function checkCount(kind: PartitionKeyDefinition['kind'], paths: readonly string[]): void {
  const countMax = kind === 'MultiHash' ? LEVELS_MAX : 1;
  if (paths.length < 1 || paths.length > countMax) {
    throw refuse(`Partition key kind '${kind}' takes 1 to ${countMax} paths, not ${paths.length}.`);
  }
  if (new Set(paths.map((path) => JSON.stringify(splitPath(path)))).size < paths.length) {
    throw refuse('Partition key paths must differ from each other.');
  }
}

function keyPath(path: unknown): string {
  if (typeof path !== 'string' || !PLAIN_PATH.test(path)) {
    throw refuse(
      `The partition key component definition path '${typeof path === 'string' ? path : typeof path}' ` +
        'could not be accepted. ' +
        'Partition key paths must contain only valid characters and not contain a trailing slash ' +
        'or wildcard character.',
    );
  }
  const [first = ''] = splitPath(path);
  if ((SYSTEM_PROPERTIES as readonly string[]).includes(first)) {
    throw refuse(
      `The partition key component definition path '${path}' could not be accepted: the server sets it.`,
    );
  }
  return path;
}

/** As the original shows it. */
export function partitionKeyDefinitionBody(definition: PartitionKeyDefinition): JsonObject {
  return {
    paths: [...definition.paths],
    kind: definition.kind,
    ...(definition.implicitVersion === true ? {} : { version: definition.version }),
    ...(definition.systemKey === true ? { systemKey: true } : {}),
  };
}

/** Whether a replacement leaves the key as it was; a version that is left out is the old one. */
export function samePartitionKeyDefinition(
  old: PartitionKeyDefinition,
  changed: PartitionKeyDefinition,
): boolean {
  const sameVersion = changed.implicitVersion === true || changed.version === old.version;
  const samePaths =
    old.paths.length === changed.paths.length && old.paths.every((p, i) => p === changed.paths[i]);
  return sameVersion && samePaths && old.kind === changed.kind;
}
