import { finish, type JsonObject } from '../../base/index.ts';
import { beginEnvironment, evaluateOverResources } from '../../query/index.ts';
import type { HttpResponse } from '../../runtime/index.ts';
import type { Exchange } from './exchange.ts';
import { feedBody, type Page, resourcePage, resultPage } from './feed.ts';
import { isQuery, querySpecOf } from './query-request.ts';
import { headerOf, itemCountMaxOf } from './request-headers.ts';
import { commonHeaders, METADATA_CHARGE } from './response.ts';

export interface MetadataFeed {
  /** rid of the parent; empty at the top. */
  readonly ownerRid: string;
  /** Name of the array in the body, as `Databases`. */
  readonly name: string;
  readonly resources: readonly JsonObject[];
  /** Always given in one page and in the order given: a map with gaps is no map. */
  readonly isWhole?: true;
}

/**
 * Lists or queries metadata. Clients never ask for plans here, so the whole query runs in this place.
 * `extra` headers are appended.
 */
export function metadataFeed(
  exchange: Exchange,
  feed: MetadataFeed,
  extra: readonly string[] = [],
): HttpResponse {
  const { request } = exchange;
  const pageRequest = {
    itemCountMax: itemCountMaxOf(request),
    continuation: headerOf(request, 'x-ms-continuation'),
  };
  let page: Page;
  if (isQuery(request)) {
    const environment = beginEnvironment(exchange.service.runtime);
    page = resultPage(evaluateOverResources(querySpecOf(request), feed.resources, environment), pageRequest);
  } else if (feed.isWhole === true) page = { rows: feed.resources.map(toText), continuation: undefined };
  else page = resourcePage(feed.resources, pageRequest);
  const headers = [
    ...commonHeaders(exchange, METADATA_CHARGE.feed),
    'x-ms-item-count',
    String(page.rows.length),
    ...extra,
  ];
  if (page.continuation !== undefined) headers.push('x-ms-continuation', page.continuation);
  const { body, release } = finish(feedBody(feed.ownerRid, feed.name, page.rows));
  return { status: 200, headers, body, onSent: release };
}

function toText(resource: JsonObject): string {
  return JSON.stringify(resource);
}
