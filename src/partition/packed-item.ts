import { ByteReader, ByteWriter } from '../base/index.ts';
import type { Lsn } from '../log/index.ts';
import { type Incarnation, isSettled, type StoredPut } from '../merge/index.ts';
import type { HeldItem } from './item-cache.ts';
import type { ItemKey } from './item-key.ts';
import { readPut, writePut } from './put-record.ts';

/** Larger writes would leave too much of a slab empty, and beside them a few objects hardly count. */
const PACKED_SHARE = 8;
const SLAB_BYTES_MAX = 64 << 10;
/** Under a steady load as many get free as are taken, a few at a time. */
const FREE_SLABS_MAX = 16;

/** Memory that several items share; it is used again when the last of them is gone. */
interface Slab {
  readonly bytes: Buffer;
  used: number;
  live: number;
}

/** A settled item in bytes. */
export class PackedItem {
  readonly incarnation: Incarnation;
  readonly lsn: Lsn;
  readonly slab: Slab;
  readonly #start: number;
  readonly #end: number;
  /** Whether somebody has unpacked it already. */
  isRead = false;

  constructor(put: StoredPut, lsn: Lsn, slab: Slab, record: Uint8Array) {
    this.incarnation = put.incarnation;
    this.lsn = lsn;
    this.slab = slab;
    this.#start = slab.used;
    this.#end = slab.used + record.length;
    slab.bytes.set(record, slab.used);
    slab.used = this.#end;
    slab.live++;
  }

  /** A copy: the slab will hold other items. */
  unpack(key: ItemKey): HeldItem {
    const record = Buffer.from(this.slab.bytes.subarray(this.#start, this.#end));
    const put = readPut(new ByteReader(record), this.incarnation);
    return { key, state: { siblings: [put], dead: [] }, visible: put, lsn: this.lsn };
  }
}

/**
 * Where items stand that were written and may never be read. As objects each would be a dozen that the
 * collector looks at again and again for as long as they are kept; here two or three are left.
 */
export class PackedItems {
  readonly #slabBytes: number;
  readonly #writer = new ByteWriter(4096);
  #slab: Slab | undefined;
  /** Empty ones: as garbage they would be as much as is written, and old enough to need major collections. */
  readonly #free: Slab[] = [];
  #slabs = 0;

  /** `bytesMax`: how much memory there is for them. */
  constructor(bytesMax: number) {
    this.#slabBytes = Math.min(SLAB_BYTES_MAX, bytesMax >> 4);
  }

  /** Of all slabs in use, whatever still stands in them. */
  get bytes(): number {
    return this.#slabs * this.#slabBytes;
  }

  /** Undefined for an item that is more than one settled write, or large. */
  pack({ state, visible, lsn }: HeldItem): PackedItem | undefined {
    const bytesMax = this.#slabBytes / PACKED_SHARE;
    if (visible === undefined || visible.body.length > bytesMax) return undefined;
    if (visible !== state.siblings[0] || !isSettled(state)) return undefined;
    const record = writePut(this.#writer.clear(), visible).take();
    if (record.length > bytesMax) return undefined;
    return new PackedItem(visible, lsn, this.#slabFor(record.length), record);
  }

  #slabFor(bytes: number): Slab {
    const slab = this.#slab;
    if (slab !== undefined && slab.used + bytes <= this.#slabBytes) return slab;
    // One that is full and empty again will not be released any more.
    if (slab?.live === 0) this.#setFree(slab);
    this.#slab = this.#free.pop() ?? {
      bytes: Buffer.allocUnsafeSlow(this.#slabBytes),
      used: 0,
      live: 0,
    };
    this.#slabs++;
    return this.#slab;
  }

  #setFree(slab: Slab): void {
    this.#slabs--;
    if (this.#free.length === FREE_SLABS_MAX) return;
    slab.used = 0;
    this.#free.push(slab);
  }

  /** The item is kept no more. */
  release({ slab }: PackedItem): void {
    slab.live--;
    if (slab.live === 0 && slab !== this.#slab) this.#setFree(slab);
  }
}
