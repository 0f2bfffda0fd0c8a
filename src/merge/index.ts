/** Pure: operations in, visible item out. No I/O, no clock, no randomness. */
export { collect } from './collection.ts';
export { exactSum } from './exact-sum.ts';
export { decodeItemState, decodePutHead, encodeItemState, encodePutHead } from './item-codec.ts';
export {
  applyOperation,
  compareWinners,
  type DeadIncarnation,
  EMPTY_ITEM,
  etagOf,
  type ItemState,
  isCollectible,
  isMerged,
  isSettled,
  liveIncarnations,
  patchBase,
  type StoredPut,
  visiblePut,
} from './item-state.ts';
export type { Delete, Incarnation, ItemOperation, Patch, Put } from './operation.ts';
