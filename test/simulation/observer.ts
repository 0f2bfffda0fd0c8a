import type { Dot } from '../../src/causality/index.ts';
import { LogDamagedError, type PartitionNumber } from '../../src/log/index.ts';
import { type ItemState, isCollectible, isMerged, visiblePut } from '../../src/merge/index.ts';
import { valueIn } from './item-value.ts';
import type { Ledger } from './ledger.ts';
import { nameOf } from './model-item.ts';
import { ENDED, type PlanetDriver, type RegionLife } from './planet-driver.ts';
import type { ModelPut } from './reference.ts';
import type { RegionUnderTest } from './region-under-test.ts';
import type { SimulatedRuntime } from './simulated-runtime.ts';
import type { Violations } from './violations.ts';

export interface ObserverOptions {
  readonly driver: PlanetDriver;
  readonly ledger: Ledger;
  readonly runtime: SimulatedRuntime;
  readonly violations: Violations;
}

/** How often the last word waits for a region that is just taking something away. */
const FOLLOW_ROUNDS_MAX = 100;
/** What stands as it stood at its last judgement is judged again after so many rounds. */
const UNCHANGED_ROUNDS = 4;
/** How long a healed region may refuse queries. */
const QUERY_MS_MAX = 30_000;

type OpenLife = RegionLife & { readonly region: RegionUnderTest };

/** How far a partition's log was when it was judged, and in which round that was. */
interface Judged {
  readonly tail: number;
  readonly round: number;
}

/** Follows all logs while the world goes on, and compares what regions show with what they must show. */
export class Observer {
  readonly #options: ObserverOptions;
  #judged = 0;
  #queries = 0;
  #isStopped = false;
  #rounds = 0;
  /** By life and partition: how far it was when it was last judged, and in which round. */
  readonly #last = new WeakMap<RegionUnderTest, Map<PartitionNumber, Judged>>();

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  /** How many partition states were judged: those that are always busy never are. */
  get judged(): number {
    return this.#judged;
  }

  /** How many answers of queries were compared with what is visible. */
  get queries(): number {
    return this.#queries;
  }

