/** The ordered store for views: its interface and its engines. */
export { type ScanRange, type Store, type StoreCursor, StoreFailedError, type StoreSnapshot, type StoreWrite } from './store.ts';
