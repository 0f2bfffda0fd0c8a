/** The composition root: the one place that knows every part, and wires them for one machine. */
import { tmpdir } from 'node:os';
import {
  type AccountState,
  type Directory,
  greatCircleLatency,
  initialAccountState,
  openEmbeddedDirectory,
} from '../account/index.ts';
import { createManagementApi, type Planet } from '../api/fault/index.ts';
import type { StartOptions } from '../config/index.ts';
import { openFileLog } from '../log/index.ts';
import {
  createNodeDisk,
  createNodeRuntime,
  type Disk,
  type HttpListener,
  listenHttp,
  listenTcpProxy,
  type Runtime,
} from '../runtime/index.ts';
import { loadCertificate, type ServerCertificate } from './certificates.ts';
import { DataDirectory, DataDirectoryError } from './data-directory.ts';
import { endpointsFor, urlHost } from './endpoints.ts';
import { BODY_BYTES_MAX } from './limits.ts';
import { LocalPlanet } from './local-planet.ts';
import { ProcessPlanet } from './process-planet.ts';
import type { RunningServer } from './running-server.ts';

export interface ServerConsole {
  /** For the person at the terminal: what happened and is worth knowing. */
  readonly log: (line: string) => void;
  /** The script that, given the argument `region-process`, calls `runRegionProcess`. */
  readonly entry: string;
}

const MANAGEMENT_OFFSET = 9;
const ACCOUNT_ID = 'orrery';

/**
 * Starts a server as `options` say; resolves when it can answer its first request.
 * @throws DataDirectoryError, LogDamagedError of the directory, RegionDamagedError when no region can be
 * used, and what listening can fail with (EADDRINUSE).
 */
export async function startServer(options: StartOptions, terminal: ServerConsole): Promise<RunningServer> {
  const runtime = createNodeRuntime();
  const disk = createNodeDisk();
  const path = options.data ?? `${tmpdir()}/orrery-${runtime.uuid()}`;
  const data = await DataDirectory.open(disk, path);
  const release = () => (options.data === undefined ? data.destroy() : data.close());
  const closers: (() => Promise<void>)[] = [release];
  try {
    const server = new Server(options, { runtime, disk, data, terminal }, closers);
    return await server.start();
  } catch (error) {
    for (const close of closers.reverse()) await close().catch(() => undefined);
    throw error;
  }
}

interface Surroundings {
  readonly runtime: Runtime;
  readonly disk: Disk;
  readonly data: DataDirectory;
  readonly terminal: ServerConsole;
}

class Server {
  readonly #options: StartOptions;
  readonly #around: Surroundings;
  /** What to close, in reverse order of opening. */
  readonly #closers: (() => Promise<void>)[];
  /** The regions' listeners, in order. */
  readonly #ports: { readonly name: string; readonly port: number }[] = [];

  constructor(options: StartOptions, around: Surroundings, closers: (() => Promise<void>)[]) {
    this.#options = options;
    this.#around = around;
    this.#closers = closers;
  }

