import type { Values } from './option.ts';
import type { CLIENT_OPTIONS, EXPLAIN_OPTIONS } from './options.ts';

const MANAGEMENT_OFFSET = 9;

/** Base URL of the management listener of the server that a client command addresses; no trailing slash. */
export function managementUrl(
  values: Pick<Values<typeof CLIENT_OPTIONS>, 'host' | 'port' | 'management'>,
): string {
  if (values.management !== undefined) return values.management.replace(/\/+$/, '');
  return `http://${reachable(values.host)}:${values.port + MANAGEMENT_OFFSET}`;
}

/** Base URL of the SQL API; no trailing slash. */
export function endpointUrl(
  values: Pick<Values<typeof EXPLAIN_OPTIONS>, 'host' | 'port' | 'endpoint'>,
): string {
  if (values.endpoint !== undefined) return values.endpoint.replace(/\/+$/, '');
  return `http://${reachable(values.host)}:${values.port}`;
}

/** Servers may listen on every address; clients need one of them. */
function reachable(listenHost: string): string {
  const host = listenHost === '0.0.0.0' || listenHost === '::' ? 'localhost' : listenHost;
  return host.includes(':') ? `[${host}]` : host;
}
