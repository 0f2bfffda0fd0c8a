/**
 * The store on disk: LevelDB by way of classic-level.
 *
 * An LSM tree, because index keys fall all over the key space and a B-tree would rewrite a page for each.
 * Every batch is synced: LevelDB's recovery skips damaged records, so after a power cut an unsynced position
 * key could be there while earlier batches are not. Whatever still gets lost in the middle, the marks tell
 * (write-marks.ts).
 */
import { ClassicLevel } from 'classic-level';
import { assert, compareBytes } from '../base/index.ts';
import { clearRange } from './range-clearing.ts';
import {
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
import { StoreLife } from './store-life.ts';
import { fromStored, toStored } from './stored-value.ts';
import { lastMark, markKey, markValue, RESERVED } from './write-marks.ts';
import { WriteTurns } from './write-turns.ts';

const MIB = 1024 * 1024;
/** Bytes that one call into the engine may gather for a cursor; its default is the size of a few items. */
const CURSOR_BYTES = MIB;
/** Size of a table file. Smaller ones make shorter compactions and a finer measure of what is mapped. */
const TABLE_BYTES = 3 * MIB;
/**
 * Of a table: half as many system calls and calls of the compressor as with the engine's 4 KiB (compaction
 * takes 0.85 of the CPU), while a document that is in no cache is read as fast. With 16 KiB it takes twice.
 */
const BLOCK_BYTES = 8 << 10;
/** Files that the engine counts as open beside the tables. */
const OTHER_FILES = 10;
const FORMAT_KEY = Buffer.concat([RESERVED, Buffer.from('format')]);
const ENCODINGS = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;

type Level = ClassicLevel<Uint8Array, Uint8Array>;
type LevelBatch = ReturnType<Level['batch']>;
type LevelSnapshotHandle = ReturnType<Level['snapshot']>;

export interface LevelStoreOptions {
  /** Made when missing, with its parents. */
  readonly directory: string;
  /** What the keys and values mean now; a whole number from 1. Default 1. */
  readonly formatVersion?: number;
  /**
   * Rewrites what version `from` left behind; may run again after a crash. Without it an older store is
   * refused with StoreFailedError, since it can be built anew from the log.
   */
  readonly upgrade?: (store: Store, from: number) => Promise<void>;
  /** Two of them may be in memory. Larger: fewer write stalls, slower opening. Default 16 MiB. */
  readonly writeBufferBytes?: number;
  /** Uncompressed blocks kept for reads. Default 32 MiB. */
  readonly cacheBytes?: number;
  /**
   * Table files that are mapped into memory at a time; beyond it a read has to open one first (some 50 µs).
   * Such pages count as the process's memory, though the system can take them away. Default (and least)
   * 192 MiB, so that three regions in one process stay below 1 GiB.
   */
  readonly mappedBytes?: number;
}

/**
 * @throws StoreLockedError when the directory is open elsewhere, StoreVersionError when a newer version
 * wrote it, StoreFailedError when it is damaged: then `destroyLevelStore` and build it anew.
 */
export async function openLevelStore(options: LevelStoreOptions): Promise<Store> {
  const level: Level = new ClassicLevel(options.directory, {
    ...ENCODINGS,
    writeBufferSize: options.writeBufferBytes ?? 16 * MIB,
    cacheSize: options.cacheBytes ?? 32 * MIB,
    maxFileSize: TABLE_BYTES,
    blockSize: BLOCK_BYTES,
    maxOpenFiles: OTHER_FILES + Math.floor((options.mappedBytes ?? 192 * MIB) / TABLE_BYTES),
  });
  try {
    await level.open();
  } catch (error) {
    throw openingError(error, options.directory);
  }
  try {
    const reserved = await readReserved(level);
    const last = lastMark(reserved);
    if (last === undefined)
      throw new StoreFailedError(`a write in the middle is missing from ${options.directory}`);
    const store = new LevelStore(level, last);
    await settleFormat(store, reserved, options);
    return store;
  } catch (error) {
    await level.close();
    if (error instanceof StoreVersionError || error instanceof StoreFailedError) throw error;
    throw new StoreFailedError(`${options.directory} cannot be read`, { cause: error });
  }
}

/** Removes the files, damaged or not; no error when there are none. @throws StoreLockedError when open. */
export async function destroyLevelStore(directory: string): Promise<void> {
  try {
    await ClassicLevel.destroy(directory);
  } catch (error) {
    throw openingError(error, directory);
  }
}

function openingError(error: unknown, directory: string): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (code === 'LEVEL_LOCKED') return new StoreLockedError(`${directory} is in use: ${reason}`, { cause });
  return new StoreFailedError(`${directory} cannot be opened: ${reason}`, { cause });
}

