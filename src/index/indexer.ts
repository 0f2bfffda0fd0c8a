/**
 * From an item to its index entries. The policy's rules are laid out as a tree of path nodes, and the walk
 * down an item learns a node for every other path it meets, so that in the steady state a property costs one
 * map look-up.
 */
import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import {
  type IndexingPolicy,
  type SearchPolicies,
  splitPath,
  type VectorEmbedding,
} from '../resource/index.ts';
import {
  type CompositeIndex,
  type CompositePart,
  compileComposites,
  compositeIndex,
  compositeValue,
  PLACES_BYTES_MAX,
  placesOf,
} from './composite.ts';
import { NO_TERMS, type PackedTerms, packTerms } from './packed-terms.ts';
import {
  ARRAY_ELEMENT,
  childPathId,
  GEOMETRY_CELLS,
  PATH_ID_BYTES,
  type PathSegment,
  type PathStep,
  ROOT_PATH_ID,
  TEXT_LENGTH,
  TEXT_REPEATS,
  TEXT_WORDS,
} from './path-id.ts';
import {
  compileRules,
  type GeometryRule,
  type PathRules,
  parseIndexPath,
  type TextRule,
} from './path-rules.ts';
import type { TermText } from './postings/posting-block.ts';
import { type CellGrid, cellsOf, EARTH_GRID } from './spatial/cells.ts';
import { EARTH } from './spatial/earth.ts';
import { PLANE } from './spatial/plane.ts';
import { parseShape, readShape } from './spatial/shape.ts';
import { analyzerFor, countWords, type TextAnalyzer } from './text/text-analyzer.ts';
import { repeatedWords } from './text/word-counts.ts';
import { type ByteSink, VALUE_BYTES_MAX, writeIndexValue } from './value-encoding.ts';

export interface Coverage {
  /** Whether every item that has a value at the path has an entry for it. */
  readonly indexed: boolean;
  /**
   * Whether items without a value there have an entry too, for `undefined`: the policy names this very path.
   */
  readonly explicit: boolean;
  /** It is not indexed yet, but will be: the policy was changed. */
  readonly isComing?: boolean;
  /** Of geometries: how their space is cut into cells. */
  readonly grid?: CellGrid;
}

export interface Indexer {
  /** By which rules items have terms: indexers with the same text give every item the same ones. */
  readonly rules: string;
  /**
   * The item's index entries, each once: path id, then encoded value. Objects and arrays have an entry of
   * their own beside those of what they hold; the words of a full-text index stand at a path of theirs.
   * Depends on nothing but the policy and the item.
   */
  terms(item: JsonObject): TermText[];
  /** The same, for keeping. */
  packedTerms(item: JsonObject): PackedTerms;
  coverage(segments: readonly PathSegment[]): Coverage;
  /** Paths of which a vector index is kept. */
  readonly vectors: readonly VectorEmbedding[];
  /** Orders over several paths that the policy provides for. */
  readonly composites: readonly CompositeIndex[];
}

/**
 * `search`: what the container says of vectors and texts, if anything. Of `automatic` nothing is seen here:
 * items that should stay out of the index are not given to it.
 */
export function compileIndexingPolicy(policy: IndexingPolicy, search: Partial<SearchPolicies> = {}): Indexer {
  return compileIndexer(
    policy,
    {
      texts: textRules(policy, search),
      geometries: geometryRules(policy),
      composites: compileComposites(policy),
    },
    search,
  );
}

function compileIndexer(
  policy: IndexingPolicy,
  special: SpecialRules,
  { embeddings = [] }: Partial<SearchPolicies>,
): Indexer {
  const rules = compileRules(policy, special.texts, special.geometries);
  if (rules === undefined) return NO_INDEX;
  const text = rulesText(policy, special);
  const vectors = embeddings.filter((each) => each.indexType !== undefined);
  return new PathIndexer({ rules, text, vectors, composites: special.composites });
}

/** Of indexes that make something of their own of a value. */
interface SpecialRules {
  readonly texts: readonly TextRule[];
  readonly geometries: readonly GeometryRule[];
  readonly composites: readonly CompositeIndex[];
}

/** The spatial indexes of a policy; those of geometries inside arrays would answer no condition. */
function geometryRules({ spatialIndexes = [] }: IndexingPolicy): GeometryRule[] {
  return spatialIndexes.flatMap(({ path, boundingBox }) => {
    const { segments } = parseIndexPath(String(path));
    const names = segments.filter((segment) => typeof segment === 'string');
    if (names.length === 0 || names.length < segments.length) return [];
    const box = isJsonObject(boundingBox) ? boundingBox : undefined;
    const bounds = [box?.xmin, box?.ymin, box?.xmax, box?.ymax].map(Number);
    const space = box === undefined ? 'Earth' : (bounds as [number, number, number, number]);
    return [[names, space, 'without checks'] as const];
  });
}

