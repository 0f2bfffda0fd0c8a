// How long queries hold up everybody else: the longest turn of the server's event loop while one runs.
import { DIMENSIONS, vectorOf } from '../lib/requests.mjs';
import { startOrrery } from '../lib/servers.mjs';
import { call, callWhole, makeContainer, makeDatabase } from '../lib/wire.mjs';

const ITEMS = 50_000;
const RUNS = 5;
const BATCH = 100;
/** What was written reaches indexes meanwhile. */
const SETTLE_MS = 3_000;
const CONVERSION_MS = 10_000;
const POLICY = {
  includedPaths: [{ path: '/*' }],
  excludedPaths: [{ path: '/text/*' }],
  compositeIndexes: [
    [
      { path: '/n', order: 'ascending' },
      { path: '/g', order: 'ascending' },
    ],
  ],
};
/** Words of a text, and of what is made from them. */
const WORDS = 'bicycle lake red mountain river quick brown fox lazy dog house tree sky rain light'.split(' ');

const list = (count, part) => Array.from({ length: count }, (_, i) => part(i));
const numbers = (count) => list(count, (i) => i).join();

/** Texts at the limits of the dialect. */
const TEXTS = {
  nothing: 'SELECT VALUE 1',
  'chain of 4,900 OR': `SELECT * FROM c WHERE ${list(4_900, (i) => `(c.pk = "p${i}" AND c.s = "s${i}")`).join(' OR ')}`,
  'chain of 9,000 AND': `SELECT * FROM c WHERE ${list(9_000, (i) => `c.g != ${i}`).join(' AND ')}`,
  'select list of 9,000': `SELECT ${list(9_000, (i) => `c.a${i}`)} FROM c WHERE c.g < 3`,
  'object of 9,000 members': `SELECT VALUE {${list(9_000, (i) => `a${i}: c.a${i}`)}} FROM c WHERE c.g < 3`,
  'array of 9,000 paths': `SELECT VALUE [${list(9_000, (i) => `c.a${i}`)}] FROM c WHERE c.g < 3`,
  'array of 80,000 numbers': `SELECT * FROM c WHERE ARRAY_CONTAINS([${numbers(80_000)}], c.g + 0.5) AND c.g < 3`,
  'IN of 16,000': `SELECT VALUE COUNT(1) FROM c WHERE c.g IN (${numbers(16_000)})`,
  'IN of 16,000 texts': `SELECT c.id FROM c WHERE c.s IN (${list(16_000, (i) => `"s${i}"`)})`,
  'sum of 900 in 10 terms': `SELECT * FROM c WHERE ${list(10, (j) => `${list(900, () => 'c.g').join('+')} = -${j}`).join(' OR ')}`,
  'call of 9,000 operands': `SELECT VALUE CONCAT(${list(9_000, (i) => `c.a${i}`)}) FROM c WHERE c.g < 3`,
  'condition of 8,000 in EXISTS': `SELECT * FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE ${list(8_000, (i) => `t = ${i + 20}`).join(' OR ')})`,
  'condition of 8,000 in a subquery of FROM': `SELECT VALUE COUNT(1) FROM (SELECT VALUE c FROM c WHERE ${list(8_000, (i) => `c.g = ${i}`).join(' OR ')}) AS s`,
  'literal of 250,000 characters': `SELECT * FROM c WHERE c.s = "${'x'.repeat(250_000)}"`,
  '8,000 CASE IIF nested in list': `SELECT ${list(4_000, (i) => `IIF(c.g = ${i}, ${i}, 0) AS k${i}`)} FROM c WHERE c.g < 3`,
  'GROUP BY 9,000 keys': `SELECT COUNT(1) FROM c WHERE c.g < 3 GROUP BY ${list(9_000, (i) => `c.a${i}`)}`,
  'select keys of 4,000 groups': `SELECT ${list(2_000, (i) => `c.a${i}`)} FROM c WHERE c.g < 3 GROUP BY ${list(2_000, (i) => `c.a${i}`)}`,
  'aggregates, 9,000': `SELECT ${list(9_000, (i) => `MAX(c.a${i}) AS a${i}`)} FROM c WHERE c.g < 3`,
  'nested 200 parentheses of 900': `SELECT * FROM c WHERE ${'('.repeat(190)}${list(900, () => 'c.g').join('+')}${')'.repeat(190)} = 1 AND c.g < 3`,
};

