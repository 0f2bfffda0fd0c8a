import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The program under test, as its users start it. */
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const START_MS_MAX = 20_000;
const STOP_MS_MAX = 20_000;

export interface NamedEndpoint {
  readonly name: string;
  readonly endpoint: string;
}

export interface StartRequest {
  /** Folder of an earlier server; a fresh one unless given. */
  readonly data?: string;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A real server process on free ports, with durable state in a folder of its own. */
export class ServerProcess {
  readonly endpoint: string;
  readonly management: string;
  readonly regions: readonly NamedEndpoint[];
  readonly data: string;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, exited: Promise<Exit>, data: string, ready: ReadyEvent) {
    this.#child = child;
    this.exited = exited;
    this.data = data;
    this.endpoint = ready.endpoint;
    this.management = ready.management.replace(/\/$/, '');
    this.regions = ready.regions;
  }

  static async start(request: StartRequest = {}): Promise<ServerProcess> {
    const data = request.data ?? (await makeDataFolder());
    const argv = ['start', '--port', '0', '--json', '--data', data, ...(request.flags ?? [])];
    const { child, exited, output } = launch(argv, request.env);
    const ready = await readyEvent(child, exited, output);
    return new ServerProcess(child, exited, data, ready);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Endpoint of the region at `index` of the failover order. */
  region(index: number): NamedEndpoint {
    const region = this.regions[index];
    if (region === undefined) throw new Error(`the server told of no region ${index}`);
    return region;
  }

  /** SIGKILL: no goodbye. Resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** SIGTERM; the exit, which should be code 0. */
  async stop(): Promise<Exit> {
    this.#child.kill('SIGTERM');
    return within(STOP_MS_MAX, this.exited, 'the server does not stop');
  }

  /** Stops without judging how, and removes the data; for the end of a test file. */
  async dispose(): Promise<void> {
    await this.stop().catch(() => this.kill());
    await rm(this.data, { recursive: true, force: true });
  }
}

interface ReadyEvent {
  readonly event: 'ready';
  readonly endpoint: string;
  readonly management: string;
  readonly regions: readonly NamedEndpoint[];
}

const folders = new Set<string>();
const running = new Set<ChildProcess>();

/** Removed when the test file ends. */
export async function makeDataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'orrery-conformance-'));
  folders.add(folder);
  return folder;
}

/** Ends what a failed test left running and removes every folder; for the end of a test file. */
export async function cleanUp(): Promise<void> {
  const closed = [...running].map((child) => new Promise((resolve) => child.once('close', resolve)));
  for (const child of running) child.kill('SIGKILL');
  await Promise.all(closed);
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
}

/** Runs any command of the program to its end. */
export async function runCommand(
  argv: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<Exit & { stdout: string; stderr: string }> {
  const { child, exited, output } = launch(argv, env);
  const late = `orrery ${argv[0]} does not end`;
  const exit = await within(START_MS_MAX, exited, late).finally(() => child.kill('SIGKILL'));
  return { ...exit, stdout: output.stdout.join('\n'), stderr: output.stderr.join('\n') };
}

interface Output {
  readonly stdout: string[];
  readonly stderr: string[];
}

function launch(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { child: ChildProcess; exited: Promise<Exit>; output: Output } {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  const output: Output = { stdout: [], stderr: [] };
  for (const stream of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[stream] as NodeJS.ReadableStream }).on('line', (line) => {
      output[stream].push(line);
      // Enough to explain a failure; a server under load may say a lot.
      if (output[stream].length > 200) output[stream].shift();
    });
  }
  const exited = new Promise<Exit>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  return { child, exited, output };
}

async function readyEvent(child: ChildProcess, exited: Promise<Exit>, output: Output): Promise<ReadyEvent> {
  const ready = new Promise<ReadyEvent>((resolve) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const event = line.startsWith('{') ? JSON.parse(line) : {};
      if (event.event === 'ready') resolve(event);
    });
  });
  const failed = exited.then(({ code, signal }): never => {
    throw new Error(`the server ended (${code ?? signal}) before it was ready:\n${output.stderr.join('\n')}`);
  });
  try {
    return await within(START_MS_MAX, Promise.race([ready, failed]), 'the server does not become ready');
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
