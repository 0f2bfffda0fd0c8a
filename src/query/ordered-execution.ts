import { chooseCandidates } from './candidates.ts';
import type { Continuation } from './continuation.ts';
import type { QueryPage } from './execute-options.ts';
import type { Execution } from './execution.ts';
import { GATHER_MAX, gatherCandidates } from './gathering.ts';
import {
  consumedIn,
  IndexEntries,
  type KeyedItem,
  type OrderedEntries,
  type OrderedEntry,
  SortedEntries,
  sortKeyed,
} from './ordered-entries.ts';
import type { OrderPlan } from './plan.ts';
import type { ItemNumber } from './source.ts';

/** Items that are worth reading all, each page anew, and sorting, before the index of the order is tried. */
const SORT_MAX = 1_024;
/** Bytes of texts that are kept from reading keys to giving rows. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;
/**
 * Items loaded before asking whether other indexes could tell which of them are worth loading, and the
 * share to be kept if not.
 */
const SAMPLE_SIZE = 256;
/** Numbers listed at once. */
const LIST_CHUNK = 1_024;
const SAMPLE_KEPT_SHARE = 16;

/** What is known about the entries that come next. */
interface Filter {
  /** Only these are worth loading; undefined when all are. */
  members: ReadonlySet<ItemNumber> | undefined;
  isExact: boolean;
  isConfined: boolean;
}

/** A page of an ordered query. Either way of reading gives the same rows in the same order. */
export async function executeOrdered(
  execution: Execution,
  plan: OrderPlan,
  start: Continuation,
): Promise<QueryPage> {
  const { epkRange, page, hasToReplay } = execution;
  const isRestricted = plan.rest.kind !== 'everything' || epkRange !== undefined;
  const few = plan.isComing
    ? await listRest(execution, plan)
    : isRestricted
      ? await gatherRest(execution, plan, SORT_MAX)
      : undefined;
  const filter: Filter =
    few === undefined
      ? {
          members: undefined,
          isExact: plan.rest.kind === 'everything' && plan.rest.isExact,
          isConfined: epkRange === undefined,
        }
      : { members: undefined, isExact: true, isConfined: true };
  // What earlier pages gave must be known again before anything else is new.
  const from: Continuation = hasToReplay ? { after: -1, skip: start.skip, take: start.take } : start;
  const entries =
    few === undefined
      ? indexEntries(execution, plan, from)
      : await sortedEntries(execution, plan, few.numbers, from);
  const position: Position = {
    after: from.after,
    order: from.order,
    isReplayed: hasToReplay ? consumedIn(start, plan.key.isDescending) : undefined,
  };
  try {
    const isMore = await fillPage(
      execution,
      plan,
      { entries, filter, isSorted: few !== undefined },
      position,
    );
    if (!isMore && !page.isFull) return execution.finish(undefined);
    return execution.finish(execution.continuationAt(position));
  } finally {
    await entries.close();
  }
}

interface Position {
  after: ItemNumber;
  order: Continuation['order'];
  /** Whether an entry belongs to an earlier page; undefined when none does. */
  readonly isReplayed: ((entry: OrderedEntry) => boolean) | undefined;
}

/** Numbers that satisfy what the ordering index does not tell. */
function gatherRest(execution: Execution, plan: OrderPlan, limit: number) {
  const { source, epkRange, meter } = execution;
  const scope = { source, access: plan.rest, epkRange, after: -1, meter, isOptional: true };
  return gatherCandidates(scope, limit);
}

/** Numbers of all items that may belong to the result: without an index of the order all must be read. */
async function listRest(execution: Execution, plan: OrderPlan): Promise<{ readonly numbers: Float64Array }> {
  const { source, epkRange, meter } = execution;
  const candidates = await chooseCandidates({ source, access: plan.rest, epkRange, after: -1, meter });
  const all: ItemNumber[] = [];
  try {
    for (;;) {
      const numbers = await candidates.numbers.next(LIST_CHUNK);
      for (const number of numbers) all.push(number);
      await execution.worked(numbers.length);
      if (numbers.length < LIST_CHUNK) return { numbers: Float64Array.from(all) };
    }
  } finally {
    await candidates.numbers.close();
  }
}

function indexEntries(execution: Execution, plan: OrderPlan, start: Continuation): OrderedEntries {
  const { source, meter } = execution;
  const { pathId, range, key } = plan;
  const readKeys = (numbers: readonly ItemNumber[]) => readItems(execution, plan, numbers, { isKept: true });
  return new IndexEntries({ source, pathId, range, isDescending: key.isDescending, start, readKeys, meter });
}

