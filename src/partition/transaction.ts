/**
 * Several reads and writes of items of one logical partition, in one region: either all writes become one
 * log entry, visible together wherever it comes, or nothing happens.
 *
 * Whoever has a transaction reads its own writes in it. Nothing is locked: other writes go on meanwhile, and
 * a transaction that read what has changed since is refused when it commits, and can be run again. One that
 * is begun, filled and committed in one synchronous step is never refused.
 */
import { assert, type JsonObject } from '../base/index.ts';
import type { Dot } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { ENTRY_BYTES_MAX, type Lsn } from '../log/index.ts';
import { etagOf, type Incarnation, isUnmarked, marksOf, type StoredPut } from '../merge/index.ts';
import { appendEdit, type EffectivePartitionKey, type PathEdit } from '../resource/index.ts';
import type { Intent, PutIntent, Stamp } from './intent.ts';
import type { HeldItem } from './item-cache.ts';
import { epkOf, type ItemKey } from './item-key.ts';
import type { KeyWatch, KeyWatches } from './key-watches.ts';
import type { UniqueIndex, UniqueValue } from './unique-index.ts';

/** Where a transaction would stand in the log if it were committed now. */
export interface Standpoint {
  /** Of the last entry before it. */
  readonly lsn: Lsn;
  /** The rule by which items are shown, as of then: see ExpiryRule. */
  readonly defaultTtl: number | undefined;
  readonly stamp: Omit<Stamp, 'incarnation'>;
  /** Number of the k-th item that it creates, k from 0. */
  readonly incarnation: (k: number) => Incarnation;
}

/** Conflicts of one item that end, or that are for people to decide from now on. */
export interface Verdict {
  readonly kind: 'settle' | 'refer';
  readonly conflicts: readonly Dot[];
}

/** What a transaction did to one item in all. */
export interface ItemDraft {
  readonly key: ItemKey;
  readonly before: HeldItem | undefined;
  /** Whether the item that was there ends, even if another one takes its place. */
  readonly endsOld: boolean;
  readonly put: StoredPut | undefined;
  /** The put as a patch of what was there; undefined when it is a whole item. */
  readonly edits: readonly PathEdit[] | undefined;
  readonly parsed: JsonObject | undefined;
  /** What is decided of conflicts of the item; undefined for nothing. */
  readonly verdict: Verdict | undefined;
}

/** The partition, as transactions see it. */
export interface TransactionHost {
  lookup(key: ItemKey): HeldItem | undefined;
  /** What readers see of an item now. */
  shown(item: HeldItem | undefined): StoredPut | undefined;
  standpoint(): Standpoint;
  settled(lsn: Lsn): Promise<void> | undefined;
  readonly watches: Pick<KeyWatches, 'begin'>;
  /** Undefined when the container has no unique keys. */
  readonly unique: UniqueIndex | undefined;
  /** Makes the drafts one entry at `standpoint`, which is still the present one. */
  commitDrafts(drafts: readonly ItemDraft[], standpoint: Standpoint): Promise<Lsn>;
}

/** What a transaction's own writes change in what queries find. */
export interface TransactionOverlay {
  /** Numbers of items that are no longer as they were. */
  readonly hidden: readonly Incarnation[];
  readonly shown: readonly {
    readonly key: ItemKey;
    readonly put: StoredPut;
    readonly parsed: JsonObject | undefined;
  }[];
}

interface Touched {
  readonly before: HeldItem | undefined;
  /** Visible when the transaction first looked. */
  readonly initial: StoredPut | undefined;
  /** What the transaction sees now. */
  shown: StoredPut | undefined;
  endsOld: boolean;
  /** Place among the items that this transaction creates; undefined when it is the old one. */
  created: number | undefined;
  intent: PutIntent | undefined;
  edits: readonly PathEdit[] | undefined;
  parsed: JsonObject | undefined;
  verdict: Verdict | undefined;
}

/** A write as the transaction sees it from now on. */
interface Rendered {
  readonly put: StoredPut;
  readonly parsed: JsonObject | undefined;
}

export interface TransactionOutcome {
  readonly lsn: Lsn;
  /** What was written, by item, as it is in the log now; undefined for items that ended. */
  readonly puts: ReadonlyMap<ItemKey, StoredPut | undefined>;
}

export class Transaction {
  readonly epk: EffectivePartitionKey;
  readonly #host: TransactionHost;
  readonly #touched = new Map<ItemKey, Touched>();
  /** Unique values of what it has written. */
  readonly #ownValues = new Map<UniqueValue, ItemKey>();
  #standpoint: Standpoint;
  #creations = 0;
  /** Of the items that it has written, as they are in it. */
  #writtenBytes = 0;
  #watch: KeyWatch | undefined;
  #isOver = false;

  constructor(host: TransactionHost, epk: EffectivePartitionKey) {
    this.#host = host;
    this.epk = epk;
    this.#standpoint = host.standpoint();
  }

  /** The item as this transaction sees it, its own writes included. */
  get(key: ItemKey): StoredPut | undefined {
    return this.#touch(key).shown;
  }

