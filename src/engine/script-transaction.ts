/**
 * The database as one script sees it: a transaction on one logical partition, behind the calls of the
 * collection. Whatever the script asks for wrongly is an answer to it, never an error here.
 */
import type { PartitionRecord } from '../account/index.ts';
import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import type { Dot } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import {
  epkOf,
  type ItemKey,
  itemKey,
  type Partition,
  type SourceView,
  type StoredPut,
  type Transaction,
  type TransactionOutcome,
} from '../partition/index.ts';
import { beginEnvironment, compileQuery, executePage, type QuerySource } from '../query/index.ts';
import {
  documentRid,
  type EffectivePartitionKey,
  type EpkRange,
  matchPartitionKey,
  type PartitionKey,
  parseRid,
  type ReadItem,
  readItem,
} from '../resource/index.ts';
import { type Runtime, Turns } from '../runtime/index.ts';
import type { HostAnswer, HostRequest } from '../script/index.ts';
import { LOOKUP_CHARGE, readCharge } from './charge.ts';
import type { ContainerHandle } from './container-handle.ts';
import type { IndexingChoice, Preconditions } from './engine.ts';
import { type FunctionCallerOptions, functionCaller } from './function-caller.ts';
import {
  decideCreate,
  decideDelete,
  decideReplace,
  decideUpsert,
  type ItemDecision,
  idOf,
  requireVisible,
  writeCharge,
} from './item-decision.ts';

/** The logical partition that a script works on. */
export interface ScriptScope {
  readonly handle: ContainerHandle;
  readonly record: PartitionRecord;
  readonly partition: Partition;
  readonly key: PartitionKey;
  readonly epk: EffectivePartitionKey;
  readonly epkRange: EpkRange;
}

export interface ScriptTransactionOptions extends FunctionCallerOptions {
  readonly runtime: Runtime;
  readonly openSource: (partition: Partition, view: SourceView) => Promise<QuerySource>;
}

/** The bodies that one run may write, in bytes: they become one log entry. */
const WRITTEN_BYTES_MAX = 4 << 20;
const PAGE_SIZE = 100;
const PAGE_SIZE_MAX = 1000;
const PAGE_BYTES_MAX = 2 << 20;

export class ScriptTransaction {
  readonly #options: ScriptTransactionOptions;
  readonly #scope: ScriptScope;
  readonly #transaction: Transaction;
  /** Items that only this transaction knows, by their rid. */
  readonly #created = new Map<string, ItemKey>();
  /** What the script was shown of its own writes. */
  readonly #seen = new Map<ItemKey, StoredPut>();
  #writtenBytes = 0;
  #charge = 0;

  constructor(options: ScriptTransactionOptions, scope: ScriptScope) {
    this.#options = options;
    this.#scope = scope;
    this.#transaction = scope.partition.begin(scope.epk);
  }

  /** Request units so far. */
  get charge(): number {
    return this.#charge;
  }

  /** The item as the transaction sees it now. */
  get(key: ItemKey): StoredPut | undefined {
    return this.#transaction.get(key);
  }