async function sortedEntries(
  execution: Execution,
  plan: OrderPlan,
  numbers: Float64Array,
  start: Continuation,
): Promise<OrderedEntries> {
  const items = await readItems(execution, plan, Array.from(numbers), { isKept: false });
  const { isDescending } = plan.key;
  return new SortedEntries(await sortKeyed(items, isDescending, execution.meter.turn), isDescending, start);
}

/**
 * The items with their sort values; unless all are `isKept`, those alone that belong to the result, with
 * some of the texts.
 */
async function readItems(
  execution: Execution,
  { key, includesMissing }: OrderPlan,
  numbers: readonly ItemNumber[],
  { isKept }: { isKept: boolean },
): Promise<KeyedItem[]> {
  const { frame } = execution;
  const keyed: KeyedItem[] = [];
  let keptBytes = 0;
  for (let place = 0; place < numbers.length; place += execution.chunkMax) {
    const items = await execution.load(numbers.slice(place, place + execution.chunkMax));
    for (const item of items) {
      if (item === undefined) continue;
      const known = { isExact: isKept, isConfined: isKept, isParsed: true };
      const evaluated = execution.evaluate(() =>
        execution.admit(item, known) ? { value: key.evaluate(frame) } : undefined,
      );
      const found = evaluated instanceof Promise ? await evaluated : evaluated;
      if (found === undefined) continue;
      const { value } = found;
      if (isKept) keyed.push({ number: item.number, key: value });
      else if (value !== undefined || includesMissing) {
        keptBytes += item.text.length;
        keyed.push({ number: item.number, key: value, ...(keptBytes <= KEPT_BYTES_MAX ? { item } : {}) });
      }
      if (execution.isPauseDue) await execution.pause();
    }
  }
  return keyed;
}

interface Reading {
  readonly entries: OrderedEntries;
  readonly filter: Filter;
  readonly isSorted: boolean;
}

/** Returns whether entries are left that were not consumed, or may be. */
async function fillPage(
  execution: Execution,
  plan: OrderPlan,
  { entries, filter, isSorted }: Reading,
  position: Position,
): Promise<boolean> {
  const { page } = execution;
  const sample = { loaded: 0, kept: 0, isDecided: isSorted || (filter.isExact && filter.isConfined) };
  while (!page.isClosed) {
    if (!sample.isDecided && sample.loaded >= SAMPLE_SIZE) {
      sample.isDecided = true;
      if (sample.kept * SAMPLE_KEPT_SHARE < sample.loaded) await restrict(execution, plan, filter);
    }
    const want = execution.nextChunk(filter.isExact && filter.isConfined && filter.members === undefined);
    const chunk = await entries.next(want);
    const { isWhole, loaded, kept } = await consumeChunk(execution, chunk, filter, position);
    sample.loaded += loaded;
    sample.kept += kept;
    if (!isWhole) return page.isFull;
    if (chunk.length < want) return false;
    await execution.worked(chunk.length);
    if (execution.isOverdue) return true;
  }
  return page.isFull;
}

/** Few of the entries turned out to be rows: lets other indexes say which, when they can. */
async function restrict(execution: Execution, plan: OrderPlan, filter: Filter): Promise<void> {
  const gathered = await gatherRest(execution, plan, GATHER_MAX);
  if (gathered === undefined) return;
  filter.members = new Set(gathered.numbers);
  filter.isExact = gathered.isExact;
  filter.isConfined = gathered.isConfined;
}

/** `isWhole` is false when the page closed before the last entry was consumed. */
async function consumeChunk(
  execution: Execution,
  chunk: readonly OrderedEntry[],
  filter: Filter,
  position: Position,
): Promise<{ isWhole: boolean; loaded: number; kept: number }> {
  const { members, isExact, isConfined } = filter;
  const wanted = members === undefined ? chunk : chunk.filter((entry) => members.has(entry.number));
  const missing = wanted.filter((entry) => entry.item === undefined).map((entry) => entry.number);
  const loaded = missing.length === 0 ? [] : await execution.load(missing);
  let place = 0;
  let kept = 0;
  for (const entry of wanted) {
    execution.isReplaying = position.isReplayed?.(entry) === true;
    let outcome = execution.offer(entry.item ?? loaded[place++], { isExact, isConfined });
    while (outcome === 'busy') {
      await execution.pause();
      outcome = execution.goOn();
    }
    if (outcome === 'refused') return { isWhole: false, loaded: missing.length, kept };
    if (outcome === 'kept') kept++;
    if (execution.isPauseDue) await execution.pause();
    position.after = entry.number;
    position.order = { value: entry.value, rank: entry.rank };
  }
  // Entries that other indexes ruled out were consumed all the same.
  const last = chunk[chunk.length - 1];
  if (last !== undefined) {
    position.after = last.number;
    position.order = { value: last.value, rank: last.rank };
  }
  return { isWhole: true, loaded: missing.length, kept };
}
