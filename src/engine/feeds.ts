/** Lists and queries: pages over one range after the other, each read from one snapshot of its partition. */
import type { Directory, PartitionRecord } from '../account/index.ts';
import { assert } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { Partition, SourceView } from '../partition/index.ts';
import {
  beginEnvironment,
  CarryOvers,
  type CompiledQuery,
  compileQuery,
  concernsOneKey,
  type Explanation,
  executePage,
  explain,
  isServableAcrossPartitions,
  MeteredSource,
  planInTurns,
  prepareQuery,
  type QueryEnvironment,
  type QueryPage,
  type QuerySource,
  type QuerySpec,
  sumExplanations,
} from '../query/index.ts';
import { type EpkRange, partitionKeyRange } from '../resource/index.ts';
import { type Runtime, Turns } from '../runtime/index.ts';
import type { ScriptRunner } from '../script/index.ts';
import { AnswerError } from './answer-error.ts';
import { LOOKUP_CHARGE } from './charge.ts';
import { type ContainerHandle, partitionById, partitionsOverlapping } from './container-handle.ts';
import type { Containers } from './containers.ts';
import { tooLate } from './deadlines.ts';
import type { FeedAnswer, FeedScope, QueryMetrics, QueryRequest } from './engine.ts';
import {
  decodeFeedToken,
  encodeFeedToken,
  type FeedStep,
  type FeedToken,
  intersectRanges,
  segmentsOf,
  stepsAfter,
} from './feed-token.ts';
import type { ForwardedCall } from './forwarding.ts';
import { functionCaller } from './function-caller.ts';
import type { ItemOperations } from './item-operations.ts';
import { checkConsistency, checkIntendedContainer, headOf, sessionDemand } from './request-gate.ts';

export interface FeedsOptions {
  readonly runtime: Runtime;
  readonly directory: Directory;
  readonly containers: Containers;
  readonly items: ItemOperations;
  readonly openSource: (partition: Partition, view: SourceView) => Promise<QuerySource>;
  /** Upper bound of every operation, in milliseconds. */
  readonly operationTimeoutMs: number;
  /** What runs user-defined functions. */
  readonly runner: ScriptRunner;
}

const EVERYTHING: EpkRange = { min: '', max: 'FF' };
const ITEM_COUNT_DEFAULT = 100;
/** A page's rows have at most so many bytes, and always at least one row. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;
/** Ranges that a page reads at most: each adds its session token to the answer's header. */
const RANGES_MAX = 64;
/**
 * A scan that finds little gives what it has, and a continuation, after this share of an operation's
 * time.
 */
const PAGE_TIME_SHARE = 0.6;
/** The same for looking up what an index finds, of a page that could do without. */
const GATHERING_TIME_SHARE = 0.3;
const LIST: QuerySpec = { query: 'SELECT * FROM c', parameters: [] };

/** What bounds one request's work. */
interface Pace {
  /** Lets others have their turn; rejects when nobody waits for the answer any more. */
  readonly turn: () => Promise<void>;
  readonly isOverdue: () => boolean;
  readonly isLate: () => boolean;
}

/** A page in the making. */
interface Page {
  readonly rows: (Buffer | string)[];
  /** Session tokens of the ranges that were read. */
  readonly tokens: string[];
  bytes: number;
  charge: number;
  retrievedCount: number;
  retrievedBytes: number;
  hits: number;
  /** Of each range, when somebody asked. */
  readonly explanations: Explanation[];
}

export class Feeds {
  readonly #options: FeedsOptions;
  readonly #carryOvers = new CarryOvers();
  readonly #turns: Turns;

  constructor(options: FeedsOptions) {
    this.#options = options;
    this.#turns = new Turns(options.runtime);
  }

  list(scope: FeedScope): Promise<FeedAnswer> {
    return this.#run({ ...scope, spec: LIST }, { kind: 'list', request: scope });
  }

  query(request: QueryRequest): Promise<FeedAnswer> {
    return this.#run(request, { kind: 'query', request });
  }

