/** The management listener: health, replication status, and (when allowed) the fault interface. */
import { hubOf } from '../../account/index.ts';
import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import {
  type HttpHandler,
  type HttpRequest,
  type HttpResponse,
  type Runtime,
  sleep,
} from '../../runtime/index.ts';
import { accountBody, accountCommands, nameOfOrigin } from './account-body.ts';
import { parseFault } from './fault-body.ts';
import { metricsText } from './metrics-text.ts';
import type { PartitionStatus, Planet, RegionStatus } from './planet.ts';
import { differences } from './quiescence.ts';

export interface ManagementOptions {
  readonly runtime: Runtime;
  readonly planet: Planet;
  readonly allowFaults: boolean;
}

interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly isFault: boolean;
  readonly run: (options: ManagementOptions, request: HttpRequest, argument: string) => Promise<HttpResponse>;
}

const QUIESCE_MS_DEFAULT = 30_000;
const QUIESCE_MS_MAX = 3_600_000;
const QUIESCE_POLL_MS = 25;

const ROUTES: readonly Route[] = [
  { method: 'GET', pattern: /^\/healthz$/, isFault: false, run: async () => json(200, { status: 'ok' }) },
  { method: 'GET', pattern: /^\/readyz$/, isFault: false, run: ready },
  { method: 'GET', pattern: /^\/account$/, isFault: false, run: showAccount },
  { method: 'PATCH', pattern: /^\/account$/, isFault: false, run: changeAccount },
  { method: 'GET', pattern: /^\/metrics$/, isFault: false, run: metrics },
  { method: 'GET', pattern: /^\/replication$/, isFault: false, run: replication },
  { method: 'GET', pattern: /^\/faults$/, isFault: true, run: listFaults },
  { method: 'POST', pattern: /^\/faults$/, isFault: true, run: addFault },
  { method: 'DELETE', pattern: /^\/faults$/, isFault: true, run: clearFaults },
  { method: 'DELETE', pattern: /^\/faults\/([^/]+)$/, isFault: true, run: removeFault },
  { method: 'POST', pattern: /^\/faults\/(kill|start|wipe|collect)$/, isFault: true, run: regionAction },
  { method: 'GET', pattern: /^\/faults\/hub$/, isFault: true, run: showHub },
  { method: 'POST', pattern: /^\/faults\/quiesce$/, isFault: true, run: quiesce },
];

/** Answers requests of the management listener; never rejects. It asks for no sign-in. */
export function createManagementApi(options: ManagementOptions): HttpHandler {
  return async (request) => {
    try {
      return await route(options, request);
    } catch (error) {
      if (error instanceof DatabaseError) {
        return json(error.kind.status, { code: error.kind.name, message: error.message });
      }
      return json(500, { code: 'InternalServerError', message: String(error) });
    }
  };
}

async function route(options: ManagementOptions, request: HttpRequest): Promise<HttpResponse> {
  const path = request.target.split('?')[0] ?? '';
  const matching = ROUTES.filter((candidate) => candidate.pattern.test(path));
  const found = matching.find((candidate) => candidate.method === request.method);
  if (found === undefined) {
    if (matching.length === 0) throw new DatabaseError('NotFound', `There is nothing at ${path}.`);
    throw new DatabaseError('MethodNotAllowed', `${request.method} is not allowed on ${path}.`);
  }
  if (found.isFault && !options.allowFaults) {
    throw new DatabaseError(
      'Forbidden',
      'The fault interface is closed; start the server with --allow-faults.',
    );
  }
  return found.run(options, request, decoded(found.pattern.exec(path)?.[1] ?? ''));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new DatabaseError('BadRequest', `'${text}' is not validly escaped.`, { cause });
  }
}

async function ready({ planet }: ManagementOptions): Promise<HttpResponse> {
  const answering = await statuses(planet);
  const lacking = (wanted: (status: RegionStatus | undefined) => boolean) =>
    planet.regions.filter((region) => wanted(answering.find((status) => status.region === region)));
  const reasons: string[] = [];
  const down = lacking((status) => status === undefined);
  const behind = lacking((status) => status?.isServing === false);
  const withDamage = (region: string) => {
    const damage = planet.damage(region);
    return damage === undefined ? region : `${region} (${damage})`;
  };
  if (down.length > 0) reasons.push(`not running: ${down.map(withDamage).join(', ')}`);
  if (behind.length > 0) reasons.push(`catching up: ${behind.join(', ')}`);
  if (reasons.length === 0) return json(200, { status: 'ready' });
  return json(503, { status: 'not ready', reason: reasons.join('; ') });
}

async function replication({ planet }: ManagementOptions): Promise<HttpResponse> {
  const rows: JsonObject[] = [];
  for (const status of await statuses(planet)) {
    for (const partition of status.partitions) rows.push(replicationRow(planet, status, partition));
  }
  return json(200, rows);
}

async function showAccount({ planet }: ManagementOptions): Promise<HttpResponse> {
  return json(200, accountBody(planet.directory.state));
}

async function changeAccount({ planet }: ManagementOptions, request: HttpRequest): Promise<HttpResponse> {
  for (const command of accountCommands(bodyOf(request), planet.directory.state))
    await planet.directory.execute(command);
  return json(200, accountBody(planet.directory.state));
}

async function metrics({ planet }: ManagementOptions): Promise<HttpResponse> {
  const found = await Promise.all(planet.regions.map((region) => planet.metrics(region)));
  const body = metricsText(
    planet.regions,
    found.filter((one) => one !== undefined),
  );
  return { status: 200, headers: ['content-type', 'text/plain; version=0.0.4; charset=utf-8'], body };
}

