import type { RegionEndpoint } from '../../account/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { HttpRequest, HttpResponse, Runtime } from '../../runtime/index.ts';
import type { Route } from './route.ts';

/** How a client came here; endpoints advertised to it should be reachable the same way. */
export interface ClientOrigin {
  readonly secure: boolean;
  /** The request's Host header, with its port. */
  readonly host: string | undefined;
}

export interface Service {
  readonly engine: Engine;
  readonly runtime: Runtime;
  readonly endpoints: (origin: ClientOrigin) => readonly RegionEndpoint[];
}

/** One request on its way to its answer. */
export interface Exchange {
  readonly service: Service;
  readonly request: HttpRequest;
  readonly route: Route;
  readonly activityId: string;
  /** Reading of the monotonic clock. */
  readonly startedMs: number;
}

export type Answer = HttpResponse | Promise<HttpResponse>;