/** What takes long to execute. */
const EXECUTIONS = {
  'ORDER BY without an index (expression of computed)':
    'SELECT c.id FROM c WHERE c.g + 1 > 3 ORDER BY c.n, c.g',
  'ORDER BY an index': 'SELECT c.id FROM c WHERE c.g + 1 > 3 ORDER BY c.s',
  'GROUP BY 50,000': 'SELECT c.s, COUNT(1) AS n FROM c GROUP BY c.s',
  'GROUP BY 50,000 of items':
    'SELECT c.s || "x" AS k, COUNT(1) AS n, MAX(c.o) AS m FROM c GROUP BY c.s || "x"',
  'DISTINCT of 50,000': 'SELECT DISTINCT VALUE c.s FROM c',
  'COUNT of DISTINCT': 'SELECT VALUE COUNT(1) FROM (SELECT DISTINCT c.s, c.tags FROM c)',
  'MAKELIST of 50,000': 'SELECT VALUE MAKELIST(c.s) FROM c',
  'MAKESET of 50,000': 'SELECT VALUE MAKESET(c.o) FROM c',
  AVG: 'SELECT VALUE AVG(c.g) FROM c WHERE c.n > 1',
  'COUNT of a union': 'SELECT VALUE COUNT(1) FROM c WHERE c.g > 300 OR c.n < 400',
  regex: 'SELECT VALUE COUNT(1) FROM c WHERE RegexMatch(c.text, "(l.*k.*){3}e$")',
  LIKE: 'SELECT VALUE COUNT(1) FROM c WHERE c.text LIKE "%l%k%e%z%"',
  'full text': 'SELECT TOP 10 c.id FROM c WHERE FullTextContains(c.text, "red bicycle")',
  'JSON of 4 MB': 'SELECT * FROM c',
  'projection of 4 MB': 'SELECT c.id, c.text, c.o, c.tags FROM c',
  OFFSET: 'SELECT * FROM c OFFSET 40000 LIMIT 10',
  UDF: 'SELECT VALUE udf.f(c.g) FROM c WHERE c.g < 2000',
};

