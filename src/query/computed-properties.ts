/**
 * Properties that a container computes from its items. They are stored nowhere: where a query names one, the
 * expression that defines it takes its place in the tree, before anything else looks at it. `*` gives what is
 * stored, and so does a property of the same name in it.
 */
import { finish, finishInTurns, type Steps, WeightedCache } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { isAggregateName } from './aggregates.ts';
import { aliasOf, itemAliases } from './block.ts';
import { type CompiledQuery, compileSteps, compileTree } from './compiled-query.ts';
import { findFunction } from './functions/function-table.ts';
import { parseInTurns, parseQuery } from './parser.ts';
import {
  type Collection,
  type Expression,
  forEachNode,
  type OrderItem,
  type Query,
  type Selection,
  type Source,
} from './syntax.ts';
import { mapParts } from './syntax-rewriter.ts';

export interface ComputedProperty {
  readonly name: string;
  /** `SELECT VALUE expression FROM c` */
  readonly query: string;
}

/** The computed properties of one container. */
export interface ComputedProperties {
  /** Compiles a query over items that have them. @throws DatabaseError `BadRequest` as `compileQuery`. */
  compile(text: string): CompiledQuery;
  /** As `prepareQuery`. */
  prepare(text: string, turn: () => Promise<void>): Promise<void> | undefined;
}

interface Definition {
  readonly expression: Expression;
  /** The name of the item in it. */
  readonly alias: string;
}

const CACHE_WEIGHT_MAX = 600_000;

/** @throws DatabaseError `BadRequest` for a definition that is none; its message names the property. */
export function compileComputedProperties(properties: readonly ComputedProperty[]): ComputedProperties {
  const definitions = new Map(properties.map((property) => [property.name, define(property)]));
  const cache = new WeightedCache<string, CompiledQuery>(CACHE_WEIGHT_MAX);
  const compileParsed = function* (text: string, tree: Query): Steps<CompiledQuery> {
    const rewritten = new Rewriter(definitions).query(tree);
    yield;
    const compiled = yield* compileSteps(text, rewritten);
    cache.set(text, compiled, text.length + 200);
    return compiled;
  };
  return {
    compile: (text) => cache.get(text) ?? finish(compileParsed(text, parseQuery(text))),
    prepare(text, turn) {
      if (cache.get(text) !== undefined) return undefined;
      return parseInTurns(text, turn)?.then(async (tree) => {
        await finishInTurns(compileParsed(text, tree), turn);
      });
    },
  };
}

function define({ name, query: text }: ComputedProperty): Definition {
  const refuse = (why: string): DatabaseError =>
    new DatabaseError('BadRequest', `The query of the computed property '${name}' ${why}.`);
  let query: Query;
  try {
    query = parseQuery(text);
    compileTree(text, query);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    throw refuse(`is not valid: ${error.message}`);
  }
  const [source, ...others] = query.from ?? [];
  if (query.selection.kind !== 'value') throw refuse('must select a VALUE');
  if (source === undefined || others.length > 0 || !isItem(source)) throw refuse('must read FROM the item');
  const clauses = [query.where, query.groupBy, query.orderBy, query.top, query.offset];
  if (query.isDistinct || clauses.some((clause) => clause !== undefined))
    throw refuse('must have no clause but SELECT VALUE and FROM');
  forEachNode(query, (node) => {
    if (node.kind === 'subquery') throw refuse('must have no subquery');
    if (node.kind === 'parameter') throw refuse('must have no parameter');
    if (node.kind !== 'call') return;
    const isAllowed = !node.isUserDefined && findFunction(node.name)?.volatility === 'immutable';
    if (isAggregateName(node.name) || !isAllowed) throw refuse(`must not call ${node.name.toUpperCase()}`);
  });
  return { expression: query.selection.expression, alias: aliasOf(source) ?? '' };
}

function isItem({ collection, iterates }: Source): boolean {
  return collection.kind === 'path' && collection.path.length === 0 && !iterates;
}

/** Names that stand for the item where an expression is. */
type ItemNames = ReadonlySet<string>;

class Rewriter {
  readonly #definitions: ReadonlyMap<string, Definition>;

  constructor(definitions: ReadonlyMap<string, Definition>) {
    this.#definitions = definitions;
  }

  /** A query over items. */
  query(query: Query): Query {
    return this.#clauses(query, itemAliases(query), true);
  }

