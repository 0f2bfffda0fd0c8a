import type { AccountState } from '../account/index.ts';

/** The region that writes under an origin; a former life of some region is shown by its number. */
export function nameOfOrigin(state: AccountState, origin: number): string {
  return state.regions.find((region) => region.origin === origin)?.name ?? `former origin ${origin}`;
}
