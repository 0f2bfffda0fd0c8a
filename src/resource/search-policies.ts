import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { listAt, objectAt, objectsAt, plainPath, refuse, stringAt, wordAt } from './body-shape.ts';
import {
  FULL_TEXT_LANGUAGE_DEFAULT,
  FULL_TEXT_LANGUAGES,
  type FullTextLanguage,
  languageOfTag,
} from './full-text-language.ts';
import { splitPath } from './partition-key.ts';
import type { ContainerDefinition } from './types.ts';

/** Checks of what concerns vectors and full text; all throw DatabaseError `BadRequest`. */

const VECTOR_DATA_TYPES = ['float32', 'float16', 'uint8', 'int8'] as const;
export const VECTOR_DISTANCE_FUNCTIONS = ['cosine', 'dotproduct', 'euclidean'] as const;
const VECTOR_INDEX_TYPES = ['flat', 'quantizedFlat', 'diskANN'] as const;
const DIMENSIONS_MAX = 4096;
const FLAT_DIMENSIONS_MAX = 505;
/** Published ranges of the optional figures of a vector index. */
const QUANTIZATION_BYTES = [1, 512] as const;
const SEARCH_LIST_SIZES = [25, 500] as const;

export type VectorDataType = (typeof VECTOR_DATA_TYPES)[number];
export type VectorDistanceFunction = (typeof VECTOR_DISTANCE_FUNCTIONS)[number];
export type VectorIndexType = (typeof VECTOR_INDEX_TYPES)[number];

/** A property that holds vectors. */
export interface VectorEmbedding {
  readonly path: readonly string[];
  readonly dataType: VectorDataType;
  readonly dimensions: number;
  readonly distanceFunction: VectorDistanceFunction;
  /** Undefined when no index is kept of it. */
  readonly indexType: VectorIndexType | undefined;
}

/** What a container says of search, as queries and indexes need it. */
export interface SearchPolicies {
  readonly embeddings: readonly VectorEmbedding[];
  /** Of properties that the full-text policy does not name. */
  readonly defaultLanguage: FullTextLanguage;
  readonly textPaths: readonly { readonly path: readonly string[]; readonly language: FullTextLanguage }[];
}

/** The policies of a checked definition. */
export function searchPolicies({
  others,
  indexingPolicy,
}: Pick<ContainerDefinition, 'others' | 'indexingPolicy'>): SearchPolicies {
  const indexes = new Map<string, VectorIndexType>();
  for (const index of indexingPolicy.vectorIndexes ?? []) {
    indexes.set(nameOf(stringAt(index, 'path')), wordAt(index, 'type', VECTOR_INDEX_TYPES));
  }
  const embeddings = embeddingsOf(others).map((each) => {
    const path = stringAt(each, 'path');
    return {
      path: splitPath(path),
      dataType: wordAt(each, 'dataType', VECTOR_DATA_TYPES),
      dimensions: Number(each.dimensions),
      distanceFunction: wordAt(each, 'distanceFunction', VECTOR_DISTANCE_FUNCTIONS),
      indexType: indexes.get(nameOf(path)),
    };
  });
  const policy = objectAt(others, 'fullTextPolicy') ?? {};
  const defaultLanguage =
    languageAt(policy, 'defaultLanguage') ?? languageOfTag(FULL_TEXT_LANGUAGE_DEFAULT) ?? 'en';
  const textPaths = (objectsAt(policy, 'fullTextPaths') ?? []).map((each) => ({
    path: splitPath(stringAt(each, 'path')),
    language: languageAt(each, 'language') ?? defaultLanguage,
  }));
  return { embeddings, defaultLanguage, textPaths };
}

/** Two spellings of one path have one name. */
function nameOf(path: string): string {
  return JSON.stringify(splitPath(path));
}

function embeddingsOf(others: JsonObject): JsonObject[] {
  return objectsAt(objectAt(others, 'vectorEmbeddingPolicy') ?? {}, 'vectorEmbeddings') ?? [];
}

/** Dimensions by path, as `nameOf` spells it, of a checked embedding policy. */
export function vectorDimensions(others: JsonObject): Map<string, number> {
  return new Map(embeddingsOf(others).map((each) => [nameOf(String(each.path)), Number(each.dimensions)]));
}

/** Paths of a checked full-text policy, as `nameOf` spells them. */
export function fullTextPaths(others: JsonObject): Set<string> {
  const paths = objectsAt(objectAt(others, 'fullTextPolicy') ?? {}, 'fullTextPaths') ?? [];
  return new Set(paths.map((each) => nameOf(String(each.path))));
}

