/** The ordered store for views: its interface and its engines. */
export { destroyLevelStore, type LevelStoreOptions, openLevelStore } from './level-store.ts';
export { createMemoryStore, type MemoryStoreOptions, MemoryStoreState } from './memory-store.ts';
export {
  type ScanRange,
  type Store,
  type StoreBatch,
  type StoreCursor,
  StoreFailedError,
  StoreLockedError,
  type StoreSnapshot,
  StoreVersionError,
  type StoreWrite,
} from './store.ts';
