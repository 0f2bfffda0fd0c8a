/**
 * One region inside this process, with its durable state: opened, killed, wiped and opened again while its
 * listener's port stays the same.
 */
import type { Directory, RegionEndpoint } from '../account/index.ts';
import type { RegionMetrics, RegionStatus } from '../api/fault/index.ts';
import { type AccountKeys, type ClientOrigin, createSqlApi, type SqlApi } from '../api/sql/index.ts';
import { AssertionError, Slots } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { type FileLog, type LogDamagedError, openFileLog } from '../log/index.ts';
import { ViewsForgetfulError } from '../partition/index.ts';
import type { Disk, HttpHandler, HttpRefusal, HttpResponse, Network, Runtime } from '../runtime/index.ts';
import type { ScriptRunner } from '../script/index.ts';
import { destroyLevelStore, openLevelStore, type Store, StoreFailedError } from '../store/index.ts';
import { LogScrub } from './log-scrub.ts';
import { openRegion, type Region, type RegionAddresses } from './region.ts';
import { damageReport, type RegionDamagedError, regionDamage } from './region-damage.ts';
import { wipeRegion } from './region-files.ts';
import { Turns } from './turns.ts';

export interface LocalRegionOptions {
  readonly runtime: Runtime;
  readonly disk: Disk;
  readonly network: Network;
  readonly directory: Directory;
  readonly region: string;
  /** What runs the scripts of users; others may use it too. */
  readonly runner: ScriptRunner;
  readonly paths: { readonly root: string; readonly log: string; readonly store: string };
  readonly listenAddresses: RegionAddresses;
  readonly addressesOf: (region: string) => RegionAddresses | undefined;
  readonly keys: AccountKeys;
  readonly endpoints: (origin: ClientOrigin) => readonly RegionEndpoint[];
  /** Upper bound of every operation on items, in milliseconds. */
  readonly operationTimeoutMs: number;
  /** How many regions share this process, and so its memory. */
  readonly regionsInProcess: number;
  readonly log: (line: string) => void;
  /**
   * After a failed fsync or a broken invariant nothing this process says of its data can be trusted: it
   * must end. So it must where a region that is alone in it finds its disk damaged.
   */
  readonly onFatal: (reason: unknown) => void;
}

interface Open {
  readonly region: Region;
  readonly log: FileLog;
  readonly store: Store;
  readonly api: SqlApi;
  readonly scrub: LogScrub;
  /** Requests that wait for their answer: how to answer each of them when the region is killed. */
  readonly waiting: Slots<() => void>;
}

/** Over all regions of a process. */
const CACHE_BYTES = 96 << 20;
const DIRTY_BYTES = 96 << 20;

/**
 * 3: packed postings; 4: patches, time to live; 5: unique keys, other pending edits; 6: what deletes end;
 * 7: how far the views have forgotten.
 * What an older program left is built anew from the log.
 */
const STORE_FORMAT = 7;

/** A store that fails again so soon after it was opened anew is not worth another try: it is built anew. */
const AGAIN_MS = 60_000;

export class LocalRegion {
  readonly name: string;
  readonly #options: LocalRegionOptions;
  readonly #turns = new Turns();
  #open: Open | undefined;
  #life = 0;
  #damage: string | undefined;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  /** Not while it lacks what the others knew when it began its storage life. */
  #isAdmitted = false;
  #paused: { readonly ended: Promise<void>; readonly end: () => void } | undefined;

  constructor(options: LocalRegionOptions) {
    this.name = options.region;
    this.#options = options;
  }

  get isServing(): boolean {
    return this.#open !== undefined && this.#isAdmitted && this.#paused === undefined;
  }

  get region(): Region | undefined {
    return this.#open?.region;
  }

  /** Changes when the region is killed, closed or goes down; not when it recovers by itself. */
  get life(): number {
    return this.#life;
  }

  /** What was found on the disk of a region that is down because of it. */
  get damage(): string | undefined {
    return this.#damage;
  }

