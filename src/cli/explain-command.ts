import { createHmac } from 'node:crypto';
import { EXPLAIN_OPTIONS, endpointUrl, environment, readFlags } from '../config/index.ts';
import { messageOf, refuse, type Terminal } from './terminal.ts';

interface Step {
  readonly kind: string;
  readonly path?: string;
  readonly calls: number;
  readonly entries: number;
  readonly bytes: number;
  readonly ms: number;
}

interface PlanNode {
  readonly operator: string;
  readonly path?: string;
  readonly values?: string;
  readonly isExact: boolean;
  readonly estimate: { readonly atLeast: number; readonly atMost: number };
  readonly terms?: readonly PlanNode[];
  readonly further?: number;
}

/** What the server tells of one page of a query; see docs/operating.md. */
interface Explanation {
  readonly rows: number;
  readonly requestUnits: number;
  readonly totalMs: number;
  readonly compileMs: number;
  readonly retrievedCount: number;
  readonly retrievedBytes: number;
  readonly plan: PlanNode;
  readonly steps: readonly Step[];
  readonly missingIndexes: readonly string[];
}

const EXPLAIN_HEADER = 'x-orrery-explain';
const USAGE = 'usage: orrery explain DATABASE/CONTAINER QUERY [flags]';

/** Runs `orrery explain`: runs one page of a query and shows how it was answered. */
export async function explain(argv: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals, problems } = readFlags(EXPLAIN_OPTIONS, argv, environment());
  const [place = '', query = '', ...others] = positionals;
  const [database, container, ...further] = place.split('/');
  const found = [...problems];
  if (!database || !container || further.length > 0 || query === '' || others.length > 0) found.push(USAGE);
  if (found.length > 0) {
    refuse(terminal, values.json, found);
    return 2;
  }
  try {
    const link = `dbs/${database}/colls/${container}`;
    const explanation = await ask({ ...values, endpoint: endpointUrl(values), link, query });
    if (values.json) terminal.out(JSON.stringify(explanation));
    else for (const line of describe(explanation)) terminal.out(line);
    return 0;
  } catch (error) {
    refuse(terminal, values.json, [messageOf(error)]);
    return 1;
  }
}

/** The server said no, or nobody answered. */
class ExplainError extends Error {
  override name = 'ExplainError';
}

async function ask(request: {
  readonly endpoint: string;
  readonly link: string;
  readonly query: string;
  readonly key: string;
  readonly partitionKey: string | undefined;
  readonly range: string | undefined;
}): Promise<Explanation> {
  const { endpoint, link, query, key, partitionKey, range } = request;
  const url = `${endpoint}/${link.split('/').map(encodeURIComponent).join('/')}/docs`;
  // Dated by the server's clock, so that it does not matter when this machine's is wrong.
  const date = (await reach(endpoint, { method: 'GET' })).headers.get('date') ?? '';
  const payload = `post\ndocs\n${link}\n${date.toLowerCase()}\n\n`;
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(payload).digest('base64');
  const response = await reach(url, {
    method: 'POST',
    body: JSON.stringify({ query, parameters: [] }),
    headers: {
      authorization: encodeURIComponent(`type=master&ver=1.0&sig=${signature}`),
      'content-type': 'application/query+json',
      'x-ms-date': date,
      'x-ms-version': '2020-07-15',
      'x-ms-documentdb-isquery': 'True',
      'x-ms-documentdb-query-enablecrosspartition': 'True',
      [EXPLAIN_HEADER]: 'true',
      ...(partitionKey === undefined ? {} : { 'x-ms-documentdb-partitionkey': partitionKey }),
      ...(range === undefined ? {} : { 'x-ms-documentdb-partitionkeyrangeid': range }),
    },
  });
  const text = await response.text();
  const told = response.headers.get(EXPLAIN_HEADER);
  if (response.ok && told !== null) return JSON.parse(decodeURIComponent(told)) as Explanation;
  throw new ExplainError(`the server answered ${response.status}: ${messageIn(text)}`);
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new ExplainError(`no server answers at ${url} (${messageOf(cause)}); is it running there?`);
  }
}

function messageIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}

function describe(explanation: Explanation): string[] {
  const { rows, requestUnits, totalMs, compileMs, plan, steps, missingIndexes } = explanation;
  const { retrievedCount, retrievedBytes } = explanation;
  const readMs = steps.reduce((sum, { ms }) => sum + ms, 0);
  const rest = Math.max(0, totalMs - compileMs - readMs);
  const lines = [
    `page of ${rows} rows  ${requestUnits.toFixed(2)} RU  ${totalMs.toFixed(2)} ms`,
    `├─ compile  ${compileMs.toFixed(2)} ms`,
    `├─ filter, sort and write ${retrievedCount} items of ${retrievedBytes} bytes  ${rest.toFixed(2)} ms`,
    ...steps.map(
      ({ kind, path, calls, entries, ms }) =>
        `├─ ${path === undefined ? kind : `${kind} ${path}`}  ${entries} entries` +
        ` in ${calls} ${calls === 1 ? 'read' : 'reads'}  ${ms.toFixed(2)} ms`,
    ),
    '└─ condition',
    ...describePlan(plan, { indent: '   ', isLast: true }),
  ];
  if (missingIndexes.length > 0) lines.push(`no index on ${missingIndexes.join(', ')}`);
  return lines;
}

function describePlan(node: PlanNode, place: { indent: string; isLast: boolean }): string[] {
  const { operator, path, values, isExact, estimate, terms = [], further } = node;
  const indent = `${place.indent}${place.isLast ? '   ' : '│  '}`;
  const what = [operator, path, values].filter((part) => part !== undefined).join(' ');
  const size =
    estimate.atLeast === estimate.atMost ? `${estimate.atMost}` : `${estimate.atLeast} to ${estimate.atMost}`;
  const check = isExact ? '' : ', items have to be looked at';
  return [
    `${place.indent}${place.isLast ? '└─' : '├─'} ${what}  (${size} entries${check})`,
    ...terms.flatMap((term, index) =>
      describePlan(term, { indent, isLast: index === terms.length - 1 && further === undefined }),
    ),
    ...(further === undefined ? [] : [`${indent}└─ ${further} more`]),
  ];
}
