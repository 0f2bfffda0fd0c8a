/** The durable ordered log: its interface and its engines. */
export { FencedError, type Log, LogDamagedError, type Lsn, type PartitionNumber } from './log.ts';