const LARGE = {
  'whole item of 2 MB': 'SELECT * FROM c WHERE c.kind = "numbers"',
  'JOIN of arrays in one item':
    'SELECT VALUE COUNT(1) FROM c JOIN x IN c.list JOIN y IN c.few WHERE c.kind = "numbers" AND x + y > 3',
  'ARRAY over one item':
    'SELECT VALUE ARRAY(SELECT VALUE x FROM x IN c.list WHERE x % 2 = 0) FROM c WHERE c.kind = "numbers"',
  'EXISTS over one item':
    'SELECT VALUE EXISTS(SELECT VALUE x FROM x IN c.list WHERE x + 0 < 0) FROM c WHERE c.kind = "numbers"',
  'JOIN in a subquery':
    'SELECT VALUE ARRAY_LENGTH(ARRAY(SELECT VALUE x FROM x IN c.list JOIN y IN c.few WHERE x + y < 0)) FROM c WHERE c.kind = "numbers"',
  'array functions': 'SELECT VALUE ARRAY_LENGTH(SetUnion(c.list, c.list)) FROM c WHERE c.kind = "numbers"',
  'product of a million in a subquery':
    'SELECT VALUE ARRAY_LENGTH(ARRAY(SELECT VALUE x FROM x IN c.few JOIN y IN c.few JOIN z IN c.few JOIN u IN c.few JOIN v IN c.few JOIN w IN c.few WHERE x + y + z + u + v + w < 9)) FROM c WHERE c.kind = "numbers"',
  'median of 200,000': 'SELECT VALUE ARRAY_MEDIAN(c.list) FROM c WHERE c.kind = "numbers"',
  'equality of 200,000': 'SELECT VALUE c.list = ARRAY_CONCAT(c.list, []) FROM c WHERE c.kind = "numbers"',
  'text of 200,000': 'SELECT VALUE LENGTH(ToString(c.list)) FROM c WHERE c.kind = "numbers"',
  'row of 2 MB': 'SELECT c.list, c.kind FROM c WHERE c.kind = "numbers"',
  'JOIN of objects': 'SELECT x.a, x.b FROM c JOIN x IN c.list WHERE c.kind = "objects"',
  'DISTINCT of objects': 'SELECT DISTINCT x FROM c JOIN x IN c.list WHERE c.kind = "objects"',
  'regex over 2 MB': 'SELECT VALUE RegexMatch(c.text, "(a|b)*z$") FROM c WHERE c.kind = "text"',
  'regex of all over 2 MB':
    'SELECT VALUE ARRAY_LENGTH(RegexExtractAll(c.text, "[a-z]+e")) FROM c WHERE c.kind = "text"',
  'REPLACE over 2 MB': 'SELECT VALUE LENGTH(REPLACE(c.text, "e", "ee")) FROM c WHERE c.kind = "text"',
  'LIKE over 2 MB': 'SELECT VALUE c.text LIKE "%a%b%c%d%zz%" FROM c WHERE c.kind = "text"',
  'StringSplit of 2 MB': 'SELECT VALUE ARRAY_LENGTH(StringSplit(c.text, " ")) FROM c WHERE c.kind = "text"',
  'REVERSE of 2 MB': 'SELECT VALUE LENGTH(REVERSE(c.text)) FROM c WHERE c.kind = "text"',
  'part of 100,000 in 2 MB':
    'SELECT VALUE LASTINDEXOF(c.text, CONCAT("z", LEFT(c.text, 100000))) FROM c WHERE c.kind = "text"',
  'LOWER of 2 MB': 'SELECT VALUE LENGTH(LOWER(c.text)) FROM c WHERE c.kind = "text"',
  'FullTextContains over 2 MB':
    'SELECT VALUE FullTextContains(c.text, "red zebra") FROM c WHERE c.kind = "text"',
  'ST_WITHIN of many points': `SELECT VALUE COUNT(1) FROM c WHERE c.kind = "places" AND ST_WITHIN(c.at, {type: "Polygon", coordinates: [${ring(4_000, 5)}]})`,
  'ST_ISVALID of many points': 'SELECT VALUE ST_ISVALID(c.shape) FROM c WHERE c.kind = "polygon"',
  'ST_DISTANCE of polygons': `SELECT VALUE ST_DISTANCE(c.shape, {type: "Polygon", coordinates: [${ring(500, 50)}]}) FROM c WHERE c.kind = "polygon"`,
  'ST_AREA of many points': 'SELECT VALUE ST_AREA(c.shape) FROM c WHERE c.kind = "polygon"',
  'SetUnion of wide objects':
    'SELECT VALUE ARRAY_LENGTH(SetUnion([c.wide], [c.wide])) FROM c WHERE c.kind = "wide"',
  'ObjectToArray of a wide object':
    'SELECT VALUE ARRAY_LENGTH(ObjectToArray(c.wide)) FROM c WHERE c.kind = "wide"',
  'equality of wide objects': 'SELECT VALUE c.wide = c.other FROM c WHERE c.kind = "wide"',
  'text of a wide object': 'SELECT VALUE LENGTH(ToString(c.wide)) FROM c WHERE c.kind = "wide"',
  'GROUP BY a wide object': 'SELECT c.wide, COUNT(1) AS n FROM c WHERE c.kind = "wide" GROUP BY c.wide',
  'ST_ISVALID of a wide object': 'SELECT VALUE ST_ISVALID(c.wide) FROM c WHERE c.kind = "wide"',
  'ST_DISTANCE of wide objects': 'SELECT VALUE ST_DISTANCE(c.wide, c.other) FROM c WHERE c.kind = "wide"',
  'SetUnion of numbered objects':
    'SELECT VALUE ARRAY_LENGTH(SetUnion([c.wide], [c.wide])) FROM c WHERE c.kind = "numbered"',
  'ObjectToArray of a numbered object':
    'SELECT VALUE ARRAY_LENGTH(ObjectToArray(c.wide)) FROM c WHERE c.kind = "numbered"',
  'equality of numbered objects': 'SELECT VALUE c.wide = c.other FROM c WHERE c.kind = "numbered"',
  'text of a numbered object': 'SELECT VALUE LENGTH(ToString(c.wide)) FROM c WHERE c.kind = "numbered"',
  'GROUP BY a numbered object':
    'SELECT c.wide, COUNT(1) AS n FROM c WHERE c.kind = "numbered" GROUP BY c.wide',
  'StringToObject of 2 MB': 'SELECT VALUE StringToObject(c.json).k1 FROM c WHERE c.kind = "json"',
  'StringToNumber of 2 MB': 'SELECT VALUE StringToNumber(c.json) FROM c WHERE c.kind = "json"',
  'StringToBoolean of 2 MB': 'SELECT VALUE StringToBoolean(c.json) FROM c WHERE c.kind = "json"',
  'order of texts of 2 MB': 'SELECT VALUE c.text < CONCAT(c.text, "x") FROM c WHERE c.kind = "text"',
  '|| of texts of 2 MB': 'SELECT VALUE LENGTH(c.text || c.text) FROM c WHERE c.kind = "text"',
  'IN of 2 MB': 'SELECT VALUE c.list IN (c.few, ARRAY_CONCAT(c.list, [])) FROM c WHERE c.kind = "numbers"',
  'VectorDistance of 200,000': 'SELECT VALUE VectorDistance(c.list, c.list) FROM c WHERE c.kind = "numbers"',
  'pattern that repeats':
    'SELECT VALUE RegexMatch("a", REPLICATE("[a-z]{999}", 3)) FROM c WHERE c.kind = "few"',
};

