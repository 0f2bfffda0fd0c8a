import { type JsonObject, WeightedCache } from '../base/index.ts';
import { Binder, type Frame, ITEM_SLOT } from './binder.ts';
import { itemAliases, subquerySteps } from './block.ts';
import { type CompiledQuery, compileQuery, frameFor, windowOf } from './compiled-query.ts';
import type { QueryEnvironment } from './environment.ts';
import { compilePredicate, type Predicate } from './evaluate.ts';
import { DistinctRows, Groups } from './grouping.ts';
import { LongWork } from './long-work.ts';
import { compareKeys } from './order-key.ts';
import { parseCondition } from './parser.ts';
import { valueText } from './projection.ts';
import { QueryMemory } from './query-memory.ts';
import { RowCursor } from './row-levels.ts';
import type { QuerySpec } from './source.ts';
import { unsupported } from './syntax-error.ts';
import { NO_FUNCTIONS } from './user-functions.ts';
import type { Value } from './values.ts';

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
  if (compiled.block.inner !== undefined) throw unsupported('a query in FROM that groups or is DISTINCT');
  if (compiled.tree.isRanked) throw unsupported('ORDER BY RANK over anything but items');
  const frame = frameFor(compiled, spec.parameters, environment);
  const { skip, take } = windowOf(compiled, frame);
  const rows = rowsOver(compiled, frame, resources);
  return rows.slice(skip, take === Number.POSITIVE_INFINITY ? undefined : skip + take);
}

function rowsOver(compiled: CompiledQuery, frame: Frame, resources: readonly JsonObject[]): string[] {
  const { order, block } = compiled;
  const groups = block.grouping && new Groups(block.grouping, new QueryMemory());
  const found: { readonly row: Value; readonly keys: readonly Value[] }[] = [];
  const take = () =>
    found.push({ row: block.projection.value(frame), keys: order.map((key) => key.evaluate(frame)) });
  const cursor = new RowCursor(block.levels, false);
  // A query without FROM has one row that is nothing.
  for (const item of compiled.readsItems ? resources : [undefined]) {
    frame.slots[ITEM_SLOT] = item;
    frame.work.beginRow();
    if (compiled.predicate !== undefined && !compiled.predicate(frame)) continue;
    cursor.begin(frame);
    while (cursor.next(frame, Number.POSITIVE_INFINITY) === 'row') {
      frame.work.countRow();
      if (groups === undefined) take();
      else groups.add(frame);
    }
  }
  for (const group of groups?.all() ?? []) {
    groups?.show(group, frame);
    take();
  }
  if (order.length > 0) found.sort((a, b) => compareKeys(a.keys, b.keys, order));
  const distinct = block.isDistinct ? new DistinctRows(new QueryMemory(), block.site) : undefined;
  const kept = found.filter(({ row }) => row !== undefined && distinct?.add(row, frame) !== false);
  return kept.map(({ row }) => valueText(row) ?? '');
}

interface ItemCondition {
  readonly holds: Predicate;
  readonly slotCount: number;
}

const conditions = new WeightedCache<string, ItemCondition>(200_000);

/**
 * Whether an item satisfies the condition of a partial update, `FROM c WHERE …`; one without WHERE always
 * holds.
 * @throws DatabaseError `BadRequest` when the text is no condition.
 */
export function matchesCondition(text: string, item: JsonObject, environment: QueryEnvironment): boolean {
  let condition = conditions.get(text);
  if (condition === undefined) {
    condition = compileCondition(text);
    conditions.set(text, condition, text.length + 200);
  }
  const slots = new Array<Value>(condition.slotCount).fill(undefined);
  slots[ITEM_SLOT] = item;
  return condition.holds({
    slots,
    parameters: [],
    environment,
    functions: NO_FUNCTIONS,
    work: new LongWork(),
  });
}

function compileCondition(text: string): ItemCondition {
  const { from, where } = parseCondition(text);
  const binder = new Binder(subquerySteps);
  const [source, joined] = from;
  const isItem =
    source?.collection.kind === 'path' && source.collection.path.length === 0 && !source.iterates;
  if (!isItem || joined !== undefined) throw unsupported('FROM with anything but the item');
  for (const name of itemAliases({ from })) binder.declare(name, ITEM_SLOT, { start: 0, end: 0 });
  const holds = where === undefined ? () => true : compilePredicate(where, binder);
  return { holds, slotCount: binder.slotCount };
}
