/** The durable ordered log: its interface and its engines. */
export { type FileLog, type FileLogOptions, openFileLog } from './file-log.ts';
export {
  ENTRY_BYTES_MAX,
  FencedError,
  type Log,
  LogDamagedError,
  LogLockedError,
  LogVersionError,
  type Lsn,
  type PartitionNumber,
} from './log.ts';
export {
  createMemoryLog,
  type MemoryLog,
  type MemoryMedium,
  type UnsyncedFate,
} from './memory-log.ts';