  async start(): Promise<RunningServer> {
    const { runtime, disk, data } = this.#around;
    const { host, port, isolation, allowFaults } = this.#options;
    const directory = await this.#openDirectory();
    const hosts = urlHost(host) === host ? [host] : [];
    const tls = await loadCertificate(disk, data.tls, { hosts, nowMs: runtime.nowMs() });
    const { planet, globalPort } =
      isolation === 'process' ? await this.#processes(directory, tls) : await this.#inProcess(directory, tls);
    const management = await this.#listen(
      port === 0 ? 0 : port + MANAGEMENT_OFFSET,
      tls,
      createManagementApi({ runtime, planet, allowFaults }),
    );
    return {
      endpoint: this.#url(globalPort),
      management: this.#url(management.port),
      regions: this.#ports.map(({ name, port: own }) => ({ name, endpoint: this.#url(own) })),
      down: planet.regions.flatMap((name) => {
        const reason = planet.damage(name);
        return reason === undefined ? [] : [{ name, reason }];
      }),
      // The monotonic clock began with the process.
      readySeconds: runtime.monotonicMs() / 1000,
      close: () => this.#close(),
    };
  }

  async #inProcess(
    directory: Directory,
    tls: ServerCertificate,
  ): Promise<{ planet: Planet; globalPort: number }> {
    const { runtime, disk, data, terminal } = this.#around;
    const { host, regions, key, latency, operationTimeoutMs } = this.#options;
    const planet = new LocalPlanet({
      runtime,
      disk,
      directory,
      regions,
      pathsOf: (region) => data.region(region),
      latencyMs: latencyOf(latency),
      keys: { primary: key },
      operationTimeoutMs,
      endpoints: (origin) => endpointsFor(this.#ports, origin, host),
      log: terminal.log,
      onFatal: (reason) => {
        terminal.log(
          `stopping: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`,
        );
        process.exit(1);
      },
    });
    this.#closers.push(() => planet.close());
    await planet.open();
    for (const region of regions) {
      const { handle, refuse } = planet.listenerOf(region);
      const listener = await this.#listen(this.#portOf(region), tls, handle, refuse);
      this.#ports.push({ name: region, port: listener.port });
    }
    const { refuse } = planet.listenerOf(regions[0] ?? '');
    const global = await this.#listen(this.#options.port, tls, planet.handleGlobal, refuse);
    // Before the listeners wait for requests in flight: those at a paused region would keep them waiting.
    this.#closers.push(() => planet.faults.clear());
    return { planet, globalPort: global.port };
  }

  async #processes(
    directory: Directory,
    tls: ServerCertificate,
  ): Promise<{ planet: Planet; globalPort: number }> {
    const { runtime, disk, data, terminal } = this.#around;
    const { host, port, regions, key, latency, operationTimeoutMs } = this.#options;
    const latencyMs = latencyOf(latency);
    const latencies = Object.fromEntries(
      regions.map((from) => [
        from,
        Object.fromEntries(regions.map((to) => [to, from === to ? 0 : latencyMs(from, to)])),
      ]),
    );
    const planet = new ProcessPlanet({
      runtime,
      disk,
      directory,
      regions,
      entry: terminal.entry,
      portOf: (region) => this.#portOf(region),
      birthOf: (region, own) => ({
        region,
        paths: data.region(region),
        host,
        port: own,
        tls,
        keys: { primary: key },
        operationTimeoutMs,
        latencies,
      }),
      log: terminal.log,
    });
    // The regions finish their requests in flight while the proxy still carries the answers.
    let closeProxy: (() => Promise<void>) | undefined;
    this.#closers.push(async () => {
      await planet.close();
      await closeProxy?.();
    });
    await planet.open();
    this.#ports.push(...planet.places());
    const target = () => {
      const foremost = planet.foremostPort();
      return foremost === undefined
        ? undefined
        : { host: host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port: foremost };
    };
    const proxy = await listenTcpProxy({ host, port, target });
    closeProxy = () => proxy.close();
    return { planet, globalPort: proxy.port };
  }

  #portOf(region: string): number {
    const { port, regions } = this.#options;
    return port === 0 ? 0 : port + 1 + regions.indexOf(region);
  }

  async #openDirectory(): Promise<Directory> {
    const { runtime, disk, data } = this.#around;
    const log = await openFileLog({ runtime, disk, directory: data.account });
    this.#closers.push(() => log.close());
    const directory = await openEmbeddedDirectory({ runtime, log, initial: this.#initialState() });
    this.#closers.push(async () => directory.close());
    checkSameAccount(directory.state, this.#options);
    return directory;
  }

  #initialState(): AccountState {
    const { regions, write, consistency, staleness, topology } = this.#options;
    return initialAccountState({
      id: ACCOUNT_ID,
      regions,
      multipleWriteRegions: write === 'multi',
      topology,
      consistency: {
        level: consistency,
        stalenessOperations: staleness.operations,
        stalenessSeconds: staleness.seconds,
      },
    });
  }

  async #listen(
    port: number,
    tls: ServerCertificate,
    handler: Parameters<typeof listenHttp>[0]['handler'],
    refuse?: Parameters<typeof listenHttp>[0]['refuse'],
  ): Promise<HttpListener> {
    const { host } = this.#options;
    const listener = await listenHttp({
      host,
      port,
      handler,
      tls,
      bodyBytesMax: BODY_BYTES_MAX,
      ...(refuse === undefined ? {} : { refuse }),
    });
    this.#closers.push(() => listener.close());
    return listener;
  }

  #url(port: number): string {
    return `http://${urlHost(this.#options.host)}:${port}/`;
  }

  async #close(): Promise<void> {
    // Listeners were opened last, so requests in flight end while everything they need is still there.
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

function latencyOf(latency: StartOptions['latency']): (from: string, to: string) => number {
  switch (latency.kind) {
    case 'none':
      return () => 0;
    case 'fixed':
      return () => latency.ms;
    case 'real':
      return greatCircleLatency;
  }
}

/**
 * @throws DataDirectoryError when the directory's account has other regions, another write mode or another
 * consistency level.
 */
function checkSameAccount(state: AccountState, options: StartOptions): void {
  const made = state.regions.map((region) => region.name).join(',');
  const asked = options.regions.join(',');
  if (made !== asked) {
    throw new DataDirectoryError(
      `the data directory holds an account with the regions "${made}", not "${asked}"; ` +
        'start it with those, or use another --data',
    );
  }
  if (
    state.multipleWriteRegions !== (options.write === 'multi') ||
    state.consistency.level !== options.consistency
  ) {
    const mode = state.multipleWriteRegions ? 'multi' : 'single';
    throw new DataDirectoryError(
      `the data directory holds an account with --write ${mode} ` +
        `--consistency ${state.consistency.level}; start it with those, or use another --data`,
    );
  }
}
