import { accountDocument } from '../../account/index.ts';
import type { HttpResponse } from '../../runtime/index.ts';
import type { Exchange } from './exchange.ts';
import { headerOf } from './request-headers.ts';
import { commonHeaders, METADATA_CHARGE } from './response.ts';

/** `GET /`: what clients choose their endpoints by. */
export function readAccount(exchange: Exchange): HttpResponse {
  const { request, service } = exchange;
  const endpoints = service.endpoints({ secure: request.secure, host: headerOf(request, 'host') });
  const headers = commonHeaders(exchange, METADATA_CHARGE.read);
  headers.push('x-ms-max-media-storage-usage-mb', '10240', 'x-ms-media-storage-usage-mb', '0');
  return { status: 200, headers, body: JSON.stringify(accountDocument(service.engine.account, endpoints)) };
}
