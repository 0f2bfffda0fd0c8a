/**
 * Physical partitions: the write path, applying, recovery, reads. Knows no wire format and no other region.
 */
export { etagOf, type StoredPut } from '../merge/index.ts';
export { type Change, decodeEntry, type Entry, type EntryHead, encodeEntry, peekEntry } from './entry.ts';
export { ViewsForgetfulError } from './horizon.ts';
export { conversionPercent } from './index-conversion.ts';
export type { Intent, PutIntent, Stamp, WriteOutcome } from './intent.ts';
export type { HeldItem } from './item-cache.ts';
export { epkOf, type ItemKey, idIn, itemKey } from './item-key.ts';
export { conflictsIn, holdersOf, type OpenConflict, openConflicts } from './open-conflicts.ts';
export { Partition } from './partition.ts';
export { PartitionHost, type PartitionHostOptions } from './partition-host.ts';
export type { SourceView } from './partition-source.ts';
export type { PartitionTable, ReplicatedPartition } from './replicated-partition.ts';
export { Transaction, type TransactionOutcome } from './transaction.ts';