  async run(everyMs: number): Promise<void> {
    while (!this.#isStopped) {
      await this.#options.runtime.sleep(everyMs, 'observe');
      if (!this.#isStopped) await this.observe(false);
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Follows every log to its present end, then judges whatever stands still at that moment: all of it when
   * `isThorough`, else what has changed, and now and then what has not.
   */
  async observe(isThorough = true): Promise<void> {
    this.#rounds += 1;
    await Promise.all(this.#sound().map((life) => Promise.race([this.#follow(life), life.ended])));
    // From here to the end nothing can happen: all regions are seen at one moment.
    for (const life of this.#sound()) {
      for (const number of life.region.partitionNumbers()) this.#judge(life, number, isThorough);
    }
  }

  /** Open regions whose disk is their own: what is written on an older one has to be given up. */
  #sound(): OpenLife[] {
    const { driver } = this.#options;
    return driver.open().filter(({ name }) => !driver.isOutdated(name));
  }

  async #follow(life: OpenLife): Promise<void> {
    const { ledger } = this.#options;
    const followed = { region: life.name, origin: life.region.origin };
    for (const number of life.region.partitionNumbers()) {
      const partition = life.region.partition(number);
      if (partition === undefined) continue;
      await ledger.follow(followed, partition).catch((error: unknown) => this.#excuse(life.name, error));
    }
  }

  /** A disk that was tampered with may give back nothing, though never anything else than was written. */
  #excuse(name: string, error: unknown): void {
    if (!(error instanceof LogDamagedError) || !this.#options.driver.isDamaged(name)) throw error;
  }

  #judge(life: OpenLife, number: PartitionNumber, isThorough: boolean): void {
    const partition = life.region.partition(number);
    if (partition === undefined) return;
    const tail = partition.tail();
    const last = this.#last.get(life.region)?.get(number);
    if (!isThorough && last?.tail === tail && this.#rounds < last.round + UNCHANGED_ROUNDS) return;
    const everybodyHas = (dot: Dot) => this.#everybodyHas(number, dot);
    if (!this.#options.ledger.judgeState(life.name, partition, everybodyHas)) return;
    this.#judged += 1;
    const ofLife = this.#last.get(life.region) ?? new Map<PartitionNumber, Judged>();
    this.#last.set(life.region, ofLife.set(number, { tail, round: this.#rounds }));
  }

  /** Undefined when that cannot be said because a region is down. */
  #everybodyHas(number: PartitionNumber, dot: Dot): boolean | undefined {
    const { driver } = this.#options;
    const open = this.#sound();
    for (const { region } of open) {
      const partition = region.partition(number);
      if (partition !== undefined && !partition.vector.covers(dot)) return false;
    }
    return open.length === driver.names.length ? true : undefined;
  }

  /** What still keeps the planet from being quiet; empty when every region has applied the same. */
  differences(): string[] {
    const { driver, ledger } = this.#options;
    const open = this.#sound();
    const different: string[] = [];
    if (open.length < driver.names.length)
      different.push(`only ${open.length} regions are open with a disk of their own`);
    for (const number of ledger.partitions()) {
      const vectors = open.map(({ name, region }) => ({ name, partition: region.partition(number) }));
      const [first] = vectors;
      for (const { name, partition } of vectors) {
        if (partition === undefined) different.push(`${name} does not have partition ${number} open`);
        else if (!partition.isQuiet()) different.push(`${name} is busy with partition ${number}`);
        else if (first?.partition !== undefined && !partition.vector.equals(first.partition.vector)) {
          const [one, other] = [partition.vector, first.partition.vector];
          different.push(`partition ${number}: ${name} has [${one}], ${first.name} [${other}]`);
        }
      }
    }
    return different;
  }

  /** Items of which more is kept than what is visible, over all regions. */
  unsettled(): string[] {
    const { driver, ledger, runtime } = this.#options;
    const { lifetimes, isUnique } = ledger;
    // Patches of what may lose its unique values yet stay apart where losers are kept.
    const staysApart = (state: ItemState) => isUnique && state.siblings[0]?.keeps === true && isMerged(state);
    const unsettled: string[] = [];
    for (const { name, region } of driver.open()) {
      for (const number of ledger.partitions()) {
        for (const [key, model] of ledger.log(name, number).items) {
          const item = region.partition(number)?.lookup(key);
          const state = item?.state;
          const gaveWay = model.isSuppressed && (state?.siblings.length ?? 0) > 0;
          const visible = model.visible;
          const hasExpired = state !== undefined && lifetimes.isOver(visible, runtime.elapsedMs);
          const isLeft = state !== undefined && isCollectible(state) && !staysApart(state);
          const isUnsettled = gaveWay || hasExpired || isLeft;
          if (isUnsettled) unsettled.push(`${name} ${number} ${key}`);
        }
      }
    }
    return unsettled;
  }

  /** The last word: logs are what they were, equal vectors mean equal state, and the specification agrees. */
  async judgeEnd(): Promise<void> {
    const { driver, ledger, violations } = this.#options;
    await this.observe();
    for (const life of driver.open()) {
      for (const number of life.region.partitionNumbers()) {
        const partition = life.region.partition(number);
        if (partition === undefined) continue;
        const followed = { region: life.name, origin: life.region.origin };
        const reread = ledger
          .reread(followed, partition)
          .catch((error: unknown) => this.#excuse(life.name, error));
        await Promise.race([reread, life.ended.then(() => ENDED)]);
        const log = ledger.log(life.name, number);
        // Now and then something is taken away after its time.
        for (let round = 0; round < FOLLOW_ROUNDS_MAX; round++) {
          if (partition.tail() === log.entries.length && partition.isQuiet()) break;
          await this.#options.runtime.sleep(10, 'follow');
          await this.observe();
        }
        for (const [key, model] of log.items) {
          const [shown, expected] = [partition.lookup(key)?.state.siblings[0]?.dot, model.recomputed()?.dot];
          if (nameOf(shown) === nameOf(expected)) continue;
          violations.report(
            'I7 visible is a function of the set of operations',
            `${life.name} ${number} ${key} shows ${nameOf(shown)}, the specification ${nameOf(expected)}`,
          );
        }
      }
      await Promise.race([this.#judgeQueries(life), life.ended]);
    }
  }

  /** What queries find is what is visible, byte for byte: by scanning, and by the index on `value`. */
  async #judgeQueries({ name, region }: OpenLife): Promise<void> {
    const { ledger } = this.#options;
    const visible: Visible[] = [];
    const values = new Map<string, Visible[]>();
    for (const number of region.partitionNumbers()) {
      for (const [key, model] of ledger.log(name, number).items) {
        // The model does not know the bytes of what is merged; the state that shows them was judged before.
        const state = model.visible?.parts && region.partition(number)?.lookup(key)?.state;
        const visibleBody = state === undefined ? model.visible?.body : visiblePut(state)?.body;
        const body = visibleBody === undefined ? undefined : Buffer.from(visibleBody).toString();
        const shown = model.visible && body !== undefined ? { put: model.visible, body } : undefined;
        if (shown !== undefined) visible.push(shown);
        // The oldest value too: an index that forgets to forget would still find it.
        for (const put of [model.visible, model.operations.find((one) => one.kind === 'put')]) {
          if (put?.kind !== 'put') continue;
          const value = valueIn(Buffer.from(put.body).toString());
          values.set(value, shown !== undefined && value === valueIn(shown.body) ? [shown] : []);
        }
      }
    }
    await this.#compare(`${name}, all items`, () => this.#find(region, undefined), visible);
    for (const [value, shown] of values) {
      await this.#compare(`${name}, items with ${value}`, () => this.#find(region, value), shown);
    }
  }

  /** Leases come back, and stores catch up, within a while. */
  async #find(region: RegionUnderTest, value: string | undefined): Promise<string[]> {
    const { runtime } = this.#options;
    const deadlineMs = runtime.elapsedMs + QUERY_MS_MAX;
    for (;;) {
      try {
        return await region.find(value);
      } catch (error) {
        if (runtime.elapsedMs > deadlineMs) throw error;
        await runtime.sleep(500, 'query again');
      }
    }
  }

  /** What lives is found, once; what is over is not; between the two nobody can say. */
  async #compare(
    what: string,
    find: () => Promise<readonly string[]>,
    shown: readonly Visible[],
  ): Promise<void> {
    const { runtime, violations, ledger } = this.#options;
    const { lifetimes } = ledger;
    this.#queries += 1;
    const sinceMs = runtime.elapsedMs;
    const found = await find();
    const must = shown.filter(({ put }) => !lifetimes.mayBeOver(put, runtime.elapsedMs));
    const may = new Set(shown.filter(({ put }) => !lifetimes.isOver(put, sinceMs)).map(({ body }) => body));
    const isRight =
      new Set(found).size === found.length &&
      found.every((body) => may.has(body)) &&
      must.every(({ body }) => found.includes(body));
    if (isRight) return;
    const names = (list: readonly string[]) => list.map(valueIn).join(' ');
    violations.report(
      'I7 visible is a function of the set of operations',
      `${what}: a query finds [${names(found)}], visible is [${names(shown.map(({ body }) => body))}]`,
    );
  }
}

/** An item as the model and its region show it. */
interface Visible {
  readonly put: ModelPut;
  /** JSON text. */
  readonly body: string;
}