  async #run(request: QueryRequest, call: ForwardedCall): Promise<FeedAnswer> {
    const { directory, containers, runtime } = this.#options;
    const startMs = runtime.monotonicMs();
    const handle = containers.owner(request.path);
    checkConsistency(directory.state, request.consistency);
    checkIntendedContainer(handle, request);
    const { confine, records } = scopeOf(handle, request);
    const { query } = request.spec;
    const { computed } = handle;
    const pace = this.#paceFrom(startMs);
    const preparing =
      computed === undefined ? prepareQuery(query, pace.turn) : computed.prepare(query, pace.turn);
    if (preparing !== undefined) await preparing;
    const compiled = computed === undefined ? compileQuery(query) : computed.compile(query);
    const compiledMs = runtime.monotonicMs();
    if (request.staysInOneKey === true && records.length > 1)
      await this.#requireOneKey(handle, request.spec, pace);
    // Ranks rest on all rows: those of a range mean nothing, while nobody but us knows those of a key.
    const isPart = records.length > 1 || (compiled.tree.isRanked && request.partitionKey === undefined);
    if (isPart && !isServableAcrossPartitions(compiled))
      throw await this.#notServable(handle, request.spec, pace);
    const identity = { container: handle.record.rid, queryText: compiled.placeText };
    const token = request.continuation ? decodeFeedToken(identity, request.continuation) : undefined;
    const steps = stepsAfter(records, token);
    // A token of another key range, which the client took for this one.
    if (steps.length === 0) throw new DatabaseError('BadRequest', 'Invalid Continuation Token');
    const page = emptyPage();
    const environment = beginEnvironment(runtime, { ...handle, ...startOf(token) });
    const wanted = wantedCount(request.itemCountMax);
    const stepsMax = Math.min(steps.length, RANGES_MAX);
    let answer: FeedAnswer | undefined;
    for (let place = 0; place < stepsMax; place++) {
      const step = steps[place] as FeedStep<PartitionRecord>;
      const { record } = step;
      const partition = await containers.partition(handle, record);
      if (answer === undefined || page.rows.length === 0) {
        const elsewhere = await this.#reach(handle, record, partition, request, call);
        if (elsewhere !== undefined) return elsewhere;
      } else if (!isReached(record, partition, request)) {
        // The next page waits for this range, or goes where it can be read; this one has something to show.
        return answer;
      }
      containers.requireOpen(record, partition);
      const view = { withUnindexed: call.kind === 'list' };
      const range = { handle, step, partition, view, compiled, request, environment, confine, pace };
      const { continuation: next } = await this.#readRange(range, wanted, page);
      const left = steps.slice(place + 1);
      if (next !== undefined) left.unshift({ ...step, inner: next });
      const head = headOf(directory.state, handle, record, partition, page.charge);
      page.tokens.push(head.sessionToken);
      const times = { startMs, compiledMs, endMs: runtime.monotonicMs() };
      answer = {
        ...head,
        // A client has seen all of these ranges, and must not be shown anything older of any.
        sessionToken: page.tokens.join(','),
        rows: page.rows,
        continuation:
          left.length === 0
            ? undefined
            : encodeFeedToken(identity, {
                startedMs: environment.startedMs,
                segments: segmentsOf(left),
              }),
        metrics: request.wantMetrics === true ? measure(page, times) : undefined,
      };
      const isFull = page.rows.length >= wanted || page.bytes >= PAGE_BYTES_MAX;
      if (next !== undefined || isFull || pace.isOverdue()) break;
    }
    assert(answer !== undefined, 'a request touches at least one range');
    return answer;
  }

  /** @throws DatabaseError `BadRequest` unless the query is about one partition key. */
  async #requireOneKey({ record, search }: ContainerHandle, spec: QuerySpec, { turn }: Pace): Promise<void> {
    if (await concernsOneKey(spec, { ...record.definition, search }, turn)) return;
    throw new DatabaseError(
      'BadRequest',
      'Cross partition query is required but disabled. Please set ' +
        'x-ms-documentdb-query-enablecrosspartition to true, specify x-ms-documentdb-partitionkey, ' +
        'or revise your query to avoid this exception.',
    );
  }

  #paceFrom(startMs: number): Pace {
    const { runtime, operationTimeoutMs } = this.#options;
    const turn = this.#turns.begin();
    const used = () => (runtime.monotonicMs() - startMs) / operationTimeoutMs;
    return {
      turn: () => (used() > 1 ? Promise.reject(tooLate(operationTimeoutMs)) : turn()),
      isOverdue: () => used() > PAGE_TIME_SHARE,
      isLate: () => used() > GATHERING_TIME_SHARE,
    };
  }

  async #notServable(
    { record, search }: ContainerHandle,
    spec: QuerySpec,
    { turn }: Pace,
  ): Promise<DatabaseError> {
    const plan = await planInTurns(spec, { ...record.definition, search }, undefined, turn);
    return new DatabaseError(
      'CrossPartitionQueryNotServable',
      'The provided cross partition query can not be directly served by the gateway: ' +
        'the client has to run it range by range, following the plan in additionalErrorInfo.',
      { additionalInfo: JSON.stringify(plan) },
    );
  }

  /** Waits for the session token; the other region's answer when only that one can serve it. */
  async #reach(
    handle: ContainerHandle,
    record: PartitionRecord,
    partition: Partition,
    request: QueryRequest,
    call: ForwardedCall,
  ): Promise<FeedAnswer | undefined> {
    const { items } = this.#options;
    const demand = sessionDemand(record, request);
    if (demand === undefined || (await items.reach(partition, demand))) return undefined;
    const place = { handle, record, partition };
    return items.forwardOrRefuse(place, demand, (forwarder, region) =>
      forwarder.call(region, call),
    ) as Promise<FeedAnswer>;
  }

  #meter(source: QuerySource): MeteredSource {
    return new MeteredSource(source, () => this.#options.runtime.monotonicMs());
  }

  async #readRange(
    range: {
      readonly handle: ContainerHandle;
      readonly step: FeedStep<PartitionRecord>;
      readonly partition: Partition;
      readonly view: SourceView;
      readonly compiled: CompiledQuery;
      readonly request: QueryRequest;
      readonly environment: QueryEnvironment;
      readonly confine: EpkRange | undefined;
      readonly pace: Pace;
    },
    wanted: number,
    page: Page,
  ): Promise<QueryPage> {
    const { directory, openSource } = this.#options;
    const { handle, step, partition, view, compiled, request, environment, confine, pace } = range;
    const { record, inner } = step;
    const epkRange = narrower(step, confine);
    const opened = await openSource(partition, view);
    const metered = request.wantMetrics === true ? this.#meter(opened) : undefined;
    const source = metered ?? opened;
    try {
      const part = await executePage(compiled, {
        parameters: request.spec.parameters,
        environment,
        source,
        indexer: source.indexer,
        itemCountMax: wanted - page.rows.length,
        bytesMax: PAGE_BYTES_MAX - page.bytes,
        // Who asks range by range merges them. The official client keeps the token of a full page when the
        // next one is empty, and reads the range again from there when another process goes on.
        looksAhead: request.rangeId !== undefined,
        // A long scan lets other requests have their turns.
        pause: pace.turn,
        isOverdue: pace.isOverdue,
        isLate: pace.isLate,
        carryOvers: this.#carryOvers,
        ...(compiled.callsFunctions ? { callFunctions: functionCaller(this.#options, handle.record) } : {}),
        ...(epkRange === undefined ? {} : { epkRange }),
        ...(inner === undefined ? {} : { continuation: inner }),
      });
      let outputBytes = 0;
      for (const row of part.rows) {
        page.rows.push(row);
        outputBytes += row.length;
      }
      page.bytes += outputBytes;
      page.retrievedCount += part.retrievedCount;
      page.retrievedBytes += part.retrievedBytes;
      page.charge += part.charge;
      page.hits += part.indexHits;
      if (metered !== undefined) {
        const { parameters } = request.spec;
        page.explanations.push(explain(compiled, { parameters, environment, source }, metered.steps));
      }
      return part;
    } catch (error) {
      throw AnswerError.withHead(error, headOf(directory.state, handle, record, partition, LOOKUP_CHARGE));
    } finally {
      await source.close();
    }
  }
}

function emptyPage(): Page {
  const counts = { bytes: 0, charge: 0, retrievedCount: 0, retrievedBytes: 0, hits: 0 };
  return { rows: [], tokens: [], explanations: [], ...counts };
}

/** Whether the range has come as far as the request's session token demands. */
function isReached(record: PartitionRecord, partition: Partition, request: QueryRequest): boolean {
  const demand = sessionDemand(record, request);
  return demand === undefined || partition.vector.coversAll(demand);
}

/** The ranges a request touches, and the part of the key space it is confined to. */
function scopeOf(
  handle: ContainerHandle,
  scope: FeedScope,
): { confine: EpkRange | undefined; records: readonly PartitionRecord[] } {
  let confine: EpkRange | undefined;
  if (scope.partitionKey !== undefined && !isWholeLegacyContainer(handle, scope)) {
    confine = partitionKeyRange(handle.record.definition.partitionKey, scope.partitionKey);
  }
  if (scope.epkRange !== undefined) {
    const { min, max } = confine ?? EVERYTHING;
    const inner = scope.epkRange;
    confine = {
      min: compareKeys(min, inner.min) < 0 ? inner.min : min,
      max: compareKeys(max, inner.max) < 0 ? max : inner.max,
    };
  }
  if (scope.rangeId !== undefined) return { confine, records: [partitionById(handle, scope.rangeId)] };
  const records = partitionsOverlapping(handle, confine ?? EVERYTHING);
  // An empty slice of the key space still belongs to somebody, who answers with nothing.
  return { confine, records: records.length > 0 ? records : handle.record.partitions.slice(0, 1) };
}

/** Keys are compared as plain text. */
function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a === b ? 0 : 1;
}

/** In a legacy container `[]` on a feed means all of it. */
function isWholeLegacyContainer(handle: ContainerHandle, scope: FeedScope): boolean {
  return handle.record.definition.partitionKey.systemKey === true && scope.partitionKey?.length === 0;
}

function wantedCount(itemCountMax: number | undefined): number {
  return itemCountMax === undefined || itemCountMax < 1 ? ITEM_COUNT_DEFAULT : itemCountMax;
}

function startOf(token: FeedToken | undefined): { startedMs?: number } {
  return token === undefined ? {} : { startedMs: token.startedMs };
}

/** The part of its partition that a step is confined to; undefined when it may read all of it. */
function narrower(
  { record, range }: FeedStep<PartitionRecord>,
  confine: EpkRange | undefined,
): EpkRange | undefined {
  if (range.min <= record.range.min && range.max >= record.range.max) return confine;
  return confine === undefined
    ? range
    : (intersectRanges(range, confine) ?? { min: range.min, max: range.min });
}

function measure(page: Page, times: { startMs: number; compiledMs: number; endMs: number }): QueryMetrics {
  const explanation = sumExplanations(page.explanations);
  let indexLookupMs = 0;
  let documentLoadMs = 0;
  for (const { kind, ms } of explanation?.steps ?? []) {
    // A list of all items reads them on its way.
    if (kind === 'item load' || kind === 'item list') documentLoadMs += ms;
    else indexLookupMs += ms;
  }
  return {
    totalMs: times.endMs - times.startMs,
    compileMs: times.compiledMs - times.startMs,
    indexLookupMs,
    documentLoadMs,
    retrievedCount: page.retrievedCount,
    retrievedBytes: page.retrievedBytes,
    outputCount: page.rows.length,
    outputBytes: page.bytes,
    indexHitRatio: page.retrievedCount === 0 ? 1 : Math.min(1, page.hits / page.retrievedCount),
    explanation,
  };
}
