import { dirname } from 'node:path';
import type { Disk, DiskFile, Runtime } from '../../src/runtime/index.ts';

/**
 * A disk that is as unkind as the contract of `Disk` allows. It keeps apart what was written and what was
 * synced, for bytes and for names, and takes everything else away at a power loss, in part and out of order:
 *
 * - of each write that was not synced, any subset of its pages arrives, and some of those are torn;
 * - of the names that were created, renamed or removed since the folder was synced, any subset of the changes
 *   happened;
 * - a failed sync loses what it should have made durable, even when a later one succeeds.
 *
 * `mount` gives the face that product code sees. When the process or the power dies the mount is dead, its
 * handles with it: what is still called there never answers, just as nobody would be there to ask.
 */
export interface SimulatedDiskOptions {
  /** Uniform in [0, 1), from the seed of the simulation. */
  readonly random: () => number;
  readonly latency?: Latency;
}

/** Shortest and longest time of each kind of call, in milliseconds. Missing ones take a turn and no time. */
export interface Latency {
  readonly readMs?: readonly [number, number];
  readonly writeMs?: readonly [number, number];
  /** Of files and folders. */
  readonly syncMs?: readonly [number, number];
}

export type Operation =
  | 'close'
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'rename'
  | 'remove'
  | 'sync-directory';

export interface Fault {
  readonly operation: Operation;
  /** Such as EIO or ENOSPC. */
  readonly code: string;
  /** Which files or folders; all when missing. */
  readonly path?: RegExp;
  /** How many calls it lets pass first. Default 0. */
  readonly skip?: number;
}

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer; isComplete: boolean }
  | { readonly kind: 'truncate'; readonly length: number; isComplete: boolean };

interface Inode {
  /** What a power loss leaves for sure. */
  synced: Content;
  /** What readers see. */
  current: Content;
  /** From `synced` to `current`, apart from what failed syncs lost. */
  unsynced: Change[];
}

type NameChange =
  | { readonly kind: 'create'; readonly path: string; readonly inode: Inode }
  | { readonly kind: 'rename'; readonly path: string; readonly from: string }
  | { readonly kind: 'remove'; readonly path: string };

interface Mount {
  readonly runtime: Pick<Runtime, 'after' | 'soon'>;
  isAlive: boolean;
}

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;

export class SimulatedDisk {
  /** Calls so far that were not refused, by kind. */
  readonly counts: Record<Operation, number> = {
    open: 0,
    close: 0,
    read: 0,
    write: 0,
    sync: 0,
    truncate: 0,
    rename: 0,
    remove: 0,
    'sync-directory': 0,
  };
  /** Writes that would make all files together longer than this fail with ENOSPC. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** How many times longer than usual everything takes. */
  slowness = 1;
  readonly #random: () => number;
  readonly #latency: Latency;
  #mounts: Mount[] = [];
  #locks = new Set<string>();
  #folders = new Set<string>(['.', '/']);
  #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();
  #nameChanges: NameChange[] = [];
  #faults: (Fault & { left: number })[] = [];

  constructor(options: SimulatedDiskOptions) {
    this.#random = options.random;
    this.#latency = options.latency ?? {};
  }

  // What the simulation does to it.

  /** The disk as a process sees it whose time comes from `runtime`. */
  mount(runtime: Pick<Runtime, 'after' | 'soon'>): Disk {
    const mount = { runtime, isAlive: true };
    this.#mounts.push(mount);
    return new MountedDisk(this, mount);
  }

