/**
 * What a query did, for people: the steps by which it read, under the way the planner saw its condition.
 * Nothing here decides anything; it tells what was decided, and measured while it was done.
 */
import {
  ARRAY_ELEMENT,
  type CompositeIndex,
  decodeIndexValue,
  GEOMETRY_CELLS,
  isExact,
  type PathSegment,
  TEXT_LENGTH,
  TEXT_REPEATS,
  TEXT_WORDS,
} from '../index/index.ts';
import type { Access } from './access.ts';
import { itemAliases } from './block.ts';
import { type CompiledQuery, frameFor } from './compiled-query.ts';
import { withComposites } from './composite-access.ts';
import { type Condition, indexedPath } from './condition.ts';
import { type DocumentPath, pathOf } from './document-path.ts';
import type { ExecuteOptions } from './execute-options.ts';
import { estimateAccess } from './gathering.ts';
import type { ReadStep } from './metered-source.ts';
import { orderPaths, planAccess } from './plan.ts';
import type { Estimate, QuerySource } from './source.ts';
import type { MemberNode } from './syntax.ts';

/** How the planner sees a condition, or a part of it. */
export interface PlanNode {
  /** `all items`, `nothing`, `index`, `intersection` or `union`. */
  readonly operator: string;
  /** Of an index: the path as policies write it, such as `/a/[]/b/?`. */
  readonly path?: string;
  /** Of an index: the values that are looked for. */
  readonly values?: string;
  /** Whether what it finds satisfies the condition, so that the items need not be looked at for it. */
  readonly isExact: boolean;
  /** What indexes know beforehand of the number of their entries. */
  readonly estimate: Estimate;
  readonly terms?: readonly PlanNode[];
  /** How many terms are not listed. */
  readonly further?: number;
}

/** What indexes may keep of a property: its values, or the words of its text. */
const INSIDE: readonly (readonly PathSegment[])[] = [[], [TEXT_WORDS], [TEXT_LENGTH], [TEXT_REPEATS]];

/** Terms of a union or intersection that are listed. */
const TERMS_MAX = 8;

/** A step of reading, with its path's name. */
export type ExplainedStep = Omit<ReadStep, 'pathId'> & { readonly path?: string };

/** How one page of a query was answered. */
export interface Explanation {
  readonly plan: PlanNode;
  readonly steps: readonly ExplainedStep[];
  /** Paths whose indexes were read. */
  readonly usedIndexes: readonly string[];
  /** Composite indexes that were read, each by its paths with their directions, such as `/a ASC`. */
  readonly usedComposites: readonly (readonly string[])[];
  /** Paths that the query asks for and no index knows. */
  readonly missingIndexes: readonly string[];
}

/** `source`: what the query was read from, still open; `steps`: what was read there. */
export function explain(
  compiled: CompiledQuery,
  { parameters, environment, source }: Pick<ExecuteOptions, 'parameters' | 'environment' | 'source'>,
  steps: readonly ReadStep[],
): Explanation {
  const frame = frameFor(compiled, parameters, environment);
  const access = withComposites(planAccess(compiled, source.indexer, frame), source.indexer);
  const names = new Map<string, string>();
  const missing = new Set<string>();
  for (const segments of pathsOf(compiled)) {
    names.set(idText(indexedPath(segments).id), pathText(segments));
    if (!source.indexer.coverage(segments).indexed) missing.add(policyPath(pathText(segments)));
  }
  for (const path of propertiesIn(compiled.tree, itemAliases(compiled.tree))) {
    for (const inside of INSIDE) {
      const segments = [...path, ...inside];
      names.set(idText(indexedPath(segments).id), pathText(segments));
    }
  }
  // Of these an index spares reading items; without one they are read, which is what a SELECT does anyway.
  for (const path of compiled.columns?.all ?? []) {
    names.set(idText(indexedPath(path).id), pathText(path));
  }
  const composites = new Map(source.indexer.composites.map((index) => [idText(index.id), specsOf(index)]));
  for (const [id, specs] of composites) names.set(id, specs.join(', '));
  const named = steps.map(({ pathId, ...step }): ExplainedStep => {
    const path = pathId === undefined ? undefined : names.get(pathId);
    return path === undefined ? step : { ...step, path };
  });
  const used = new Set<string>();
  const usedComposites = new Set<readonly string[]>();
  for (const { kind, pathId, entries } of steps) {
    const isSearch = kind === 'vector search' && entries > 0;
    if (pathId === undefined || (kind !== 'index scan' && kind !== 'index count' && !isSearch)) continue;
    const specs = composites.get(pathId);
    const path = names.get(pathId);
    if (isSearch && path !== undefined) used.add(path.slice(0, -'/?'.length));
    else if (specs !== undefined) usedComposites.add(specs);
    else if (path !== undefined) used.add(policyPath(path));
  }
  return {
    plan: planNode(access, source, names),
    steps: named,
    usedIndexes: [...used].sort(),
    usedComposites: [...usedComposites],
    missingIndexes: [...missing].sort(),
  };
}