/** The full-text indexes of a policy, in the languages of their properties. */
function textRules(
  { fullTextIndexes = [] }: IndexingPolicy,
  { textPaths = [], defaultLanguage = 'en' }: Partial<SearchPolicies>,
): TextRule[] {
  const languages = new Map(textPaths.map(({ path, language }) => [JSON.stringify(path), language]));
  const paths = fullTextIndexes.map((index) => splitPath(String(index.path)));
  return paths.map((path) => {
    return [path, languages.get(JSON.stringify(path)) ?? defaultLanguage, 'with counts'] as const;
  });
}

const NO_RULES = 'none';

/** What of a policy decides about terms, always in the same order. */
function rulesText(
  { includedPaths, excludedPaths }: IndexingPolicy,
  { texts, geometries, composites }: SpecialRules,
): string {
  const pathsOf = (paths: readonly { readonly path: string }[]) =>
    [...new Set(paths.map(({ path }) => (path === '/' ? '/*' : path)))].sort();
  const lines = (rules: readonly unknown[]) => rules.map((rule) => JSON.stringify(rule)).sort();
  const special = [texts, geometries, composites.map(({ parts }) => parts)].map(lines);
  while (special.at(-1)?.length === 0) special.pop();
  return JSON.stringify([pathsOf(includedPaths), pathsOf(excludedPaths), ...special]);
}

/** An indexer that gives the terms that one with these `rules` gave; knows nothing else of its policy. */
export function compileIndexRules(rules: string): Indexer {
  if (rules === NO_RULES) return NO_INDEX;
  const [included, excluded, words = [], places = [], orders = []] = JSON.parse(rules) as [
    string[],
    string[],
    string[]?,
    string[]?,
    string[]?,
  ];
  const policy: IndexingPolicy = {
    indexingMode: 'consistent',
    automatic: true,
    includedPaths: included.map((path) => ({ path })),
    excludedPaths: excluded.map((path) => ({ path })),
  };
  const texts = words.map((word) => JSON.parse(word) as TextRule);
  const geometries = places.map((place) => JSON.parse(place) as GeometryRule);
  const composites = orders.map((order) => compositeIndex(JSON.parse(order) as CompositePart[]));
  return compileIndexer(policy, { texts, geometries, composites }, {});
}

const NO_INDEX: Indexer = {
  rules: NO_RULES,
  terms: () => [],
  packedTerms: () => NO_TERMS,
  coverage: () => ({ indexed: false, explicit: false }),
  vectors: [],
  composites: [],
};

/** Items with ever new property names must not fill the memory. */
const LEARNED_NODES_MAX = 8192;
/** One more for the count of a repeated word. */
const TERM_BYTES_MAX = PATH_ID_BYTES + VALUE_BYTES_MAX + 1;

interface WordIndex {
  readonly id: Buffer;
  readonly analyzer: TextAnalyzer;
  /** Where lengths and repeated words stand; undefined by the rules of earlier versions. */
  readonly counts: { readonly lengthId: Buffer; readonly repeatsId: Buffer } | undefined;
}

interface PathNode {
  readonly id: Buffer;
  /** Whether a value at this path has an entry. */
  readonly isIndexed: boolean;
  /** Whether paths below, of which the policy says nothing, are indexed. */
  readonly inherits: boolean;
  /** Whether anything below can be indexed. */
  readonly leadsOn: boolean;
  readonly isExplicit: boolean;
  /** How the words of a text at this path are indexed; undefined when they are not. */
  readonly words: WordIndex | undefined;
  /** The same of a geometry. */
  readonly cells: { readonly id: Buffer; readonly grid: CellGrid; readonly checks: boolean } | undefined;
  readonly children: Map<string, PathNode>;
  element: PathNode | undefined;
  /** Number of the last item that had a value here; kept for explicit paths. */
  seenIn: number;
}

class PathIndexer implements Indexer {
  readonly rules: string;
  readonly vectors: readonly VectorEmbedding[];
  readonly composites: readonly CompositeIndex[];
  readonly #tree: PathRules;
  #root: PathNode;
  #explicit: PathNode[] = [];
  #learned = 0;
  #items = 0;
  readonly #sink: ByteSink = { bytes: Buffer.alloc(4096), length: 0 };
  /** Where the terms in the sink end. */
  #ends: number[] = [];
  /**
   * Terms at paths below arrays, the only ones that can come twice; as text, since buffers have no equality.
   */
  #repeatable = new Set<string>();