async function readReserved(level: Level): Promise<[Buffer, Buffer][]> {
  const iterator = level.iterator({ ...ENCODINGS, gte: RESERVED });
  try {
    return (await iterator.all()) as [Buffer, Buffer][];
  } finally {
    await iterator.close();
  }
}

async function settleFormat(
  store: LevelStore,
  reserved: readonly [Buffer, Buffer][],
  options: LevelStoreOptions,
): Promise<void> {
  const { formatVersion = 1, upgrade, directory } = options;
  const stored = reserved.find(([key]) => key.equals(FORMAT_KEY))?.[1];
  if (stored === undefined) {
    if (!(await store.isEmpty())) throw new StoreFailedError(`${directory} has lost its format version`);
    return store.writeFormat(formatVersion);
  }
  const version = Number(stored.toString('latin1'));
  if (version === formatVersion) return undefined;
  if (version > formatVersion) {
    throw new StoreVersionError(
      `${directory} has format version ${version}, but this program knows versions up to ${formatVersion}`,
    );
  }
  if (upgrade === undefined)
    throw new StoreFailedError(`${directory} has format version ${version}, which is too old`);
  await upgrade(store, version);
  return store.writeFormat(formatVersion);
}

class LevelStore implements Store {
  readonly #level: Level;
  readonly #life = new StoreLife();
  readonly #turns = new WriteTurns();
  /** Number of the last batch; see write-marks.ts. */
  #batches: number;

  constructor(level: Level, batches: number) {
    this.#level = level;
    this.#batches = batches;
  }

  get(key: Uint8Array): Buffer | undefined {
    this.#life.check();
    try {
      return fromStoredIfAny(this.#level.getSync(key));
    } catch (error) {
      throw this.#life.fail(error);
    }
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    this.#life.check();
    return readMany(this.#level, this.#life, keys, ENCODINGS);
  }

  snapshot(): StoreSnapshot {
    this.#life.check();
    return new LevelSnapshot(this.#level, this.#life);
  }

  async write(writes: readonly StoreWrite[]): Promise<void> {
    const batch = this.batch();
    try {
      for (const { key, value } of writes) batch.set(key, value);
    } catch (error) {
      await batch.abandon();
      throw error;
    }
    await batch.commit();
  }

  /** The engine copies what it is given at once, so nothing of a batch waits in our memory. */
  batch(): StoreBatch {
    this.#life.check();
    const batch = this.#level.batch();
    return {
      set(key, value) {
        assert(key.length > 0, 'keys have at least one byte');
        assert(key[0] !== 0xff || compareBytes(key, RESERVED) < 0, 'keys sort below the reserved ones');
        if (value === undefined) batch.del(key);
        else batch.put(key, toStored(value));
      },
      commit: () => this.#commit(batch),
      abandon: () => batch.close(),
    };
  }

  async clear(from: Uint8Array, to: Uint8Array): Promise<void> {
    await clearRange(this, from, to);
  }

  async close(): Promise<void> {
    await this.#life.end();
    try {
      await this.#level.close();
    } catch (error) {
      throw this.#life.fail(error);
    }
  }

  async isEmpty(): Promise<boolean> {
    const keys = await this.#level.keys({ limit: 1 }).all();
    return keys.length === 0;
  }

  async writeFormat(version: number): Promise<void> {
    await this.#commit(this.#level.batch().put(FORMAT_KEY, Buffer.from(String(version))));
  }

  async #commit(batch: LevelBatch): Promise<void> {
    this.#life.enter();
    try {
      await this.#turns.take(() => (batch.length === 0 ? batch.close() : this.#apply(batch)));
    } finally {
      this.#life.leave();
    }
  }

  async #apply(batch: LevelBatch): Promise<void> {
    try {
      // A batch that was waiting behind one that failed must not reach the disk: it would leave a hole.
      this.#life.checkFailure();
    } catch (error) {
      await batch.close();
      throw error;
    }
    try {
      const n = this.#batches + 1;
      batch.put(markKey(n), markValue(n));
      await batch.write({ sync: true });
      this.#batches = n;
    } catch (error) {
      throw this.#life.fail(error);
    }
  }
}

async function readMany(
  level: Level,
  life: StoreLife,
  keys: readonly Uint8Array[],
  options: typeof ENCODINGS & { readonly snapshot?: LevelSnapshotHandle },
): Promise<(Buffer | undefined)[]> {
  life.enter();
  try {
    // The engine reads the list before it returns the promise and does not change it.
    return (await level.getMany(keys as Uint8Array[], options)).map(fromStoredIfAny);
  } catch (error) {
    throw life.fail(error);
  } finally {
    life.leave();
  }
}

function fromStoredIfAny(stored: Uint8Array | undefined): Buffer | undefined {
  return stored === undefined ? undefined : fromStored(stored as Buffer);
}

class LevelSnapshot implements StoreSnapshot {
  readonly #level: Level;
  readonly #life: StoreLife;
  /** One object for all reads: the engine clones options that lack the encodings. */
  readonly #options: typeof ENCODINGS & { readonly snapshot: LevelSnapshotHandle };
  #cursors = 0;
  #isClosed = false;

