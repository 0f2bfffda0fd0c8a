import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { assert } from '../base/index.ts';
import type { Disk, DiskFile } from './disk.ts';
import { lockFile } from './file-lock.ts';

const FLAGS = { read: 'r', write: 'r+', create: 'wx+' } as const;

/** The disks of this machine. Files opened to write or create can be read as well. */
export function createNodeDisk(): Disk {
  return {
    open: async (path, mode) =>
      new NodeFile(await call<number>((done) => fs.open(path, FLAGS[mode], 0o644, done))),
    list: async (directory) => {
      try {
        return (await fs.promises.readdir(directory)).sort();
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
        throw error;
      }
    },
    makeDirectory: async (directory) => {
      const first = await fs.promises.mkdir(directory, { recursive: true });
      // A folder is a name in its parent, and as easily lost.
      for (let path = resolve(directory); first !== undefined; path = dirname(path)) {
        await syncDirectory(dirname(path));
        if (path === resolve(first)) break;
      }
    },
    rename: (from, to) => fs.promises.rename(from, to),
    remove: (path) => fs.promises.rm(path, { force: true }),
    removeTree: (directory) => fs.promises.rm(directory, { recursive: true, force: true, maxRetries: 3 }),
    syncDirectory,
    lock: lockFile,
  };
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows can neither open nor sync a folder; NTFS journals names by itself.
  if (process.platform === 'win32') return;
  const handle = await fs.promises.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Over the callback face of node:fs: a FileHandle adds checks and promises of its own to every call. */
class NodeFile implements DiskFile {
  readonly #open: number;
  /** The same file, opened so that every write is synced; undefined where the system has no such thing. */
  #durable: Promise<number | undefined> | undefined;
  #isClosed = false;

  constructor(descriptor: number) {
    this.#open = descriptor;
  }

  /** A number that was closed may already name another file: writing to it would damage that one. */
  get #descriptor(): number {
    assert(!this.#isClosed, 'a closed file is not used again');
    return this.#open;
  }

  async read(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const bytes = await call<number>((done) =>
        fs.read(this.#descriptor, buffer, filled, length - filled, position + filled, done),
      );
      if (bytes === 0) break;
      filled += bytes;
    }
    return filled === length ? buffer : buffer.subarray(0, filled);
  }

  async write(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    let at = position;
    for (const chunk of chunks) {
      await writeAll(this.#descriptor, at, chunk);
      at += chunk.length;
    }
  }

  async sync(): Promise<void> {
    return call((done) => fs.fdatasync(this.#descriptor, done));
  }

  /** One trip through the thread pool where write and sync are two: half the latency of a small group. */
  async writeDurably(position: number, bytes: Uint8Array): Promise<void> {
    this.#durable ??= openDurably(this.#descriptor);
    const durable = await this.#durable;
    // Also where `durable` is used: it is closed with the other one.
    const descriptor = this.#descriptor;
    await writeAll(durable ?? descriptor, position, bytes);
    if (durable === undefined) await this.sync();
  }

  async truncate(length: number): Promise<void> {
    return call((done) => fs.ftruncate(this.#descriptor, length, done));
  }

  async size(): Promise<number> {
    return (await call<fs.Stats>((done) => fs.fstat(this.#descriptor, done))).size;
  }

  async close(): Promise<void> {
    const descriptor = this.#descriptor;
    this.#isClosed = true;
    const durable = await this.#durable;
    if (durable !== undefined) await call((done) => fs.close(durable, done));
    return call((done) => fs.close(descriptor, done));
  }
}

/** The kernel may take less than it was given, for example at 2 GiB or when the disk fills up. */
async function writeAll(descriptor: number, position: number, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await call<number>((done) =>
      fs.write(descriptor, bytes, written, bytes.length - written, position + written, done),
    );
  }
}

/**
 * A second descriptor of an open file, whose writes return when they are synced. By its place in /proc, since
 * its name may have changed. Elsewhere than on Linux such writes promise less than a sync does.
 */
async function openDurably(descriptor: number): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined;
  const flags = fs.constants.O_WRONLY | fs.constants.O_DSYNC;
  const opening = call<number>((done) => fs.open(`/proc/self/fd/${descriptor}`, flags, done));
  return opening.catch(() => undefined);
}

function call<T = void>(start: (done: (error: Error | null, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result as T)));
  });
}
