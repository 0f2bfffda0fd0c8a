import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import type { Fault } from './planet.ts';

const SKEW_MS_MAX = 86_400_000;
/** Leases allow for two clocks that run apart by twice as much. */
const DRIFT_PPM_MAX = 10_000;

/**
 * The fault that a request body describes.
 * @throws DatabaseError `BadRequest` naming every field that is missing or wrong.
 */
export function parseFault(body: Json | undefined, regions: readonly string[]): Fault {
  if (!isJsonObject(body)) throw new DatabaseError('BadRequest', 'A fault is a JSON object with a kind.');
  const problems: string[] = [];
  const fields = new Fields(body, regions, problems);
  const fault = readFault(fields, body.kind);
  if (problems.length > 0 || fault === undefined) throw new DatabaseError('BadRequest', problems.join('; '));
  return fault;
}

function readFault(fields: Fields, kind: Json | undefined): Fault | undefined {
  switch (kind) {
    case 'isolate':
    case 'pause':
      return { kind, region: fields.region('region') };
    case 'cut':
      return { kind, ...fields.link(), direction: fields.direction() };
    case 'delay':
      return {
        kind,
        ...fields.link(),
        ms: fields.number('ms', 0, 600_000),
        jitterMs: fields.number('jitterMs', 0, 600_000, 0),
      };
    case 'duplicate':
    case 'reorder':
      return { kind, ...fields.link(), probability: fields.number('probability', 0, 1) };
    case 'throttle':
      return {
        kind,
        ...fields.link(),
        entriesPerSecond: fields.number('entriesPerSecond', 0.001, 1_000_000),
      };
    case 'skew':
      return {
        kind,
        region: fields.region('region'),
        ms: fields.number('ms', -SKEW_MS_MAX, SKEW_MS_MAX),
      };
    case 'drift':
      return {
        kind,
        region: fields.region('region'),
        ppm: fields.number('ppm', -DRIFT_PPM_MAX, DRIFT_PPM_MAX),
      };
    default:
      fields.unknownKind();
      return undefined;
  }
}

class Fields {
  readonly #body: JsonObject;
  readonly #regions: readonly string[];
  readonly #problems: string[];

  constructor(body: JsonObject, regions: readonly string[], problems: string[]) {
    this.#body = body;
    this.#regions = regions;
    this.#problems = problems;
  }

  region(name: string): string {
    const value = this.#body[name];
    if (typeof value === 'string' && this.#regions.includes(value)) return value;
    this.#problems.push(`${name} must be one of ${this.#regions.join(', ')}`);
    return '';
  }

  link(): { from: string; to: string } {
    const link = { from: this.region('from'), to: this.region('to') };
    if (link.from !== '' && link.from === link.to) this.#problems.push('a link joins two regions');
    return link;
  }

  number(name: string, min: number, max: number, fallback?: number): number {
    const value = this.#body[name] ?? fallback;
    if (typeof value === 'number' && value >= min && value <= max) return value;
    this.#problems.push(`${name} must be a number from ${min} to ${max}`);
    return 0;
  }

  direction(): 'both' | 'one' {
    const value = this.#body.direction ?? 'both';
    if (value === 'both' || value === 'one') return value;
    this.#problems.push('direction must be both or one');
    return 'both';
  }

  unknownKind(): void {
    this.#problems.push(
      'kind must be one of cut, isolate, delay, duplicate, reorder, throttle, pause, skew, drift',
    );
  }
}
