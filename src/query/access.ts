/**
 * A condition bound to the indexes of a container and to parameter values: which numbers can satisfy it.
 * `isExact`: every number found does, so the items need not be looked at.
 */
export type Access =
  /** No restriction; exact when the condition holds for every item. */
  | { readonly kind: 'everything'; readonly isExact: boolean }
  | { readonly kind: 'nothing'; readonly isExact: true }
  | ScanAccess
  /** `terms` are scans, ands and ors, two or more. */
  | { readonly kind: 'and' | 'or'; readonly terms: readonly Access[]; readonly isExact: boolean };

export interface ScanAccess {
  readonly kind: 'scan';
  readonly pathId: Buffer;
  readonly range: { readonly from: Buffer; readonly to: Buffer };
  /** All postings have one encoded value, `range.from`: they stand in the order of their numbers. */
  readonly isPoint: boolean;
  /** An item can have several postings at the path. */
  readonly isBelowArray: boolean;
  readonly isExact: boolean;
}

export const EVERYTHING: Access = { kind: 'everything', isExact: true };
/** Nothing is known before the items are read. */
export const UNKNOWN: Access = { kind: 'everything', isExact: false };
export const NOTHING: Access = { kind: 'nothing', isExact: true };

/** The numbers that all terms allow. */
export function intersection(terms: readonly Access[]): Access {
  if (terms.some((term) => term.kind === 'nothing')) return NOTHING;
  const flat = terms.flatMap((term) => (term.kind === 'and' ? term.terms : [term]));
  const restricting = flat.filter((term) => term.kind !== 'everything');
  const isExact = terms.every((term) => term.isExact);
  const [only] = restricting;
  if (only === undefined) return isExact ? EVERYTHING : UNKNOWN;
  if (restricting.length === 1)
    return only.isExact === isExact ? only : ({ ...only, isExact: false } as Access);
  return { kind: 'and', terms: restricting, isExact };
}

/** The numbers that any term allows. */
export function union(terms: readonly Access[]): Access {
  // A union that is not exact as a whole may consist of terms that are: looking at them alone is not enough.
  const isExact = terms.every((term) => term.isExact);
  if (terms.some((term) => term.kind === 'everything')) {
    return terms.some((term) => term.kind === 'everything' && term.isExact) ? EVERYTHING : UNKNOWN;
  }
  const possible = terms.flatMap((term) =>
    term.kind === 'nothing' ? [] : term.kind === 'or' ? term.terms : [term],
  );
  const [only] = possible;
  if (only === undefined) return NOTHING;
  if (possible.length > 1) return { kind: 'or', terms: possible, isExact };
  return only.isExact === isExact ? only : ({ ...only, isExact } as Access);
}
