/** Pure: operations in, visible item out. No I/O, no clock, no randomness. */
export { collect } from './collection.ts';
export { applyOperation, conflictsOf, losersOf } from './conflict.ts';
export { exactSum } from './exact-sum.ts';
export {
  decodeItemState,
  decodeLosers,
  decodePutHead,
  encodeItemState,
  encodeLosers,
  encodePutHead,
} from './item-codec.ts';
export {
  EMPTY_ITEM,
  etagOf,
  hasConflictBook,
  type ItemState,
  isCollectible,
  isMerged,
  isSettled,
  isUnmarked,
  liveIncarnations,
  marksOf,
  type PutMarks,
  patchBase,
  type StoredPut,
  visiblePut,
} from './item-state.ts';
export type {
  Delete,
  Expiry,
  Incarnation,
  ItemOperation,
  Loser,
  Patch,
  Put,
  Refer,
  Settle,
} from './operation.ts';
export { type Claim, losingClaims } from './unique-claims.ts';