  /**
   * Writes an item that `get` showed, or creates one where it showed none. The answer is what the transaction
   * sees from now on; its etag and time are final only if nothing else is written before the commit.
   * @throws DatabaseError `RequestEntityTooLarge` when all that is written is more than an entry holds.
   */
  write(key: ItemKey, intent: Intent): StoredPut | undefined {
    assert(!this.#isOver, 'a transaction is over when it was committed or rolled back');
    const touched = this.#touch(key);
    if (intent.kind === 'delete') {
      assert(touched.shown !== undefined, 'only what is there is deleted');
      if (touched.intent !== undefined) this.#giveValuesBack(key);
      this.#writtenBytes -= writtenBytes(touched);
      if (touched.created === undefined) touched.endsOld = true;
      touched.created = undefined;
      touched.intent = undefined;
      touched.edits = undefined;
      touched.shown = undefined;
      return undefined;
    }
    const isCreation = touched.shown === undefined;
    const rendered = this.#render(touched, isCreation ? this.#creations : touched.created, intent);
    const bytes = this.#writtenBytes + rendered.put.body.length - writtenBytes(touched);
    if (bytes > ENTRY_BYTES_MAX) throw tooLarge();
    this.#takeValues(key, rendered, touched);
    this.#writtenBytes = bytes;
    // Patches of one item add up; with a whole write among them they are part of a whole write.
    const isPatch = intent.edits !== undefined && touched.created === undefined && !isCreation;
    const isFirst = touched.intent === undefined;
    const joins = isPatch && (isFirst || touched.edits !== undefined);
    if (isCreation) touched.created = this.#creations++;
    touched.edits = joins ? joinedEdits(touched.edits, intent.edits) : undefined;
    touched.intent = intent;
    touched.shown = rendered.put;
    touched.parsed = rendered.parsed;
    return rendered.put;
  }

  /**
   * To be called before each query: from the first one on, any write by others to this logical partition has
   * the transaction refused, since the query might have found something else.
   */
  overlay(): TransactionOverlay {
    this.#watch ??= this.#host.watches.begin(this.epk);
    const hidden: Incarnation[] = [];
    const shown: { key: ItemKey; put: StoredPut; parsed: JsonObject | undefined }[] = [];
    for (const [key, touched] of this.#touched) {
      if (touched.intent === undefined && !touched.endsOld) continue;
      if (touched.initial !== undefined) hidden.push(touched.initial.incarnation);
      const put = touched.shown;
      if (put !== undefined) shown.push({ key, put, parsed: touched.parsed });
    }
    return { hidden, shown };
  }

  /** Ends conflicts of an item, whatever becomes of the item itself. */
  settle(key: ItemKey, conflicts: readonly Dot[]): void {
    this.#touch(key).verdict = { kind: 'settle', conflicts };
  }

  /** Leaves conflicts of an item to people. */
  refer(key: ItemKey, conflicts: readonly Dot[]): void {
    this.#touch(key).verdict = { kind: 'refer', conflicts };
  }

  #touch(key: ItemKey): Touched {
    let touched = this.#touched.get(key);
    if (touched === undefined) {
      assert(epkOf(key) === this.epk, 'a transaction stays in its logical partition');
      const before = this.#host.lookup(key);
      const initial = this.#host.shown(before);
      touched = {
        before,
        initial,
        shown: initial,
        endsOld: false,
        created: undefined,
        intent: undefined,
        edits: undefined,
        parsed: undefined,
        verdict: undefined,
      };
      this.#touched.set(key, touched);
    }
    return touched;
  }