  /** The process dies, the machine does not: nothing that was written is lost. */
  processCrash(): void {
    for (const mount of this.#mounts) mount.isAlive = false;
    this.#mounts = [];
    this.#locks = new Set();
    // The kernel ends what it has begun, and whoever comes next can sync it.
    for (const { unsynced } of this.#names.values()) for (const change of unsynced) change.isComplete = true;
  }

  /** Everything that is not synced is at the mercy of chance. */
  powerLoss(): void {
    this.processCrash();
    const keep = [0, 0.5, 0.9, 1][Math.floor(this.#random() * 4)] ?? 0;
    const names = new Map(this.#syncedNames);
    for (const change of this.#nameChanges) if (this.#random() < keep) applyName(names, change);
    this.#names = names;
    this.#syncedNames = new Map(names);
    this.#nameChanges = [];
    for (const inode of new Set(names.values())) this.#loseUnsynced(inode, keep);
  }

  /** Another disk, without faults, with what a power loss would leave of this one for sure. */
  copy(): SimulatedDisk {
    const copy = new SimulatedDisk({ random: this.#random, latency: this.#latency });
    for (const folder of this.#folders) copy.#folders.add(folder);
    for (const [path, { synced }] of this.#syncedNames) {
      copy.#names.set(path, { synced: synced.copy(), current: synced.copy(), unsynced: [] });
    }
    copy.#syncedNames = new Map(copy.#names);
    return copy;
  }

  /** The next matching call fails. Several faults wait for their turns. */
  failNext(fault: Fault): void {
    this.#faults.push({ ...fault, left: fault.skip ?? 0 });
  }

  /** Length of all files together. */
  get usedBytes(): number {
    let bytes = 0;
    for (const { current } of this.#names.values()) bytes += current.size;
    return bytes;
  }

  /** Changes one bit where it is safely stored. */
  flipBit(path: string, offset: number, bit = 0): void {
    const inode = this.#inode(path);
    for (const content of [inode.synced, inode.current]) content.flip(offset, bit);
  }

  /** Whether something is bound to fail. */
  get isFailing(): boolean {
    return this.#faults.length > 0 || this.capacityBytes !== Number.POSITIVE_INFINITY;
  }

  /** No more faults, and no slowness. */
  mend(): void {
    this.#faults = [];
    this.slowness = 1;
    this.capacityBytes = Number.POSITIVE_INFINITY;
  }

  /** Puts bytes where they are safely stored, as an operator's tool might. */
  overwrite(path: string, offset: number, bytes: Uint8Array): void {
    const inode = this.#inode(path);
    for (const content of [inode.synced, inode.current]) content.write(offset, bytes);
  }

  /** Cuts a file short where it is safely stored. */
  cut(path: string, length: number): void {
    const inode = this.#inode(path);
    for (const content of [inode.synced, inode.current]) content.truncate(length);
  }

  /** Removes a file for good, as an operator might by mistake. */
  lose(path: string): void {
    this.#names.delete(path);
    this.#syncedNames.delete(path);
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  /** What readers of a file would see. */
  contents(path: string): Buffer {
    const { current } = this.#inode(path);
    return Buffer.from(current.read(0, current.size));
  }

  // What mounts ask of it.

  /** Runs `effect` after the time that such a call takes; never, when the mount dies before. */
  operate<T>(mount: Mount, operation: Operation, path: string, effect: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!mount.isAlive) return;
      const finish = (): void => {
        if (!mount.isAlive) return;
        try {
          const fault = this.#takeFault(operation, path);
          if (fault !== undefined) throw systemError(fault.code, operation, path);
          const result = effect();
          this.counts[operation]++;
          resolve(result);
        } catch (error) {
          reject(error);
        }
      };
      const delayMs = this.#delayMs(operation);
      if (delayMs > 0) mount.runtime.after(delayMs, finish);
      else mount.runtime.soon(finish);
    });
  }

  lookUp(path: string, mode: 'read' | 'write' | 'create'): Inode {
    const found = this.#names.get(path);
    if (mode !== 'create') {
      if (found === undefined) throw systemError('ENOENT', 'open', path);
      return found;
    }
    if (found !== undefined) throw systemError('EEXIST', 'open', path);
    if (!this.#folders.has(dirname(path))) throw systemError('ENOENT', 'open', path);
    const inode = { synced: new Content(), current: new Content(), unsynced: [] };
    this.changeName({ kind: 'create', path, inode });
    return inode;
  }

  list(directory: string): string[] {
    const inside = [...this.#names.keys()].filter((path) => dirname(path) === directory);
    return inside.map((path) => path.slice(directory.length + 1)).sort();
  }

  changeName(change: NameChange): void {
    applyName(this.#names, change);
    this.#nameChanges.push(change);
  }

  /** Folders are durable at once, as the contract says. */
  makeFolder(directory: string): void {
    for (let path = directory; !this.#folders.has(path); path = dirname(path)) this.#folders.add(path);
  }

  syncNames(directory: string): void {
    if (!this.#folders.has(directory)) throw systemError('ENOENT', 'sync-directory', directory);
    const isInside = (change: NameChange): boolean => dirname(change.path) === directory;
    for (const change of this.#nameChanges) if (isInside(change)) applyName(this.#syncedNames, change);
    this.#nameChanges = this.#nameChanges.filter((change) => !isInside(change));
  }

  takeLock(path: string): (() => Promise<void>) | undefined {
    if (this.#locks.has(path)) return undefined;
    const locks = this.#locks;
    locks.add(path);
    return async () => {
      // Locks of a dead process are gone already, and the name may be somebody else's by now.
      if (this.#locks === locks) locks.delete(path);
    };
  }

  /** Whether a write that makes `current` this long is refused. */
  isTooLong(inode: Inode, length: number): boolean {
    if (this.capacityBytes === Number.POSITIVE_INFINITY || length <= inode.current.size) return false;
    return length - inode.current.size + this.usedBytes > this.capacityBytes;
  }

  #delayMs(operation: Operation): number {
    const { readMs, writeMs, syncMs } = this.#latency;
    const isSync = operation === 'sync' || operation === 'sync-directory';
    const range = isSync ? syncMs : operation === 'read' || operation === 'open' ? readMs : writeMs;
    return range === undefined ? 0 : this.slowness * (range[0] + this.#random() * (range[1] - range[0]));
  }

  #takeFault(operation: Operation, path: string): Fault | undefined {
    const index = this.#faults.findIndex(
      (fault) => fault.operation === operation && (fault.path?.test(path) ?? true) && fault.left-- <= 0,
    );
    return index < 0 ? undefined : this.#faults.splice(index, 1)[0];
  }

  #inode(path: string): Inode {
    return this.lookUp(path, 'read');
  }

  #loseUnsynced(inode: Inode, keep: number): void {
    const { synced } = inode;
    for (const change of inode.unsynced) {
      if (change.kind === 'truncate') {
        if (this.#random() < keep) synced.truncate(change.length);
        continue;
      }
      const { position, bytes } = change;
      for (let start = 0; start < bytes.length; ) {
        const end = Math.min(bytes.length, start + PAGE_BYTES - ((position + start) % PAGE_BYTES));
        if (this.#random() < keep) this.#writePage(synced, position + start, bytes.subarray(start, end));
        start = end;
      }
    }
    inode.unsynced = [];
    inode.current = synced.copy();
  }

  /** Part of one page arrives: usually all of it, sometimes a few sectors, once in a while half a sector. */
  #writePage(content: Content, position: number, bytes: Buffer): void {
    const luck = this.#random();
    if (luck < 0.7) {
      content.write(position, bytes);
    } else if (luck < 0.9) {
      for (let start = 0; start < bytes.length; ) {
        const end = Math.min(bytes.length, start + SECTOR_BYTES - ((position + start) % SECTOR_BYTES));
        if (this.#random() < 0.5) content.write(position + start, bytes.subarray(start, end));
        start = end;
      }
    } else {
      content.write(position, bytes.subarray(0, Math.floor(this.#random() * bytes.length)));
    }
  }
}

class MountedDisk implements Disk {
  readonly #disk: SimulatedDisk;
  readonly #mount: Mount;

  constructor(disk: SimulatedDisk, mount: Mount) {
    this.#disk = disk;
    this.#mount = mount;
  }

  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const disk = this.#disk;
    return disk.operate(this.#mount, 'open', path, () => {
      const inode = disk.lookUp(path, mode);
      return new MountedFile(disk, this.#mount, { path, inode, isWritable: mode !== 'read' });
    });
  }

  list(directory: string): Promise<string[]> {
    return this.#disk.operate(this.#mount, 'read', directory, () => this.#disk.list(directory));
  }

  makeDirectory(directory: string): Promise<void> {
    return this.#disk.operate(this.#mount, 'write', directory, () => this.#disk.makeFolder(directory));
  }

  rename(from: string, to: string): Promise<void> {
    if (dirname(from) !== dirname(to)) throw new RangeError('files are renamed inside their folder only');
    return this.#disk.operate(this.#mount, 'rename', from, () => {
      this.#disk.lookUp(from, 'read');
      this.#disk.changeName({ kind: 'rename', path: to, from });
    });
  }

  remove(path: string): Promise<void> {
    return this.#disk.operate(this.#mount, 'remove', path, () => {
      this.#disk.changeName({ kind: 'remove', path });
    });
  }

  removeTree(directory: string): Promise<void> {
    return this.#disk.operate(this.#mount, 'remove', directory, () => {
      for (const path of this.#disk.paths()) {
        if (path.startsWith(`${directory}/`)) this.#disk.changeName({ kind: 'remove', path });
      }
    });
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#disk.operate(this.#mount, 'sync-directory', directory, () =>
      this.#disk.syncNames(directory),
    );
  }

  lock(path: string): Promise<(() => Promise<void>) | undefined> {
    return this.#disk.operate(this.#mount, 'open', path, () => this.#disk.takeLock(path));
  }
}

class MountedFile implements DiskFile {
  readonly #disk: SimulatedDisk;
  readonly #mount: Mount;
  readonly #path: string;
  readonly #inode: Inode;
  readonly #isWritable: boolean;
  #isOpen = true;

  constructor(disk: SimulatedDisk, mount: Mount, file: { path: string; inode: Inode; isWritable: boolean }) {
    this.#disk = disk;
    this.#mount = mount;
    this.#path = file.path;
    this.#inode = file.inode;
    this.#isWritable = file.isWritable;
  }

  read(position: number, length: number): Promise<Buffer> {
    return this.#operate('read', () => Buffer.from(this.#inode.current.read(position, length)));
  }

  async write(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(chunks);
    if (!this.#mount.isAlive || !this.#isOpen || !this.#isWritable) return this.#refuse('write');
    const length = position + bytes.length;
    if (this.#disk.isTooLong(this.#inode, length)) {
      this.#change({
        kind: 'write',
        position,
        bytes: bytes.subarray(0, bytes.length >> 1),
        isComplete: true,
      });
      throw systemError('ENOSPC', 'write', this.#path);
    }
    // The kernel may begin at once, so a power loss before the call returns can find any part of it.
    const change: Change = { kind: 'write', position, bytes, isComplete: false };
    this.#change(change);
    await this.#operate('write', () => {
      change.isComplete = true;
    });
  }

  async truncate(length: number): Promise<void> {
    if (!this.#mount.isAlive || !this.#isOpen || !this.#isWritable) return this.#refuse('truncate');
    const change: Change = { kind: 'truncate', length, isComplete: false };
    this.#change(change);
    await this.#operate('truncate', () => {
      change.isComplete = true;
    });
  }

  async sync(): Promise<void> {
    // Writes that return only later are not covered.
    const covered = new Set(this.#inode.unsynced.filter((change) => change.isComplete));
    const inode = this.#inode;
    try {
      await this.#operate('sync', () => {
        for (const change of inode.unsynced) if (covered.has(change)) applyChange(inode.synced, change);
      });
    } finally {
      inode.unsynced = inode.unsynced.filter((change) => !covered.has(change));
    }
  }

  async writeDurably(position: number, bytes: Uint8Array): Promise<void> {
    await this.write(position, [bytes]);
    await this.sync();
  }

  size(): Promise<number> {
    return this.#operate('read', () => this.#inode.current.size);
  }

  close(): Promise<void> {
    return this.#operate('close', () => {
      this.#isOpen = false;
    });
  }

  #change(change: Change): void {
    applyChange(this.#inode.current, change);
    this.#inode.unsynced.push(change);
  }

  #operate<T>(operation: Operation, effect: () => T): Promise<T> {
    return this.#isOpen
      ? this.#disk.operate(this.#mount, operation, this.#path, effect)
      : this.#refuse(operation);
  }

  #refuse(operation: Operation): Promise<never> {
    return this.#disk.operate(this.#mount, operation, this.#path, () => {
      throw systemError('EBADF', operation, this.#path);
    });
  }
}

