import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { listAt, objectAt, objectsAt, plainPath, refuse, wordAt } from './body-shape.ts';
import { splitPath } from './partition-key.ts';
import { parseFullTextIndexes, parseVectorIndexes } from './search-policies.ts';
import type { IncludedPath, IndexingPolicy } from './types.ts';

/** What else of the container the policy's parts refer to. */
export interface IndexingContext {
  /** `Geometry` has a flat space, which needs bounds. */
  readonly geospatialType: 'Geography' | 'Geometry';
  /**
   * Paths of the vector embedding policy with the dimensions of each, and of the full-text policy: see
   * there.
   */
  readonly vectorDimensions: ReadonlyMap<string, number>;
  readonly fullTextPaths: ReadonlySet<string>;
}

const PATHS_MAX = 1500;
const COMPOSITES_MAX = 100;
const COMPOSITE_PATHS_MIN = 2;
const COMPOSITE_PATHS_MAX = 8;
const SPATIAL_TYPES = ['Point', 'LineString', 'Polygon', 'MultiPolygon'] as const;
const ETAG_PATH = '/"_etag"/?';

/**
 * The policy with every default filled in: all paths indexed, except the etag.
 * @throws DatabaseError `BadRequest` when it breaks the published rules.
 */
export function parseIndexingPolicy(body: JsonObject = {}, context: IndexingContext): IndexingPolicy {
  const modes = ['consistent', 'lazy', 'none'] as const;
  const indexingMode = body.indexingMode === undefined ? 'consistent' : wordAt(body, 'indexingMode', modes);
  const automatic = body.automatic ?? indexingMode !== 'none';
  if (typeof automatic !== 'boolean') throw refuse("'automatic' must be true or false.");
  if (indexingMode === 'none') {
    if (automatic) throw refuse("Indexing mode 'none' needs 'automatic' to be false.");
    return { indexingMode, automatic, includedPaths: [], excludedPaths: [] };
  }
  return {
    indexingMode,
    automatic,
    ...parsePaths(body),
    ...optional('compositeIndexes', parseComposites(body)),
    ...optional('spatialIndexes', parseSpatials(body, context.geospatialType)),
    ...optional('vectorIndexes', parseVectorIndexes(body, context.vectorDimensions)),
    ...optional('fullTextIndexes', parseFullTextIndexes(body, context.fullTextPaths)),
  };
}

function optional<K extends string, V>(name: K, value: V | undefined): { [name in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [name in K]: V });
}

function parsePaths(body: JsonObject): Pick<IndexingPolicy, 'includedPaths' | 'excludedPaths'> {
  const given = objectsAt(body, 'includedPaths')?.map(includedPath);
  const excluded = (objectsAt(body, 'excludedPaths') ?? []).map(({ path }) => ({ path: indexPath(path) }));
  const isRoot = ({ path }: IncludedPath) => path === '/*' || path === '/';
  const included = given ?? (excluded.some(isRoot) ? [] : [{ path: '/*' }]);
  if (![...included, ...excluded].some(isRoot)) {
    throw refuse("The special mandatory indexing path '/' is not provided in any of the path type sets.");
  }
  const both = excluded.find(({ path }) => included.some((each) => each.path === path));
  if (both !== undefined) throw refuse(`The indexing path '${both.path}' is both included and excluded.`);
  if (included.length + excluded.length > PATHS_MAX) throw refuse(`More than ${PATHS_MAX} indexing paths.`);
  // The etag changes with every write and nobody looks for it by value, so it is kept out unless asked in.
  const isEtag = ({ path }: IncludedPath) => path === ETAG_PATH || path === '/_etag/?';
  if (![...included, ...excluded].some(isEtag)) excluded.push({ path: ETAG_PATH });
  return { includedPaths: included, excludedPaths: excluded };
}

function includedPath(given: JsonObject): IncludedPath {
  const path = indexPath(given.path);
  const indexes = objectsAt(given, 'indexes');
  for (const index of indexes ?? []) {
    wordAt(index, 'kind', ['Range', 'Hash', 'Spatial']);
    wordAt(index, 'dataType', ['String', 'Number', 'Point', 'LineString', 'Polygon', 'MultiPolygon']);
    const precision = index.precision;
    if (precision !== undefined && !Number.isInteger(precision))
      throw refuse("'precision' must be a whole number.");
  }
  return { path, ...(indexes === undefined ? {} : { indexes }) };
}

/**
 * Steps by name, by quoted name or over array elements, then `?` for the value itself or `*` for all below.
 */
const INDEX_PATH = /^(?:\/|(?:\/(?:"(?:[^"\\]|\\.)+"|\[\]|[^/"?*[\]]+))*\/[?*])$/s;

function indexPath(path: Json | undefined): string {
  if (typeof path === 'string' && INDEX_PATH.test(path) && path !== '/?') return path;
  throw refuse(
    `The indexing path ${JSON.stringify(path)} could not be accepted. It must start with '/' and ` +
      "end with '/?' or '/*'; names with special characters need double quotes.",
  );
}

function parseComposites(body: JsonObject): JsonObject[][] | undefined {
  const composites = listAt(body, 'compositeIndexes');
  if (composites === undefined) return undefined;
  if (composites.length > COMPOSITES_MAX) throw refuse(`More than ${COMPOSITES_MAX} composite indexes.`);
  return composites.map((composite) => {
    if (!Array.isArray(composite) || !composite.every(isJsonObject))
      throw refuse('A composite index is a list of paths.');
    if (composite.length < COMPOSITE_PATHS_MIN || composite.length > COMPOSITE_PATHS_MAX) {
      throw refuse(`A composite index has ${COMPOSITE_PATHS_MIN} to ${COMPOSITE_PATHS_MAX} paths.`);
    }
    const parts = composite.map((part) => ({
      path: plainPath(part.path, 'a composite index'),
      order: part.order === undefined ? 'ascending' : wordAt(part, 'order', ['ascending', 'descending']),
    }));
    if (new Set(parts.map(({ path }) => JSON.stringify(splitPath(path)))).size < parts.length) {
      throw refuse('The paths of a composite index must differ from each other.');
    }
    return parts;
  });
}

function parseSpatials(body: JsonObject, type: IndexingContext['geospatialType']): JsonObject[] | undefined {
  return objectsAt(body, 'spatialIndexes')?.map((given) => {
    const path = indexPath(given.path);
    const types = listAt(given, 'types')?.map((each) => wordAt({ types: each }, 'types', SPATIAL_TYPES));
    const box = objectAt(given, 'boundingBox');
    if (type === 'Geography' && box !== undefined) {
      throw refuse(`The spatial index on '${path}' has a bounding box, which only Geometry containers take.`);
    }
    if (type === 'Geometry') checkBox(path, box);
    return { path, types: types ?? [...SPATIAL_TYPES], ...(box === undefined ? {} : { boundingBox: box }) };
  });
}

function checkBox(path: string, box: JsonObject | undefined): void {
  if (box === undefined)
    throw refuse(`The spatial index on '${path}' of a Geometry container needs a bounding box.`);
  const [xmin, ymin, xmax, ymax] = ['xmin', 'ymin', 'xmax', 'ymax'].map((name) => {
    const value = box[name];
    if (typeof value !== 'number') throw refuse(`'${name}' of a bounding box must be a number.`);
    return value;
  }) as [number, number, number, number];
  if (xmin >= xmax || ymin >= ymax)
    throw refuse(`The bounding box of the spatial index on '${path}' is empty.`);
}

/** As the original shows it. */
export function indexingPolicyBody(policy: IndexingPolicy): JsonObject {
  return { ...policy } as unknown as JsonObject;
}