/** The same query over several ranges, as one: the first one's plan, and the steps of all. */
export function sumExplanations(all: readonly Explanation[]): Explanation | undefined {
  const [first] = all;
  if (first === undefined) return undefined;
  const steps = new Map<string, ExplainedStep>();
  for (const step of all.flatMap((each) => each.steps)) {
    const name = `${step.kind}/${step.path ?? ''}`;
    const sum = steps.get(name);
    if (sum === undefined) steps.set(name, { ...step });
    else {
      sum.calls += step.calls;
      sum.entries += step.entries;
      sum.bytes += step.bytes;
      sum.ms += step.ms;
    }
  }
  const union = (list: 'usedIndexes' | 'missingIndexes') => [...new Set(all.flatMap((each) => each[list]))];
  return {
    plan: first.plan,
    steps: [...steps.values()],
    usedIndexes: union('usedIndexes'),
    usedComposites: differing(all.flatMap(({ usedComposites }) => usedComposites)),
    missingIndexes: union('missingIndexes'),
  };
}

function differing(lists: readonly (readonly string[])[]): (readonly string[])[] {
  return [...new Map(lists.map((list) => [list.join(), list])).values()];
}

function idText(id: Buffer): string {
  return id.toString('latin1');
}

/** As metrics name the parts of a composite index. */
function specsOf({ parts }: CompositeIndex): readonly string[] {
  return parts.map(({ path, isDescending }) => {
    return `${pathText(path).slice(0, -2)} ${isDescending ? 'DESC' : 'ASC'}`;
  });
}

function planNode(access: Access, source: QuerySource, names: ReadonlyMap<string, string>): PlanNode {
  const common = { isExact: access.isExact, estimate: estimateAccess(source, access) };
  switch (access.kind) {
    case 'everything':
      return { operator: 'all items', ...common };
    case 'nothing':
      return { operator: 'nothing', ...common };
    case 'scan': {
      const path = names.get(idText(access.pathId)) ?? access.pathId.toString('hex');
      return { operator: 'index', path, values: rangeText(access.range, access.isPoint), ...common };
    }
    case 'filter': {
      const path = names.get(idText(access.pathId)) ?? access.pathId.toString('hex');
      return {
        operator: 'index',
        path,
        values: `${rangeText(access.range, false)}, each looked at`,
        ...common,
      };
    }
    case 'points': {
      const path = names.get(idText(access.pathId)) ?? access.pathId.toString('hex');
      const { size: length } = access.values;
      const shown = [...access.values.values()]
        .slice(0, TERMS_MAX)
        .map((value) => rangeText({ from: value, to: value }, true));
      const values = `${shown.join(', ')}${length > TERMS_MAX ? ` and ${length - TERMS_MAX} more` : ''}`;
      return { operator: 'index', path, values, ...common };
    }
    default: {
      const terms = access.terms.slice(0, TERMS_MAX).map((term) => planNode(term, source, names));
      const further = access.terms.length - terms.length;
      const operator = access.kind === 'and' ? 'intersection' : 'union';
      return { operator, ...common, terms, ...(further === 0 ? {} : { further }) };
    }
  }
}

