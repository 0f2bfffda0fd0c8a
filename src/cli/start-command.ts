import { fileURLToPath } from 'node:url';
import { AssertionError } from '../base/index.ts';
import { environment, readOptions, type StartOptions } from '../config/index.ts';
import { messageOf, refuse, type Terminal } from './terminal.ts';

/**
 * Runs `orrery start` until a signal ends it; gives the exit code: 0 after a clean stop, 1 when the server
 * cannot start, 2 for bad flags.
 */
export async function start(argv: readonly string[], terminal: Terminal): Promise<number> {
  const result = readOptions(argv, environment());
  if (result.kind === 'problems') {
    refuse(terminal, argv.includes('--json'), result.problems);
    return 2;
  }
  const { options } = result;
  // From now on, so that a signal during a long recovery is not lost.
  const stopped = firstStopSignal();
  try {
    // Loaded only here: help and the client commands need none of the server's modules.
    const { startServer } = await import('../server/index.ts');
    const entry = fileURLToPath(new URL('main.js', import.meta.url));
    const server = await startServer(options, { log: (line: string) => terminal.err(line), entry });
    announce(server, options, terminal);
    await stopped;
    await server.close();
    return 0;
  } catch (error) {
    refuse(terminal, options.json, [describeFailure(error, options)]);
    if (isOurBug(error) && error instanceof Error) terminal.err(error.stack ?? '');
    return 1;
  }
}

interface Ready {
  readonly endpoint: string;
  readonly management: string;
  readonly regions: readonly { readonly name: string; readonly endpoint: string }[];
  readonly down: readonly { readonly name: string; readonly reason: string }[];
  readonly readySeconds: number;
}

function announce(server: Ready, options: StartOptions, terminal: Terminal): void {
  const { endpoint, management, down, readySeconds } = server;
  if (!options.json) {
    terminal.out(`orrery ready ${endpoint} (${readySeconds.toFixed(2)} s)`);
    return;
  }
  const regions = server.regions.map(({ name, endpoint: own }) => ({ name, endpoint: own }));
  // A line that says nothing of it means that all regions are up.
  const missing = down.length === 0 ? {} : { down };
  terminal.out(JSON.stringify({ event: 'ready', endpoint, management, regions, ...missing, readySeconds }));
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process at once. */
function firstStopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false;
    const stop = (): void => {
      if (isStopping) process.exit(1);
      isStopping = true;
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

function describeFailure(error: unknown, options: StartOptions): string {
  const { code, port } = error as { code?: unknown; port?: unknown };
  if (code === 'EADDRINUSE') return `port ${port ?? options.port} is taken; choose another with --port`;
  if (code === 'EACCES' && port !== undefined)
    return `port ${port} may not be opened by this user; choose one from 1024 on`;
  if (code === 'EADDRNOTAVAIL') return `this machine has no address ${options.host}; see --host`;
  return `cannot start: ${messageOf(error)}`;
}

/** Mistakes of ours are worth a stack; a taken port or a locked folder is not. */
function isOurBug(error: unknown): boolean {
  return [AssertionError, TypeError, ReferenceError, RangeError, SyntaxError].some(
    (kind) => error instanceof kind,
  );
}
