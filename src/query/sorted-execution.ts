/**
 * ORDER BY over several properties: each pass finds the first rows behind the place where the page before
 * ended. A composite index gives them in their order; without one, and where few items match, a pass reads
 * all that can be rows and keeps the first ones, so memory is bounded whatever matches.
 */
import { sortInTurns } from '../base/index.ts';
import { placesOf } from '../index/index.ts';
import type { Access } from './access.ts';
import { chooseCandidates } from './candidates.ts';
import { readCompositePass } from './composite-pass.ts';
import type { Continuation } from './continuation.ts';
import type { QueryPage } from './execute-options.ts';
import type { Execution } from './execution.ts';
import { gatherCandidates } from './gathering.ts';
import { comparePlaces, packPlaces, type SortedRest, unpackPlaces } from './order-key.ts';
import type { CompositeScan } from './plan.ts';
import { ENTRY_BYTES, sizeOf } from './query-memory.ts';
import { comparator, isConsumed, type Place, type SortedItem } from './sorted-place.ts';

/** Items kept in a pass, at least and at most. */
const KEPT_MIN = 1_024;
const KEPT_MAX = 4_096;
const KEPT_BYTES_MAX = 16 * 1024 * 1024;
/** Items that are worth reading all, and sorting, before an index of the order is tried. */
const SORT_MAX = 1_024;

/** A page in the order of all terms; ties by number, falling when the first term is descending. */
export async function executeSorted(
  execution: Execution,
  { access, composite }: { readonly access: Access; readonly composite: CompositeScan | undefined },
  start: Continuation,
): Promise<QueryPage> {
  const { page, isDistinct, hasToReplay } = execution;
  let last = await placeOf(execution, start);
  // What earlier pages gave must be known again before anything else is new.
  const replayTo = hasToReplay ? last : undefined;
  if (hasToReplay) last = undefined;
  const keptMax = isDistinct ? KEPT_MAX : Math.max(KEPT_MIN, Math.min(KEPT_MAX, page.missing));
  let rest: SortedRest | undefined = execution.sorted;
  let scan = composite !== undefined && (await isOrderWorthwhile(execution, access)) ? composite : undefined;
  for (;;) {
    if (rest === undefined && scan !== undefined) {
      const isExact = access.kind === 'everything' && access.isExact;
      const want = Math.max(1, Math.min(keptMax, page.missing));
      rest = await readCompositePass(execution, { scan, isExact, last, want });
      if (rest === undefined) scan = undefined;
    }
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

/** Whether more items may match than are worth reading all. */
async function isOrderWorthwhile({ source, epkRange, meter }: Execution, access: Access): Promise<boolean> {
  if (access.kind === 'everything' && epkRange === undefined) return true;
  const scope = { source, access, epkRange, after: -1, meter, isOptional: true };
  return (await gatherCandidates(scope, SORT_MAX)) === undefined;
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
  const keys =
    item &&
    (await execution.evaluate(() =>
      execution.admit(item, known) ? compiled.order.map((key) => key.evaluate(frame)) : undefined,
    ));
  if (keys === undefined) return { number: after, places, keys: undefined };
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
  const scope = { source, access, epkRange, after: -1, meter, isWhole: true };
  const candidates = await chooseCandidates(scope);
  const compare = comparator(execution);
  let kept: SortedItem[] = [];
  let bytes = 0;
  let isShrunk = false;
  // Twice as many as wanted are gathered and the worse half dropped: cheaper than a heap, and sorted.
  const shrink = async () => {
    kept = await sortInTurns(kept, compare, meter.turn);
    kept.length = Math.min(kept.length, keptMax);
    bytes = kept.reduce((sum, { item }) => sum + (item?.text.length ?? 0), 0);
  };
  try {
    for (;;) {
      const want = execution.nextChunk(false);
      const numbers = await candidates.numbers.next(want);
      let hits = 0;
      for (const item of await execution.load(numbers)) {
        if (item === undefined) continue;
        const known = { isExact: candidates.isExact, isConfined: candidates.isConfined, isParsed: true };
        const evaluated = execution.evaluate(() =>
          execution.admit(item, known) ? order.map((key) => key.evaluate(frame)) : undefined,
        );
        const keys = evaluated instanceof Promise ? await evaluated : evaluated;
        if (execution.isPauseDue) await execution.pause();
        if (keys === undefined) continue;
        hits++;
        const { number } = item;
        if (last !== undefined && isConsumed(execution, { number, keys }, last)) continue;
        bytes += item.text.length;
        kept.push({ number, keys, item: bytes <= KEPT_BYTES_MAX ? item : undefined });
        if (kept.length < 2 * keptMax) continue;
        await shrink();
        isShrunk = true;
      }
      candidates.observe?.(numbers.length, hits);
      if (numbers.length < want) break;
    }
  } finally {
    await candidates.numbers.close();
  }
  const isAll = kept.length <= keptMax && !isShrunk;
  await shrink();
  return { items: kept, isAll };
}

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
    if (execution.isPauseDue) await execution.pause();
  }
  return sorted.length;
}
