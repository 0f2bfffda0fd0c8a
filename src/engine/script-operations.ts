/**
 * Stored procedures and triggers: each run is one transaction on one logical partition. Nothing is locked
 * while it lasts; when another write got in between, it is run again.
 */
import type { Directory, ScriptRecord } from '../account/index.ts';
import type { Json, JsonObject } from '../base/index.ts';
import { unixMs } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import {
  etagOf,
  type ItemKey,
  itemKey,
  type StoredPut,
  type TransactionOutcome,
} from '../partition/index.ts';
import { isDeeperThan, VALUE_DEPTH_MAX } from '../query/index.ts';
import {
  completeKey,
  documentRid,
  effectivePartitionKey,
  extractPartitionKey,
  type PartitionKey,
  partitionKeyRange,
  readItem,
  type TriggerType,
} from '../resource/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { SCRIPT_LIMITS, type ScriptOutcome, type ScriptRun, type ScriptRunner } from '../script/index.ts';
import { AnswerError } from './answer-error.ts';
import { LOOKUP_CHARGE } from './charge.ts';
import { type ContainerHandle, partitionFor } from './container-handle.ts';
import type { Containers } from './containers.ts';
import type {
  IndexingChoice,
  ItemAnswer,
  ItemTarget,
  ItemWrite,
  Preconditions,
  RequestContext,
  ScriptAnswer,
  ScriptExecution,
  TriggerNames,
} from './engine.ts';
import type { ItemOperations } from './item-operations.ts';
import { headOf } from './request-gate.ts';
import { scriptFailure } from './script-failure.ts';
import { findScript } from './script-resources.ts';
import { type ScriptScope, ScriptTransaction, type ScriptTransactionOptions } from './script-transaction.ts';

export interface ScriptOperationsOptions extends ScriptTransactionOptions {
  readonly runtime: Runtime;
  readonly directory: Directory;
  readonly containers: Containers;
  readonly items: ItemOperations;
  readonly runner: ScriptRunner;
}

/** How often a run is tried while other writes keep getting in between. */
const ATTEMPTS_MAX = 10;

/** What one run of a transaction gives: an answer, made when it is known what the log has. */
type Finish<T> = (outcome: TransactionOutcome, transaction: ScriptTransaction) => T;

/** One run, but for what the script itself brings. `timeMs`: what all runs together have left. */
type ScriptCall = Omit<ScriptRun, 'source' | 'limits'> & { readonly timeMs: number };

/** A write with triggers around it. */
export type TriggeredWrite =
  | { readonly op: 'create' | 'upsert'; readonly write: ItemWrite }
  | { readonly op: 'replace'; readonly target: ItemTarget; readonly body: Buffer }
  | { readonly op: 'delete'; readonly target: ItemTarget };

export class ScriptOperations {
  readonly #options: ScriptOperationsOptions;

  constructor(options: ScriptOperationsOptions) {
    this.#options = options;
  }

  /** What writes without triggers. */
  get items(): ItemOperations {
    return this.#options.items;
  }