function ring(count, west) {
  const points = list(count, (i) => {
    const angle = (2 * Math.PI * i) / count;
    return [west + Math.cos(angle) * 3, 10 + Math.sin(angle) * 3].map((x) => Math.round(x * 1e6) / 1e6);
  });
  return JSON.stringify([...points, points[0]]);
}

function item(i) {
  const text = list(60, (j) => WORDS[(i * 7 + j * j * 3 + (i % 11)) % WORDS.length]).join(' ');
  const base = { id: `i${i}`, pk: `p${i % 1000}`, s: `s${(i * 7919) % ITEMS}`, g: i, n: i % 977 };
  return { ...base, o: { x: i % 313 }, tags: [i % 7, i % 11], text };
}

function largeItems() {
  const words = list(150_000, (i) => WORDS[(i * i) % WORDS.length]).join(' ');
  return [
    {
      id: '1',
      pk: 'p',
      kind: 'numbers',
      list: list(200_000, (i) => i),
      few: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    },
    { id: '2', pk: 'p', kind: 'objects', list: list(40_000, (i) => ({ a: i, b: `text ${i}`, c: i % 7 })) },
    { id: '3', pk: 'p', kind: 'text', text: words },
    {
      id: '4',
      pk: 'p',
      kind: 'polygon',
      shape: { type: 'Polygon', coordinates: [JSON.parse(ring(4_000, 5))] },
    },
    { id: '5', pk: 'p', kind: 'wide', wide: wide(70_000), other: wide(70_000) },
    { id: '6', pk: 'p', kind: 'json', json: JSON.stringify(wide(100_000)) },
    { id: '7', pk: 'p', kind: 'numbered', wide: wide(70_000, ''), other: wide(70_000, '') },
  ];
}

function wide(members, prefix = 'k') {
  return Object.fromEntries(list(members, (i) => [`${prefix}${(i * 7_919) % members}`, i]));
}

function places() {
  return list(500, (i) => ({
    id: `at${i}`,
    pk: 'p',
    kind: 'places',
    at: { type: 'Point', coordinates: [5 + i / 200, 10] },
  }));
}

/**
 * Longest turns of several runs, in milliseconds, by query. `only`: a part of the names; `groups`: of them `texts`,
 * `executions`, `large`, `vectors`.
 */
export async function measureTurns({ turnsOnly: only = '', turnsGroups: groups = Object.keys(GROUPS) } = {}) {
  const server = await startOrrery({ regions: 1, isProbed: true });
  await makeDatabase(server.port);
  const figures = {};
  for (const group of groups) await GROUPS[group](new Bench(server, figures, only));
  await server.dispose();
  return figures;
}

/** What all groups of queries are measured with. */
class Bench {
  constructor(server, figures, only) {
    this.server = server;
    this.port = server.port;
    this.figures = figures;
    this.only = only;
  }

  async measure(name, link, query, parameters = []) {
    if (!name.includes(this.only)) return;
    const longest = [];
    let ran;
    for (let run = 0; run < RUNS; run++) {
      await this.server.ask('begin');
      // Each text is another one, so each is compiled.
      ran = await this.run(link, { query: `${query} -- ${run}`, parameters });
      longest.push(await this.server.ask('end'));
    }
    longest.sort((a, b) => a.longestMs - b.longestMs);
    const [least, median, most] = [longest[0], longest[longest.length >> 1], longest.at(-1)];
    this.figures[name] = {
      leastMs: least.longestMs,
      medianMs: median.longestMs,
      mostMs: most.longestMs,
      // Of the last two.
      collectionsMs: [median.collectionsMs, most.collectionsMs],
      ...ran,
    };
    const times = [least, median, most]
      .map(({ longestMs, collectionsMs }) =>
        `${longestMs.toFixed(1)} (${collectionsMs.toFixed(1)})`.padStart(15),
      )
      .join('');
    process.stderr.write(`${times} of ${ran.ms.toFixed(0).padStart(5)} ms, ${name}: ${ran.outcome}\n`);
  }

