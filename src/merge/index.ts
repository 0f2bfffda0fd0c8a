/** Pure: operations in, visible item out. No I/O, no clock, no randomness. */
export { collect } from './collection.ts';
export { decodeItemState, encodeItemState } from './item-codec.ts';
export {
  applyOperation,
  compareWinners,
  type DeadIncarnation,
  EMPTY_ITEM,
  type ItemState,
  isSettled,
  liveIncarnations,
  patchBase,
  type StoredPut,
  visiblePut,
} from './item-state.ts';
export type { Delete, Incarnation, ItemOperation, Patch, Put } from './operation.ts';
