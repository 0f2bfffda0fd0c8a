import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { objectsAt, plainPath, refuse, stringAt, wordAt } from './body-shape.ts';
import { checkTtl, SYSTEM_PROPERTIES } from './item-text.ts';
import { splitPath } from './partition-key.ts';
import { checkEmbeddings, checkFullText } from './search-policies.ts';
import type { ConflictResolutionPolicy, PartitionKeyDefinition } from './types.ts';
import { checkUniqueKeys } from './unique-keys.ts';

/**
 * Checks of the container policies that are kept as the user wrote them. All throw DatabaseError
 * `BadRequest`.
 */

const COMPUTED_PROPERTIES_MAX = 20;
const DEFAULT_CONFLICT_PATH = '/_ts';

/**
 * Missing parts become last-writer-wins by time, which is also the documented answer to a path that is none.
 */
export function parseConflictPolicy(body: JsonObject = {}): ConflictResolutionPolicy {
  const modes = ['LastWriterWins', 'Custom'] as const;
  const mode = body.mode === undefined ? 'LastWriterWins' : wordAt(body, 'mode', modes);
  const path = body.conflictResolutionPath ?? '';
  const procedure = body.conflictResolutionProcedure ?? '';
  if (typeof path !== 'string') throw refuse("'conflictResolutionPath' must be a string.");
  if (typeof procedure !== 'string') throw refuse("'conflictResolutionProcedure' must be a string.");
  if (mode === 'Custom') {
    return { mode, conflictResolutionPath: '', conflictResolutionProcedure: procedure };
  }
  if (procedure !== '')
    throw refuse("'conflictResolutionProcedure' needs conflict resolution mode 'Custom'.");
  const isPath = path.startsWith('/') && splitPath(path).every((name) => name !== '');
  return {
    mode,
    conflictResolutionPath: isPath ? path : DEFAULT_CONFLICT_PATH,
    conflictResolutionProcedure: '',
  };
}

export function parseGeospatialConfig(body: JsonObject = {}): { type: 'Geography' | 'Geometry' } {
  if (body.type === undefined) return { type: 'Geography' };
  return { type: wordAt(body, 'type', ['Geography', 'Geometry']) };
}

/** For `checkOthers`: what a policy must agree with. */
export interface PolicyContext {
  readonly partitionKey: PartitionKeyDefinition;
  /** Ids of the client encryption keys of the database. */
  readonly encryptionKeyIds: ReadonlySet<string>;
}

/** The optional policies by name, in the order in which they are shown, each with its check. */
const CHECKS: Readonly<Record<string, (value: Json, context: PolicyContext) => void>> = {
  uniqueKeyPolicy: checkUniqueKeys,
  analyticalStorageTtl: (value) => {
    if (value !== 0) checkTtl(value, 'analyticalStorageTtl');
  },
  changeFeedPolicy: checkChangeFeed,
  clientEncryptionPolicy: checkEncryption,
  computedProperties: checkComputedProperties,
  vectorEmbeddingPolicy: checkEmbeddings,
  fullTextPolicy: checkFullText,
};

/** Policies that would have to do something which is not done yet: silence about them would mislead. */
const UNSUPPORTED = ['materializedViewDefinition', 'dataMaskingPolicy'];

/** The known optional policies of a container's body, checked, as they were given. */
export function checkOthers(body: JsonObject, context: PolicyContext): JsonObject {
  for (const name of UNSUPPORTED) {
    if (body[name] !== undefined && body[name] !== null) throw refuse(`'${name}' is not supported yet.`);
  }
  const others: JsonObject = {};
  for (const [name, check] of Object.entries(CHECKS)) {
    const value = body[name];
    // Clients send null for what their user left out.
    if (value === undefined || value === null) continue;
    check(value, context);
    others[name] = value;
  }
  return others;
}

function asObject(value: Json, name: string): JsonObject {
  if (!isJsonObject(value)) throw refuse(`'${name}' must be an object.`);
  return value;
}

function checkChangeFeed(value: Json): void {
  const minutes = asObject(value, 'changeFeedPolicy').retentionDuration ?? 0;
  if (typeof minutes !== 'number' || !Number.isInteger(minutes) || minutes < 0) {
    throw refuse("'retentionDuration' must be a whole number of minutes, 0 or more.");
  }
}

function checkComputedProperties(value: Json): void {
  const properties = objectsAt({ computedProperties: value }, 'computedProperties') ?? [];
  if (properties.length > COMPUTED_PROPERTIES_MAX) {
    throw refuse(`More than ${COMPUTED_PROPERTIES_MAX} computed properties.`);
  }
  const names = properties.map((property) => stringAt(property, 'name'));
  if (new Set(names).size < names.length) throw refuse('Two computed properties have the same name.');
  for (const name of names) {
    if (name === 'id' || (SYSTEM_PROPERTIES as readonly string[]).includes(name)) {
      throw refuse(`A computed property may not be called '${name}'.`);
    }
  }
  for (const property of properties) {
    if (!/^\s*select\s+value\s/i.test(stringAt(property, 'query'))) {
      throw refuse(`The query of computed property '${String(property.name)}' must start with SELECT VALUE.`);
    }
  }
}

function checkEncryption(value: Json, { partitionKey, encryptionKeyIds }: PolicyContext): void {
  const policy = asObject(value, 'clientEncryptionPolicy');
  const version = policy.policyFormatVersion ?? 1;
  if (version !== 1 && version !== 2) throw refuse("'policyFormatVersion' must be 1 or 2.");
  const paths = new Set<string>();
  for (const included of objectsAt(policy, 'includedPaths') ?? []) {
    const path = plainPath(included.path, 'the client encryption policy');
    const [top = '', ...deeper] = splitPath(path);
    if (deeper.length > 0) throw refuse(`Only top-level paths can be encrypted, not '${path}'.`);
    if (paths.has(path)) throw refuse(`The client encryption policy has the path '${path}' twice.`);
    paths.add(path);
    const type = wordAt(included, 'encryptionType', ['Deterministic', 'Randomized']);
    wordAt(included, 'encryptionAlgorithm', ['AEAD_AES_256_CBC_HMAC_SHA256']);
    const isKey = top === 'id' || partitionKey.paths.some((each) => splitPath(each)[0] === top);
    if (isKey && (version !== 2 || type !== 'Deterministic')) {
      throw refuse(`'${path}' can only be encrypted deterministically, with policy format version 2.`);
    }
    const keyId = stringAt(included, 'clientEncryptionKeyId');
    if (!encryptionKeyIds.has(keyId))
      throw refuse(`There is no client encryption key '${keyId}' in the database.`);
  }
}
