/**
 * A file system as the log engine needs it. Bytes written are only *durable* after `sync` of the file,
 * a created, renamed or removed name only after `syncDirectory` of its folder. The simulated disk takes
 * everything else away at a power loss.
 *
 * Failures reject with the platform's error (`code` such as ENOENT, ENOSPC, EIO).
 */
export interface Disk {
  /** `create` fails when the file exists, `write` and `read` when it does not. */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile>;
  /** Names (not paths) in the folder, sorted; empty when there is no such folder. */
  list(directory: string): Promise<string[]>;
  /** Makes the folder and its parents, durably; no error when it exists. */
  makeDirectory(directory: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; no error when it is missing. */
  remove(path: string): Promise<void>;
  /** Removes a folder with all it holds; no error when it is missing. */
  removeTree(directory: string): Promise<void>;
  syncDirectory(directory: string): Promise<void>;
  /**
   * Takes an exclusive lock that a crash of the holder releases; undefined when another holder lives.
   * The returned function releases it.
   */
  lock(path: string): Promise<(() => Promise<void>) | undefined>;
}

export interface DiskFile {
  /** Up to `length` bytes from `position`; shorter only at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
  write(position: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Makes all bytes written so far survive a power loss (fdatasync). */
  sync(): Promise<void>;
  /** As `write`, and these bytes survive a power loss once it resolves; of others it promises nothing. */
  writeDurably(position: number, bytes: Uint8Array): Promise<void>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}
