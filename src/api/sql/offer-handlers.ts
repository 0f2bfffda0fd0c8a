import { isJsonObject, type JsonObject } from '../../base/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import { throughputMin } from '../../resource/index.ts';
import { readResponse } from './database-handlers.ts';
import type { Answer, Exchange } from './exchange.ts';
import { metadataFeed } from './metadata-feed.ts';
import { methodNotAllowed } from './method.ts';
import { isQuery } from './query-request.ts';
import { objectBody } from './request-headers.ts';
import { resourceResponse } from './response.ts';

export function handleOffers(exchange: Exchange): Answer {
  const { request, service } = exchange;
  if (request.method !== 'GET' && request.method !== 'HEAD' && !isQuery(request))
    throw methodNotAllowed(request);
  return metadataFeed(exchange, {
    ownerRid: '',
    name: 'Offers',
    resources: service.engine.resources.listOffers(),
  });
}

export function handleOffer(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const { resources } = service.engine;
  // Clients that take a self link for an id ask for `offers/offers/{rid}/`.
  if (route.id.includes('/'))
    throw new DatabaseError('BadRequest', `'${route.id}' is not the rid of an offer.`);
  switch (request.method) {
    case 'GET':
    case 'HEAD': {
      const offer = resources.readOffer(route.id);
      return readResponse(exchange, offer, offerHeaders(offer));
    }
    case 'PUT':
      return resources
        .replaceOffer(route.id, objectBody(request))
        .then((offer) => resourceResponse(exchange, 200, offer, offerHeaders(offer)));
    default:
      throw methodNotAllowed(request);
  }
}

function offerHeaders(offer: JsonObject): string[] {
  const { content } = offer;
  const isAutoscale = isJsonObject(content) && content.offerAutopilotSettings !== undefined;
  const minimums = isJsonObject(content) ? content.offerMinimumThroughputParameters : undefined;
  const highestEver = isJsonObject(minimums) ? Number(minimums.maxThroughputEverProvisioned ?? 0) : 0;
  const least = throughputMin(isAutoscale ? 'autoscale' : 'manual', { highestEver });
  return ['x-ms-offer-replace-pending', 'false', 'x-ms-cosmos-min-throughput', String(least)];
}
