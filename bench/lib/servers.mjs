import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memory } from './process-figures.mjs';
import { call } from './wire.mjs';

const PACKAGE = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
/** The server runs with the flags of Node.js that `npm start` gives it. */
const NODE_FLAGS = PACKAGE.scripts.start.split(' ').filter((word) => word.startsWith('--'));
const MAIN = fileURLToPath(new URL('../../dist/cli/launch.cjs', import.meta.url));
const PROBE = fileURLToPath(new URL('./turn-probe.mjs', import.meta.url));
const TARGETS = fileURLToPath(new URL('../targets/', import.meta.url));
const START_MS_MAX = 120_000;
const ALL_REGIONS = ['West US', 'North Europe', 'Southeast Asia'];

/** A server under test. `firstAnswerSeconds`: from the start of the process to its first answer. */
export class Server {
  constructor(child, port, firstAnswerSeconds, data) {
    this.child = child;
    this.pid = child.pid;
    this.port = port;
    this.firstAnswerSeconds = firstAnswerSeconds;
    this.data = data;
  }

  /** Port of the region at `index`. */
  regionPort(index) {
    return this.port + 1 + index;
  }

  get managementPort() {
    return this.port + 9;
  }

  /** Answers of the probe that it was started with; see `turn-probe.mjs`. */
  ask(message) {
    return new Promise((resolve) => {
      this.child.once('message', resolve);
      this.child.send(message);
    });
  }

  memory() {
    return memory(this.pid);
  }

  async stop(signal = 'SIGTERM') {
    const exited = new Promise((resolve) => {
      this.child.once('exit', resolve);
    });
    this.child.kill(signal);
    await exited;
  }

  /** Stops and removes the data. */
  async dispose() {
    await this.stop();
    if (this.data !== undefined) await rm(this.data, { recursive: true, force: true });
  }
}

export function startBare() {
  return launch((port) => [join(TARGETS, 'bare.mjs'), String(port)]);
}

/** Like the log, it writes to the disk of the temporary files. */
export async function startBareDurable() {
  const folder = await mkdtemp(join(tmpdir(), 'orrery-bench-'));
  return launch((port) => [join(TARGETS, 'bare-durable.mjs'), String(port), join(folder, 'file')], folder);
}

/** `heapMb`: what it keeps is in there; the platform's own bound unless given. */
export function startPeer({ heapMb } = {}) {
  const flags = heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`];
  return launch((port) => [...flags, join(TARGETS, 'peer.mjs'), String(port)]);
}

/** Durable, in a fresh folder unless `data` names an old one. `isProbed`: turns of its event loop are told. */
export async function startOrrery({ regions = 1, data, flags = [], isProbed = false } = {}) {
  const folder = data ?? (await mkdtemp(join(tmpdir(), 'orrery-bench-')));
  const names = ALL_REGIONS.slice(0, regions).join(',');
  return launch(
    (port) => [
      ...NODE_FLAGS,
      ...(isProbed ? ['--import', PROBE] : []),
      MAIN,
      'start',
      '--port',
      String(port),
      '--regions',
      names,
      '--data',
      folder,
      '--json',
      ...flags,
    ],
    folder,
    isProbed,
  );
}

async function launch(argvOf, data, isProbed = false) {
  const port = await freePorts();
  const startedAt = performance.now();
  const child = spawn(process.execPath, argvOf(port), {
    stdio: ['ignore', 'ignore', 'inherit', ...(isProbed ? ['ipc'] : [])],
  });
  const exited = new Promise((_, reject) => {
    child.once('exit', (code) => reject(new Error(`${argvOf(port).join(' ')} ended with ${code}`)));
  });
  exited.catch(() => undefined);
  await Promise.race([firstAnswer(port), exited]);
  return new Server(child, port, (performance.now() - startedAt) / 1000, data);
}

async function firstAnswer(port) {
  const deadline = performance.now() + START_MS_MAX;
  for (;;) {
    try {
      await knock(port);
      await call(port, { method: 'GET', target: '/', type: '', link: '' });
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** A bare connection is cheaper to try than a request: the poller must not slow what it waits for. */
function knock(port) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve();
    });
    socket.on('error', reject);
  });
}

/** The first of ten free ports in a row, as the port plan of `orrery start` wants them. */
async function freePorts() {
  for (let attempt = 0; attempt < 50; attempt++) {
    const first = 20_000 + Math.floor(Math.random() * 20_000);
    const free = await Promise.all(Array.from({ length: 10 }, (_, index) => isFree(first + index)));
    if (free.every(Boolean)) return first;
  }
  throw new Error('no ten free ports in a row');
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