  constructor(parts: {
    readonly rules: PathRules;
    readonly text: string;
    readonly vectors: readonly VectorEmbedding[];
    readonly composites: readonly CompositeIndex[];
  }) {
    this.rules = parts.text;
    this.vectors = parts.vectors;
    this.composites = parts.composites;
    this.#tree = parts.rules;
    this.#root = this.#build(this.#tree, ROOT_PATH_ID, false);
  }

  terms(item: JsonObject): TermText[] {
    this.#gather(item);
    return this.#takeTerms();
  }

  packedTerms(item: JsonObject): PackedTerms {
    this.#gather(item);
    return packTerms(this.#sink, this.#ends);
  }

  /** Leaves the terms in the sink. */
  #gather(item: JsonObject): void {
    if (this.#learned > LEARNED_NODES_MAX) this.#forget();
    this.#items += 1;
    this.#sink.length = 0;
    this.#ends = [];
    if (this.#repeatable.size > 0) this.#repeatable = new Set();
    this.#enterObject(this.#root, item, false);
    for (const node of this.#explicit) {
      if (node.seenIn !== this.#items) this.#add(node.id, undefined, false);
    }
    if (this.composites.length > 0) this.#addComposites(item);
  }

  coverage(segments: readonly PathSegment[]): Coverage {
    let node = this.#root;
    const last = segments[segments.length - 1];
    const isSpecial = typeof last === 'symbol' && last !== ARRAY_ELEMENT;
    for (const segment of segments) {
      if (segment === TEXT_WORDS) return { indexed: node.words !== undefined, explicit: false };
      if (segment === TEXT_LENGTH || segment === TEXT_REPEATS) {
        return { indexed: node.words?.counts !== undefined, explicit: false };
      }
      if (segment === GEOMETRY_CELLS) {
        const { cells } = node;
        return { indexed: cells !== undefined, explicit: false, ...(cells && { grid: cells.grid }) };
      }
      const next = segment === ARRAY_ELEMENT ? node.element : node.children.get(segment);
      // Words and cells inherit nothing: their index is on one path.
      if (next === undefined) return { indexed: node.inherits && !isSpecial, explicit: false };
      node = next;
    }
    return { indexed: node.isIndexed, explicit: node.isExplicit };
  }

  #build(rules: PathRules, id: Buffer, inherited: boolean): PathNode {
    const inherits = rules.subtree ?? inherited;
    const children = new Map<string, PathNode>();
    for (const [name, child] of rules.children) {
      children.set(name, this.#build(child, childPathId(id, name), inherits));
    }
    const element = rules.element && this.#build(rules.element, childPathId(id, ARRAY_ELEMENT), inherits);
    const below = element === undefined ? [...children.values()] : [...children.values(), element];
    const isRoot = id === ROOT_PATH_ID;
    const node: PathNode = {
      id,
      isIndexed: !isRoot && (rules.value ?? inherits),
      inherits,
      leadsOn: inherits || below.some(isEntered),
      isExplicit: !isRoot && rules.isExplicit,
      words: rules.language && {
        id: childPathId(id, TEXT_WORDS),
        analyzer: analyzerFor(rules.language),
        counts: rules.keepsCounts
          ? { lengthId: childPathId(id, TEXT_LENGTH), repeatsId: childPathId(id, TEXT_REPEATS) }
          : undefined,
      },
      cells: rules.geometry && {
        id: childPathId(id, GEOMETRY_CELLS),
        grid: gridOf(rules.geometry),
        checks: rules.checksGeometry,
      },
      children,
      element,
      seenIn: 0,
    };
    if (node.isExplicit) this.#explicit.push(node);
    return node;
  }

  #forget(): void {
    this.#learned = 0;
    this.#explicit = [];
    this.#root = this.#build(this.#tree, ROOT_PATH_ID, false);
  }

  #enter(node: PathNode, value: Json, isBelowArray: boolean): void {
    if (node.isIndexed) this.#add(node.id, value, isBelowArray);
    if (node.words !== undefined && typeof value === 'string') this.#addWords(node.words, value);
    if (node.cells !== undefined) this.#addCells(node.cells, value);
    if (node.isExplicit) node.seenIn = this.#items;
    if (!node.leadsOn || typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) this.#enterArray(node, value);
    else this.#enterObject(node, value, isBelowArray);
  }

  #enterObject(node: PathNode, object: JsonObject, isBelowArray: boolean): void {
    for (const name of Object.keys(object)) {
      const child = node.children.get(name) ?? this.#learn(node, name);
      if (child !== undefined) this.#enter(child, object[name] as Json, isBelowArray);
    }
  }

