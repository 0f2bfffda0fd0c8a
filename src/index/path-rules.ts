import { assert } from '../base/index.ts';
import type { FullTextLanguage, IndexingPolicy } from '../resource/index.ts';
import { ARRAY_ELEMENT, type PathStep } from './path-id.ts';

/**
 * What an indexing policy says of one path, in a tree by segments. The more specific rule wins: `/a/?` over
 * `/a/*`, a longer path over a shorter one.
 */
export interface PathRules {
  /** `/a/?`: the value at the path itself. */
  value: boolean | undefined;
  /** `/a/*`: the value at the path and all below it. */
  subtree: boolean | undefined;
  /** Whether the policy itself includes `/a/?`. */
  isExplicit: boolean;
  /** Of the text at the path, when its words are indexed. */
  language: FullTextLanguage | undefined;
  /** Whether its length is indexed too, and how often it has a word. */
  keepsCounts: boolean;
  /** Of the geometry at the path, when it is indexed: bounds of its plane, none on the Earth. */
  geometry: GeometryRule[1] | undefined;
  /** Whether a geometry that is not valid has no cells. */
  checksGeometry: boolean;
  readonly children: Map<string, PathRules>;
  element: PathRules | undefined;
}

/** Always the same or always different for every item, and never looked for by range. */
const NEVER_INDEXED = ['_rid', '_self', '_attachments'];
/** Indexed unless the policy excludes them by name. */
const SELDOM_NAMED = ['id', '_ts'];

/** A property whose words are indexed; earlier versions kept no lengths and no counts. */
export type TextRule = readonly [path: readonly string[], language: FullTextLanguage, counts?: 'with counts'];

/**
 * A property whose geometry is indexed: on the Earth, or in a plane with these bounds. Earlier versions gave
 * no cells to rings that cross each other, which takes long to see.
 */
export type GeometryRule = readonly [
  path: readonly string[],
  bounds: readonly [number, number, number, number] | 'Earth',
  checks?: 'without checks',
];

/** The policy's rules from the item's root down; undefined when nothing is indexed. */
export function compileRules(
  policy: IndexingPolicy,
  texts: readonly TextRule[],
  geometries: readonly GeometryRule[],
): PathRules | undefined {
  if (policy.indexingMode === 'none') return undefined;
  const root = noRules();
  for (const { path } of policy.includedPaths) apply(root, path, true);
  for (const { path } of policy.excludedPaths) apply(root, path, false);
  for (const name of SELDOM_NAMED) childRules(root, name).value ??= true;
  for (const name of NEVER_INDEXED) root.children.set(name, { ...noRules(), value: false, subtree: false });
  for (const [path, language, counts] of texts) {
    let rules = root;
    for (const name of path) rules = childRules(rules, name);
    rules.language = language;
    rules.keepsCounts = counts !== undefined;
  }
  for (const [path, bounds, checks] of geometries) {
    let rules = root;
    for (const name of path) rules = childRules(rules, name);
    rules.geometry = bounds;
    rules.checksGeometry = checks === undefined;
  }
  return root;
}

function noRules(): PathRules {
  return {
    value: undefined,
    subtree: undefined,
    isExplicit: false,
    language: undefined,
    keepsCounts: false,
    geometry: undefined,
    checksGeometry: false,
    children: new Map(),
    element: undefined,
  };
}

function apply(root: PathRules, path: string, isIncluded: boolean): void {
  const { segments, isSubtree } = parseIndexPath(path);
  let rules = root;
  for (const segment of segments) rules = childRules(rules, segment);
  if (isSubtree) {
    rules.subtree = isIncluded;
  } else {
    rules.value = isIncluded;
    rules.isExplicit = isIncluded && !segments.includes(ARRAY_ELEMENT);
  }
}

function childRules(rules: PathRules, segment: PathStep): PathRules {
  if (segment === ARRAY_ELEMENT) {
    rules.element ??= noRules();
    return rules.element;
  }
  let child = rules.children.get(segment);
  if (child === undefined) {
    child = noRules();
    rules.children.set(segment, child);
  }
  return child;
}

/** Reads a path of a (validated) policy, such as `/a/"b c"/[]/?`; `/` alone means `/*`. */
export function parseIndexPath(path: string): { segments: PathStep[]; isSubtree: boolean } {
  if (path === '/') return { segments: [], isSubtree: true };
  const ending = path.slice(-2);
  assert(ending === '/?' || ending === '/*', 'a policy path ends with /? or /*');
  const segments: PathStep[] = [];
  for (const [, quoted, plain = ''] of path.slice(0, -2).matchAll(/\/(?:"((?:[^"\\]|\\.)*)"|([^/]*))/gs)) {
    if (quoted !== undefined) segments.push(quoted.replace(/\\(.)/gs, '$1'));
    else segments.push(plain === '[]' ? ARRAY_ELEMENT : plain);
  }
  return { segments, isSubtree: ending === '/*' };
}