/** Bytes of a file, in a buffer that grows by doubling. */
class Content {
  size = 0;
  #buffer: Buffer = Buffer.alloc(0);

  read(position: number, length: number): Buffer {
    return this.#buffer.subarray(position, Math.max(position, Math.min(this.size, position + length)));
  }

  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    if (end > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(end, 2 * this.#buffer.length));
      this.#buffer.copy(grown, 0, 0, this.size);
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, position);
    this.size = Math.max(this.size, end);
  }

  truncate(length: number): void {
    if (length < this.size) this.#buffer.fill(0, length, this.size);
    if (length > this.size) this.write(length - 1, Buffer.alloc(1));
    this.size = length;
  }

  flip(offset: number, bit: number): void {
    if (offset >= this.size) throw new RangeError(`the file ends at ${this.size}`);
    this.#buffer[offset] = (this.#buffer[offset] ?? 0) ^ (1 << bit);
  }

  copy(): Content {
    const copy = new Content();
    copy.write(0, this.read(0, this.size));
    return copy;
  }
}

function applyChange(content: Content, change: Change): void {
  if (change.kind === 'write') content.write(change.position, change.bytes);
  else content.truncate(change.length);
}

function applyName(names: Map<string, Inode>, change: NameChange): void {
  if (change.kind === 'create') {
    names.set(change.path, change.inode);
  } else if (change.kind === 'remove') {
    names.delete(change.path);
  } else {
    // The change that made the old name may have been lost.
    const inode = names.get(change.from);
    if (inode === undefined) return;
    names.delete(change.from);
    names.set(change.path, inode);
  }
}

function systemError(code: string, operation: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${operation} '${path}'`), { code });
}
