import type { RegionEndpoint } from '../account/index.ts';
import type { ClientOrigin } from '../api/sql/index.ts';

/** The regions' endpoints, reachable the way this client came: by the same host name and scheme. */
export function endpointsFor(
  regions: readonly { readonly name: string; readonly port: number }[],
  origin: ClientOrigin,
  fallbackHost: string,
): RegionEndpoint[] {
  const host = hostNameOf(origin.host) ?? urlHost(fallbackHost);
  const scheme = origin.secure ? 'https' : 'http';
  return regions.map(({ name, port }) => ({ name, endpoint: `${scheme}://${host}:${port}/` }));
}

/**
 * A listen address as it stands in a URL; the address of every interface is reached by the machine's own
 * name.
 */
export function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

/** The host part of a Host header, brackets included; undefined when there is none. */
function hostNameOf(header: string | undefined): string | undefined {
  return /^(\[[^\]]+\]|[^:]+)(:\d+)?$/.exec(header ?? '')?.[1];
}
