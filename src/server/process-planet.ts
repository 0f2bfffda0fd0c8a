/**
 * One child process for each region; this one keeps the directory, hands out the faults, and passes the
 * global endpoint on.
 */
import { type Directory, serveDirectory } from '../account/index.ts';
import type { Fault, Planet, RegionStatus } from '../api/fault/index.ts';
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
  startChild,
} from '../runtime/index.ts';
import { catchUp, needsCatchingUp } from './catching-up.ts';
import type { ControlAnswer, ControlQuestion, RegionBirth, RegionPlace } from './control.ts';
import { FaultBook } from './fault-book.ts';
import { nameOfOrigin } from './origin-name.ts';

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

export class ProcessPlanet implements Planet {
  readonly regions: readonly string[];
  readonly #options: ProcessPlanetOptions;
  readonly #tcp = createTcpNetwork();
  readonly #running = new Map<string, RunningChild>();
  readonly #admitted = new Set<string>();
  /** Ports stay a region's own over its processes. */
  readonly #ports = new Map<string, number>();
  readonly #faults: FaultBook;
  #directoryListener: NetworkListener | undefined;
  #isClosing = false;

  constructor(options: ProcessPlanetOptions) {
    this.#options = options;
    this.regions = options.regions;
    this.#faults = new FaultBook({
      addLinkFault: (fault, id) => this.#tellAll({ kind: 'add-fault', fault, id }),
      removeLinkFault: (id) => this.#tellAll({ kind: 'remove-fault', id }),
      pause: (region) => this.#running.get(region)?.child.signal('SIGSTOP'),
      resume: (region) => this.#running.get(region)?.child.signal('SIGCONT'),
    });
  }

  async open(): Promise<void> {
    this.#directoryListener = await this.#tcp.listen('127.0.0.1:0', (channel) => {
      serveDirectory(this.#options.directory, channel);
    });
    await Promise.all(this.regions.map((region) => this.#launch(region)));
    await this.#tellPlaces();
    await Promise.all(this.regions.map((region) => this.#admit(region)));
  }

  /** Ports of the regions' listeners, in order. */
  places(): { readonly name: string; readonly port: number }[] {
    return this.regions.map((name) => ({ name, port: this.#ports.get(name) ?? 0 }));
  }

  /** Where the first region listens that runs and answers clients, by failover priority. */
  foremostPort(): number | undefined {
    const serving = this.regions.find((region) => this.#running.has(region) && this.#admitted.has(region));
    return serving === undefined ? undefined : this.#ports.get(serving);
  }

  async #launch(region: string): Promise<void> {
    const { runtime, entry, birthOf, portOf } = this.#options;
    assert(this.#directoryListener !== undefined, 'the directory is served before regions start');
    const { control, address, listener } = await this.#awaitControl();
    const birth: RegionBirth = {
      ...birthOf(region, this.#ports.get(region) ?? portOf(region)),
      directoryAddress: this.#directoryListener.address,
      controlAddress: address,
    };
    const child = startChild(entry, ['region-process'], JSON.stringify(birth));
    const channel = await Promise.race([control, child.exited.then(() => undefined)]);
    // Closing a listener ends its channels too, so it stays for as long as the child does.
    void child.exited.then(() => listener.close());
    if (channel === undefined)
      throw new DatabaseError('ServiceUnavailable', `The process of the region '${region}' did not start.`);
    const caller = new Caller(runtime, channel, () => undefined);
    void child.exited.then(({ code, signal }) =>
      this.#exited(region, caller, `code ${code}, signal ${signal}`),
    );
    const faults = this.#faults
      .list()
      .flatMap(({ id, fault }) => (fault.kind === 'pause' ? [] : [{ id, fault }]));
    const answer = await ask(caller, { kind: 'open', faults }, OPEN_TIMEOUT_MS);
    assert(answer.kind === 'place', 'an opened region tells its place');
    this.#ports.set(region, answer.place.port);
    this.#running.set(region, { child, control: caller, place: answer.place });
  }

  async #awaitControl() {
    let accept: (channel: Channel) => void = () => undefined;
    const control = new Promise<Channel>((resolve) => {
      accept = resolve;
    });
    const listener = await this.#tcp.listen('127.0.0.1:0', (channel) => accept(channel));
    return { control, address: listener.address, listener };
  }

  #exited(region: string, control: Caller, how: string): void {
    if (this.#running.get(region)?.control !== control) return;
    this.#running.delete(region);
    this.#admitted.delete(region);
    if (!this.#isClosing) this.#options.log(`region ${region}: its process ended (${how})`);
  }

  async #tellPlaces(): Promise<void> {
    const places = [...this.#running.values()].map((running) => running.place);
    await Promise.all(
      [...this.#running.values()].map(({ control }) =>
        ask(control, { kind: 'places', places }, ORDER_TIMEOUT_MS),
      ),
    );
  }

  #tellAll(question: ControlQuestion): void {
    // Answers are not waited for: a paused process takes note when it goes on.
    for (const { control } of this.#running.values())
      ask(control, question, ORDER_TIMEOUT_MS).catch(() => undefined);
  }

  async #admit(region: string): Promise<void> {
    const { runtime, directory } = this.#options;
    const running = this.#runningOf(region);
    if (needsCatchingUp(directory.state, region)) {
      const others = this.regions.filter((name) => name !== region);
      let latest: RegionStatus | undefined;
      await catchUp(
        runtime,
        () => {
          void this.status(region).then((status) => {
            latest = status;
          });
          return latest;
        },
        () => Promise.all(others.map((name) => this.status(name))),
      );
    }
    await ask(running.control, { kind: 'admit' }, ORDER_TIMEOUT_MS);
    this.#admitted.add(region);
  }

  nameOf(origin: number): string {
    return nameOfOrigin(this.#options.directory.state, origin);
  }

  faults(): ReturnType<Planet['faults']> {
    return this.#faults.list();
  }

  async addFault(fault: Fault): Promise<string> {
    return this.#faults.add(fault);
  }

  async removeFault(id: string): Promise<boolean> {
    return this.#faults.remove(id);
  }

  async clearFaults(): Promise<void> {
    this.#faults.clear();
  }

  async kill(region: string): Promise<void> {
    const { child } = this.#runningOf(region);
    child.signal('SIGKILL');
    await child.exited;
    this.#running.delete(region);
    this.#admitted.delete(region);
  }

  async start(region: string): Promise<void> {
    if (this.#running.has(region))
      throw new DatabaseError('Conflict', `The region '${region}' is running already.`);
    await this.#launch(region);
    await this.#tellPlaces();
    await this.#admit(region);
  }

  async wipe(region: string): Promise<void> {
    if (this.#running.has(region)) {
      throw new DatabaseError('Conflict', `The region '${region}' is running; kill it before you wipe it.`);
    }
    const { disk, directory, birthOf, portOf } = this.#options;
    await disk.removeTree(birthOf(region, portOf(region)).paths.root);
    await directory.execute({ kind: 'renewOrigin', region });
  }

  async collect(region: string): Promise<void> {
    await ask(this.#runningOf(region).control, { kind: 'collect' }, ORDER_TIMEOUT_MS);
  }

  async status(region: string): Promise<RegionStatus | undefined> {
    const running = this.#running.get(region);
    if (running === undefined) return undefined;
    try {
      const answer = await ask(running.control, { kind: 'status' }, STATUS_TIMEOUT_MS);
      return answer.kind === 'status' ? answer.status : undefined;
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#faults.clear();
    await Promise.all(
      [...this.#running.values()].map(async ({ control, child }) => {
        await ask(control, { kind: 'close' }, ORDER_TIMEOUT_MS).catch(() => undefined);
        child.signal('SIGKILL');
        await child.exited;
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

/** @throws DatabaseError when the child says that it failed, NoAnswerError when it says nothing. */
async function ask(control: Caller, question: ControlQuestion, timeoutMs: number): Promise<ControlAnswer> {
  const answer = (await control.call(question, timeoutMs)) as ControlAnswer;
  if (answer.kind === 'failed') throw new DatabaseError('InternalServerError', answer.message);
  return answer;
}
