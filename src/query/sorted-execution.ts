/**
 * ORDER BY over several properties, sorted in memory: each pass reads all items that can be rows and keeps
 * the first ones behind the place where the page before ended, so memory is bounded whatever matches.
 */
import type { Access } from './access.ts';
import { chooseCandidates } from './candidates.ts';
import type { Continuation } from './continuation.ts';
import type { Execution, QueryPage } from './execution.ts';
import {
  compareKeys,
  comparePlaces,
  type KeyPlaces,
  packPlaces,
  placesOf,
  type SortedPlace,
  type SortedRest,
  unpackPlaces,
} from './order-key.ts';
import { ENTRY_BYTES, sizeOf } from './query-memory.ts';
import type { ItemNumber, SourceItem } from './source.ts';
import type { Value } from './values.ts';

interface SortedItem extends SortedPlace {
  /** Unless too many texts are kept already. */
  readonly item?: SourceItem | undefined;
}

/** Where an item stands in the order. */
interface Place {
  readonly number: ItemNumber;
  readonly places: KeyPlaces;
  /** The keys themselves; undefined when the item is gone or was changed. */
  readonly keys: readonly Value[] | undefined;
}

/** Items kept in a pass, at least and at most. */
const KEPT_MIN = 1_024;
const KEPT_MAX = 4_096;
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** A page in the order of all terms; ties by number, falling when any term is descending. */
export async function executeSorted(
  execution: Execution,
  access: Access,
  start: Continuation,
): Promise<QueryPage> {
  const { page, isDistinct, hasToReplay } = execution;
  let last = await placeOf(execution, start);
  // What earlier pages gave must be known again before anything else is new.
  const replayTo = hasToReplay ? last : undefined;
  if (hasToReplay) last = undefined;
  const keptMax = isDistinct ? KEPT_MAX : Math.max(KEPT_MIN, Math.min(KEPT_MAX, page.missing));
  let rest: SortedRest | undefined = execution.sorted;
  for (;;) {
    rest ??= await readPass(execution, access, last, keptMax);
    const consumed = await offerAll(execution, rest.items, replayTo);
    const end = rest.items[consumed - 1];
    if (end !== undefined) last = { number: end.number, keys: end.keys, places: placesOf(end.keys) };
    rest = { items: rest.items.slice(consumed), isAll: rest.isAll };
    if (page.isClosed || rest.items.length > 0 || rest.isAll) break;
    rest = undefined;
  }
  if (!page.isFull) return execution.finish(undefined);
  const { number: after, places } = last ?? { number: -1, places: undefined };
  const order = places === undefined ? {} : { order: { value: packPlaces(places), rank: 0 } };
  const left =
    rest === undefined || (rest.items.length === 0 && !rest.isAll) ? {} : { sorted: withoutTexts(rest) };
  return execution.finish(execution.continuationAt({ after, ...order }, undefined, left));
}

/** For the next page: places are small, the texts of items are not. */
function withoutTexts({ items, isAll }: SortedRest): SortedRest {
  let bytes = 0;
  const places = items.map(({ number, keys }) => {
    bytes += ENTRY_BYTES;
    for (const key of keys) if (key !== undefined) bytes += sizeOf(key);
    return { number, keys };
  });
  return { items: places, isAll, bytes };
}

/** Where the page before ended. */
async function placeOf(execution: Execution, { after, order }: Continuation): Promise<Place | undefined> {
  const { compiled, frame } = execution;
  const places = order && unpackPlaces(order.value, compiled.order.length);
  if (places === undefined) return undefined;
  const [item] = await execution.load([after]);
  // A place cuts long strings: only the item itself tells which of those with one place came before.
  const known = { isExact: true, isConfined: true, isParsed: true };
  if (item === undefined || !execution.admit(item, known)) return { number: after, places, keys: undefined };
  const keys = compiled.order.map((key) => key.evaluate(frame));
  const isSame = comparePlaces(placesOf(keys), places, compiled.order) === 0;
  return { number: after, places, keys: isSame ? keys : undefined };
}