  /**
   * Takes part in replication from here on; clients are answered after `admit`.
   * @throws RegionDamagedError, and what the person who runs the server must know. DatabaseError `Conflict`
   * when it is open already.
   */
  open(): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#open !== undefined)
        throw new DatabaseError('Conflict', `The region '${this.name}' is running already.`);
      this.#isAdmitted = false;
      this.#damage = undefined;
      try {
        this.#open = await this.#begin();
      } catch (error) {
        const damage = regionDamage(this.name, error);
        this.#damage = damage?.finding;
        throw damage ?? error;
      }
    });
  }

  admit(): void {
    this.#isAdmitted = true;
    this.#open?.region.admit();
  }

  async #begin(rebuild = false): Promise<Open> {
    const { runtime, disk, paths } = this.#options;
    const log = await openFileLog({ runtime, disk, directory: paths.log });
    try {
      if (rebuild) await destroyLevelStore(paths.store);
      try {
        return await this.#beginOver(log, await this.#openStore());
      } catch (error) {
        if (!(error instanceof StoreFailedError)) throw error;
        this.#options.log(
          `region ${this.name}: the store is damaged (${error.message}); building it anew from the log`,
        );
        await destroyLevelStore(paths.store);
        return await this.#beginOver(log, await this.#openStore());
      }
    } catch (error) {
      // Left open, its lock would be in the way of the next attempt.
      await log.close();
      throw error;
    }
  }

  /** Closes `store` when it fails. */
  async #beginOver(log: FileLog, store: Store): Promise<Open> {
    const { regionsInProcess } = this.#options;
    let open: Open | undefined;
    let failure: unknown;
    // What still fails in the objects of a region that was killed concerns nobody.
    const isOver = () => open !== undefined && this.#open !== open;
    const fail = (reason: unknown) => {
      if (open === undefined) failure ??= reason;
      else if (!isOver()) this.#failed(open, reason);
    };
    try {
      const region = await openRegion({
        ...this.#options,
        log,
        store,
        memory: {
          cacheBytesMax: CACHE_BYTES / regionsInProcess,
          dirtyBytesMax: DIRTY_BYTES / regionsInProcess,
        },
        // One that was admitted before and opens anew by itself has forgotten nothing.
        awaitsAdmission: !this.#isAdmitted,
        warn: this.#options.log,
        onFailed: fail,
      });
      if (failure !== undefined) {
        await region.abandon();
        throw failure;
      }
      const api = this.#createApi(region, fail, isOver);
      const { runtime } = this.#options;
      const scrub = new LogScrub({ runtime, log, onDamage: (damage) => this.#warnOfRot(damage) });
      open = { region, log, store, api, scrub, waiting: new Slots() };
      return open;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** What nobody has asked for yet is no reason to refuse what is asked for. */
  #warnOfRot({ message }: LogDamagedError): void {
    this.#options.log(
      `region ${this.name}: ${message}. It serves, but can bring no other region up to date from there: ` +
        'wipe and start it while the others have what it held',
    );
  }

  #createApi(region: Region, fail: (reason: unknown) => void, isOver: () => boolean): SqlApi {
    const { keys, endpoints } = this.#options;
    return createSqlApi({
      engine: region.engine,
      runtime: region.runtime,
      keys: () => keys,
      endpoints,
      onFault: (error) => {
        if (isOver()) return;
        if (error instanceof StoreFailedError || error instanceof AssertionError) fail(error);
        else this.#options.log(`region ${this.name}: ${describe(error)}`);
      },
    });
  }

  /** The store is only a view: one that cannot be opened is thrown away and made again from the log. */
  async #openStore(): Promise<Store> {
    const { disk, paths } = this.#options;
    await disk.makeDirectory(paths.root);
    const options = { directory: paths.store, formatVersion: STORE_FORMAT };
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
  #failed(open: Open, reason: unknown): void {
    const damage = this.#damageAmongOthers(reason);
    if (damage !== undefined) {
      this.#goDown(open, damage);
      return;
    }
    const isForgetful = reason instanceof ViewsForgetfulError;
    this.#options.log(
      isForgetful
        ? `region ${this.name}: ${reason.message}; building the store anew from the log`
        : `region ${this.name} failed: ${describe(reason)}`,
    );
    if (!(reason instanceof StoreFailedError) && !isForgetful) {
      this.#options.onFatal(reason);
      return;
    }
    const recovery = this.#turns.take(async () => {
      // A failure is often told more than once.
      if (this.#open !== open) return;
      const nowMs = this.#options.runtime.monotonicMs();
      const isAgain = nowMs - this.#failedAtMs < AGAIN_MS;
      this.#failedAtMs = nowMs;
      await this.#abandon(open);
      this.#open = await this.#begin(isAgain || isForgetful);
    });
    recovery.catch((error: unknown) => {
      const damage = this.#damageAmongOthers(error);
      if (damage === undefined) this.#options.onFatal(error);
      else this.#noteDamage(damage);
    });
  }

  /** Damage that takes this region down while others in the process go on. */
  #damageAmongOthers(reason: unknown): RegionDamagedError | undefined {
    return this.#options.regionsInProcess > 1 ? regionDamage(this.name, reason) : undefined;
  }

  #goDown(open: Open, damage: RegionDamagedError): void {
    // A failure is often told more than once.
    if (this.#damage !== undefined) return;
    // At once: not one more answer comes from a disk that is not what it was.
    this.#noteDamage(damage);
    const downfall = this.#turns.take(async () => {
      if (this.#open === open) await this.#abandon(open);
    });
    downfall.catch((error: unknown) => this.#options.onFatal(error));
  }

  #noteDamage({ finding }: RegionDamagedError): void {
    this.#isAdmitted = false;
    this.#life += 1;
    this.#damage = finding;
    this.#options.log(damageReport(this.name, finding));
  }

  readonly handle: HttpHandler = (request) => {
    if (this.#paused !== undefined) return this.#paused.ended.then(() => this.handle(request));
    const open = this.#isAdmitted ? this.#open : undefined;
    if (open === undefined) return unavailable(this.name);
    const answer = open.api.handler(request);
    return answer instanceof Promise ? this.#unlessKilled(open, answer) : answer;
  };

  /** A killed region answers no more, whatever its objects are still busy with. */
  #unlessKilled({ waiting }: Open, answer: Promise<HttpResponse>): Promise<HttpResponse> {
    return new Promise((resolve) => {
      const slot = waiting.add(() => resolve(unavailable(this.name)));
      void answer.then((response) => {
        waiting.remove(slot);
        resolve(response);
      });
    });
  }

  readonly refuse = (status: HttpRefusal): HttpResponse =>
    this.#open?.api.refuse(status) ?? unavailable(this.name);

  status(): RegionStatus | undefined {
    if (this.#paused !== undefined || this.#open === undefined) return undefined;
    return { ...this.#open.region.status(), isServing: this.isServing };
  }

  metrics(): RegionMetrics | undefined {
    if (this.#paused !== undefined || this.#open === undefined) return undefined;
    const { region, log, scrub } = this.#open;
    const { rss, heapUsed } = process.memoryUsage();
    return {
      ...region.metrics(),
      log: { sizeBytes: log.retention().sizeBytes, damagedSegments: scrub.damagedSegments },
      process: { id: process.pid, residentBytes: rss, heapBytes: heapUsed },
    };
  }

  pause(): void {
    if (this.#paused !== undefined || this.#open === undefined) return;
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#paused = { ended, end };
    this.#open.region.pause();
  }

  resume(): void {
    this.#paused?.end();
    this.#paused = undefined;
    this.#open?.region.resume();
  }

  /** Drops the region's objects without flush or goodbye; what its log had made durable is what is left. */
  kill(): Promise<void> {
    return this.#turns.take(async () => {
      const open = this.#open;
      if (open === undefined)
        throw new DatabaseError('Conflict', `The region '${this.name}' is not running.`);
      this.#life += 1;
      await this.#abandon(open);
    });
  }

  async #abandon({ region, log, store, waiting, scrub }: Open): Promise<void> {
    this.#open = undefined;
    scrub.stop();
    // What was paused is gone, and whoever waited for it with it.
    this.#paused?.end();
    this.#paused = undefined;
    for (const giveUp of waiting.drain()) giveUp();
    await region.abandon();
    await log.close();
    await store.close();
  }

  close(): Promise<void> {
    this.resume();
    return this.#turns.take(async () => {
      const open = this.#open;
      if (open === undefined) return;
      this.#life += 1;
      this.#open = undefined;
      open.scrub.stop();
      await open.region.close();
      await open.log.close();
      await open.store.close();
    });
  }

  /** Deletes the region's durable state; only while it is down. `renew`: gives the region a new origin. */
  wipe(renew: () => Promise<unknown>): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#open !== undefined) {
        throw new DatabaseError(
          'Conflict',
          `The region '${this.name}' is running; kill it before you wipe it.`,
        );
      }
      await wipeRegion(this.#options.disk, this.#options.paths.root, renew);
      this.#damage = undefined;
    });
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
