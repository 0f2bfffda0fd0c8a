import { assert } from '../base/index.ts';
import { type Runtime, sleep } from '../runtime/index.ts';
import { OrderedTree, type TreeRoot, treeGet, treeScan } from './ordered-tree.ts';
import { clearRange } from './range-clearing.ts';
import type { ScanRange, Store, StoreBatch, StoreCursor, StoreSnapshot, StoreWrite } from './store.ts';
import { StoreLife } from './store-life.ts';
import { WriteTurns } from './write-turns.ts';

/**
 * What is durable of a memory store. It outlives the store that works on it, as a disk outlives a process:
 * the simulator drops the store at a crash and opens the next one on the same state.
 */
export class MemoryStoreState {
  readonly tree = new OrderedTree();
  #holder: StoreLife | undefined;

  /** The store opened last; an earlier one is a crashed process, whose writes never end. */
  isHeldBy(life: StoreLife): boolean {
    return this.#holder === life;
  }

  takeOver(life: StoreLife): void {
    this.#holder?.fail('its state was opened again');
    this.#holder = life;
  }

  /** Fails the store that is open on this state, as a full disk would; the state itself stays sound. */
  failStore(reason: string): void {
    this.#holder?.fail(reason);
  }
}

export interface MemoryStoreOptions {
  /** Default: a new, empty one. */
  readonly state?: MemoryStoreState;
  /** With it each write takes time, up to `writeMsMax` milliseconds (default 10). */
  readonly runtime?: Runtime;
  readonly writeMsMax?: number;
}

/** For simulations and small tests. A write under way at a crash survives whole or not at all. */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly #state: MemoryStoreState;
  readonly #runtime: Runtime | undefined;
  readonly #writeMsMax: number;
  readonly #life = new StoreLife();
  readonly #turns = new WriteTurns();

  constructor({ state = new MemoryStoreState(), runtime, writeMsMax = 10 }: MemoryStoreOptions) {
    this.#state = state;
    this.#runtime = runtime;
    this.#writeMsMax = writeMsMax;
    state.takeOver(this.#life);
  }

  get(key: Uint8Array): Buffer | undefined {
    this.#life.check();
    return treeGet(this.#state.tree.root, key);
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    this.#life.check();
    const { root } = this.#state.tree;
    return keys.map((key) => treeGet(root, key));
  }

  snapshot(): StoreSnapshot {
    this.#life.check();
    return new MemorySnapshot(this.#state.tree.snapshot(), this.#life);
  }

  async write(writes: readonly StoreWrite[]): Promise<void> {
    this.#life.check();
    this.#life.enter();
    try {
      await this.#turns.take(() => this.#apply(writes));
    } finally {
      this.#life.leave();
    }
  }

  batch(): StoreBatch {
    this.#life.check();
    const writes: StoreWrite[] = [];
    return {
      set: (key, value) => void writes.push({ key, value }),
      commit: () => this.write(writes),
      abandon: async () => undefined,
    };
  }

  async clear(from: Uint8Array, to: Uint8Array): Promise<void> {
    await clearRange(this, from, to);
  }

  async close(): Promise<void> {
    await this.#life.end();
  }

  async #apply(writes: readonly StoreWrite[]): Promise<void> {
    // Half of the time before and half after the change: a crash may also hit what is durable already.
    const restMs = this.#runtime === undefined ? 0 : (this.#runtime.random() * this.#writeMsMax) / 2;
    await this.#pause(restMs);
    const { tree } = this.#state;
    for (const { key, value } of writes) {
      assert(key.length > 0, 'keys have at least one byte');
      if (value === undefined) tree.delete(key);
      else tree.set(Buffer.from(key), Buffer.from(value));
    }
    await this.#pause(restMs);
  }

  async #pause(ms: number): Promise<void> {
    if (this.#runtime !== undefined) await sleep(this.#runtime, ms);
    // The process that wrote is no more: nothing it does may reach the state, and nobody waits for it.
    if (!this.#state.isHeldBy(this.#life)) await new Promise(() => {});
    this.#life.checkFailure();
  }
}

class MemorySnapshot implements StoreSnapshot {
  readonly #root: TreeRoot;
  readonly #life: StoreLife;
  #cursors = 0;
  #isClosed = false;

  constructor(root: TreeRoot, life: StoreLife) {
    this.#root = root;
    this.#life = life;
    life.enter();
  }

  get(key: Uint8Array): Buffer | undefined {
    this.#check();
    return treeGet(this.#root, key);
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    this.#check();
    return keys.map((key) => treeGet(this.#root, key));
  }

  scan(range: ScanRange): StoreCursor {
    this.#check();
    this.#cursors += 1;
    return new MemoryCursor(
      this.#root,
      range,
      () => this.#check(),
      () => {
        this.#cursors -= 1;
      },
    );
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    assert(this.#cursors === 0, 'cursors are closed before their snapshot');
    this.#isClosed = true;
    this.#life.leave();
  }

  #check(): void {
    assert(!this.#isClosed, 'a closed snapshot is not read');
    this.#life.checkFailure();
  }
}

class MemoryCursor implements StoreCursor {
  readonly #root: TreeRoot;
  readonly #reverse: boolean;
  readonly #check: () => void;
  readonly #onClose: () => void;
  #from: Uint8Array;
  #to: Uint8Array;
  #isClosed = false;

  constructor(root: TreeRoot, range: ScanRange, check: () => void, onClose: () => void) {
    this.#root = root;
    this.#from = range.from;
    this.#to = range.to;
    this.#reverse = range.reverse === true;
    this.#check = check;
    this.#onClose = onClose;
  }

  async next(count: number): Promise<[key: Buffer, value: Buffer][]> {
    assert(!this.#isClosed, 'a closed cursor is not read');
    this.#check();
    const range = { from: this.#from, to: this.#to, reverse: this.#reverse };
    const pairs = treeScan(this.#root, range, count);
    const last = pairs.at(-1);
    if (last !== undefined && this.#reverse) this.#to = last[0];
    else if (last !== undefined) this.#from = Buffer.concat([last[0], Buffer.alloc(1)]);
    return pairs;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose();
  }
}