  /** `readsItem`: the first name in FROM is the container. */
  #clauses(query: Query, names: ItemNames, readsItem: boolean): Query {
    const change = (expression: Expression): Expression => this.#expression(expression, names);
    return {
      ...query,
      selection: this.#selection(query.selection, names),
      from: query.from?.map((source, place) => this.#source(source, names, readsItem && place === 0)),
      where: query.where && change(query.where),
      groupBy: query.groupBy?.map(change),
      orderBy: query.orderBy?.map((item) => this.#orderItem(item, names)),
    };
  }

  #selection(selection: Selection, names: ItemNames): Selection {
    if (selection.kind === 'star') return selection;
    if (selection.kind === 'value')
      return { ...selection, expression: this.#expression(selection.expression, names) };
    const items = selection.items.map((item) => {
      const name = this.#nameOf(item.expression, names);
      const expression = this.#expression(item.expression, names);
      return { ...item, expression, alias: item.alias ?? name };
    });
    return { ...selection, items };
  }

  #orderItem(item: OrderItem, names: ItemNames): OrderItem {
    const name = this.#nameOf(item.expression, names);
    const expression = this.#expression(item.expression, names);
    return name === undefined ? { ...item, expression } : { ...item, expression, computed: name };
  }

  #source(source: Source, names: ItemNames, isOutermost: boolean): Source {
    const { collection } = source;
    if (collection.kind === 'subquery') {
      const query = isOutermost ? this.query(collection.query) : this.#nested(collection.query, names);
      return { ...source, collection: { ...collection, query } };
    }
    const [first, ...rest] = collection.path;
    const definition = typeof first === 'string' ? this.#definitions.get(first) : undefined;
    if (definition === undefined || !(isOutermost || names.has(collection.root))) return source;
    const value = rest.reduce<Expression>(
      (object, step) =>
        typeof step === 'string'
          ? { kind: 'member', object, name: step }
          : { kind: 'element', object, index: { kind: 'constant', value: step } },
      renamed(definition, collection.root, collection.location),
    );
    const from = isOutermost
      ? [{ collection: { ...collection, path: [] }, alias: undefined, iterates: false }]
      : undefined;
    return { ...source, alias: aliasOf(source), collection: queryOf(value, from, collection) };
  }

  /** A query inside an expression, or behind the first source: it may name other things like the item. */
  #nested(query: Query, names: ItemNames): Query {
    const inner = new Set(names);
    for (const source of query.from ?? []) inner.delete(aliasOf(source) ?? '');
    return this.#clauses(query, inner, false);
  }

  #expression(expression: Expression, names: ItemNames): Expression {
    const name = this.#nameOf(expression, names);
    const definition = name === undefined ? undefined : this.#definitions.get(name);
    if (definition !== undefined && expression.kind === 'member' && expression.object.kind === 'name')
      return renamed(definition, expression.object.name, expression.object.location);
    if (expression.kind === 'subquery')
      return { ...expression, query: this.#nested(expression.query, names) };
    return mapParts(expression, (part) => this.#expression(part, names));
  }

  /** The computed property that the expression is; undefined for any other. */
  #nameOf(expression: Expression, names: ItemNames): string | undefined {
    if (expression.kind !== 'member' || expression.object.kind !== 'name') return undefined;
    const isComputed = names.has(expression.object.name) && this.#definitions.has(expression.name);
    return isComputed ? expression.name : undefined;
  }
}

/** The definition over an item that goes by another name. */
function renamed(
  { expression, alias }: Definition,
  name: string,
  location: Collection['location'],
): Expression {
  const change = (part: Expression): Expression => {
    if (part.kind === 'name')
      return part.name === alias || part.name === 'root' ? { ...part, name, location } : part;
    return mapParts(part, change);
  };
  return change(expression);
}

function queryOf(
  value: Expression,
  from: readonly Source[] | undefined,
  { location }: Pick<Collection, 'location'>,
): Collection {
  const query: Query = {
    kind: 'query',
    isDistinct: false,
    top: undefined,
    selection: { kind: 'value', expression: value },
    from,
    where: undefined,
    groupBy: undefined,
    orderBy: undefined,
    isRanked: false,
    offset: undefined,
    limit: undefined,
  };
  return { kind: 'subquery', query, location };
}
