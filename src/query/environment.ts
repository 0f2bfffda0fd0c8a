import { assert } from '../base/index.ts';
import type { SearchPolicies } from '../resource/index.ts';

/** What expressions may know besides rows and parameters: the same for all rows of one page. */
export interface QueryEnvironment {
  /** When the page was begun, in Unix milliseconds. */
  readonly nowMs: number;
  /** When the query's first page was begun, in Unix milliseconds. */
  readonly startedMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** How the container means coordinates: degrees on the Earth, or units of a plane. */
  readonly geospatialType: GeospatialType;
  /** The container's languages and vectors. */
  readonly search: SearchPolicies;
}

/** Of what has no policies. */
const NO_SEARCH: SearchPolicies = { embeddings: [], defaultLanguage: 'en', textPaths: [] };

export type GeospatialType = 'Geography' | 'Geometry';

/** The environment of a page that begins now, and of its query unless that began with an earlier page. */
export function beginEnvironment(
  runtime: { nowMs(): number; random(): number },
  { geospatialType = 'Geography', search = NO_SEARCH, startedMs }: Partial<QueryEnvironment> = {},
): QueryEnvironment {
  const nowMs = Math.floor(runtime.nowMs());
  return { nowMs, startedMs: startedMs ?? nowMs, random: () => runtime.random(), geospatialType, search };
}

/**
 * Stands in where only constants are worked out: when a text is compiled, and when a plan is made for a
 * client. What depends on an environment is no constant there, so nothing may look at it.
 */
export const NO_ENVIRONMENT: QueryEnvironment = {
  get nowMs() {
    return unavailable();
  },
  get startedMs() {
    return unavailable();
  },
  random: () => unavailable(),
  get geospatialType() {
    return unavailable();
  },
  get search() {
    return unavailable();
  },
};

/** For a plan, which may depend on what the container says of its properties, and on nothing else. */
export function planningEnvironment(search: SearchPolicies): QueryEnvironment {
  return Object.create(NO_ENVIRONMENT, { search: { value: search } }) as QueryEnvironment;
}

function unavailable(): never {
  assert(false, 'a constant depends on nothing that an execution brings');
}