function replicationRow(planet: Planet, status: RegionStatus, partition: PartitionStatus): JsonObject {
  const { container, pkRangeId, lsn, applied, siblings, tombstones, conflicts } = partition;
  return {
    container,
    pkRangeId,
    region: status.region,
    role: status.role,
    vector: Object.fromEntries(
      partition.vector.map(([origin, n]) => [nameOfOrigin(planet.directory.state, origin), n]),
    ),
    lsn,
    applied,
    siblings,
    tombstones,
    conflicts,
    lag: partition.lag as unknown as JsonObject,
    lease: { ...partition.lease },
  };
}

async function statuses(planet: Planet): Promise<RegionStatus[]> {
  const found = await Promise.all(planet.regions.map((region) => planet.status(region)));
  return found.filter((status) => status !== undefined);
}

async function listFaults({ planet }: ManagementOptions): Promise<HttpResponse> {
  return json(200, planet.faults.list().map(({ id, fault }) => ({ id, ...fault })) as unknown as Json);
}

async function addFault({ planet }: ManagementOptions, request: HttpRequest): Promise<HttpResponse> {
  return json(200, { id: await planet.faults.add(parseFault(bodyOf(request), planet.regions)) });
}

async function clearFaults({ planet }: ManagementOptions): Promise<HttpResponse> {
  await planet.faults.clear();
  return json(200, {});
}

async function removeFault({ planet }: ManagementOptions, _: HttpRequest, id: string): Promise<HttpResponse> {
  if (!(await planet.faults.remove(id)))
    throw new DatabaseError('NotFound', `There is no fault with the id '${id}'.`);
  return json(200, {});
}

async function regionAction(
  { planet }: ManagementOptions,
  request: HttpRequest,
  action: string,
): Promise<HttpResponse> {
  const body = bodyOf(request);
  const region = isJsonObject(body) ? body.region : undefined;
  if (typeof region !== 'string' || !planet.regions.includes(region)) {
    throw new DatabaseError('BadRequest', `region must be one of ${planet.regions.join(', ')}`);
  }
  if (action === 'kill') await planet.kill(region);
  else if (action === 'start') await planet.start(region);
  else if (action === 'wipe') await planet.wipe(region);
  else await planet.collect(region);
  return json(200, {});
}

/** Which region decides conflicts that need one order; `container`: rid, id or `dbs/…/colls/…`. */
async function showHub({ planet }: ManagementOptions, request: HttpRequest): Promise<HttpResponse> {
  const asked = new URLSearchParams(request.target.split('?')[1] ?? '').get('container');
  if (asked === null) throw new DatabaseError('BadRequest', 'container must name a container');
  const { containers, databases } = planet.directory.state;
  const found = Object.values(containers).filter(({ rid, databaseRid, definition }) => {
    const path = `dbs/${databases[databaseRid]?.id}/colls/${definition.id}`;
    return [rid, definition.id, path].includes(asked);
  });
  const [only] = found;
  if (only === undefined) throw new DatabaseError('NotFound', `There is no container '${asked}'.`);
  if (found.length > 1) {
    throw new DatabaseError('BadRequest', `Several containers are called '${asked}': say dbs/…/colls/….`);
  }
  const { region, epoch } = hubOf(planet.directory.state);
  return json(200, { container: only.rid, region, epoch });
}

async function quiesce({ planet, runtime }: ManagementOptions, request: HttpRequest): Promise<HttpResponse> {
  const body = bodyOf(request);
  const asked = isJsonObject(body) ? body.timeoutMs : undefined;
  const timeoutMs = asked ?? QUIESCE_MS_DEFAULT;
  if (typeof timeoutMs !== 'number' || timeoutMs < 0 || timeoutMs > QUIESCE_MS_MAX) {
    throw new DatabaseError('BadRequest', `timeoutMs must be a number from 0 to ${QUIESCE_MS_MAX}`);
  }
  const deadlineMs = runtime.monotonicMs() + timeoutMs;
  await planet.faults.clear();
  // Not one after the other: one can have to wait for another.
  const starting = startAll(planet);
  const started = await Promise.race([
    starting.then(() => true),
    sleep(runtime, timeoutMs).then(() => false),
  ]);
  for (;;) {
    const found = differences(planet, await statuses(planet));
    if (started && found.length === 0) return json(200, { equal: true });
    if (runtime.monotonicMs() >= deadlineMs)
      return json(504, { equal: false, message: 'regions still differ', differences: found });
    await sleep(runtime, QUIESCE_POLL_MS);
  }
}

async function startAll(planet: Planet): Promise<void> {
  const down = (
    await Promise.all(planet.regions.map(async (region) => ({ region, status: await planet.status(region) })))
  ).filter(({ status }) => status === undefined);
  await Promise.all(
    down.map(({ region }) =>
      planet.start(region).catch((error: unknown) => {
        // Somebody else is starting it, or it is too busy to tell its status; or its disk is damaged: that is
        // told as what the regions differ by.
        const { code } = error instanceof DatabaseError ? error : { code: undefined };
        if (code !== 'Conflict' && code !== 'ServiceUnavailable') throw error;
      }),
    ),
  );
}

function bodyOf(request: HttpRequest): Json | undefined {
  if (request.body.length === 0) return undefined;
  try {
    return JSON.parse(request.body.toString('utf8')) as Json;
  } catch (cause) {
    throw new DatabaseError('BadRequest', 'The body is not valid JSON.', { cause });
  }
}

function json(status: number, body: Json): HttpResponse {
  return { status, headers: ['content-type', 'application/json'], body: JSON.stringify(body) };
}
