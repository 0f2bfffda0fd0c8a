// What queries of every kind cost over many items, what they read for it, and what the peer needs for the same.
import { runLoad } from '../lib/load.mjs';
import { cpuSeconds, processTree } from '../lib/process-figures.mjs';
import { number } from '../lib/report.mjs';
import { DIMENSIONS, vectorOf } from '../lib/requests.mjs';
import { startOrrery, startPeer } from '../lib/servers.mjs';
import { callWhole, makeContainer, makeDatabase } from '../lib/wire.mjs';

/** So many items have one value of `group`. */
const PER_GROUP = 50;
const VECTORS = 50_000;
/** The peer looks at every item for every query; one round is enough to know it. */
const PEER_SECONDS = 1;
/** So long it is given for one query of a million items. */
const PATIENCE_SECONDS = 120;
/** A million items fit into so much of the peer's memory. */
const PEER_HEAP_MB = 14_000;

const QUERIES = {
  'point filter': 'SELECT * FROM c WHERE c["group"] = 7',
  range: 'SELECT * FROM c WHERE c["group"] >= 7 AND c["group"] < 9',
  'ORDER BY, TOP 100': 'SELECT TOP 100 * FROM c ORDER BY c.name',
  'COUNT with a filter': 'SELECT VALUE COUNT(1) FROM c WHERE c.active = true',
  'SUM with a filter': 'SELECT VALUE SUM(c["group"]) FROM c WHERE c.active = true',
  'GROUP BY': 'SELECT c.address.city, COUNT(1) AS n, MAX(c["group"]) AS m FROM c GROUP BY c.address.city',
  DISTINCT: 'SELECT DISTINCT VALUE c.address.city FROM c',
  'JOIN in arrays': 'SELECT c.id, t FROM c JOIN t IN c.tags WHERE t = "t7"',
  'EXISTS in arrays':
    'SELECT VALUE COUNT(1) FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = "t7")',
  'LIKE a beginning': 'SELECT VALUE COUNT(1) FROM c WHERE c.name LIKE "customer 12%"',
  'LIKE inside': 'SELECT VALUE COUNT(1) FROM c WHERE c.name LIKE "%99%"',
};

/** `kind` is `orrery` or `peer`. Figures by the name of the query; undefined for one that is refused. */
export async function measureQueries(kind, items, { seconds }) {
  const server = kind === 'peer' ? await startPeer() : await startOrrery({ regions: 1 });
  await makeDatabase(server.port);
  const containerLink = await makeContainer(server.port, 'queries');
  const groups = Math.max(1, Math.floor(items / PER_GROUP));
  const common = { port: server.port, serverPid: server.pid, containerLink, groups };
  const load = await runLoad({ ...common, scenario: 'createEach', items: 'varied', count: items });
  const queries = {};
  for (const [name, sql] of Object.entries(QUERIES)) {
    queries[name] = await measureOne(server, common, { sql }, kind === 'peer' ? PEER_SECONDS : seconds);
  }
  const figures = { items, load, queries, ...server.memory() };
  await server.dispose();
  return figures;
}

/**
 * The same of the peer with so many items that a query may take minutes: each is asked once. Once it has not
 * answered in time, the rest is not asked, since its only thread goes on with the one before.
 */
export async function measurePeerQueriesOnce(items) {
  const server = await startPeer({ heapMb: PEER_HEAP_MB });
  await makeDatabase(server.port);
  const containerLink = await makeContainer(server.port, 'queries');
  const common = { port: server.port, serverPid: server.pid, containerLink };
  const groups = items / PER_GROUP;
  const load = await runLoad({ ...common, groups, scenario: 'createEach', items: 'varied', count: items });
  const queries = {};
  let isLate = false;
  for (const [name, sql] of Object.entries(QUERIES)) {
    queries[name] = isLate ? { isNotAsked: true } : await askOnce(server, containerLink, sql);
    isLate ||= queries[name]?.isLate === true;
  }
  const figures = { items, load, queries, ...server.memory() };
  // It hears nothing else while it looks for an answer.
  await server.stop('SIGKILL');
  return figures;
}

async function askOnce(server, containerLink, sql) {
  const tree = processTree(server.pid);
  const [beforeMs, beforeCpu] = [performance.now(), cpuSeconds(tree)];
  let timer;
  const patience = new Promise((resolve) => {
    timer = setTimeout(resolve, 1_000 * PATIENCE_SECONDS, { isLate: true });
  });
  const answer = await Promise.race([ask(server.port, containerLink, { sql }), patience]);
  clearTimeout(timer);
  if (answer === undefined || answer.isLate) return answer;
  const ms = performance.now() - beforeMs;
  const cpuUs = 1e6 * (cpuSeconds(tree) - beforeCpu);
  return { perSecond: 1_000 / ms, p50Ms: ms, p99Ms: ms, cpuUs, ...answer };
}

