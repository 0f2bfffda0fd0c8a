/**
 * The life of one region's process under `--isolation process`: it takes its orders over the control channel
 * and the account over the directory channel, and ends when its parent is gone.
 */
import { connectDirectory } from '../account/index.ts';
import { assert } from '../base/index.ts';
import { LinkConditions } from '../replication/index.ts';
import {
  answerCalls,
  createAdjustableClocks,
  createNodeDisk,
  createNodeRuntime,
  createTcpNetwork,
  type HttpListener,
  listenHttp,
  onParentGone,
  readFirstInputLine,
} from '../runtime/index.ts';
import { createScriptPool } from '../script/index.ts';
import type { ControlAnswer, ControlQuestion, RegionBirth, RegionPlace } from './control.ts';
import { endpointsFor } from './endpoints.ts';
import { BODY_BYTES_MAX } from './limits.ts';
import { LocalRegion } from './local-region.ts';
import { regionDamage } from './region-damage.ts';

export async function runRegionProcess(): Promise<void> {
  // Signals of the terminal reach the whole group; the parent tells us when to stop.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
  const birth = JSON.parse(await readFirstInputLine()) as RegionBirth;
  onParentGone(() => process.exit(0));
  const child = new RegionProcess(birth);
  await child.begin();
}

class RegionProcess {
  readonly #birth: RegionBirth;
  readonly #clocks = createAdjustableClocks(createNodeRuntime());
  readonly #runtime = this.#clocks.runtime;
  readonly #tcp = createTcpNetwork();
  readonly #links: LinkConditions;
  #places: readonly RegionPlace[] = [];
  #region: LocalRegion | undefined;
  #listener: HttpListener | undefined;

  constructor(birth: RegionBirth) {
    this.#birth = birth;
    const { latencies } = birth;
    this.#links = new LinkConditions({
      runtime: this.#runtime,
      latencyMs: (from, to) => latencies[from]?.[to] ?? 0,
    });
  }

  async begin(): Promise<void> {
    const control = await this.#tcp.connect(this.#birth.controlAddress);
    answerCalls(
      control,
      (question) =>
        this.#answer(question as ControlQuestion).catch((error: unknown): ControlAnswer => {
          const damage = regionDamage(this.#birth.region, error);
          if (damage !== undefined) return { kind: 'damaged', finding: damage.finding };
          return { kind: 'failed', message: describe(error) };
        }),
      () => process.exit(0),
    );
  }

  async #answer(question: ControlQuestion): Promise<ControlAnswer> {
    switch (question.kind) {
      case 'open':
        for (const { id, fault } of question.faults) this.#links.add(fault, id);
        this.#clocks.adjust(question.clock);
        return { kind: 'place', place: await this.#open() };
      case 'admit':
        this.#region?.admit();
        return { kind: 'done' };
      case 'places':
        this.#places = question.places;
        this.#region?.region?.membersChanged();
        return { kind: 'done' };
      case 'add-fault':
        this.#links.add(question.fault, question.id);
        return { kind: 'done' };
      case 'remove-fault':
        this.#links.remove(question.id);
        return { kind: 'done' };
      case 'clock':
        this.#clocks.adjust(question.error);
        return { kind: 'done' };
      case 'status': {
        const status = this.#region?.status();
        return status === undefined ? { kind: 'failed', message: 'not open' } : { kind: 'status', status };
      }
      case 'metrics': {
        const metrics = this.#region?.metrics();
        return metrics === undefined ? { kind: 'failed', message: 'not open' } : { kind: 'metrics', metrics };
      }
      case 'collect':
        await this.#region?.region?.collect();
        return { kind: 'done' };
      case 'close':
        await this.#listener?.close();
        await this.#region?.close();
        return { kind: 'done' };
    }
  }

  async #open(): Promise<RegionPlace> {
    const { region, paths, directoryAddress, host, port, tls, keys, operationTimeoutMs } = this.#birth;
    const directory = await connectDirectory({
      runtime: this.#runtime,
      channel: await this.#tcp.connect(directoryAddress),
    });
    // Without the directory this process cannot hear of new containers: it must not go on as if nothing were.
    void directory.closed.then(() => process.exit(1));
    const local = new LocalRegion({
      runtime: this.#runtime,
      disk: createNodeDisk(),
      network: this.#links.network(region, this.#tcp, (address) => this.#regionAt(address)),
      directory,
      region,
      runner: createScriptPool({ runtime: this.#runtime }),
      paths,
      listenAddresses: { replication: '127.0.0.1:0', forwarding: '127.0.0.1:0' },
      addressesOf: (name) => this.#places.find((place) => place.region === name)?.addresses,
      keys,
      endpoints: (origin) =>
        endpointsFor(
          this.#places.map((place) => ({ name: place.region, port: place.port })),
          origin,
          host,
        ),
      operationTimeoutMs,
      regionsInProcess: 1,
      log: (line) => process.stderr.write(`${line}\n`),
      onFatal: (reason) => {
        process.stderr.write(`region ${region} stops: ${describe(reason)}\n`);
        process.exit(1);
      },
    });
    await local.open();
    this.#region = local;
    const { handle, refuse } = local;
    this.#listener = await listenHttp({
      host,
      port,
      handler: handle,
      refuse,
      tls,
      bodyBytesMax: BODY_BYTES_MAX,
    });
    assert(local.region !== undefined, 'the region was just opened');
    return { region, port: this.#listener.port, addresses: local.region.addresses };
  }

  #regionAt(address: string): string {
    const found = this.#places.find(
      ({ addresses }) => addresses.replication === address || addresses.forwarding === address,
    );
    assert(found !== undefined, 'only addresses of known places are connected to');
    return found.region;
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
