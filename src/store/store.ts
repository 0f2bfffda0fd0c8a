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

/** The store cannot be trusted any more: close it, open it again, and if that fails build it anew from the log. */
export class StoreFailedError extends Error {
  override name = 'StoreFailedError';
}

/**
 * Ordered key-value store for views that can be thrown away and made again from the log.
 * Every method rejects with StoreFailedError once the engine reported damage, a full disk or the like.
 */
export interface Store {
  /** Cheapest single read; may block for a cold block, so only for point lookups. */
  get(key: Uint8Array): Buffer | undefined;
  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]>;
  /** The store as it is at this moment, whatever is written later. Always close it; it holds space. */
  snapshot(): StoreSnapshot;
  /** Applies all writes or none, durable when it resolves. Later writes of one key in the list win. */
  write(writes: readonly StoreWrite[]): Promise<void>;
  /** Deletes every key in [from, to); not atomic, may be repeated. */
  clear(from: Uint8Array, to: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface StoreSnapshot {
  get(key: Uint8Array): Buffer | undefined;
  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]>;
  /** Always close the cursor before the snapshot. */
  scan(range: ScanRange): StoreCursor;
  close(): Promise<void>;
}

export interface StoreCursor {
  /** Up to `count` further pairs in order; fewer only at the end, empty after it. */
  next(count: number): Promise<[key: Buffer, value: Buffer][]>;
  close(): Promise<void>;
}
