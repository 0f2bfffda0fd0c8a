/**
 * One region inside this process, with its durable state: opened, killed, wiped and opened again while its
 * listener's port stays the same.
 */
import type { Directory, RegionEndpoint } from '../account/index.ts';
import type { RegionStatus } from '../api/fault/index.ts';
import { type AccountKeys, type ClientOrigin, createSqlApi, type SqlApi } from '../api/sql/index.ts';
import { AssertionError } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { type Log, openFileLog } from '../log/index.ts';
import type { Disk, HttpHandler, HttpRefusal, HttpResponse, Network, Runtime } from '../runtime/index.ts';
import { destroyLevelStore, openLevelStore, type Store, StoreFailedError } from '../store/index.ts';
import { openRegion, type Region, type RegionAddresses } from './region.ts';

export interface LocalRegionOptions {
  readonly runtime: Runtime;
  readonly disk: Disk;
  readonly network: Network;
  readonly directory: Directory;
  readonly region: string;
  readonly paths: { readonly root: string; readonly log: string; readonly store: string };
  readonly listenAddresses: RegionAddresses;
  readonly addressesOf: (region: string) => RegionAddresses | undefined;
  readonly keys: AccountKeys;
  readonly endpoints: (origin: ClientOrigin) => readonly RegionEndpoint[];
  /** How many regions share this process, and so its memory. */
  readonly regionsInProcess: number;
  readonly log: (line: string) => void;
  /**
   * After a failed fsync or a broken invariant nothing this process says of its data can be trusted: it
   * must end.
   */
  readonly onFatal: (reason: unknown) => void;
}

interface Open {
  readonly region: Region;
  readonly log: Log;
  readonly store: Store;
  readonly api: SqlApi;
}

/** Over all regions of a process. */
const CACHE_BYTES = 96 << 20;
const DIRTY_BYTES = 96 << 20;

export class LocalRegion {
  readonly name: string;
  readonly #options: LocalRegionOptions;
  #open: Open | undefined;
  /** Not while it lacks what the others knew when it began its storage life. */
  #isAdmitted = false;
  #paused: { readonly ended: Promise<void>; readonly end: () => void } | undefined;

  constructor(options: LocalRegionOptions) {
    this.name = options.region;
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  get isServing(): boolean {
    return this.#open !== undefined && this.#isAdmitted && this.#paused === undefined;
  }

  get region(): Region | undefined {
    return this.#open?.region;
  }

  /**
   * Takes part in replication from here on; clients are answered after `admit`.
   * @throws LogDamagedError and the like: what the person who runs the server must know.
   */
  async open(): Promise<void> {
    const { runtime, disk, paths, keys, endpoints } = this.#options;
    const log = await openFileLog({ runtime, disk, directory: paths.log });
    const store = await this.#openStore();
    const sharing = this.#options.regionsInProcess;
    const region = await openRegion({
      ...this.#options,
      log,
      store,
      memory: { cacheBytesMax: CACHE_BYTES / sharing, dirtyBytesMax: DIRTY_BYTES / sharing },
      onFailed: (reason) => void this.#failed(reason),
    });
    const api = createSqlApi({
      engine: region.engine,
      runtime,
      keys: () => keys,
      endpoints,
      onFault: (error) => {
        this.#options.log(`region ${this.name}: ${describe(error)}`);
        if (error instanceof AssertionError) this.#options.onFatal(error);
      },
    });
    this.#isAdmitted = false;
    this.#open = { region, log, store, api };
  }

  admit(): void {
    this.#isAdmitted = true;
  }

  /** The store is only a view: one that cannot be opened is thrown away and made again from the log. */
  async #openStore(): Promise<Store> {
    const { disk, paths } = this.#options;
    await disk.makeDirectory(paths.root);
    const options = { directory: paths.store };
    try {
      return await openLevelStore(options);
    } catch (error) {
      if (!(error instanceof StoreFailedError)) throw error;
      this.#options.log(
        `region ${this.name}: the store cannot be opened (${error.message}); building it anew from the log`,
      );
      await destroyLevelStore(paths.store);
      return openLevelStore(options);
    }
  }

  /** Closes and opens the region: a failed store recovers so, a failed log cannot. */
  async #failed(reason: unknown): Promise<void> {
    this.#options.log(`region ${this.name} failed: ${describe(reason)}`);
    if (!(reason instanceof StoreFailedError)) {
      this.#options.onFatal(reason);
      return;
    }
    await this.kill();
    await this.open();
    this.admit();
  }

  readonly handle: HttpHandler = (request) => {
    if (this.#paused !== undefined) return this.#paused.ended.then(() => this.handle(request));
    const open = this.#isAdmitted ? this.#open : undefined;
    return open?.api.handler(request) ?? unavailable(this.name);
  };

  readonly refuse = (status: HttpRefusal): HttpResponse =>
    this.#open?.api.refuse(status) ?? unavailable(this.name);

  status(): RegionStatus | undefined {
    return this.#paused === undefined ? this.#open?.region.status() : undefined;
  }

  pause(): void {
    if (this.#paused !== undefined) return;
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#paused = { ended, end };
    this.#open?.region.pause();
  }

  resume(): void {
    this.#paused?.end();
    this.#paused = undefined;
    this.#open?.region.resume();
  }

  /** Drops the region's objects without flush or goodbye; what its log had made durable is what is left. */
  async kill(): Promise<void> {
    const open = this.#take();
    await open.region.abandon();
    await open.log.close();
    await open.store.close();
  }

  async close(): Promise<void> {
    this.resume();
    if (this.#open === undefined) return;
    const open = this.#take();
    await open.region.close();
    await open.log.close();
    await open.store.close();
  }

  /** Deletes the region's durable state; only while it is down. */
  async wipe(): Promise<void> {
    if (this.#open !== undefined) {
      throw new DatabaseError(
        'Conflict',
        `The region '${this.name}' is running; kill it before you wipe it.`,
      );
    }
    await this.#options.disk.removeTree(this.#options.paths.root);
  }

  #take(): Open {
    const open = this.#open;
    if (open === undefined) throw new DatabaseError('Conflict', `The region '${this.name}' is not running.`);
    this.#open = undefined;
    return open;
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function unavailable(region: string): HttpResponse {
  const body = JSON.stringify({
    code: 'ServiceUnavailable',
    message: `The region '${region}' is not running.`,
  });
  return { status: 503, headers: ['content-type', 'application/json'], body };
}
