/** All regions in this process: one local network between them, one set of link conditions. */
import type { Directory } from '../account/index.ts';
import type { Planet, RegionMetrics, RegionStatus } from '../api/fault/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { LinkConditions } from '../replication/index.ts';
import {
  type AdjustableClocks,
  createAdjustableClocks,
  createLocalNetwork,
  type HttpHandler,
  type Network,
} from '../runtime/index.ts';
import { createScriptPool, type ScriptRunner } from '../script/index.ts';
import { type AdmissionOptions, awaitAdmission } from './admission.ts';
import { FaultBook } from './fault-book.ts';
import { LocalRegion, type LocalRegionOptions } from './local-region.ts';
import { damageReport, openUndamaged } from './region-damage.ts';
import { patiently } from './start-patience.ts';

export interface LocalPlanetOptions
  extends Omit<
    LocalRegionOptions,
    'region' | 'network' | 'paths' | 'listenAddresses' | 'addressesOf' | 'regionsInProcess' | 'runner'
  > {
  readonly regions: readonly string[];
  readonly pathsOf: (region: string) => LocalRegionOptions['paths'];
  /** One-way, in milliseconds. */
  readonly latencyMs: (from: string, to: string) => number;
}

export class LocalPlanet implements Planet {
  readonly regions: readonly string[];
  readonly directory: Directory;
  readonly faults: FaultBook;
  readonly #admission: AdmissionOptions;
  readonly #links: LinkConditions;
  readonly #members = new Map<string, LocalRegion>();
  readonly #clocks = new Map<string, AdjustableClocks>();
  readonly #runner: ScriptRunner;
  readonly #log: (line: string) => void;

  constructor(options: LocalPlanetOptions) {
    const { runtime, regions, latencyMs } = options;
    this.regions = regions;
    this.directory = options.directory;
    this.#log = options.log;
    this.#runner = createScriptPool({ runtime });
    const latest = (region: string) => this.#member(region).status();
    this.#admission = {
      ...options,
      rootOf: (region) => options.pathsOf(region).root,
      latest,
      ask: async (region) => latest(region),
    };
    this.#links = new LinkConditions({ runtime, latencyMs });
    const base = createLocalNetwork(runtime);
    for (const region of regions) {
      const clocks = createAdjustableClocks(runtime);
      const place = { ...this.#placeOf(region, base), runtime: clocks.runtime, runner: this.#runner };
      this.#clocks.set(region, clocks);
      this.#members.set(region, new LocalRegion({ ...options, ...place, paths: options.pathsOf(region) }));
    }
    this.faults = new FaultBook({
      addLinkFault: async (fault, id) => void this.#links.add(fault, id),
      removeLinkFault: async (id) => void this.#links.remove(id),
      pause: (region) => this.#member(region).pause(),
      resume: (region) => this.#member(region).resume(),
      setClock: async (region, error) => this.#clocks.get(region)?.adjust(error),
    });
  }

  #placeOf(region: string, base: Network) {
    const addressesOf = (name: string) => ({
      replication: `${name} replication`,
      forwarding: `${name} forwarding`,
    });
    const regionAt = (address: string) => address.replace(/ (replication|forwarding)$/, '');
    return {
      region,
      network: this.#links.network(region, base, regionAt),
      listenAddresses: addressesOf(region),
      addressesOf,
      regionsInProcess: this.regions.length,
    };
  }

  /** @throws RegionDamagedError when no region can be used; one of several stays down without the others. */
  async open(): Promise<void> {
    const damages = await openUndamaged(this.regions, (region) => this.#member(region).open());
    for (const [region, { finding }] of damages) this.#log(damageReport(region, finding));
    const up = this.regions.filter((region) => !damages.has(region));
    await Promise.all(up.map((region) => this.#admitAmong(damages, region)));
  }

  /** Whoever has to learn from a region that is damaged would keep all others from serving. */
  #admitAmong(damages: ReadonlyMap<string, unknown>, region: string): Promise<void> {
    const admission = this.#admit(region);
    return damages.size === 0 ? admission : patiently(this.#admission.runtime, admission);
  }

  async #admit(region: string): Promise<void> {
    const member = this.#member(region);
    const { life } = member;
    await awaitAdmission(this.#admission, region, () => member.life === life);
    if (member.life !== life) return;
    member.admit();
    // Whoever was paused when it went down is paused when it is up again.
    if (this.faults.isPaused(region)) member.pause();
  }

  /** Answers as one region. */
  listenerOf(region: string): Pick<LocalRegion, 'handle' | 'refuse'> {
    return this.#member(region);
  }

  /** Answers as the first region that runs, by failover priority. */
  readonly handleGlobal: HttpHandler = (request) => this.#foremost().handle(request);

  #foremost(): LocalRegion {
    for (const member of this.#members.values()) if (member.isServing) return member;
    return this.#member(this.regions[0] ?? '');
  }

  async kill(region: string): Promise<void> {
    await this.#member(region).kill();
  }

  async start(region: string): Promise<void> {
    await this.#member(region).open();
    await patiently(this.#admission.runtime, this.#admit(region));
  }

  async wipe(region: string): Promise<void> {
    await this.#member(region).wipe(() => this.directory.execute({ kind: 'renewOrigin', region }));
  }

  async collect(region: string): Promise<void> {
    const node = this.#member(region).region;
    if (node === undefined) throw new DatabaseError('Conflict', `The region '${region}' is not running.`);
    await node.collect();
  }

  async status(region: string): Promise<RegionStatus | undefined> {
    return this.#member(region).status();
  }

  damage(region: string): string | undefined {
    return this.#member(region).damage;
  }

  async metrics(region: string): Promise<RegionMetrics | undefined> {
    return this.#member(region).metrics();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#members.values()].map((member) => member.close()));
    this.#runner.close();
  }

  #member(region: string): LocalRegion {
    const member = this.#members.get(region);
    if (member === undefined) throw new DatabaseError('BadRequest', `There is no region '${region}'.`);
    return member;
  }
}