  async run(link, body) {
    const headers = {
      'content-type': 'application/query+json',
      'x-ms-documentdb-isquery': 'True',
      'x-ms-max-item-count': '100000',
      'x-ms-documentdb-partitionkeyrangeid': '0',
    };
    const target = `/${link}/docs`;
    const startMs = performance.now();
    const ended = (outcome) => ({ ms: performance.now() - startMs, outcome });
    try {
      const answer = await callWhole(this.port, {
        method: 'POST',
        target,
        type: 'docs',
        link,
        headers,
        body,
      });
      return ended(`${answer.body.Documents.length} rows`);
    } catch (error) {
      return ended(String(error.message).slice(0, 160));
    }
  }

  /** Writes something that is no item. */
  write(method, link, type, body) {
    const headers = { 'content-type': 'application/json' };
    const owner = method === 'PUT' ? link : link.slice(0, link.lastIndexOf('/'));
    return call(this.port, { method, target: `/${link}`, type, link: owner, headers, body });
  }

  async load(link, items) {
    const headers = {
      'content-type': 'application/json',
      'x-ms-cosmos-is-batch-request': 'True',
      'x-ms-cosmos-batch-atomic': 'False',
      'x-ms-cosmos-batch-continue-on-error': 'True',
      'x-ms-documentdb-partitionkeyrangeid': '0',
    };
    const request = { method: 'POST', target: `/${link}/docs`, type: 'docs', link, headers };
    for (let from = 0; from < items.length; from += BATCH) {
      const body = items.slice(from, from + BATCH).map((resourceBody) => ({
        operationType: 'Upsert',
        resourceBody,
        partitionKey: JSON.stringify([resourceBody.pk]),
      }));
      await call(this.port, { ...request, body });
    }
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  }
}

const GROUPS = {
  async texts(bench) {
    const link = await makeContainer(bench.port, 'texts');
    await bench.load(link, list(2_000, item));
    for (const [name, query] of Object.entries(TEXTS)) await bench.measure(name, link, query);
  },

  async executions(bench) {
    const link = await makeContainer(bench.port, 'executions', { indexingPolicy: POLICY });
    await bench.write('POST', `${link}/udfs`, 'udfs', { id: 'f', body: 'function f(x) { return x + 1; }' });
    await bench.load(link, list(ITEMS, item));
    for (const [name, query] of Object.entries(EXECUTIONS)) await bench.measure(name, link, query);
    const query = 'SELECT * FROM c WHERE ARRAY_CONTAINS(@list, c.g) AND c.g < 10';
    const value = list(200_000, (i) => i);
    await bench.measure('a parameter of 200,000', link, query, [{ name: '@list', value }]);
    await bench.server.ask('begin');
    await bench.write('PUT', link, 'colls', {
      id: 'executions',
      partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 },
      indexingPolicy: { includedPaths: [{ path: '/*' }], excludedPaths: [{ path: '/n/?' }] },
    });
    await new Promise((resolve) => setTimeout(resolve, CONVERSION_MS));
    const { longestMs } = await bench.server.ask('end');
    bench.figures['another indexing policy'] = { mostMs: longestMs };
    process.stderr.write(`${longestMs.toFixed(1)} another indexing policy\n`);
  },

  async large(bench) {
    const indexingPolicy = { includedPaths: [{ path: '/kind/?' }], excludedPaths: [{ path: '/*' }] };
    const link = await makeContainer(bench.port, 'large', { indexingPolicy });
    for (const one of largeItems()) await bench.load(link, [one]);
    await bench.load(link, places());
    for (const [name, query] of Object.entries(LARGE)) await bench.measure(name, link, query);
  },

  async vectors(bench) {
    for (const type of ['flat', 'diskANN', undefined]) {
      const kind = { dataType: 'float32', dimensions: DIMENSIONS, distanceFunction: 'cosine' };
      const link = await makeContainer(bench.port, `vectors-${type}`, {
        vectorEmbeddingPolicy: { vectorEmbeddings: [{ path: '/v', ...kind }] },
        indexingPolicy: {
          includedPaths: [{ path: '/*' }],
          excludedPaths: [{ path: '/v/*' }],
          ...(type === undefined ? {} : { vectorIndexes: [{ path: '/v', type }] }),
        },
      });
      const vectors = list(ITEMS / 5, (i) => ({ id: `v${i}`, pk: `p${i % 1000}`, v: vectorOf(i) }));
      await bench.load(link, vectors);
      const query = 'SELECT TOP 10 c.id FROM c ORDER BY VectorDistance(c.v, @v)';
      await bench.measure(`vectors, index ${type}`, link, query, [{ name: '@v', value: vectorOf(77) }]);
    }
  },
};
