import {
  createMemoryLog,
  type Log,
  type MemoryLog,
  type MemoryMedium,
  openFileLog,
  type UnsyncedFate,
} from '../../src/log/index.ts';
import { createMemoryStore, MemoryStoreState, type Store } from '../../src/store/index.ts';
import type { SeededRandom } from './seeded-random.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedMachine } from './simulated-runtime.ts';

const FATES: readonly UnsyncedFate[] = ['lost', 'torn', 'kept'];
const SYNC_MS_MAX = 10;
/** Small, so that segments end, are trimmed and are found again. */
const SEGMENT_BYTES = 64 << 10;
/** Small, so that old entries are read from the disk. */
const TAIL_CACHE_BYTES = 16 << 10;

/** What a region's machine keeps when the power goes. */
interface Medium {
  /** What faults can strike at; undefined when there is none. */
  readonly disk: SimulatedDisk | undefined;
  mount(machine: SimulatedMachine): Promise<{ log: Log; store: Store }>;
  powerLoss(): void;
  loseStore(): void;
  /** A copy of what is safe now, without the store. */
  copy(): Medium;
}

/** A log in memory, which loses, tears or keeps the last group as a whole. */
class LogMedium implements Medium {
  readonly disk = undefined;
  readonly #random: SeededRandom;
  #store = new MemoryStoreState();
  #log: MemoryMedium | undefined;
  #mounted: MemoryLog | undefined;

  constructor(random: SeededRandom, log?: MemoryMedium) {
    this.#random = random;
    this.#log = log;
  }

  async mount(machine: SimulatedMachine): Promise<{ log: Log; store: Store }> {
    const syncMs = this.#random.between(0, SYNC_MS_MAX);
    const medium = this.#log === undefined ? {} : { medium: this.#log };
    const log = createMemoryLog({ runtime: machine, syncMs, ...medium });
    this.#mounted = log;
    this.#log = log.medium;
    return { log, store: createMemoryStore({ state: this.#store, runtime: machine }) };
  }

  powerLoss(): void {
    this.#mounted?.powerLoss(this.#random.pick(FATES));
  }

  loseStore(): void {
    this.#store = new MemoryStoreState();
  }

  copy(): LogMedium {
    return new LogMedium(this.#random.split('copy'), this.#log?.copy());
  }
}

/** The file log, over a disk that keeps what was synced and any part of the rest. */
class DiskMedium implements Medium {
  readonly disk: SimulatedDisk;
  #store = new MemoryStoreState();

  constructor(disk: SimulatedDisk) {
    this.disk = disk;
  }

  static empty(random: SeededRandom): DiskMedium {
    const latency = { readMs: [0, 2], writeMs: [0, 2], syncMs: [0, SYNC_MS_MAX] } as const;
    return new DiskMedium(new SimulatedDisk({ random: () => random.next(), latency }));
  }

  async mount(machine: SimulatedMachine): Promise<{ log: Log; store: Store }> {
    const disk = this.disk.mount(machine);
    const log = await openFileLog({
      disk,
      directory: 'log',
      runtime: machine,
      segmentBytes: SEGMENT_BYTES,
      tailCacheBytes: TAIL_CACHE_BYTES,
    });
    return { log, store: createMemoryStore({ state: this.#store, runtime: machine }) };
  }

  powerLoss(): void {
    this.disk.powerLoss();
  }

  loseStore(): void {
    this.#store = new MemoryStoreState();
  }

  copy(): DiskMedium {
    return new DiskMedium(this.disk.copy());
  }
}

/** What outlives the processes of all regions, by region. */
export class Media {
  readonly #options: { readonly random: SeededRandom; readonly hasFileLogs: boolean };
  readonly #media = new Map<string, Medium>();

  constructor(options: { readonly random: SeededRandom; readonly hasFileLogs: boolean }) {
    this.#options = options;
  }

  of(region: string): Medium {
    let medium = this.#media.get(region);
    if (medium === undefined) {
      const chance = this.#options.random.split(region);
      medium = this.#options.hasFileLogs ? DiskMedium.empty(chance) : new LogMedium(chance);
      this.#media.set(region, medium);
    }
    return medium;
  }

  /** Copies what is safe now; what it returns puts that in the place of what the region has. */
  copy(region: string): () => void {
    const copy = this.of(region).copy();
    return () => void this.#media.set(region, copy);
  }

  /** From now on the region has an empty one. */
  lose(region: string): void {
    this.#media.delete(region);
  }
}