  async execute(execution: ScriptExecution): Promise<ScriptAnswer> {
    const handle = this.items.owner(execution.path, execution);
    const { directory } = this.#options;
    if (isDeeperThan(execution.arguments as Json[], VALUE_DEPTH_MAX)) {
      throw new DatabaseError('BadRequest', 'The arguments of a stored procedure are nested too deeply.');
    }
    const script = findScript(directory, handle.record, 'storedProcedure', execution.id);
    const scope = await this.#scope(handle, execution.partitionKey, execution);
    return this.#transact(scope, async (transaction, timeMs) => {
      const { isLogging } = execution;
      const given = { kind: 'procedure', arguments: execution.arguments, isLogging } as const;
      const { body, log } = await this.#run(scope, script, transaction, { ...given, timeMs });
      return (outcome) => ({
        ...headOf(directory.state, scope.handle, scope.record, scope.partition, chargeOf(transaction)),
        body: bodyText(scope, body, transaction.renamed(outcome)),
        log,
      });
    });
  }

  /** @throws DatabaseError as the write itself does, and `BadRequest` for what triggers do wrong. */
  async write(triggered: TriggeredWrite, names: TriggerNames): Promise<ItemAnswer> {
    const request = 'write' in triggered ? triggered.write : triggered.target;
    const handle = this.items.owner(request.path, request);
    const triggers = this.#triggersOf(handle, triggered.op, names);
    const { key, body } = contentOf(handle, triggered);
    const scope = await this.#scope(handle, key, request);
    return this.#transact(scope, async (transaction, timeMs) => {
      let requestBody: Json | undefined = body;
      const event = { kind: 'trigger', operationType: operationName(triggered.op), arguments: [] } as const;
      for (const script of triggers.pre) {
        const given: ScriptCall = { ...event, requestBody, timeMs };
        requestBody = (await this.#run(scope, script, transaction, given)).requestBody;
      }
      const done = perform(transaction, scope, triggered, requestBody);
      for (const script of triggers.post) {
        const given = { ...event, requestBody, responseBody: done.resource, timeMs };
        await this.#run(scope, script, transaction, given);
      }
      return (outcome) => this.#itemAnswer(scope, done, outcome.puts.get(done.key), transaction);
    });
  }

  #itemAnswer(
    { handle, record, partition }: ScriptScope,
    { status }: Performed,
    put: StoredPut | undefined,
    transaction: ScriptTransaction,
  ): ItemAnswer {
    const head = headOf(this.#options.directory.state, handle, record, partition, chargeOf(transaction));
    // A post-trigger may have taken away what was just written.
    const body = put && Buffer.from(put.body.buffer, put.body.byteOffset, put.body.byteLength);
    return { ...head, status, etag: put && etagOf(put), body };
  }

  /** Runs `work` in a transaction and commits it; again, when other writes made it void. */
  async #transact<T>(
    scope: ScriptScope,
    work: (transaction: ScriptTransaction, timeMs: number) => Promise<Finish<T>>,
  ): Promise<T> {
    const { runtime, directory, containers } = this.#options;
    const endMs = runtime.monotonicMs() + SCRIPT_LIMITS.timeMs;
    for (let attempt = 1; ; attempt++) {
      containers.requireOpen(scope.record, scope.partition);
      const transaction = new ScriptTransaction(this.#options, scope);
      let isOutdated = false;
      try {
        let finish: Finish<T>;
        try {
          finish = await work(transaction, endMs - runtime.monotonicMs());
        } catch (error) {
          isOutdated = transaction.isOutdated;
          await transaction.rollBack();
          throw error;
        }
        return finish(await transaction.commit(), transaction);
      } catch (error) {
        const isVoid = isOutdated || (error instanceof DatabaseError && error.code === 'RetryWith');
        if (isVoid && attempt < ATTEMPTS_MAX && runtime.monotonicMs() < endMs) continue;
        const { handle, record, partition } = scope;
        const charge = chargeOf(transaction);
        throw AnswerError.withHead(error, headOf(directory.state, handle, record, partition, charge));
      }
    }
  }

  /** @throws DatabaseError `BadRequest` when the script throws, `ScriptTimeout` when it takes too long. */
  async #run(
    { handle }: ScriptScope,
    script: ScriptRecord,
    transaction: ScriptTransaction,
    { timeMs, ...given }: ScriptCall,
  ): Promise<Extract<ScriptOutcome, { kind: 'done' }>> {
    const outcome = await this.#options.runner.run(
      {
        ...given,
        source: script.definition.body,
        selfLink: handle.selfLink,
        altLink: handle.path,
        limits: { ...SCRIPT_LIMITS, timeMs: Math.max(1, timeMs) },
      },
      (requests) => transaction.answer(requests),
    );
    if (outcome.kind === 'done') return outcome;
    throw scriptFailure(outcome);
  }

  #triggersOf(
    handle: ContainerHandle,
    op: TriggeredWrite['op'],
    names: TriggerNames,
  ): { readonly pre: readonly ScriptRecord[]; readonly post: readonly ScriptRecord[] } {
    const { directory } = this.#options;
    const find = (id: string, type: TriggerType): ScriptRecord => {
      const script = directory.findScript(handle.record.rid, 'trigger', id);
      if (script === undefined) throw new DatabaseError('BadRequest', `The trigger '${id}' does not exist.`);
      const { trigger } = script.definition;
      if (trigger?.type !== type || !FIRES_ON[op].includes(trigger.operation)) {
        throw new DatabaseError(
          'BadRequest',
          `The trigger '${id}' is not a ${type}-trigger of the operation '${operationName(op)}'.`,
        );
      }
      return script;
    };
    return {
      pre: names.pre.map((id) => find(id, 'Pre')),
      post: names.post.map((id) => find(id, 'Post')),
    };
  }

  async #scope(
    handle: ContainerHandle,
    named: PartitionKey | undefined,
    context: RequestContext,
  ): Promise<ScriptScope> {
    const definition = handle.record.definition.partitionKey;
    if (named === undefined) {
      throw new DatabaseError('BadRequest', 'PartitionKey value must be supplied for this operation.');
    }
    const key = completeKey(definition, named);
    const epk = effectivePartitionKey(definition, key);
    const record = partitionFor(handle, epk);
    const { partition } = await this.#options.items.openForTransaction(handle, record, epk, context);
    return { handle, record, partition, key, epk, epkRange: partitionKeyRange(definition, key) };
  }
}