  #render({ initial }: Touched, created: number | undefined, intent: PutIntent): Rendered {
    const { stamp, incarnation: numberOf } = this.#standpoint;
    const incarnation = created === undefined ? initial?.incarnation : numberOf(created);
    assert(incarnation !== undefined, 'an item that is not created was there');
    const { body, parsed } = intent.render({ ...stamp, incarnation });
    const { priority, ttl } = intent;
    const dot = { origin: stamp.origin, n: stamp.n };
    const put = { dot, time: stamp.time, incarnation, priority, ttl, body };
    return { put: isUnmarked(intent) ? put : { ...put, ...marksOf(intent) }, parsed };
  }

  /**
   * Makes the unique values of what is being written its own, in place of those that it had in this
   * transaction.
   * @throws DatabaseError `Conflict` when another item has one of them, and then nothing changes.
   */
  #takeValues(key: ItemKey, { put, parsed }: Rendered, { intent }: Touched): void {
    const { unique } = this.#host;
    if (unique === undefined) return;
    const values = unique.valuesOf(key, put.body, parsed);
    for (const value of values) {
      if ((this.#holderOf(value, unique) ?? key) === key) continue;
      throw new DatabaseError('Conflict', 'Unique index constraint violation.');
    }
    if (intent !== undefined) this.#giveValuesBack(key);
    for (const value of values) this.#ownValues.set(value, key);
  }

  #giveValuesBack(key: ItemKey): void {
    for (const [value, holder] of this.#ownValues) if (holder === key) this.#ownValues.delete(value);
  }

  /** The visible item that has the value as far as this transaction sees; undefined when it is free. */
  #holderOf(value: UniqueValue, unique: UniqueIndex): ItemKey | undefined {
    const own = this.#ownValues.get(value);
    if (own !== undefined) return own;
    return unique.claimants(value).find((other) => {
      const touched = this.#touch(other);
      // What it has written has other values by now, or they would be known.
      return touched.shown !== undefined && touched.intent === undefined;
    });
  }

  /**
   * Resolves when everything is durable.
   * @throws DatabaseError `RetryWith` when an item that was read or written has changed since, or after a
   * query any item of the logical partition.
   */
  commit(): Promise<TransactionOutcome> {
    this.#end();
    const now = this.#host.standpoint();
    const changedAt = this.#changedAt(now);
    if (changedAt !== undefined) return this.#refuse(changedAt);
    if (!this.#isAt(now)) {
      this.#standpoint = now;
      if (!this.#renderAgain()) return this.#refuse(now.lsn);
    }
    const drafts: ItemDraft[] = [];
    const puts = new Map<ItemKey, StoredPut | undefined>();
    for (const [key, { before, endsOld, intent, shown, edits, parsed, verdict }] of this.#touched) {
      if (intent === undefined && !endsOld && verdict === undefined) continue;
      drafts.push({ key, before, endsOld, put: intent && shown, edits, parsed, verdict });
      if (intent !== undefined || endsOld) puts.set(key, shown);
    }
    if (drafts.length === 0) return this.#settleReads().then(() => ({ lsn: this.#standpoint.lsn, puts }));
    return this.#host.commitDrafts(drafts, this.#standpoint).then((lsn) => ({ lsn, puts }));
  }

  /**
   * Whether others have changed what was read, so that the reads may not fit together: what was made of them
   * is no more to be trusted than written.
   */
  get isOutdated(): boolean {
    return this.#changedAt(this.#host.standpoint()) !== undefined;
  }

  /** Where something that was read has changed since; undefined when nothing has. */
  #changedAt(now: Standpoint): Lsn | undefined {
    if (this.#watch?.isChanged === true) return now.lsn;
    if (this.#isAt(now)) return undefined;
    for (const [key, { initial }] of this.#touched) {
      const present = this.#host.lookup(key);
      if (!isSame(this.#host.shown(present), initial)) return present?.lsn ?? 0;
    }
    return undefined;
  }

  #isAt({ lsn, defaultTtl }: Standpoint): boolean {
    return lsn === this.#standpoint.lsn && defaultTtl === this.#standpoint.defaultTtl;
  }

  /** All writes anew at the present standpoint; false when others have taken their unique values since. */
  #renderAgain(): boolean {
    for (const [key, touched] of this.#touched) {
      if (touched.intent === undefined) continue;
      const rendered = this.#render(touched, touched.created, touched.intent);
      touched.shown = rendered.put;
      touched.parsed = rendered.parsed;
      const { unique } = this.#host;
      const values = unique?.valuesOf(key, rendered.put.body, rendered.parsed) ?? [];
      if (unique !== undefined && values.some((value) => this.#isTaken(value, unique))) return false;
    }
    return true;
  }

  /** Whether an item that this transaction knows nothing of has the value now. */
  #isTaken(value: UniqueValue, unique: UniqueIndex): boolean {
    return unique
      .claimants(value)
      .some((key) => !this.#touched.has(key) && this.#host.shown(this.#host.lookup(key)) !== undefined);
  }

  /** Forgets all writes; resolves when everything that was read is durable, so that it may be told. */
  rollBack(): Promise<void> {
    this.#end();
    return this.#settleReads();
  }

  #end(): void {
    assert(!this.#isOver, 'a transaction ends once');
    this.#isOver = true;
    this.#watch?.end();
  }

  async #refuse(basedOn: Lsn): Promise<never> {
    await this.#host.settled(basedOn);
    throw new DatabaseError('RetryWith', 'Another write changed what this transaction is based on.');
  }

  async #settleReads(): Promise<void> {
    let last = 0;
    for (const { before } of this.#touched.values()) last = Math.max(last, before?.lsn ?? 0);
    await this.#host.settled(last);
  }
}

function joinedEdits(first: readonly PathEdit[] = [], more: readonly PathEdit[] = []): readonly PathEdit[] {
  if (first.length === 0) return more;
  const edits = [...first];
  for (const edit of more) appendEdit(edits, edit);
  return edits;
}

function writtenBytes({ intent, shown }: Touched): number {
  return intent === undefined ? 0 : (shown?.body.length ?? 0);
}

/** What is written at once is more than an entry of the log holds. */
export function tooLarge(): DatabaseError {
  return new DatabaseError('RequestEntityTooLarge', 'Request size is too large');
}

function isSame(a: StoredPut | undefined, b: StoredPut | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return etagOf(a) === etagOf(b);
}