  constructor(level: Level, life: StoreLife) {
    this.#level = level;
    this.#life = life;
    this.#options = { ...ENCODINGS, snapshot: level.snapshot() };
    life.enter();
  }

  get(key: Uint8Array): Buffer | undefined {
    this.#check();
    try {
      return fromStoredIfAny(this.#level.getSync(key, this.#options));
    } catch (error) {
      throw this.#life.fail(error);
    }
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    this.#check();
    return readMany(this.#level, this.#life, keys, this.#options);
  }

  scan(range: ScanRange): StoreCursor {
    this.#check();
    const iterator = this.#level.iterator({
      ...this.#options,
      gte: range.from,
      lt: compareBytes(range.to, RESERVED) < 0 ? range.to : RESERVED,
      reverse: range.reverse === true,
      fillCache: true,
      highWaterMarkBytes: CURSOR_BYTES,
    });
    this.#cursors += 1;
    return new LevelCursor(iterator, this.#life, () => {
      this.#cursors -= 1;
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    assert(this.#cursors === 0, 'cursors are closed before their snapshot');
    this.#isClosed = true;
    await this.#options.snapshot.close();
    this.#life.leave();
  }

  #check(): void {
    assert(!this.#isClosed, 'a closed snapshot is not read');
    this.#life.checkFailure();
  }
}

class LevelCursor implements StoreCursor {
  readonly #iterator: ReturnType<Level['iterator']>;
  readonly #life: StoreLife;
  readonly #onClose: () => void;
  #isReading = false;
  #isClosed = false;

  constructor(iterator: ReturnType<Level['iterator']>, life: StoreLife, onClose: () => void) {
    this.#iterator = iterator;
    this.#life = life;
    this.#onClose = onClose;
  }

  async next(count: number): Promise<[key: Buffer, value: Buffer][]> {
    assert(!this.#isClosed, 'a closed cursor is not read');
    assert(!this.#isReading, 'a cursor takes one call at a time');
    this.#life.checkFailure();
    this.#isReading = true;
    try {
      return await this.#read(count);
    } catch (error) {
      throw this.#life.fail(error);
    } finally {
      this.#isReading = false;
    }
  }

  /** One call gives what fits CURSOR_BYTES, so fewer than asked for do not mean the end: nothing does. */
  async #read(count: number): Promise<[Buffer, Buffer][]> {
    const pairs = (await this.#iterator.nextv(count)) as [Buffer, Buffer][];
    while (pairs.length > 0 && pairs.length < count) {
      const more = (await this.#iterator.nextv(count - pairs.length)) as [Buffer, Buffer][];
      if (more.length === 0) break;
      for (const pair of more) pairs.push(pair);
    }
    for (const pair of pairs) pair[1] = fromStored(pair[1]);
    return pairs;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await this.#iterator.close();
    } finally {
      this.#onClose();
    }
  }
}