/** The operations that a trigger may be registered for to run at each kind of write. */
const FIRES_ON: Readonly<Record<TriggeredWrite['op'], readonly string[]>> = {
  create: ['All', 'Create'],
  upsert: ['All', 'Create', 'Update', 'Replace'],
  replace: ['All', 'Update', 'Replace'],
  delete: ['All', 'Delete'],
};

function operationName(op: TriggeredWrite['op']): string {
  return op.charAt(0).toUpperCase() + op.slice(1);
}

/** The partition key that the write is for, and the item as it came. */
function contentOf(
  handle: ContainerHandle,
  triggered: TriggeredWrite,
): { readonly key: PartitionKey | undefined; readonly body: JsonObject | undefined } {
  if (triggered.op === 'delete') return { key: triggered.target.partitionKey, body: undefined };
  if (triggered.op === 'replace') {
    return { key: triggered.target.partitionKey, body: readItem(triggered.body).object };
  }
  const { object } = readItem(triggered.write.body);
  const named = triggered.write.partitionKey;
  return { key: named ?? extractPartitionKey(handle.record.definition.partitionKey, object), body: object };
}

interface Performed {
  readonly status: 200 | 201 | 204;
  readonly key: ItemKey;
  readonly resource: Json | undefined;
}

function perform(
  transaction: ScriptTransaction,
  { epk }: ScriptScope,
  triggered: TriggeredWrite,
  body: Json | undefined,
): Performed {
  if ('write' in triggered) {
    const { op, write } = triggered;
    const id = String((body as JsonObject | undefined)?.id);
    const key = itemKey(epk, id);
    const status = transaction.get(key) === undefined ? 201 : 200;
    const options = { disableAutomaticIdGeneration: true, ...writeOptions(write) };
    return { status, key, resource: transaction.write(op, body, options) };
  }
  const { op, target } = triggered;
  const key = itemKey(epk, target.id);
  if (op === 'replace') {
    return { status: 200, key, resource: transaction.replace(key, body, writeOptions(target)) };
  }
  transaction.delete(key, writeOptions(target));
  return { status: 204, key, resource: undefined };
}

/** What the request says of its write, as a script would. */
function writeOptions({ ifMatch, indexing }: Preconditions & IndexingChoice): JsonObject {
  return {
    ...(ifMatch === undefined || ifMatch === '*' ? {} : { etag: ifMatch }),
    ...(indexing === undefined ? {} : { indexAction: indexing.toLowerCase() }),
  };
}

function chargeOf(transaction: ScriptTransaction): number {
  return Math.max(LOOKUP_CHARGE, transaction.charge);
}

/**
 * The answer of a procedure. When other writes took their place in the log before it, the items it wrote have
 * other etags, rids and times now than it saw. Etags and rids are unlike anything else, so they can be
 * exchanged in the text, and with an etag the time that stands beside it.
 */
function bodyText(
  { handle, partition }: ScriptScope,
  body: Json | undefined,
  renamed: readonly [StoredPut, StoredPut][],
): Buffer {
  const ridOf = (one: StoredPut) => documentRid(handle.record.rid, one.incarnation, partition.number);
  const etagIn = (one: StoredPut) => JSON.stringify(etagOf(one)).slice(1, -1);
  const tailOf = (one: StoredPut) => {
    const ts = Math.floor(unixMs(one.time) / 1000);
    return `${etagIn(one)}","_attachments":"attachments/","_ts":${ts}`;
  };
  let text = JSON.stringify(body ?? '');
  for (const [seen, put] of renamed) {
    text = text.replaceAll(tailOf(seen), tailOf(put));
    text = text.replaceAll(etagIn(seen), etagIn(put));
    text = text.replaceAll(ridOf(seen), ridOf(put));
  }
  return Buffer.from(text);
}
