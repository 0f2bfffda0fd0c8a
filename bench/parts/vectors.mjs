// Vectors in one partition: what the graph finds, against comparing with all of them.

import { VectorIndex } from '../../dist/index/index.js';

const COUNT = 50_000;
const DIMENSIONS = 256;
const CLUSTERS = 500;
const SPREAD = 0.3;
const QUERIES = 100;
const NEAREST = 10;
const BEAM = 100;

/** Throws when fewer than nine in ten are found, or more than a tenth of the vectors is compared. */
export function measureVectors({ vectors = COUNT } = {}) {
  const random = randomFrom(1);
  const make = clustered(random);
  const kind = { dimensions: DIMENSIONS, dataType: 'float32', distanceFunction: 'cosine' };
  const index = new VectorIndex({ ...kind, isApproximate: true, random });
  const build = secondsOf(() => {
    for (let number = 0; number < vectors; number++) index.set(number, make());
    while (index.hasWork) index.work(1_000);
  });
  const queries = Array.from({ length: QUERIES }, make);
  const ask = (isExact) => {
    const before = index.comparisons;
    const found = [];
    const seconds = secondsOf(() => {
      for (const query of queries) {
        found.push(index.nearest(query, { count: NEAREST, beam: BEAM, isExact }).numbers);
      }
    });
    return { found, ms: (seconds * 1_000) / QUERIES, comparisons: (index.comparisons - before) / QUERIES };
  };
  const exact = ask(true);
  const graph = ask(false);
  const hits = graph.found.map(
    (numbers, i) => numbers.filter((number) => exact.found[i].includes(number)).length,
  );
  const recall = hits.reduce((sum, count) => sum + count, 0) / (QUERIES * NEAREST);
  const fewer = exact.comparisons / graph.comparisons;
  if (recall < 0.9 || fewer < 10) throw new Error(`recall ${recall}, ${fewer} times fewer comparisons`);
  return {
    vectors,
    buildSeconds: build,
    megabytes: index.bytes / 1024 / 1024,
    recall,
    fewerComparisons: fewer,
    exactMs: exact.ms,
    graphMs: graph.ms,
  };
}

function secondsOf(task) {
  const start = performance.now();
  task();
  return (performance.now() - start) / 1_000;
}

/** Around random centres, as embeddings of similar things are. */
function clustered(random) {
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const vector = () => Array.from({ length: DIMENSIONS }, normal);
  const centres = Array.from({ length: CLUSTERS }, vector);
  return () => centres[Math.floor(random() * CLUSTERS)].map((x) => x + SPREAD * normal());
}

/** Mulberry32: the same vectors in every run. */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
