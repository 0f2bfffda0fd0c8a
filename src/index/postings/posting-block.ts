/**
 * A block: postings in the order of their terms, some kilobytes of them, as one value of the store.
 *
 *   entry    varint bytes shared with the term before, varint further bytes, those bytes,
 *            varint (count of numbers * 2, plus 1 when some are removals),
 *            with more than one number: varint bytes of the list; then the list (signed-numbers.ts)
 *   ...      every 16th entry shares nothing, so that reading can begin there
 *   ends     16 bits each: where those entries begin
 *   count    16 bits: how many of those there are
 *
 * Terms are strings of one character for each byte, path id then value: they compare as the bytes do, and
 * cost a fraction of what a buffer does.
 */
import { assert } from '../../base/index.ts';
import {
  type BytePlace,
  type ByteRoom,
  hasRemovals,
  NUMBER_BYTES_MAX,
  readNumbers,
  readVarint,
  reserve,
  type SignedNumber,
  writeNumbers,
  writeVarint,
} from './signed-numbers.ts';

/** A path id and an encoded value, a character for each byte. */
export type TermText = string;

/** Entries from one place where reading can begin to the next. */
const GROUP_ENTRIES = 16;
/** Both lengths of a term, and the two numbers before a list. */
const ENTRY_HEAD_BYTES_MAX = 20;

export class BlockBuilder {
  readonly #room: ByteRoom = { bytes: Buffer.allocUnsafeSlow(16_384), length: 0 };
  readonly #list: ByteRoom = { bytes: Buffer.allocUnsafeSlow(4_096), length: 0 };
  #groups: number[] = [];
  #entries = 0;
  #lastTerm: TermText = '';

  get bytes(): number {
    return this.#room.length;
  }

  get isEmpty(): boolean {
    return this.#entries === 0;
  }

  /** Terms rise strictly; `list[from..to)` is not empty. */
  add(term: TermText, list: readonly SignedNumber[], from: number, to: number): void {
    const room = this.#room;
    const withRemovals = hasRemovals(list, from, to);
    reserve(room, ENTRY_HEAD_BYTES_MAX + term.length + NUMBER_BYTES_MAX);
    let shared = 0;
    if (this.#entries++ % GROUP_ENTRIES === 0) {
      assert(room.length < 0x1_0000, 'a block is smaller than 64 KB');
      this.#groups.push(room.length);
    } else {
      shared = sharedLength(this.#lastTerm, term);
    }
    this.#lastTerm = term;
    writeVarint(room, shared);
    writeVarint(room, term.length - shared);
    const { bytes } = room;
    let at = room.length;
    for (let i = shared; i < term.length; i++) bytes[at++] = term.charCodeAt(i);
    room.length = at;
    const count = to - from;
    writeVarint(room, count * 2 + (withRemovals ? 1 : 0));
    if (count === 1) {
      writeNumbers(room, list, { from, to, withRemovals });
      return;
    }
    const part = this.#list;
    part.length = 0;
    writeNumbers(part, list, { from, to, withRemovals });
    reserve(room, part.length + NUMBER_BYTES_MAX);
    writeVarint(room, part.length);
    part.bytes.copy(room.bytes, room.length, 0, part.length);
    room.length += part.length;
  }

  /** The block, in memory of its own; the builder is empty again. */
  finish(): Buffer {
    const room = this.#room;
    const groups = this.#groups;
    const block = Buffer.allocUnsafe(room.length + 2 * groups.length + 2);
    room.bytes.copy(block, 0, 0, room.length);
    let at = room.length;
    for (const group of groups) at = block.writeUInt16LE(group, at);
    block.writeUInt16LE(groups.length, at);
    room.length = 0;
    this.#groups = [];
    this.#entries = 0;
    this.#lastTerm = '';
    return block;
  }
}

function sharedLength(a: TermText, b: TermText): number {
  const least = Math.min(a.length, b.length);
  let shared = 0;
  while (shared < least && a.charCodeAt(shared) === b.charCodeAt(shared)) shared++;
  return shared;
}

/** One group of a block: its entries' terms, and where their lists are. */
export interface EntryGroup {
  readonly terms: readonly TermText[];
  readonly listPlaces: readonly number[];
}

/** A term while it is put together; no term is longer. */
const scratch = Buffer.alloc(1_024);

/** Reading of a block. */
export class PostingBlock {
  readonly #bytes: Buffer;
  readonly #groups: number;
  /** Where the entries end and the list of groups begins. */
  readonly #end: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#groups = bytes.readUInt16LE(bytes.length - 2);
    this.#end = bytes.length - 2 - 2 * this.#groups;
    assert(this.#groups > 0 && this.#end > 0, 'a block has entries');
  }

  get groupCount(): number {
    return this.#groups;
  }

  /** The last group whose first term is below `term`; 0 when there is none. */
  groupBefore(term: TermText): number {
    let low = 0;
    let high = this.#groups;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#firstTerm(middle) < term) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  #groupStart(group: number): number {
    return group < this.#groups ? this.#bytes.readUInt16LE(this.#end + 2 * group) : this.#end;
  }

  #firstTerm(group: number): TermText {
    const place = { bytes: this.#bytes, at: this.#groupStart(group) + 1 };
    const length = readVarint(place);
    return this.#bytes.toString('latin1', place.at, place.at + length);
  }

  readGroup(group: number): EntryGroup {
    const bytes = this.#bytes;
    const end = this.#groupStart(group + 1);
    const place: BytePlace = { bytes, at: this.#groupStart(group) };
    const terms: TermText[] = [];
    const listPlaces: number[] = [];
    while (place.at < end) {
      const shared = readVarint(place);
      const length = readVarint(place);
      const from = place.at;
      for (let i = 0; i < length; i++) scratch[shared + i] = bytes[from + i] as number;
      terms.push(scratch.toString('latin1', 0, shared + length));
      place.at = from + length;
      listPlaces.push(place.at);
      skipList(place);
    }
    return { terms, listPlaces };
  }

  /** Numbers with terms in [from, to): those added, less those taken away. */
  sumBetween(from: TermText, to: TermText): number {
    let sum = 0;
    for (let group = this.groupBefore(from); group < this.#groups; group++) {
      const { terms, listPlaces } = this.readGroup(group);
      for (let entry = 0; entry < terms.length; entry++) {
        const term = terms[entry] as TermText;
        if (term >= to) return sum;
        if (term >= from) sum += this.#sumOfList(listPlaces[entry] as number);
      }
    }
    return sum;
  }

  #sumOfList(at: number): number {
    const head = readVarint({ bytes: this.#bytes, at });
    if (head % 2 === 0) return head / 2;
    let sum = 0;
    for (const signed of this.readList(at)) sum += signed < 0 ? -1 : 1;
    return sum;
  }

  /** The list of an entry that `readGroup` told of. */
  readList(at: number): SignedNumber[] {
    const place: BytePlace = { bytes: this.#bytes, at };
    const head = readVarint(place);
    const count = Math.floor(head / 2);
    if (count > 1) readVarint(place);
    return readNumbers(place, count, head % 2 === 1);
  }
}

function skipList(place: BytePlace): void {
  const head = readVarint(place);
  if (head >= 4) {
    const length = readVarint(place);
    place.at += length;
  } else {
    readVarint(place);
    readVarint(place);
  }
}
