/**
 * From an item to its index entries. The policy's rules are laid out as a tree of path nodes, and the walk
 * down an item learns a node for every other path it meets, so that in the steady state a property costs one
 * map look-up.
 */
import type { Json, JsonObject } from '../base/index.ts';
import type { IndexingPolicy, SearchPolicies, VectorEmbedding } from '../resource/index.ts';
import { type CompositeIndex, compileComposites } from './composite.ts';
import { ARRAY_ELEMENT, childPathId, PATH_ID_BYTES, type PathSegment, ROOT_PATH_ID } from './path-id.ts';
import { compileRules, type PathRules } from './path-rules.ts';
import type { TermText } from './postings/posting-block.ts';
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
}

export interface Indexer {
  /** By which rules items have terms: indexers with the same text give every item the same ones. */
  readonly rules: string;
  /**
   * The item's index entries, each once: path id, then encoded value. Objects and arrays have an entry of
   * their own beside those of what they hold. Depends on nothing but the policy and the item.
   */
  terms(item: JsonObject): TermText[];
  coverage(segments: readonly PathSegment[]): Coverage;
  /** Paths of which a vector index is kept. */
  readonly vectors: readonly VectorEmbedding[];
  /** Orders over several paths that the policy provides for. */
  readonly composites: readonly CompositeIndex[];
}

/**
 * `search`: what the container says of vectors, if anything. Of `automatic` nothing is seen here: items that
 * should stay out of the index are not given to it.
 */
export function compileIndexingPolicy(
  policy: IndexingPolicy,
  search?: Pick<SearchPolicies, 'embeddings'>,
): Indexer {
  const rules = compileRules(policy);
  if (rules === undefined) return NO_INDEX;
  const text = rulesText(policy);
  const vectors = search?.embeddings.filter((each) => each.indexType !== undefined) ?? [];
  return new PathIndexer({ rules, text, vectors, composites: compileComposites(policy) });
}

const NO_RULES = 'none';

/** What of a policy decides about terms, always in the same order. */
function rulesText({ includedPaths, excludedPaths }: IndexingPolicy): string {
  const pathsOf = (paths: readonly { readonly path: string }[]) =>
    [...new Set(paths.map(({ path }) => (path === '/' ? '/*' : path)))].sort();
  return JSON.stringify([pathsOf(includedPaths), pathsOf(excludedPaths)]);
}

/** An indexer that gives the terms that one with these `rules` gave; knows nothing else of its policy. */
export function compileIndexRules(rules: string): Indexer {
  if (rules === NO_RULES) return NO_INDEX;
  const [included, excluded] = JSON.parse(rules) as [string[], string[]];
  return compileIndexingPolicy({
    indexingMode: 'consistent',
    automatic: true,
    includedPaths: included.map((path) => ({ path })),
    excludedPaths: excluded.map((path) => ({ path })),
  });
}

const NO_INDEX: Indexer = {
  rules: NO_RULES,
  terms: () => [],
  coverage: () => ({ indexed: false, explicit: false }),
  vectors: [],
  composites: [],
};

/** Items with ever new property names must not fill the memory. */
const LEARNED_NODES_MAX = 8192;
const TERM_BYTES_MAX = PATH_ID_BYTES + VALUE_BYTES_MAX;

interface PathNode {
  readonly id: Buffer;
  /** Whether a value at this path has an entry. */
  readonly isIndexed: boolean;
  /** Whether paths below, of which the policy says nothing, are indexed. */
  readonly inherits: boolean;
  /** Whether anything below can be indexed. */
  readonly leadsOn: boolean;
  readonly isExplicit: boolean;
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
  readonly #repeatable = new Set<string>();

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
    if (this.#learned > LEARNED_NODES_MAX) this.#forget();
    this.#items += 1;
    this.#sink.length = 0;
    this.#ends = [];
    if (this.#repeatable.size > 0) this.#repeatable.clear();
    this.#enterObject(this.#root, item, false);
    for (const node of this.#explicit) {
      if (node.seenIn !== this.#items) this.#add(node, undefined, false);
    }
    return this.#takeTerms();
  }

  coverage(segments: readonly PathSegment[]): Coverage {
    let node = this.#root;
    for (const segment of segments) {
      const next = segment === ARRAY_ELEMENT ? node.element : node.children.get(segment);
      if (next === undefined) return { indexed: node.inherits, explicit: false };
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
      leadsOn: inherits || below.some((child) => child.isIndexed || child.leadsOn),
      isExplicit: !isRoot && rules.isExplicit,
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
    if (node.isIndexed) this.#add(node, value, isBelowArray);
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
  #learn(parent: PathNode, segment: PathSegment): PathNode | undefined {
    if (!parent.inherits) return undefined;
    const node: PathNode = {
      id: childPathId(parent.id, segment),
      isIndexed: true,
      inherits: true,
      leadsOn: true,
      isExplicit: false,
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

  #add(node: PathNode, value: Json | undefined, isBelowArray: boolean): void {
    const sink = this.#sink;
    const start = sink.length;
    if (start + TERM_BYTES_MAX > sink.bytes.length) sink.bytes = grown(sink.bytes);
    const { bytes } = sink;
    for (let i = 0; i < PATH_ID_BYTES; i++) bytes[start + i] = node.id[i] as number;
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

function grown(bytes: Buffer): Buffer {
  const larger = Buffer.alloc(bytes.length * 2);
  bytes.copy(larger);
  return larger;
}
