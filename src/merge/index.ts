/** Pure: operations in, visible item out. No I/O, no clock, no randomness. */
export type { Delete, Incarnation, ItemOperation, Put } from './operation.ts';
