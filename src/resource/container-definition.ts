import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject } from '../base/index.ts';
import { objectAt, objectsAt, refuse } from './body-shape.ts';
import { checkOthers, parseConflictPolicy, parseGeospatialConfig } from './container-policies.ts';
import { indexingPolicyBody, parseIndexingPolicy } from './indexing-policy.ts';
import { checkTtl } from './item-text.ts';
import {
  LEGACY_DEFINITION,
  parsePartitionKeyDefinition,
  partitionKeyDefinitionBody,
  samePartitionKeyDefinition,
} from './partition-key-definition.ts';
import { checkResourceId } from './resource-id.ts';
import { fullTextPaths, vectorDimensions } from './search-policies.ts';
import type { ContainerDefinition, PartitionKeyDefinition } from './types.ts';

export interface NormalizeOptions {
  /**
   * The request's protocol version knows no partition keys (before 2018-12-31), so a missing one is legal.
   */
  readonly allowMissingKey?: boolean;
  /** For a replacement: immutable policies that the body leaves out stay as they are. */
  readonly previous?: ContainerDefinition;
  /** Ids of the client encryption keys of the database; none unless given. */
  readonly encryptionKeyIds?: ReadonlySet<string>;
}

/** Of the policies kept in `others`, those that a replacement must not change, with what it is told. */
const IMMUTABLE_OTHERS = {
  // In the original's words.
  uniqueKeyPolicy:
    'The unique index cannot be modified. ' +
    'To change the unique index, remove the collection and re-create a new one.',
  clientEncryptionPolicy: "'clientEncryptionPolicy' of a container cannot be changed.",
} as const;

/** Those and the embeddings, which may only grow, stay when a replacement does not name them. */
const INHERITED_OTHERS = [...Object.keys(IMMUTABLE_OTHERS), 'vectorEmbeddingPolicy'];

/**
 * A container as its user defined it, checked, with every default filled in.
 * @throws DatabaseError `BadRequest` when anything breaks the published rules.
 */
export function normalizeContainer(body: JsonObject, options: NormalizeOptions = {}): ContainerDefinition {
  const { previous } = options;
  const id = checkResourceId(body.id);
  const partitionKey = parseKey(body, options);
  const inherited: JsonObject = {};
  for (const name of INHERITED_OTHERS) {
    const old = previous?.others[name];
    if (old !== undefined && body[name] === undefined) inherited[name] = old;
  }
  const others = {
    ...inherited,
    ...checkOthers(body, { partitionKey, encryptionKeyIds: options.encryptionKeyIds ?? new Set() }),
  };
  const conflictBody = objectAt(body, 'conflictResolutionPolicy');
  const geospatialConfig = parseGeospatialConfig(
    objectAt(body, 'geospatialConfig') ?? previous?.geospatialConfig,
  );
  const ttl = body.defaultTtl;
  return {
    id,
    partitionKey,
    indexingPolicy: parseIndexingPolicy(objectAt(body, 'indexingPolicy'), {
      geospatialType: geospatialConfig.type,
      vectorDimensions: vectorDimensions(others),
      fullTextPaths: fullTextPaths(others),
    }),
    conflictResolutionPolicy:
      conflictBody === undefined && previous !== undefined
        ? previous.conflictResolutionPolicy
        : parseConflictPolicy(conflictBody),
    geospatialConfig,
    ...(ttl === undefined ? {} : { defaultTtl: checkTtl(ttl, 'defaultTtl') }),
    others,
  };
}

function parseKey(body: JsonObject, { allowMissingKey, previous }: NormalizeOptions): PartitionKeyDefinition {
  const keyBody = objectAt(body, 'partitionKey');
  if (keyBody !== undefined) {
    const parsed = parsePartitionKeyDefinition(keyBody);
    // Keeps the version and the legacy mark, which clients may leave out when they send the definition back.
    return previous !== undefined && samePartitionKeyDefinition(previous.partitionKey, parsed)
      ? previous.partitionKey
      : parsed;
  }
  if (previous?.partitionKey.systemKey === true) return previous.partitionKey;
  if (allowMissingKey === true && previous === undefined) return LEGACY_DEFINITION;
  throw refuse(
    "The input content is invalid because the required properties - 'partitionKey; ' - are missing",
  );
}

/** The definition as the original shows it, in its order; system properties come after it. */
export function containerBody(definition: ContainerDefinition): JsonObject {
  const { uniqueKeyPolicy, ...others } = definition.others;
  return {
    id: definition.id,
    indexingPolicy: indexingPolicyBody(definition.indexingPolicy),
    partitionKey: partitionKeyDefinitionBody(definition.partitionKey),
    ...(definition.defaultTtl === undefined ? {} : { defaultTtl: definition.defaultTtl }),
    ...(uniqueKeyPolicy === undefined ? {} : { uniqueKeyPolicy }),
    conflictResolutionPolicy: { ...definition.conflictResolutionPolicy },
    geospatialConfig: definition.geospatialConfig,
    ...others,
  };
}

/**
 * Lets a replacement through that changes only what may change.
 * @throws DatabaseError `BadRequest` naming the first immutable part that differs.
 */
export function checkReplacement(old: ContainerDefinition, changed: ContainerDefinition): void {
  if (old.id !== changed.id) throw refuse('The id of a container cannot be changed.');
  if (!samePartitionKeyDefinition(old.partitionKey, changed.partitionKey)) {
    throw refuse('The partition key definition of a container cannot be changed.');
  }
  if (!isDeepStrictEqual(old.conflictResolutionPolicy, changed.conflictResolutionPolicy)) {
    throw refuse('The conflict resolution policy of a container cannot be changed.');
  }
  for (const [name, message] of Object.entries(IMMUTABLE_OTHERS)) {
    if (!isDeepStrictEqual(shown(old.others, name), shown(changed.others, name))) throw refuse(message);
  }
  checkVectorReplacement(old, changed);
}

/** A unique-key policy without keys says the same as none at all. */
function shown(others: JsonObject, name: string): unknown {
  const value = others[name];
  const isEmpty =
    name === 'uniqueKeyPolicy' && isJsonObject(value) && (objectsAt(value, 'uniqueKeys') ?? []).length === 0;
  return isEmpty ? undefined : value;
}

/** Stored vectors and their indexes were built for the old entries; new ones may come. */
function checkVectorReplacement(old: ContainerDefinition, changed: ContainerDefinition): void {
  const embeddings = (definition: ContainerDefinition) =>
    objectsAt(objectAt(definition.others, 'vectorEmbeddingPolicy') ?? {}, 'vectorEmbeddings') ?? [];
  const now = new Map(embeddings(changed).map((each) => [each.path, each]));
  for (const each of embeddings(old)) {
    if (!isDeepStrictEqual(now.get(each.path ?? null), each)) {
      throw refuse(`The vector embedding with path '${String(each.path)}' cannot be changed or removed.`);
    }
  }
  const types = new Map((changed.indexingPolicy.vectorIndexes ?? []).map((each) => [each.path, each.type]));
  for (const { path = null, type } of old.indexingPolicy.vectorIndexes ?? []) {
    if (types.has(path) && types.get(path) !== type) {
      throw refuse(`The type of the vector index on '${String(path)}' cannot be changed.`);
    }
  }
}