/** The first items behind `last`, in order. */
async function readPass(
  execution: Execution,
  access: Access,
  last: Place | undefined,
  keptMax: number,
): Promise<SortedRest> {
  const { source, epkRange, meter, compiled, frame } = execution;
  const { order } = compiled;
  const candidates = await chooseCandidates({ source, access, epkRange, after: -1, meter });
  const compare = comparator(execution);
  const kept: SortedItem[] = [];
  let bytes = 0;
  let isShrunk = false;
  // Twice as many as wanted are gathered and the worse half dropped: cheaper than a heap, and sorted.
  const shrink = () => {
    kept.sort(compare);
    kept.length = Math.min(kept.length, keptMax);
    bytes = kept.reduce((sum, { item }) => sum + (item?.text.length ?? 0), 0);
  };
  try {
    for (;;) {
      const want = execution.nextChunk(false);
      const numbers = await candidates.numbers.next(want);
      let hits = 0;
      for (const item of await execution.load(numbers)) {
        const { isExact, isConfined } = candidates;
        if (item === undefined || !execution.admit(item, { isExact, isConfined, isParsed: true })) continue;
        hits++;
        const keys = order.map((key) => key.evaluate(frame));
        const { number } = item;
        if (last !== undefined && isConsumed(execution, { number, keys }, last)) continue;
        bytes += item.text.length;
        kept.push({ number, keys, item: bytes <= KEPT_BYTES_MAX ? item : undefined });
        if (kept.length < 2 * keptMax) continue;
        shrink();
        isShrunk = true;
      }
      candidates.observe?.(numbers.length, hits);
      if (numbers.length < want) break;
    }
  } finally {
    await candidates.numbers.close();
  }
  const isAll = kept.length <= keptMax && !isShrunk;
  shrink();
  return { items: kept, isAll };
}

function comparator({ compiled: { order } }: Execution) {
  const sign = order.some((key) => key.isDescending) ? -1 : 1;
  return (a: SortedPlace, b: SortedPlace) =>
    compareKeys(a.keys, b.keys, order) || sign * (a.number - b.number);
}

/**
 * Whether an item stands at the place or before it. When the item of the place is gone, and long strings
 * leave it open who came first, rows may come twice rather than not at all.
 */
function isConsumed(execution: Execution, item: SortedPlace, last: Place): boolean {
  const compare = comparator(execution);
  if (last.keys !== undefined) return compare(item, { number: last.number, keys: last.keys }) <= 0;
  const { order } = execution.compiled;
  const difference = comparePlaces(placesOf(item.keys), last.places, order);
  if (difference !== 0) return difference < 0;
  const isWhole = item.keys.every((key) => typeof key !== 'string' || key.length < WHOLE_LENGTH_MAX);
  const sign = order.some((key) => key.isDescending) ? -1 : 1;
  return isWhole && sign * (item.number - last.number) <= 0;
}

/** Strings up to this length are never cut, however many keys there are and however they are encoded. */
const WHOLE_LENGTH_MAX = 12;

/** Returns how many were consumed. */
async function offerAll(
  execution: Execution,
  sorted: readonly SortedItem[],
  replayTo: Place | undefined,
): Promise<number> {
  const known = { isExact: true, isConfined: true };
  for (let i = 0; i < sorted.length; i++) {
    const { number, keys, item } = sorted[i] as SortedItem;
    if (execution.page.isClosed) return i;
    execution.isReplaying = replayTo !== undefined && isConsumed(execution, { number, keys }, replayTo);
    let outcome = execution.offer(item ?? (await execution.load([number]))[0], known);
    while (outcome === 'busy') {
      await execution.pause();
      outcome = execution.goOn();
    }
    if (outcome === 'refused') return i;
  }
  return sorted.length;
}
