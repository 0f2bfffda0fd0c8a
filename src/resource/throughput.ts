import { isJsonObject, type JsonObject } from '../base/index.ts';
import { objectAt, refuse } from './body-shape.ts';
import type { Throughput } from './types.ts';

/** Request units per second. */
export const DEFAULT_THROUGHPUT: Throughput = { kind: 'manual', throughput: 400 };

const MANUAL_MIN = 400;
const MANUAL_STEP = 100;
const AUTOSCALE_MIN = 1000;
const AUTOSCALE_STEP = 1000;
const THROUGHPUT_MAX = 1_000_000;

/** Containers that a database's shared throughput carries before its minimum rises with each further one. */
const SHARED_INCLUDED = 25;

/**
 * The throughput that a create asks for with its two headers, as received; undefined when it asks for none.
 * @throws DatabaseError `BadRequest` for both at once, and for a rate out of bounds or step.
 */
export function parseThroughput(headers: {
  readonly offerThroughput?: string | undefined;
  readonly autopilotSettings?: string | undefined;
}): Throughput | undefined {
  const { offerThroughput, autopilotSettings } = headers;
  if (offerThroughput !== undefined && autopilotSettings !== undefined) {
    throw refuse('Manual throughput and autoscale settings exclude each other.');
  }
  if (offerThroughput !== undefined) {
    return checkThroughput({
      kind: 'manual',
      throughput: /^\d+$/.test(offerThroughput) ? Number(offerThroughput) : NaN,
    });
  }
  if (autopilotSettings === undefined) return undefined;
  let settings: unknown;
  try {
    settings = JSON.parse(autopilotSettings);
  } catch {
    settings = undefined;
  }
  if (!isJsonObject(settings))
    throw refuse('The autoscale settings must be a JSON object with maxThroughput.');
  return checkThroughput({ kind: 'autoscale', maxThroughput: asNumber(settings.maxThroughput) });
}

/**
 * The throughput that the body of an offer asks for.
 * @throws DatabaseError `BadRequest` as `parseThroughput`.
 */
export function throughputOfOffer(body: JsonObject): Throughput {
  const content = objectAt(body, 'content');
  if (content === undefined) throw refuse("The offer has no 'content'.");
  const settings = content.offerAutopilotSettings;
  if (isJsonObject(settings)) {
    return checkThroughput({ kind: 'autoscale', maxThroughput: asNumber(settings.maxThroughput) });
  }
  return checkThroughput({ kind: 'manual', throughput: asNumber(content.offerThroughput) });
}

function asNumber(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN;
}

/** Gives `throughput` back. @throws DatabaseError `BadRequest` when its rate is out of bounds or step. */
export function checkThroughput(throughput: Throughput): Throughput {
  const isManual = throughput.kind === 'manual';
  const rate = throughputRate(throughput);
  const min = isManual ? MANUAL_MIN : AUTOSCALE_MIN;
  const step = isManual ? MANUAL_STEP : AUTOSCALE_STEP;
  if (rate >= min && rate <= THROUGHPUT_MAX && rate % step === 0) return throughput;
  throw refuse(
    `The ${isManual ? 'offer throughput' : 'autoscale maximum throughput'} must be between ${min} and ` +
      `${THROUGHPUT_MAX} in increments of ${step}.`,
  );
}

/** The highest rate that it ever grants. */
export function throughputRate(throughput: Throughput): number {
  return throughput.kind === 'manual' ? throughput.throughput : throughput.maxThroughput;
}

/** The lowest rate that may be asked for, given what the resource has seen. */
export function throughputMin(
  kind: Throughput['kind'],
  {
    highestEver,
    storedGb = 0,
    sharedBy = 0,
  }: {
    readonly highestEver: number;
    readonly storedGb?: number;
    /** Containers that share it; 0 for a container's own. */
    readonly sharedBy?: number;
  },
): number {
  const extra = Math.max(0, sharedBy - SHARED_INCLUDED);
  const [floor, perGb, share, step] =
    kind === 'manual' ? [MANUAL_MIN, 1, 100, MANUAL_STEP] : [AUTOSCALE_MIN, 10, 10, AUTOSCALE_STEP];
  const least = Math.max(floor + extra * step, storedGb * perGb, highestEver / share);
  return Math.ceil(least / step) * step;
}
