import { type JsonObject, murmur3x86Hash32 } from '../../base/index.ts';
import type { Answer, Exchange } from './exchange.ts';
import { metadataFeed } from './metadata-feed.ts';
import { methodNotAllowed } from './method.ts';
import { isQuery } from './query-request.ts';
import { containerPath, headerOf } from './request-headers.ts';
import { commonHeaders, METADATA_CHARGE } from './response.ts';

/**
 * The partition key ranges of a container: complete, without parents beside their children. Clients that ask
 * for changes only are given everything once anything changed; they put it over what they had.
 */
export function handleRanges(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  if (request.method !== 'GET' && request.method !== 'HEAD' && !isQuery(request))
    throw methodNotAllowed(request);
  const path = containerPath(route);
  const ranges = service.engine.resources.listPartitionKeyRanges(path);
  const etag = etagOf(ranges);
  const known = headerOf(request, 'if-none-match');
  if (known === etag && headerOf(request, 'a-im') !== undefined) {
    const headers = [...commonHeaders(exchange, METADATA_CHARGE.read), 'etag', etag];
    return { status: 304, headers, body: undefined };
  }
  const ownerRid = service.engine.resources.containerOf(path).rid;
  return metadataFeed(exchange, { ownerRid, name: 'PartitionKeyRanges', resources: ranges, isWhole: true }, [
    'etag',
    etag,
  ]);
}

function etagOf(ranges: readonly JsonObject[]): string {
  const text = ranges
    .map(({ id, minInclusive, maxExclusive }) => `${id}:${minInclusive}-${maxExclusive}`)
    .join();
  return `"${murmur3x86Hash32(Buffer.from(text)).toString(16).padStart(8, '0')}"`;
}