  /** Carries out what a script asked for, in order; see ScriptHost. */
  async answer(requests: readonly HostRequest[]): Promise<HostAnswer[]> {
    const answers: HostAnswer[] = [];
    for (const request of requests) {
      try {
        const isRead = request.op === 'query' || request.op === 'list';
        answers.push(isRead ? await this.#query(request) : this.#perform(request));
      } catch (error) {
        // What the database itself cannot do is for whoever runs the script.
        if (!(error instanceof DatabaseError) || error.code === 'OwnerNotFound') throw error;
        answers.push({
          error: { number: error.kind.status, body: JSON.stringify({ Errors: [error.message] }) },
        });
      }
    }
    return answers;
  }

  /** Ends conflicts of an item together with what the transaction writes. */
  settle(key: ItemKey, conflicts: readonly Dot[]): void {
    this.#transaction.settle(key, conflicts);
  }

  /** See Transaction. */
  get isOutdated(): boolean {
    return this.#transaction.isOutdated;
  }

  commit(): Promise<TransactionOutcome> {
    return this.#transaction.commit();
  }

  rollBack(): Promise<void> {
    return this.#transaction.rollBack();
  }

  /** What the script was shown as its own writes, where the log has it under other names now. */
  renamed({ puts }: TransactionOutcome): [StoredPut, StoredPut][] {
    const pairs: [StoredPut, StoredPut][] = [];
    for (const [key, seen] of this.#seen) {
      const put = puts.get(key);
      if (put === undefined) continue;
      if (put.dot.n !== seen.dot.n || put.incarnation !== seen.incarnation) pairs.push([seen, put]);
    }
    return pairs;
  }

  #perform(request: HostRequest): HostAnswer {
    switch (request.op) {
      case 'create':
      case 'upsert':
        this.#checkOwnLink(request.link);
        return { resource: this.write(request.op, request.body, request.options) };
      case 'replace':
        return { resource: this.replace(this.#keyOf(request.link), request.body, request.options) };
      case 'delete':
        this.delete(this.#keyOf(request.link), request.options);
        return { resource: undefined };
      default:
        return { resource: this.#read(this.#keyOf(request.link)) };
    }
  }

  #read(key: ItemKey): Json {
    const visible = requireVisible(this.get(key));
    this.#charge += readCharge(visible.body.length);
    return jsonOf(visible);
  }

  /** Creates an item, or puts it in the place of one that is there. @throws DatabaseError as writes do. */
  write(op: 'create' | 'upsert', body: Json | undefined, options: JsonObject): Json | undefined {
    const { handle } = this.#scope;
    const given = isJsonObject(body) ? body : {};
    const makesId = options.disableAutomaticIdGeneration !== true && given.id === undefined;
    const { item, key } = this.#item(makesId ? { id: this.#options.runtime.uuid(), ...given } : given);
    const terms = conditionsIn(options);
    const decide = op === 'create' ? decideCreate(handle, item, terms) : decideUpsert(handle, item, terms);
    return this.#apply(key, decide(this.get(key)));
  }

  /** @throws DatabaseError as replaces do. */
  replace(key: ItemKey, body: Json | undefined, options: JsonObject): Json | undefined {
    const { item, key: named } = this.#item(isJsonObject(body) ? body : {});
    if (named !== key) throw new DatabaseError('BadRequest', 'The id of an item cannot be changed.');
    const decide = decideReplace(this.#scope.handle, item, conditionsIn(options));
    return this.#apply(key, decide(this.get(key)));
  }

  /** @throws DatabaseError as deletes do. */
  delete(key: ItemKey, options: JsonObject): void {
    this.#apply(key, decideDelete(conditionsIn(options))(this.get(key)));
  }

  #item(body: JsonObject): { readonly item: ReadItem; readonly key: ItemKey } {
    const item = readItem(Buffer.from(JSON.stringify(body)));
    const { handle, key, epk } = this.#scope;
    matchPartitionKey(handle.record.definition.partitionKey, { named: key, item: item.object });
    this.#writtenBytes += item.text.length;
    if (this.#writtenBytes > WRITTEN_BYTES_MAX) {
      throw new DatabaseError('RequestEntityTooLarge', 'The script writes more than a transaction holds.');
    }
    return { item, key: itemKey(epk, idOf(item.object)) };
  }

  #apply(key: ItemKey, { status, intent }: ItemDecision): Json | undefined {
    const oldBytes = this.get(key)?.body.length ?? 0;
    const put = this.#transaction.write(key, intent);
    this.#charge += writeCharge(status, oldBytes, put?.body.length ?? 0);
    if (put === undefined) {
      this.#seen.delete(key);
      return undefined;
    }
    const resource = jsonOf(put);
    this.#seen.set(key, put);
    this.#created.set(String(resource._rid), key);
    return resource;
  }

  async #query(request: HostRequest): Promise<HostAnswer> {
    const { runtime, openSource } = this.#options;
    const { handle, partition, epkRange } = this.#scope;
    this.#checkOwnLink(request.link);
    const spec = request.op === 'list' ? { text: 'SELECT * FROM c', parameters: [] } : specOf(request.query);
    const compiled = compileQuery(spec.text);
    const { pageSize, continuation } = request.options;
    const source = await openSource(partition, {
      overlay: this.#transaction.overlay(),
      withUnindexed: request.op === 'list',
    });
    try {
      const page = await executePage(compiled, {
        parameters: spec.parameters,
        source,
        indexer: source.indexer,
        ...(compiled.callsFunctions ? { callFunctions: functionCaller(this.#options, handle.record) } : {}),
        environment: beginEnvironment(runtime, { geospatialType: handle.geospatialType }),
        itemCountMax: pageSizeOf(pageSize),
        bytesMax: PAGE_BYTES_MAX,
        pause: new Turns(runtime).begin(),
        epkRange,
        ...(typeof continuation === 'string' && continuation !== '' ? { continuation } : {}),
      });
      this.#charge += page.charge + LOOKUP_CHARGE;
      const feed = page.rows.map((row) => JSON.parse(row.toString()) as Json);
      return { feed, continuation: page.continuation };
    } finally {
      await source.close();
    }
  }

  #checkOwnLink(link: Json | undefined): void {
    if (typeof link === 'string' && this.#below(link) === '') return;
    throw foreign(link);
  }

  /** @throws DatabaseError `BadRequest` when the link is none of an item of this container. */
  #keyOf(link: Json | undefined): ItemKey {
    const below = typeof link === 'string' ? this.#below(link) : undefined;
    const name = below?.startsWith('docs/') ? below.slice(5) : '';
    if (name === '') throw foreign(link);
    const { handle, partition, epk } = this.#scope;
    const created = this.#created.get(name);
    if (created !== undefined) return created;
    const rid = parseRid(name);
    const isOurs = rid?.kind === 'document' && rid.container === handle.record.rid;
    if (isOurs && documentRid(rid.container, rid.number, partition.number) === name) {
      const known = partition.keyOf(rid.number);
      // In another logical partition it is out of reach, and so not there.
      if (known !== undefined && epkOf(known) === epk) return known;
    }
    return itemKey(epk, name);
  }

  /** What the link names below this container, without slashes at its ends; undefined if elsewhere. */
  #below(link: string): string | undefined {
    const { handle } = this.#scope;
    const trimmed = link.replace(/^\/+|\/+$/g, '');
    for (const owner of [handle.selfLink.replace(/\/+$/, ''), handle.path]) {
      if (trimmed === owner) return '';
      if (trimmed.startsWith(`${owner}/`)) return trimmed.slice(owner.length + 1);
    }
    return undefined;
  }
}

function conditionsIn({ etag, indexAction }: JsonObject): Preconditions & IndexingChoice {
  return {
    ...(typeof etag === 'string' && etag !== '' ? { ifMatch: etag } : {}),
    ...(indexAction === 'include' ? { indexing: 'Include' } : {}),
    ...(indexAction === 'exclude' ? { indexing: 'Exclude' } : {}),
  };
}

function jsonOf({ body }: StoredPut): JsonObject {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  return JSON.parse(text) as JsonObject;
}

function pageSizeOf(asked: Json | undefined): number {
  const isCount = typeof asked === 'number' && Number.isSafeInteger(asked) && asked > 0;
  return isCount ? Math.min(asked, PAGE_SIZE_MAX) : PAGE_SIZE;
}

function specOf(query: Json | undefined): { text: string; parameters: { name: string; value: Json }[] } {
  if (typeof query === 'string') return { text: query, parameters: [] };
  const { query: text, parameters } = isJsonObject(query) ? query : {};
  if (typeof text !== 'string') throw new DatabaseError('BadRequest', 'A query is a text or an object.');
  const list = Array.isArray(parameters) ? parameters : [];
  return {
    text,
    parameters: list.map((parameter) => {
      const { name, value } = isJsonObject(parameter) ? parameter : {};
      if (typeof name !== 'string') throw new DatabaseError('BadRequest', 'A query parameter has a name.');
      return { name, value: value ?? null };
    }),
  };
}

function foreign(link: Json | undefined): DatabaseError {
  const text = typeof link === 'string' ? link : JSON.stringify(link);
  return new DatabaseError('BadRequest', `The link '${text}' names nothing in the container of the script.`);
}
