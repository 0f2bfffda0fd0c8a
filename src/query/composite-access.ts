/**
 * Conditions on several properties as one part of a composite index: equalities on its first paths, and a
 * range of the next one.
 */
import { prefixEnd } from '../base/index.ts';
import { type CompositeIndex, compositeValue, placeBytesMax } from '../index/index.ts';
import type { Access, ScanAccess } from './access.ts';
import { intersection } from './access.ts';
import { indexedPath } from './condition.ts';
import type { IndexCoverage } from './plan.ts';
import type { ValueRange } from './source.ts';

/** Which terms of a condition a composite index answers, and where its entries stand. */
export interface CompositePart {
  readonly terms: readonly ScanAccess[];
  readonly range: ValueRange;
  /** All entries in the range have one value. */
  readonly isPoint: boolean;
}

/** Undefined when the condition demands nothing of the index's first path that it could tell. */
export function compositePart(index: CompositeIndex, access: Access): CompositePart | undefined {
  const conditions = access.kind === 'and' ? access.terms : [access];
  const { parts } = index;
  const bytesMax = placeBytesMax(parts.length);
  const terms: ScanAccess[] = [];
  const places: Buffer[] = [];
  for (const { path, isDescending } of parts) {
    const { id } = indexedPath(path);
    const own = conditions.find(
      (term): term is ScanAccess => term.kind === 'scan' && term.isExact && term.pathId.equals(id),
    );
    if (own === undefined) break;
    if (own.isPoint && own.range.from.length <= bytesMax) {
      terms.push(own);
      places.push(own.range.from);
      continue;
    }
    // Of values that are cut it is not known on which side of a longer bound they stand.
    if (Math.max(own.range.from.length, own.range.to.length) >= bytesMax) break;
    const range = rangeBehind(compositeValue(places, index), own.range, isDescending);
    if (range !== undefined) return { terms: [...terms, own], range, isPoint: false };
    break;
  }
  const from = compositeValue(places, index);
  const to = prefixEnd(from);
  if (terms.length === 0 || to === undefined) return undefined;
  return { terms, range: { from, to }, isPoint: terms.length === parts.length };
}

/** Where values of a range stand behind others; turned round when the order descends. */
function rangeBehind(before: Buffer, { from, to }: ScanAccess['range'], isDescending: boolean) {
  if (!isDescending) return { from: Buffer.concat([before, from]), to: Buffer.concat([before, to]) };
  // What begins with `to` is out of the range, what begins with `from` is in it.
  const low = prefixEnd(Buffer.concat([before, flipped(to)]));
  const high = prefixEnd(Buffer.concat([before, flipped(from)]));
  return low === undefined || high === undefined ? undefined : { from: low, to: high };
}

function flipped(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => ~byte));
}

/** The same access, with terms of an intersection that a composite index answers together as one. */
export function withComposites(access: Access, { composites }: Pick<IndexCoverage, 'composites'>): Access {
  if (access.kind !== 'and') return access;
  let best: { readonly index: CompositeIndex; readonly part: CompositePart } | undefined;
  for (const index of composites) {
    const part = index.isComing === true ? undefined : compositePart(index, access);
    if (part !== undefined && part.terms.length > Math.max(1, best?.part.terms.length ?? 0)) {
      best = { index, part };
    }
  }
  if (best === undefined) return access;
  const { index, part } = best;
  const { from, to } = part.range;
  const together: ScanAccess = {
    kind: 'scan',
    pathId: index.id,
    range: { from: Buffer.from(from), to: Buffer.from(to) },
    isPoint: part.isPoint,
    isBelowArray: false,
    isExact: true,
  };
  const rest = access.terms.filter((term) => !part.terms.includes(term as ScanAccess));
  const found = intersection([together, ...rest]);
  // The condition may ask for more than its terms tell.
  return access.isExact ? found : ({ ...found, isExact: false } as Access);
}
