/** One change of a batch; `value: undefined` deletes. */
export interface StoreWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

export interface ScanRange {
  readonly from: Uint8Array;
  /** Exclusive. */
  readonly to: Uint8Array;
  readonly reverse?: boolean;
}

/** The store cannot be trusted any more: close it, open it again, and if that fails build it anew. */
export class StoreFailedError extends Error {
  override name = 'StoreFailedError';
}

/** A newer program wrote the store. Nothing is damaged, so nothing may be destroyed. */
export class StoreVersionError extends Error {
  override name = 'StoreVersionError';
}

/** Somebody else has the store open. Nothing is damaged, so nothing may be destroyed. */
export class StoreLockedError extends Error {
  override name = 'StoreLockedError';
}

/**
 * Ordered key-value store for views that can be thrown away and made again from the log.
 * Every method rejects (or throws) with StoreFailedError once the engine reported damage, a full disk or the
 * like, and after `close`.
 *
 * Callers' duties: keys have at least one byte and sort below eight bytes 0xFF; what is handed to `write` is
 * not changed until it resolves; buffers that come from the store are never changed.
 */
export interface Store {
  /** Cheapest single read; may block for a cold block, so only for point lookups. */
  get(key: Uint8Array): Buffer | undefined;
  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]>;
  /** The store as it is at this moment, whatever is written later. Always close it; it holds space. */
  snapshot(): StoreSnapshot;
  /**
   * Applies all writes or none, durable when it resolves. Later writes of one key in the list win, and calls
   * take effect in their order, also when they do not wait for each other. Reads may see it before it
   * resolves.
   */
  write(writes: readonly StoreWrite[]): Promise<void>;
  /** The same for many writes, gathered one by one: nothing of them is kept in memory twice. */
  batch(): StoreBatch;
  /**
   * Deletes every key in [from, to) that writes called before have made, durably; not atomic, may be
   * repeated.
   * Do not write into the range before it resolves.
   */
  clear(from: Uint8Array, to: Uint8Array): Promise<void>;
  /** Finishes writes under way and waits until every snapshot is closed. */
  close(): Promise<void>;
}

/** Writes that will be applied together. Commit it or abandon it, once. */
export interface StoreBatch {
  /** `undefined` deletes. Later writes of one key win. */
  set(key: Uint8Array, value: Uint8Array | undefined): void;
  /** Applies all or none, durable when it resolves. Batches take effect in the order of their commits. */
  commit(): Promise<void>;
  /** Forgets what was gathered. */
  abandon(): Promise<void>;
}

export interface StoreSnapshot {
  get(key: Uint8Array): Buffer | undefined;
  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]>;
  /** Always close the cursor before the snapshot. */
  scan(range: ScanRange): StoreCursor;
  close(): Promise<void>;
}

/** One call at a time. */
export interface StoreCursor {
  /** Up to `count` further pairs in order; fewer only at the end, empty after it. */
  next(count: number): Promise<[key: Buffer, value: Buffer][]>;
  close(): Promise<void>;
}