/** All properties of the item that a part of a query speaks of. */
function* propertiesIn(part: unknown, aliases: ReadonlySet<string>): Generator<DocumentPath> {
  if (typeof part !== 'object' || part === null) return;
  const path = isMember(part) ? pathOf(part, aliases) : undefined;
  if (path !== undefined) yield path;
  for (const inner of Object.values(part)) yield* propertiesIn(inner, aliases);
}

function isMember(part: object): part is MemberNode {
  return 'kind' in part && part.kind === 'member';
}

/** Paths that the condition and the order speak of. */
function* pathsOf(compiled: CompiledQuery): Generator<readonly PathSegment[]> {
  if (compiled.condition !== undefined) yield* pathsIn(compiled.condition);
  if (compiled.order.every(({ path }) => path !== undefined && path.length > 0)) {
    for (const { path } of orderPaths(compiled)) yield path;
  }
}

function* pathsIn(condition: Condition): Generator<readonly PathSegment[]> {
  switch (condition.kind) {
    case 'and':
    case 'or':
      for (const term of condition.terms) yield* pathsIn(term);
      return;
    case 'opaque':
      if (condition.narrowed !== undefined) yield* pathsIn(condition.narrowed);
      return;
    case 'fixed':
      return;
    default:
      yield condition.path.segments;
  }
}

const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** As policies write it. */
function pathText(segments: readonly PathSegment[]): string {
  const parts = segments.map((segment) => {
    if (segment === ARRAY_ELEMENT) return '[]';
    if (segment === TEXT_WORDS) return '(words)';
    if (segment === TEXT_LENGTH) return '(length)';
    if (segment === TEXT_REPEATS) return '(repeats)';
    if (segment === GEOMETRY_CELLS) return '(cells)';
    return PLAIN_NAME.test(segment) ? segment : `"${segment.replaceAll(/["\\]/g, '\\$&')}"`;
  });
  return `/${[...parts, '?'].join('/')}`;
}

/** As policies write spatial and full-text indexes; a property of such a name would stand in quotes. */
function policyPath(path: string): string {
  return path.replace(/\/\(cells\)\/\?$/, '/*').replace(/\/\((words|length|repeats)\)\/\?$/, '');
}

/** Bounds that are values are shown as such. */
function rangeText({ from, to }: { readonly from: Buffer; readonly to: Buffer }, isPoint: boolean): string {
  if (isPoint) return valueText(from);
  return `${valueText(from)} … ${valueText(to)}`;
}

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [0x10, 'undefined'],
  [0x20, 'null'],
  [0x30, 'booleans'],
  [0x40, 'numbers'],
  [0x50, 'strings'],
  [0x60, 'arrays'],
  [0x70, 'objects'],
]);
const NUMBER_LENGTH = 9;
const STRING_TAG = 0x50;

function valueText(bound: Buffer): string {
  const tag = bound[0] ?? 0;
  if (bound.length === 1) return TYPE_NAMES.get(tag) ?? TYPE_NAMES.get(tag & 0xf0) ?? 'the end';
  const isString = tag === STRING_TAG;
  // A bound may stand behind a value, in the middle of a string, or say nothing that people could read.
  const isWhole = isString ? bound.at(-1) === 0 && isExact(bound) : bound.length === NUMBER_LENGTH;
  if (isWhole) return JSON.stringify(decodeIndexValue(bound) ?? null);
  return isString
    ? `strings like ${JSON.stringify(bound.toString('utf8', 1))}`
    : `0x${bound.toString('hex')}`;
}