/** The ten nearest of many vectors, by the graph that is built of them. */
export async function measureVectorQueries({ seconds, vectors = VECTORS }) {
  const server = await startOrrery({ regions: 1 });
  await makeDatabase(server.port);
  const kind = { dataType: 'float32', dimensions: DIMENSIONS, distanceFunction: 'cosine' };
  const containerLink = await makeContainer(server.port, 'vectors', {
    vectorEmbeddingPolicy: { vectorEmbeddings: [{ path: '/v', ...kind }] },
    indexingPolicy: {
      includedPaths: [{ path: '/*' }],
      excludedPaths: [{ path: '/v/*' }],
      vectorIndexes: [{ path: '/v', type: 'diskANN' }],
    },
  });
  const common = { port: server.port, serverPid: server.pid, containerLink };
  const load = await runLoad({ ...common, scenario: 'createEach', items: 'vectors', count: vectors });
  const query = {
    sql: 'SELECT TOP 10 c.id FROM c ORDER BY VectorDistance(c.v, @vector)',
    parameters: [{ name: '@vector', value: vectorOf(vectors + 77) }],
  };
  // The first query begins to build the graph.
  await ask(server.port, containerLink, query);
  await settled(server.pid);
  const nearest = await measureOne(server, common, query, seconds);
  const figures = { items: vectors, load, queries: { 'vector, TOP 10': nearest }, ...server.memory() };
  await server.dispose();
  return figures;
}

async function measureOne(server, common, query, seconds) {
  const first = await ask(server.port, common.containerLink, query);
  if (first === undefined) return undefined;
  const load = { ...common, ...query, scenario: 'sql', seconds, connections: 1, warmupSeconds: 0.5 };
  return { ...(await runLoad(load)), ...first };
}

/** Rows of the first page, and what was read for them as far as the server tells; undefined when refused. */
async function ask(port, containerLink, { sql, parameters = [] }) {
  const headers = {
    'content-type': 'application/query+json',
    'x-ms-documentdb-isquery': 'True',
    'x-ms-documentdb-query-enablecrosspartition': 'True',
    'x-orrery-explain': 'true',
  };
  const target = `/${containerLink}/docs`;
  const request = { method: 'POST', target, type: 'docs', link: containerLink, headers };
  try {
    const answer = await callWhole(port, { ...request, body: { query: sql, parameters } });
    const told = answer.headers['x-orrery-explain'];
    if (told === undefined) return { rows: answer.body.Documents.length };
    const { steps, retrievedCount } = JSON.parse(decodeURIComponent(told));
    const entries = steps
      .filter(({ kind }) => kind !== 'item load')
      .reduce((sum, step) => sum + step.entries, 0);
    return { rows: answer.body.Documents.length, itemsRead: retrievedCount, entriesRead: entries };
  } catch (error) {
    process.stderr.write(`refused: ${String(error.message).slice(0, 200)}\n`);
    return undefined;
  }
}

/** Waits until the server has had nothing to do for two seconds. */
async function settled(pid) {
  for (let before = -1; ; ) {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const now = cpuSeconds(processTree(pid));
    if (before >= 0 && now - before < 0.1) return;
    before = now;
  }
}

export const QUERY_HEAD = [
  '',
  'ops/s',
  'p50 ms',
  'p99 ms',
  'CPU us/op',
  'rows',
  'items read',
  'entries read',
  'x bare',
];

/** `bareUs`: what a bare server needs for an answer; the last column says how many of those a query costs. */
export function queryRows(name, { queries, items }, bareUs) {
  return Object.entries(queries).map(([query, figures]) => {
    const title = `${name}, ${number(items, 0)}: ${query}`;
    if (figures === undefined) return [title, 'refused'];
    if (figures.isLate) return [title, `no answer in ${PATIENCE_SECONDS} s`];
    if (figures.isNotAsked) return [title, 'not asked'];
    const { perSecond, p50Ms, p99Ms, cpuUs, rows, itemsRead, entriesRead } = figures;
    return [
      title,
      number(perSecond, perSecond < 10 ? 2 : 0),
      number(p50Ms),
      number(p99Ms),
      number(cpuUs, 0),
      rows,
      itemsRead ?? 'not told',
      entriesRead ?? 'not told',
      bareUs === undefined ? '' : number(cpuUs / bareUs, 1),
    ];
  });
}
