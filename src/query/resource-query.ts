import { type JsonObject, WeightedCache } from '../base/index.ts';
import { accumulateRow, createAccumulators } from './aggregate-execution.ts';
import { resultsOf } from './aggregates.ts';
import { Binder, type Frame } from './binder.ts';
import {
  type CompiledQuery,
  compileQuery,
  frameFor,
  itemAliases,
  refuseUnsupportedFrom,
  windowOf,
} from './compiled-query.ts';
import type { QueryEnvironment } from './environment.ts';
import { compilePredicate, type Predicate } from './evaluate.ts';
import { parseCondition } from './parser.ts';
import type { QuerySpec } from './source.ts';
import { compareForOrder, type Value } from './values.ts';

/**
 * Runs a whole query over a short list that is in memory: databases, containers, offers and the like.
 * Orders by any expressions, ties and unordered rows stay as they were given. The result is JSON text per
 * row.
 * @throws DatabaseError `BadRequest` as `compileQuery`, and for counts that are none.
 */
export function evaluateOverResources(
  spec: QuerySpec,
  resources: readonly JsonObject[],
  environment: QueryEnvironment,
): string[] {
  const compiled = compileQuery(spec.query);
  const frame = frameFor(compiled, spec.parameters, environment);
  const { skip, take } = windowOf(compiled, frame);
  const kept = keptRows(compiled, frame, resources);
  if (compiled.aggregates.length > 0)
    return toTexts(compiled, aggregateRows(compiled, frame, kept), [undefined]).slice(skip, skip + take);
  if (compiled.order.length > 0) sortRows(compiled, frame, kept);
  return toTexts(compiled, frame, kept).slice(skip, skip + take);
}

/** Rows that the WHERE clause keeps; one row that is nothing for a query without FROM. */
function keptRows(compiled: CompiledQuery, frame: Frame, resources: readonly JsonObject[]): Value[] {
  const rows: readonly Value[] = compiled.readsItems ? resources : [undefined];
  const { predicate } = compiled;
  if (predicate === undefined) return [...rows];
  return rows.filter((row) => {
    frame.slots[0] = row;
    return predicate(frame);
  });
}

function toTexts(compiled: CompiledQuery, frame: Frame, rows: readonly Value[]): string[] {
  const texts: string[] = [];
  for (const row of rows) {
    frame.slots[0] = row;
    const text = compiled.projection.project(frame, undefined);
    if (text !== undefined) texts.push(text.toString());
  }
  return texts;
}

function aggregateRows(compiled: CompiledQuery, frame: Frame, rows: readonly Value[]): Frame {
  const accumulators = createAccumulators(compiled);
  for (const row of rows) {
    frame.slots[0] = row;
    accumulateRow(compiled, frame, accumulators);
  }
  return { ...frame, aggregates: resultsOf(accumulators) };
}

function sortRows(compiled: CompiledQuery, frame: Frame, rows: Value[]): void {
  const keyed = rows.map((row) => {
    frame.slots[0] = row;
    return { row, keys: compiled.order.map((key) => key.evaluate(frame)) };
  });
  keyed.sort((a, b) => {
    for (const [index, { isDescending }] of compiled.order.entries()) {
      const difference = compareForOrder(a.keys[index], b.keys[index]);
      if (difference !== 0) return isDescending ? -difference : difference;
    }
    return 0;
  });
  keyed.forEach(({ row }, index) => {
    rows[index] = row;
  });
}

const conditions = new WeightedCache<string, Predicate>(200_000);

/**
 * Whether an item satisfies the condition of a partial update, `FROM c WHERE …`; one without WHERE always
 * holds.
 * @throws DatabaseError `BadRequest` when the text is no condition.
 */
export function matchesCondition(text: string, item: JsonObject, environment: QueryEnvironment): boolean {
  let predicate = conditions.get(text);
  if (predicate === undefined) {
    predicate = compileCondition(text);
    conditions.set(text, predicate, text.length + 200);
  }
  return predicate({ slots: [item], parameters: [], aggregates: [], environment });
}

function compileCondition(text: string): Predicate {
  const { from, where } = parseCondition(text);
  refuseUnsupportedFrom({ from });
  const binder = new Binder(new Map([...itemAliases({ from })].map((name) => [name, 0])));
  return where === undefined ? () => true : compilePredicate(where, binder);
}
