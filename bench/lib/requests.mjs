// What the load client sends, by scenario. Everything that can be computed before the clock starts is.
import { requestBytes } from './wire.mjs';

const ITEM_BYTES = 1000;
const JSON_HEADERS = { 'content-type': 'application/json' };

/** An item of 1 KB. `group` is what filters ask for; all ids have one length, so that one can replace another. */
export function itemText(number, groups) {
  const item = { id: idOf(number), pk: keyOf(number), group: number % groups, active: number % 2 === 0 };
  const rest = {
    name: `customer ${number}`,
    tags: ['a', 'b', 'c'],
    address: { city: `city ${number % 100}` },
    filler: '',
  };
  const text = JSON.stringify({ ...item, ...rest });
  return text.replace('"filler":""', `"filler":"${'x'.repeat(Math.max(0, ITEM_BYTES - text.length))}"`);
}

/** An item of 1 KB that differs from all others in what queries ask for. */
export function variedText(number, groups) {
  const item = JSON.parse(itemText(number, groups));
  const text = JSON.stringify({ ...item, tags: ['a', `t${number % 500}`], filler: '' });
  return text.replace('"filler":""', `"filler":"${'x'.repeat(Math.max(0, ITEM_BYTES - text.length))}"`);
}

export const DIMENSIONS = 256;

/** A vector that only its number decides: one of 500 directions, and something of its own. */
export function vectorOf(number) {
  const draw = (seed) => {
    let state = Math.imul(seed + 1, 2_654_435_761);
    return () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) / 2 ** 31 - 1;
    };
  };
  const [cluster, own] = [draw(number % 500), draw(number + 1_000)];
  return Array.from({ length: DIMENSIONS }, () => Math.round((cluster() + 0.3 * own()) * 1e4) / 1e4);
}

function idOf(number) {
  return String(number).padStart(12, '0');
}

function keyOf(number) {
  return `p${String(number % 1000).padStart(3, '0')}`;
}

function vectorText(number) {
  return JSON.stringify({ id: idOf(number), pk: keyOf(number), v: vectorOf(number) });
}

function keyHeader(number) {
  return { 'x-ms-documentdb-partitionkey': JSON.stringify([keyOf(number)]) };
}

function documents(containerLink, headers, body) {
  return requestBytes({
    method: 'POST',
    target: `/${containerLink}/docs`,
    type: 'docs',
    link: containerLink,
    headers,
    body,
  });
}

/** Gives a function that yields the next request's bytes; each connection has its own. */
const SCENARIOS = {
  get: () => cycle([requestBytes({ method: 'GET', target: '/', type: '', link: '' })]),
  post: ({ groups }) =>
    cycle([requestBytes({ method: 'POST', target: '/', type: '', link: '', body: itemText(1, groups) })]),
  read: (job) =>
    cycle(
      job.shared('read', () =>
        Array.from({ length: job.items }, (_, number) => {
          const link = `${job.containerLink}/docs/${idOf(number)}`;
          return requestBytes({
            method: 'GET',
            target: `/${link}`,
            type: 'docs',
            link,
            headers: keyHeader(number),
          });
        }),
      ),
      job.offset,
    ),
  upsert: (job) =>
    cycle(
      job.shared('upsert', () =>
        Array.from({ length: job.items }, (_, number) => {
          const headers = { ...JSON_HEADERS, 'x-ms-documentdb-is-upsert': 'True', ...keyHeader(number) };
          return documents(job.containerLink, headers, itemText(number, job.groups));
        }),
      ),
      job.offset,
    ),
  // Ids rise over all connections: `take` hands them out, and each is written into ready bytes. A buffer comes
  // round again after 1,000 requests, long after the one that used it before has left this process.
  create: (job) => {
    const ready = job.shared('create', () =>
      Array.from({ length: 1000 }, (_, number) => {
        const headers = { ...JSON_HEADERS, ...keyHeader(number) };
        const bytes = documents(job.containerLink, headers, itemText(number, job.groups));
        return { bytes, idAt: bytes.indexOf(`"id":"${idOf(number)}"`) + 6 };
      }),
    );
    return () => {
      const number = job.take();
      const { bytes, idAt } = ready[number % 1000];
      bytes.write(idOf(number), idAt, 'latin1');
      return bytes;
    };
  },
  // Each item is made when it is its turn: its text decides what queries find.
  createEach: (job) => {
    const textOf = { varied: (n) => variedText(n, job.groups), vectors: vectorText }[job.items];
    return () => {
      const number = job.take();
      return documents(job.containerLink, { ...JSON_HEADERS, ...keyHeader(number) }, textOf(number));
    };
  },
  sql: (job) => {
    const headers = {
      'content-type': 'application/query+json',
      'x-ms-documentdb-isquery': 'True',
      'x-ms-documentdb-query-enablecrosspartition': 'True',
    };
    const body = JSON.stringify({ query: job.sql, parameters: job.parameters ?? [] });
    return cycle([documents(job.containerLink, headers, body)]);
  },
  query: (job) => {
    const headers = {
      'content-type': 'application/query+json',
      'x-ms-documentdb-isquery': 'True',
      'x-ms-documentdb-query-enablecrosspartition': 'True',
      'x-ms-max-item-count': '100',
    };
    const bodies = Array.from({ length: Math.min(job.groups, 200) }, (_, group) => {
      const query = 'SELECT * FROM c WHERE c["group"] = @group';
      return JSON.stringify({ query, parameters: [{ name: '@group', value: group }] });
    });
    return cycle(
      bodies.map((body) => documents(job.containerLink, headers, body)),
      job.offset,
    );
  },
};

function cycle(list, offset = 0) {
  let at = offset % list.length;
  return () => {
    const bytes = list[at];
    at = at + 1 === list.length ? 0 : at + 1;
    return bytes;
  };
}

/** One source of requests for each of `connections`. */
export function requestSources(job) {
  let taken = job.from ?? 0;
  const made = new Map();
  const shared = (name, make) => {
    if (!made.has(name)) made.set(name, make());
    return made.get(name);
  };
  const take = () => taken++;
  const sources = Array.from({ length: job.connections }, (_, connection) => {
    // Connections start at different items, or they would all ask for the same one at the same time.
    const offset = Math.floor((connection * (job.items ?? job.groups ?? 1)) / job.connections);
    return SCENARIOS[job.scenario]({ ...job, offset, shared, take });
  });
  return { sources, taken: () => taken };
}
