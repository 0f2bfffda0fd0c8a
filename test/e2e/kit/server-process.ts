import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const LAUNCH = fileURLToPath(new URL('../../../dist/cli/launch.cjs', import.meta.url));
const READY_MS = 30_000;

export interface Ready {
  readonly endpoint: string;
  readonly management: string;
  readonly regions: readonly { readonly name: string; readonly endpoint: string }[];
  readonly down?: readonly { readonly name: string; readonly reason: string }[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** `orrery start`, as a user runs it. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly exited: Promise<Exit>;
  /** What it has printed so far. */
  stdout = '';
  stderr = '';

  constructor(flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [LAUNCH, 'start', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve({ code, signal }));
    });
  }

  /** Starts on free ports with JSON output, and waits for the ready line. */
  static async start(...flags: string[]): Promise<{ readonly server: ServerProcess; readonly ready: Ready }> {
    const server = new ServerProcess(['--port', '0', '--json', ...flags]);
    return { server, ready: JSON.parse(await server.firstLine()) as Ready };
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The first line on standard output; rejects with all output when the process ends without one. */
  async firstLine(): Promise<string> {
    const deadline = Date.now() + READY_MS;
    let isOver = false;
    void this.exited.then(() => {
      isOver = true;
    });
    for (;;) {
      const end = this.stdout.indexOf('\n');
      if (end >= 0) return this.stdout.slice(0, end);
      if (isOver || Date.now() > deadline) throw new Error(`no ready line: ${this.stdout}${this.stderr}`);
      await pause(10);
    }
  }

  signal(name: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): void {
    this.#child.kill(name);
  }

  /** Asks it to stop and waits until it has. */
  stop(name: 'SIGTERM' | 'SIGINT' | 'SIGKILL' = 'SIGTERM'): Promise<Exit> {
    this.signal(name);
    return this.exited;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks the management listener; `json` is an empty object when there is no body. */
export async function manage(
  ready: Ready,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly json: Record<string, unknown> }> {
  const response = await fetch(new URL(path, ready.management), {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}
