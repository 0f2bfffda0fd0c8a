import type { Values } from './option.ts';
import type { CLIENT_OPTIONS } from './options.ts';

const MANAGEMENT_OFFSET = 9;

/** Base URL of the management listener of the server that a client command addresses; no trailing slash. */
export function managementUrl(
  values: Pick<Values<typeof CLIENT_OPTIONS>, 'host' | 'port' | 'management'>,
): string {
  if (values.management !== undefined) return values.management.replace(/\/+$/, '');
  // Servers may listen on every address; clients need one of them.
  const host = values.host === '0.0.0.0' || values.host === '::' ? 'localhost' : values.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${values.port + MANAGEMENT_OFFSET}`;
}
