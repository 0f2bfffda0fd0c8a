/**
 * One child process for each region; this one keeps the directory, hands out the faults, and passes the
 * global endpoint on.
 */
import { type Directory, serveDirectory } from '../account/index.ts';
import type { Planet, RegionMetrics, RegionStatus } from '../api/fault/index.ts';
import { assert } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import {
  Caller,
  type Channel,
  type Child,
  createTcpNetwork,
  type Disk,
  type NetworkListener,
  type Runtime,
  sleep,
  startChild,
} from '../runtime/index.ts';
import { type AdmissionOptions, awaitAdmission } from './admission.ts';
import type { ControlAnswer, ControlQuestion, RegionBirth, RegionPlace } from './control.ts';
import { FaultBook } from './fault-book.ts';
import { damageReport, openUndamaged, RegionDamagedError } from './region-damage.ts';
import { wipeRegion } from './region-files.ts';
import { patiently } from './start-patience.ts';
import { Turns } from './turns.ts';

export interface ProcessPlanetOptions {
  readonly runtime: Runtime;
  readonly disk: Disk;
  readonly directory: Directory;
  readonly regions: readonly string[];
  /** Script that takes `region-process` as its argument. */
  readonly entry: string;
  readonly birthOf: (
    region: string,
    port: number,
  ) => Omit<RegionBirth, 'directoryAddress' | 'controlAddress'>;
  /** 0: any free one. */
  readonly portOf: (region: string) => number;
  readonly log: (line: string) => void;
}

interface RunningChild {
  readonly child: Child;
  readonly control: Caller;
  readonly place: RegionPlace;
}

const OPEN_TIMEOUT_MS = 600_000;
const ORDER_TIMEOUT_MS = 30_000;
const STATUS_TIMEOUT_MS = 2_000;
/** How long after its channel a process that ends is gone. */
const EXIT_PATIENCE_MS = 1_000;

export class ProcessPlanet implements Planet {
  readonly regions: readonly string[];
  readonly directory: Directory;
  readonly faults: FaultBook;
  readonly #options: ProcessPlanetOptions;
  readonly #tcp = createTcpNetwork();
  /** All processes that have not ended, those that still open their regions included. */
  readonly #children = new Set<Child>();
  readonly #running = new Map<string, RunningChild>();
  readonly #admitted = new Set<string>();
  readonly #latest = new Map<string, RegionStatus>();
  /** Of regions whose process ended because of what it found on its disk. */
  readonly #damages = new Map<string, string>();
  /** Per region: what is done to it is done one after the other. */
  readonly #turns = new Map<string, Turns>();
  /** Ports stay a region's own over its processes. */
  readonly #ports = new Map<string, number>();
  readonly #admission: AdmissionOptions;
  #directoryListener: NetworkListener | undefined;
  #isClosing = false;