  #enterArray(node: PathNode, elements: readonly Json[]): void {
    const child = node.element ?? this.#learn(node, ARRAY_ELEMENT);
    if (child === undefined) return;
    for (const element of elements) this.#enter(child, element, true);
  }

  /** A node for a path of which the policy says nothing; undefined when nothing there is indexed. */
  #learn(parent: PathNode, segment: PathStep): PathNode | undefined {
    if (!parent.inherits) return undefined;
    const node: PathNode = {
      id: childPathId(parent.id, segment),
      isIndexed: true,
      inherits: true,
      leadsOn: true,
      isExplicit: false,
      words: undefined,
      cells: undefined,
      children: new Map(),
      element: undefined,
      seenIn: 0,
    };
    this.#learned += 1;
    // Forgetting has to wait for the next item: this walk still stands on the nodes.
    if (this.#learned > LEARNED_NODES_MAX) return node;
    if (segment === ARRAY_ELEMENT) parent.element = node;
    else parent.children.set(segment, node);
    return node;
  }

  #addWords({ id, analyzer, counts }: WordIndex, text: string): void {
    const words = analyzer.analyze(text);
    for (const word of new Set(words)) if (word !== undefined) this.#add(id, word, false);
    if (counts === undefined) return;
    this.#add(counts.lengthId, countWords(words), false);
    for (const [word, count] of repeatedWords(words)) {
      this.#add(counts.repeatsId, word, false);
      const sink = this.#sink;
      sink.bytes[sink.length++] = count;
      this.#ends[this.#ends.length - 1] = sink.length;
    }
  }

  /** Cells only propose, so queries see whether a geometry is valid: a write need not wait for that. */
  #addCells({ id, grid, checks }: NonNullable<PathNode['cells']>, value: Json): void {
    const surface = grid === EARTH_GRID ? EARTH : PLANE;
    const parsed = checks ? parseShape(value, surface) : readShape(value, surface);
    if (parsed.kind === 'shape') for (const cell of cellsOf(parsed.shape, grid)) this.#add(id, cell, false);
  }

  #addComposites(item: JsonObject): void {
    const sink = this.#sink;
    for (const composite of this.composites) {
      const values = composite.parts.map(({ path }) => valueAt(item, path));
      const value = compositeValue(placesOf(values), composite);
      if (sink.length + PATH_ID_BYTES + PLACES_BYTES_MAX > sink.bytes.length) sink.bytes = grown(sink.bytes);
      sink.length += composite.id.copy(sink.bytes, sink.length);
      sink.length += value.copy(sink.bytes, sink.length);
      this.#ends.push(sink.length);
    }
  }

  #add(id: Buffer, value: Json | undefined, isBelowArray: boolean): void {
    const sink = this.#sink;
    const start = sink.length;
    if (start + TERM_BYTES_MAX > sink.bytes.length) sink.bytes = grown(sink.bytes);
    const { bytes } = sink;
    for (let i = 0; i < PATH_ID_BYTES; i++) bytes[start + i] = id[i] as number;
    sink.length = start + PATH_ID_BYTES;
    writeIndexValue(sink, value);
    if (isBelowArray) {
      const text = bytes.toString('latin1', start, sink.length);
      if (this.#repeatable.has(text)) {
        sink.length = start;
        return;
      }
      this.#repeatable.add(text);
    }
    this.#ends.push(sink.length);
  }

  #takeTerms(): TermText[] {
    const { bytes } = this.#sink;
    let start = 0;
    return this.#ends.map((end) => {
      const term = bytes.toString('latin1', start, end);
      start = end;
      return term;
    });
  }
}

/** Whether something there, or below, has terms. */
function isEntered({ isIndexed, leadsOn, words, cells }: PathNode): boolean {
  return isIndexed || leadsOn || words !== undefined || cells !== undefined;
}

function valueAt(item: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = item;
  for (const name of path) {
    if (!isJsonObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

function gridOf(bounds: GeometryRule[1]): CellGrid {
  if (bounds === 'Earth') return EARTH_GRID;
  const [xmin, ymin, xmax, ymax] = bounds;
  return { low: [xmin, ymin], high: [xmax, ymax] };
}

function grown(bytes: Buffer): Buffer {
  const larger = Buffer.alloc(bytes.length * 2);
  bytes.copy(larger);
  return larger;
}
