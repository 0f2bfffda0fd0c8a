import { finish, finishInTurns, type JsonObject } from '../../base/index.ts';
import type { AnswerHead, FeedAnswer, ItemAnswer } from '../../engine/index.ts';
import { type HttpResponse, Turns } from '../../runtime/index.ts';
import type { PooledBody } from './body-pool.ts';
import type { Answer, Exchange } from './exchange.ts';
import { feedBody } from './feed.ts';

/**
 * Answers in the protocol's form. Headers are built as the one flat list that goes to the socket: on the
 * fastest requests their count is what is left to save.
 */

const GATEWAY_VERSION = 'version=2.14.0';
const SERVICE_VERSION = 'version=2.14.0.0';
const SCHEMA_VERSION = '1.18';
/** A page of fewer is put together at once. */
const MANY_ROWS = 2_000;

/** Request units of operations on metadata, which draw on no container's throughput. */
export const METADATA_CHARGE = { read: 1, feed: 2, write: 2 } as const;

/** The headers of every answer, failures included. */
export function commonHeaders(exchange: Pick<Exchange, 'activityId'>, charge: number): string[] {
  return [
    'content-type',
    'application/json',
    'x-ms-activity-id',
    exchange.activityId,
    'x-ms-request-charge',
    chargeText(charge),
    'x-ms-gatewayversion',
    GATEWAY_VERSION,
    'x-ms-serviceversion',
    SERVICE_VERSION,
    'x-ms-schemaversion',
    SCHEMA_VERSION,
  ];
}

/** The headers of every answer that came from a partition. */
export function dataHeaders(exchange: Exchange, head: AnswerHead): string[] {
  const lsn = String(head.lsn);
  return [
    'content-type',
    'application/json',
    'x-ms-activity-id',
    exchange.activityId,
    'x-ms-request-charge',
    chargeText(head.charge),
    'x-ms-gatewayversion',
    GATEWAY_VERSION,
    'x-ms-serviceversion',
    SERVICE_VERSION,
    'x-ms-schemaversion',
    SCHEMA_VERSION,
    'x-ms-session-token',
    head.sessionToken,
    // Clients keep session tokens under these two.
    'x-ms-content-path',
    head.containerRid,
    'x-ms-alt-content-path',
    pathText(head.containerPath),
    'x-ms-documentdb-partitionkeyrangeid',
    head.rangeId,
    'lsn',
    lsn,
    'x-ms-cosmos-llsn',
    lsn,
    'x-ms-quorum-acked-lsn',
    lsn,
    'x-ms-request-duration-ms',
    durationText(exchange),
  ];
}

/** `isMinimal`: the client does not want the item back. */
export function itemResponse(exchange: Exchange, answer: ItemAnswer, isMinimal = false): HttpResponse {
  const headers = dataHeaders(exchange, answer);
  if (answer.etag !== undefined) headers.push('etag', answer.etag);
  return { status: answer.status, headers, body: isMinimal ? undefined : answer.body };
}

/** `extra` headers are appended. A page of many rows is made while others have their turn. */
export function feedResponse(exchange: Exchange, answer: FeedAnswer, extra: readonly string[] = []): Answer {
  const { rows, continuation, containerRid } = answer;
  const respond = ({ body, release }: PooledBody): HttpResponse => {
    const headers = dataHeaders(exchange, answer);
    headers.push('x-ms-item-count', String(rows.length));
    if (continuation !== undefined) headers.push('x-ms-continuation', continuation);
    return { status: 200, headers: [...headers, ...extra], body, onSent: release };
  };
  const making = feedBody(containerRid, 'Documents', rows);
  if (rows.length < MANY_ROWS) return respond(finish(making));
  return finishInTurns(making, new Turns(exchange.service.runtime).begin()).then(respond);
}

/** A resource that is metadata; `extra` headers are appended. */
export function resourceResponse(
  exchange: Exchange,
  status: 200 | 201,
  resource: JsonObject,
  extra: readonly string[] = [],
): HttpResponse {
  const charge = exchange.request.method === 'GET' ? METADATA_CHARGE.read : METADATA_CHARGE.write;
  const headers = [...commonHeaders(exchange, charge), 'etag', String(resource._etag), ...extra];
  headers.push('x-ms-request-duration-ms', durationText(exchange));
  return { status, headers, body: JSON.stringify(resource) };
}

export function emptyResponse(exchange: Exchange, status: 204 | 304, charge: number): HttpResponse {
  return { status, headers: commonHeaders(exchange, charge), body: undefined };
}

/** At most two decimals. */
function chargeText(charge: number): string {
  return Number.isInteger(charge) ? String(charge) : String(Math.round(charge * 100) / 100);
}

function durationText(exchange: Exchange): string {
  const microseconds = Math.round((exchange.service.runtime.monotonicMs() - exchange.startedMs) * 1000);
  return String(microseconds / 1000);
}

let lastPath = '';
let lastPathText = '';

/** Clients compare the path with the one they send, which is percent-encoded. */
export function pathText(path: string): string {
  if (path !== lastPath) {
    lastPath = path;
    lastPathText = encodeURI(path);
  }
  return lastPathText;
}
