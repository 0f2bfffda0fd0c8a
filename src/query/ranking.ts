/**
 * ORDER BY a score: how near a vector is, or how well a text fits. No index holds such an order, so all rows
 * that can be among the first are scored, and sorted in memory.
 */
import { isSimilarity, TEXT_WORDS } from '../index/index.ts';
import type { Binder, Evaluator, Frame } from './binder.ts';
import { itemAliases } from './block.ts';
import { indexedPath, type WordsCondition } from './condition.ts';
import { type DocumentPath, pathOf } from './document-path.ts';
import { compileExpression } from './evaluate.ts';
import { embeddingAt, type VectorOptions, vectorOptions } from './functions/search-functions.ts';
import { isLiteral } from './literal.ts';
import { type CallNode, type Expression, forEachPart, type OrderItem, type Query } from './syntax.ts';
import { queryError, unsupported } from './syntax-error.ts';

export interface Ranking {
  readonly score: Evaluator;
  /** Whether higher scores come first; may depend on parameters and on the container. */
  readonly isDescending: (frame: Frame) => boolean;
  /** What a vector index can be asked; undefined for texts, and when both vectors come from the item. */
  readonly vector: VectorSearch | undefined;
  /** What an index of words can be asked; undefined for vectors. */
  readonly texts: TextSearch | undefined;
}

export interface TextSearch {
  /** What texts have in common whose score is above 0, the lowest there is. */
  readonly words: WordsCondition;
  /** The number of texts, of words in them, and of texts that have each of the phrases. */
  readonly statistics: readonly Evaluator[];
}

export interface VectorSearch {
  /** The property with the vectors. */
  readonly path: DocumentPath;
  readonly vector: Evaluator;
  /** True when all vectors must be compared. */
  readonly bruteForce: Evaluator;
  /** Undefined when they make no sense: then no row has a score. */
  readonly options: (frame: Frame) => VectorOptions | undefined;
}

const NOTHING: Evaluator = () => undefined;

/** Whether ORDER BY puts rows in the order of this expression by scoring them. */
export function isScore(expression: Expression): expression is CallNode {
  if (expression.kind !== 'call' || expression.isUserDefined) return false;
  const name = expression.name.toUpperCase();
  return name === 'VECTORDISTANCE' || name === '_FULLTEXTSCORE';
}

/**
 * Undefined when the query has another order, or none.
 * @throws DatabaseError `BadRequest` when it orders by a score in a way that cannot be executed.
 */
export function compileRanking(tree: Query, binder: Binder): Ranking | undefined {
  const [item, second] = tree.orderBy ?? [];
  if (item === undefined || tree.isRanked || !isScore(item.expression)) return undefined;
  if (second !== undefined) throw unsupported('ORDER BY a score and another term');
  if (tree.isDistinct) throw unsupported('DISTINCT with ORDER BY a score');
  const [source, joined] = tree.from ?? [];
  const isPlain =
    source?.collection.kind === 'path' && source.collection.path.length === 0 && !source.iterates;
  if (!isPlain || joined !== undefined) throw unsupported('ORDER BY a score over anything but whole items');
  const call = item.expression;
  forEachPart(call, (part) => {
    // Its values are asked for by rows before they are scored, and the score is no part of a row.
    if (part.kind === 'call' && part.isUserDefined) throw unsupported('a user-defined function in a score');
  });
  const score = compileExpression(call, binder);
  if (call.name.toUpperCase() === 'VECTORDISTANCE') return compileVector(tree, item, call, score, binder);
  const texts = item.isDescending ? textSearch(call, itemAliases(tree), binder) : undefined;
  return { score, isDescending: () => item.isDescending, vector: undefined, texts };
}

/** `_FullTextScore(path, [phrase, …], …)` with phrases in the text or in parameters. */
function textSearch(
  { operands }: CallNode,
  names: ReadonlySet<string>,
  binder: Binder,
): TextSearch | undefined {
  const [text, list, ...statistics] = operands;
  const property = text && pathOf(text, names);
  if (property === undefined || list?.kind !== 'array') return undefined;
  if (![...list.elements, ...statistics].every((each) => isLiteral(each, 'parameters'))) return undefined;
  const phrases = list.elements.map((phrase) => compileExpression(phrase, binder));
  const path = indexedPath([...property, TEXT_WORDS]);
  return {
    words: { kind: 'words', path, property, phrases, isAny: true },
    statistics: statistics.map((each) => compileExpression(each, binder)),
  };
}

function compileVector(
  tree: Query,
  item: OrderItem,
  call: CallNode,
  score: Evaluator,
  binder: Binder,
): Ranking {
  if (item.isExplicit) {
    const message = 'ASC and DESC cannot be used with VectorDistance: the nearest always come first.';
    throw queryError('SC2206', message, item.location);
  }
  const compile = (operand: Expression | undefined) =>
    operand === undefined ? NOTHING : compileExpression(operand, binder);
  const [first, second, bruteForce, given] = call.operands;
  const names = itemAliases(tree);
  const property = [first, second].find((each) => each !== undefined && pathOf(each, names) !== undefined);
  const path = property && pathOf(property, names);
  const other = property === first ? second : first;
  const evaluateOptions = compile(given);
  const options = (frame: Frame) =>
    vectorOptions(evaluateOptions(frame), embeddingAt(frame.environment, path));
  const isKnown = [other, bruteForce, given].every(
    (each) => each === undefined || isLiteral(each, 'parameters'),
  );
  if (given !== undefined && !isLiteral(given, 'parameters')) {
    throw unsupported('VectorDistance with options that are no constants, in ORDER BY');
  }
  return {
    score,
    isDescending: (frame) => isSimilarity(options(frame)?.distanceFunction ?? 'cosine'),
    vector:
      path === undefined || !isKnown
        ? undefined
        : { path, vector: compile(other), bruteForce: compile(bruteForce), options },
    texts: undefined,
  };
}