  constructor(options: ProcessPlanetOptions) {
    this.#options = options;
    this.regions = options.regions;
    this.directory = options.directory;
    for (const region of options.regions) this.#turns.set(region, new Turns());
    this.faults = new FaultBook({
      addLinkFault: (fault, id) => this.#tellAll({ kind: 'add-fault', fault, id }),
      removeLinkFault: (id) => this.#tellAll({ kind: 'remove-fault', id }),
      pause: (region) => this.#running.get(region)?.child.signal('SIGSTOP'),
      resume: (region) => this.#running.get(region)?.child.signal('SIGCONT'),
      setClock: async (region, error) => {
        const running = this.#running.get(region);
        if (running === undefined) return;
        const told = ask(running.control, { kind: 'clock', error }, STATUS_TIMEOUT_MS).catch(() => undefined);
        if (!this.faults.isPaused(region)) await told;
      },
    });
    this.#admission = {
      ...options,
      rootOf: (region) => this.#rootOf(region),
      latest: (region) => {
        void this.status(region);
        return this.#latest.get(region);
      },
      ask: (region) => this.status(region),
    };
  }

  async open(): Promise<void> {
    this.#directoryListener = await this.#tcp.listen('127.0.0.1:0', (channel) => {
      serveDirectory(this.directory, channel);
    });
    const damages = await openUndamaged(this.regions, (region) =>
      this.#inTurn(region, () => this.#launch(region)),
    );
    for (const [region, { finding }] of damages) this.#options.log(damageReport(region, finding));
    const up = this.regions.filter((region) => !damages.has(region));
    await this.#tellPlaces(up);
    await Promise.all(up.map((region) => this.#admitAmong(damages, region)));
  }

  async #admitAmong(damages: ReadonlyMap<string, unknown>, region: string): Promise<void> {
    const child = this.#running.get(region)?.child;
    if (child === undefined) return;
    try {
      const admission = this.#admit(region);
      // Whoever has to learn from a region that is damaged would keep all others from serving.
      await (damages.size === 0 ? admission : patiently(this.#options.runtime, admission));
    } catch (error) {
      // One that finds out from the others that its disk is an old copy ends by itself: it has been reported.
      await Promise.race([child.exited, sleep(this.#options.runtime, EXIT_PATIENCE_MS)]);
      if (this.#running.get(region)?.child === child) throw error;
    }
  }

  #inTurn<T>(region: string, work: () => Promise<T>): Promise<T> {
    const turns = this.#turns.get(region);
    assert(turns !== undefined, 'callers check region names');
    return turns.take(work);
  }

  /** Ports of the regions' listeners, in order; one that is down has none yet where any free one would do. */
  places(): { readonly name: string; readonly port: number }[] {
    const places = this.regions.map((name) => ({
      name,
      port: this.#ports.get(name) ?? this.#options.portOf(name),
    }));
    return places.filter(({ port }) => port !== 0);
  }

  /** Where the first region listens that runs and answers clients, by failover priority. */
  foremostPort(): number | undefined {
    const serving = this.regions.find(
      (region) => this.#running.has(region) && this.#admitted.has(region) && !this.faults.isPaused(region),
    );
    return serving === undefined ? undefined : this.#ports.get(serving);
  }

  async #launch(region: string): Promise<void> {
    const { entry, birthOf, portOf } = this.#options;
    assert(this.#directoryListener !== undefined, 'the directory is served before regions start');
    const { control, address, listener } = await this.#awaitControl();
    const birth: RegionBirth = {
      ...birthOf(region, this.#ports.get(region) ?? portOf(region)),
      directoryAddress: this.#directoryListener.address,
      controlAddress: address,
    };
    const child = startChild(entry, ['region-process'], JSON.stringify(birth));
    this.#children.add(child);
    // Closing a listener ends its channels too, so it stays for as long as the child does.
    void child.exited.then(() => {
      this.#children.delete(child);
      return listener.close();
    });
    try {
      const channel = await Promise.race([control, child.exited.then(() => undefined)]);
      if (channel === undefined) throw ended(region);
      await this.#openIn(region, child, channel);
    } catch (error) {
      // It may hold the region's log and port, and nobody would ever ask anything of it.
      child.signal('SIGKILL');
      await child.exited;
      throw error instanceof DatabaseError ? error : ended(region);
    }
  }

  async #openIn(region: string, child: Child, channel: Channel): Promise<void> {
    const control = new Caller(this.#options.runtime, channel, () => undefined);
    const told = this.faults.listLinkFaults();
    const clock = this.faults.clockErrorOf(region);
    const answer = await ask(control, { kind: 'open', faults: told, clock }, OPEN_TIMEOUT_MS);
    if (answer.kind === 'damaged') {
      this.#damages.set(region, answer.finding);
      throw new RegionDamagedError(region, answer.finding);
    }
    this.#damages.delete(region);
    assert(answer.kind === 'place', 'an opened region tells its place');
    this.#ports.set(region, answer.place.port);
    this.#running.set(region, { child, control, place: answer.place });
    void child.exited.then(({ code, signal }) =>
      this.#exited(region, child, `code ${code}, signal ${signal}`),
    );
    // Faults may have come and gone while it opened.
    const now = this.faults.listLinkFaults();
    for (const { id } of told.filter((old) => !now.some((one) => one.id === old.id)))
      await ask(control, { kind: 'remove-fault', id }, ORDER_TIMEOUT_MS);
    for (const { id, fault } of now.filter((one) => !told.some((old) => old.id === one.id)))
      await ask(control, { kind: 'add-fault', id, fault }, ORDER_TIMEOUT_MS);
    await ask(control, { kind: 'clock', error: this.faults.clockErrorOf(region) }, ORDER_TIMEOUT_MS);
  }

  async #awaitControl() {
    let accept: (channel: Channel) => void = () => undefined;
    const control = new Promise<Channel>((resolve) => {
      accept = resolve;
    });
    const listener = await this.#tcp.listen('127.0.0.1:0', (channel) => accept(channel));
    return { control, address: listener.address, listener };
  }

  #exited(region: string, child: Child, how: string): void {
    if (this.#running.get(region)?.child !== child) return;
    this.#forget(region);
    if (this.#isClosing) return;
    this.#options.log(`region ${region}: its process ended (${how}); POST /faults/start starts it again`);
  }

  #forget(region: string): void {
    this.#running.delete(region);
    this.#admitted.delete(region);
    this.#latest.delete(region);
  }

  /** Resolves when `awaited` know where everybody listens; the others may be paused and learn it later. */
  async #tellPlaces(awaited: readonly string[]): Promise<void> {
    const places = [...this.#running.values()].map((running) => running.place);
    const telling = [...this.#running].map(([region, { control }]) => {
      const told = ask(control, { kind: 'places', places }, ORDER_TIMEOUT_MS);
      return awaited.includes(region) ? told : void told.catch(() => undefined);
    });
    await Promise.all(telling);
  }

  /** Resolves when every process has heard that is not paused: those take note when they go on. */
  async #tellAll(question: ControlQuestion): Promise<void> {
    const telling = [...this.#running].map(([region, { control }]) => {
      const told = ask(control, question, STATUS_TIMEOUT_MS).catch(() => undefined);
      return this.faults.isPaused(region) ? undefined : told;
    });
    await Promise.all(telling);
  }

  async #admit(region: string): Promise<void> {
    const { child, control } = this.#runningOf(region);
    const isWanted = () => this.#running.get(region)?.child === child;
    await awaitAdmission(this.#admission, region, isWanted);
    await ask(control, { kind: 'admit' }, ORDER_TIMEOUT_MS);
    if (!isWanted()) return;
    this.#admitted.add(region);
    // Whoever was paused when it went down is paused when it is up again.
    if (this.faults.isPaused(region)) child.signal('SIGSTOP');
  }

  kill(region: string): Promise<void> {
    return this.#inTurn(region, async () => {
      const { child } = this.#runningOf(region);
      // Forgotten first: what follows is no surprise that anybody has to be told of.
      this.#forget(region);
      child.signal('SIGKILL');
      await child.exited;
    });
  }

  async start(region: string): Promise<void> {
    await this.#inTurn(region, async () => {
      if (this.#running.has(region))
        throw new DatabaseError('Conflict', `The region '${region}' is running already.`);
      await this.#launch(region);
      await this.#tellPlaces([region]);
    });
    await patiently(this.#options.runtime, this.#admit(region));
  }

  wipe(region: string): Promise<void> {
    return this.#inTurn(region, async () => {
      if (this.#running.has(region)) {
        throw new DatabaseError('Conflict', `The region '${region}' is running; kill it before you wipe it.`);
      }
      const renew = () => this.directory.execute({ kind: 'renewOrigin', region });
      await wipeRegion(this.#options.disk, this.#rootOf(region), renew);
      this.#damages.delete(region);
    });
  }

  #rootOf(region: string): string {
    const { birthOf, portOf } = this.#options;
    return birthOf(region, portOf(region)).paths.root;
  }

  async collect(region: string): Promise<void> {
    await ask(this.#runningOf(region).control, { kind: 'collect' }, ORDER_TIMEOUT_MS);
  }

  async status(region: string): Promise<RegionStatus | undefined> {
    const running = this.#running.get(region);
    if (running === undefined || this.faults.isPaused(region)) return undefined;
    try {
      const answer = await ask(running.control, { kind: 'status' }, STATUS_TIMEOUT_MS);
      if (answer.kind !== 'status' || this.#running.get(region) !== running) return undefined;
      this.#latest.set(region, answer.status);
      return answer.status;
    } catch {
      return undefined;
    }
  }

  async metrics(region: string): Promise<RegionMetrics | undefined> {
    const running = this.#running.get(region);
    if (running === undefined || this.faults.isPaused(region)) return undefined;
    try {
      const answer = await ask(running.control, { kind: 'metrics' }, STATUS_TIMEOUT_MS);
      return answer.kind === 'metrics' ? answer.metrics : undefined;
    } catch {
      return undefined;
    }
  }

  damage(region: string): string | undefined {
    return this.#damages.get(region);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    // A paused process could not close.
    await this.faults.clear();
    await Promise.all(
      [...this.#running.values()].map(({ control }) =>
        ask(control, { kind: 'close' }, ORDER_TIMEOUT_MS).catch(() => undefined),
      ),
    );
    await Promise.all(
      [...this.#children].map((child) => {
        child.signal('SIGKILL');
        return child.exited;
      }),
    );
    await this.#directoryListener?.close();
  }

  #runningOf(region: string): RunningChild {
    const running = this.#running.get(region);
    if (running === undefined) throw new DatabaseError('Conflict', `The region '${region}' is not running.`);
    return running;
  }
}

function ended(region: string): DatabaseError {
  return new DatabaseError(
    'ServiceUnavailable',
    `The process of the region '${region}' ended before it was ready.`,
  );
}

/** @throws DatabaseError when the child says that it failed, NoAnswerError when it says nothing. */
async function ask(control: Caller, question: ControlQuestion, timeoutMs: number): Promise<ControlAnswer> {
  const answer = (await control.call(question, timeoutMs)) as ControlAnswer;
  if (answer.kind === 'failed') throw new DatabaseError('InternalServerError', answer.message);
  return answer;
}