export function checkEmbeddings(value: Json): void {
  if (!isJsonObject(value)) throw refuse("'vectorEmbeddingPolicy' must be an object.");
  const paths = new Set<string>();
  for (const embedding of objectsAt(value, 'vectorEmbeddings') ?? []) {
    const path = plainPath(embedding.path, 'a vector embedding');
    if (paths.has(nameOf(path))) throw refuse(`Two vector embeddings have the path '${path}'.`);
    paths.add(nameOf(path));
    wordAt(embedding, 'dataType', VECTOR_DATA_TYPES);
    wordAt(embedding, 'distanceFunction', VECTOR_DISTANCE_FUNCTIONS);
    checkDimensions(embedding.dimensions);
  }
}

function checkDimensions(dimensions: Json | undefined): void {
  if (typeof dimensions !== 'number' || !Number.isInteger(dimensions) || dimensions < 1) {
    throw refuse(
      `Vector Embedding Policy has invalid Dimensions:${JSON.stringify(dimensions)}, ` +
        'it should be positive integer.',
    );
  }
  if (dimensions > DIMENSIONS_MAX) {
    throw refuse(
      `Vector Embedding Policy has Dimensions:${dimensions} which is more than max:${DIMENSIONS_MAX}.`,
    );
  }
}

export function checkFullText(value: Json): void {
  if (!isJsonObject(value)) throw refuse("'fullTextPolicy' must be an object.");
  languageAt(value, 'defaultLanguage');
  const paths = new Set<string>();
  for (const each of objectsAt(value, 'fullTextPaths') ?? []) {
    const path = plainPath(each.path, 'the full-text policy');
    if (paths.has(nameOf(path))) throw refuse(`The full-text policy has the path '${path}' twice.`);
    paths.add(nameOf(path));
    languageAt(each, 'language');
  }
}

function languageAt(parent: JsonObject, name: string): FullTextLanguage | undefined {
  if (parent[name] === undefined || parent[name] === null) return undefined;
  const tag = stringAt(parent, name);
  const language = /^[A-Za-z]{2}(-[A-Za-z0-9]+)*$/.test(tag) ? languageOfTag(tag) : undefined;
  if (language !== undefined) return language;
  throw refuse(
    `'${name}' must be a language tag such as 'en-US' of one of the languages ` +
      `${FULL_TEXT_LANGUAGES.join(', ')}, not '${tag}'.`,
  );
}

/** The vector indexes of a policy; `dimensions` as `vectorDimensions` gives them. */
export function parseVectorIndexes(
  body: JsonObject,
  dimensions: ReadonlyMap<string, number>,
): JsonObject[] | undefined {
  const paths = new Set<string>();
  return objectsAt(body, 'vectorIndexes')?.map((given) => {
    const path = plainPath(given.path, 'a vector index');
    const type = wordAt(given, 'type', VECTOR_INDEX_TYPES);
    if (paths.has(nameOf(path))) throw refuse(`Two vector indexes have the path '${path}'.`);
    paths.add(nameOf(path));
    const count = dimensions.get(nameOf(path));
    if (count === undefined) {
      throw refuse(`The Vector Indexing Policy's path::${path} not matching in Embedding's path.`);
    }
    if (type === 'flat' && count > FLAT_DIMENSIONS_MAX) {
      throw refuse(
        `Vector index type flat takes at most ${FLAT_DIMENSIONS_MAX} dimensions, '${path}' has ${count}.`,
      );
    }
    checkFigures(given, type);
    for (const key of listAt(given, 'vectorIndexShardKey') ?? []) plainPath(key, 'a vector index shard key');
    return { ...given, path, type };
  });
}

function checkFigures(given: JsonObject, type: VectorIndexType): void {
  checkFigure(given, 'quantizationByteSize', QUANTIZATION_BYTES);
  checkFigure(given, 'indexingSearchListSize', SEARCH_LIST_SIZES);
  for (const name of ['quantizationByteSize', 'indexingSearchListSize']) {
    if (type === 'flat' && given[name] !== undefined && given[name] !== null)
      throw refuse(`'${name}' is not for vector indexes of type flat.`);
  }
}

function checkFigure(given: JsonObject, name: string, [min, max]: readonly [number, number]): void {
  const value = given[name];
  if (value === undefined || value === null) return;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw refuse(`'${name}' must be a whole number from ${min} to ${max}.`);
  }
}

/** The full-text indexes of a policy; `paths` as `fullTextPaths` gives them. */
export function parseFullTextIndexes(body: JsonObject, paths: ReadonlySet<string>): JsonObject[] | undefined {
  const indexed = new Set<string>();
  return objectsAt(body, 'fullTextIndexes')?.map((given) => {
    const path = plainPath(given.path, 'a full-text index');
    if (!paths.has(nameOf(path)))
      throw refuse(`The full-text index on '${path}' has no path in the full-text policy.`);
    if (indexed.has(nameOf(path))) throw refuse(`Two full-text indexes have the path '${path}'.`);
    indexed.add(nameOf(path));
    return { ...given, path };
  });
}
