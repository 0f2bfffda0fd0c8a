// What the server costs: `npm run bench` in the root measures everything once; see README.md beside this file.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LOAD_HEAD, loadRow, number, printTable, printTargets, targets } from './lib/report.mjs';
import { measureBookkeeping } from './parts/bookkeeping.mjs';
import { measureContainers } from './parts/containers.mjs';
import { measureDisk } from './parts/disk.mjs';
import { measureFilter } from './parts/filter.mjs';
import { measureHalfLoad, measureSameRateBare } from './parts/half-load.mjs';
import { measureIndexes } from './parts/indexes.mjs';
import { measureMillion } from './parts/million.mjs';
import { measureBare, measureOrrery, measurePeer } from './parts/points.mjs';
import {
  measurePeerQueriesOnce,
  measureQueries,
  measureVectorQueries,
  QUERY_HEAD,
  queryRows,
} from './parts/queries.mjs';
import { measureStart } from './parts/start-time.mjs';
import { measureTurns } from './parts/turns.mjs';
import { measureVectors } from './parts/vectors.mjs';
import { measureVisibility } from './parts/visibility.mjs';

/** In order: later ones use what earlier ones found. */
const PARTS = {
  bare: (settings) => measureBare(settings),
  disk: (settings) => measureDisk(settings),
  orrery1: (settings) => measureOrrery(1, settings),
  orrery3: (settings) => measureOrrery(3, settings),
  peer: (settings) => measurePeer(settings),
  filter1000: (settings) => measureFilter('orrery', 1000, settings),
  filter50000: (settings) => measureFilter('orrery', 50_000, settings),
  peerFilter1000: (settings) => measureFilter('peer', 1000, settings),
  peerFilter50000: (settings) => measureFilter('peer', 50_000, settings),
  half1: (settings, results) => measureHalfLoad(1, results.orrery1, settings),
  halfBare: (settings, results) => measureSameRateBare(results.half1, settings),
  half3: (settings, results) => measureHalfLoad(3, results.orrery3, settings),
  bookkeeping: (settings) => measureBookkeeping(settings),
  visibility: (settings) => measureVisibility(settings),
  containers: (settings) => measureContainers(settings),
  start: (settings) => measureStart(settings),
  indexes10000: (settings) => measureIndexes(10_000, settings),
  indexesMillion: (settings) => measureIndexes(1_000_000, settings),
  queries50000: (settings) => measureQueries('orrery', settings.queryItems ?? 50_000, settings),
  peerQueries50000: (settings) => measureQueries('peer', settings.queryItems ?? 50_000, settings),
  vectorQueries: (settings) => measureVectorQueries({ ...settings, vectors: settings.queryItems }),
  queriesMillion: (settings) => measureQueries('orrery', 1_000_000, settings),
  peerQueriesMillion: () => measurePeerQueriesOnce(1_000_000),
  vectors: (settings) => measureVectors(settings),
  turns: (settings) => measureTurns(settings),
  million: (settings) => measureMillion(settings),
};

const HELP = `node main.mjs [--parts a,b] [--seconds N] [--quick] [--million] [--items N] [--out FILE]

--parts    only these, of: ${Object.keys(PARTS).join(', ')}
--seconds  length of each measurement (5)
--quick    two seconds each, fewer containers, no peer
--million  also load a million items, query them, and start again on them
--items    items and vectors that queries are measured over, instead of 50,000
--out      where the figures go as JSON (bench/results/latest.local.json)`;

async function main() {
  const { values } = parseArgs({
    options: {
      parts: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean' },
      million: { type: 'boolean' },
      items: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const parts = chooseParts(values);
  const settings = {
    seconds: Number(values.seconds ?? (values.quick ? 2 : 5)),
    ...(values.quick ? { containers: 200 } : {}),
    ...(values.items === undefined ? {} : { queryItems: Number(values.items) }),
  };
  const results = { machine: describeMachine(), startedAt: new Date().toISOString() };
  if (results.machine.loadBefore > 0.5) {
    process.stderr.write(
      'the machine is busy with other work: figures below will be worse than the server is\n',
    );
  }
  for (const part of parts) {
    process.stderr.write(`${part} …\n`);
    results[part] = await PARTS[part](settings, results);
  }
  print(results);
  const file = values.out ?? fileURLToPath(new URL('./results/latest.local.json', import.meta.url));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify({ ...results, targets: targets(results) }, null, 2)}\n`);
}

function chooseParts(values) {
  if (values.parts !== undefined) {
    const asked = values.parts.split(',');
    const unknown = asked.filter((part) => !Object.hasOwn(PARTS, part));
    if (unknown.length > 0) throw new Error(`unknown part ${unknown.join(', ')}\n${HELP}`);
    return Object.keys(PARTS).filter((part) => asked.includes(part));
  }
  return Object.keys(PARTS)
    .filter((part) => !part.toLowerCase().includes('million') || values.million)
    .filter((part) => !(values.quick && part.startsWith('peer')));
}

function describeMachine() {
  const [cpu] = cpus();
  return {
    node: process.version,
    cpus: cpus().length,
    cpu: cpu?.model,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    loadBefore: loadavg()[0],
  };
}

function print(results) {
  const { machine } = results;
  console.log(
    `Node.js ${machine.node}, ${machine.cpus} x ${machine.cpu}, ${machine.memoryGb} GB; 32 connections, 1 KB items`,
  );
  printLoads(results);
  printQueries(results);
  printRest(results);
  printTurns(results);
  printTargets(results);
}

function printLoads(results) {
  const rows = [];
  const add = (name, figures) => figures !== undefined && rows.push(loadRow(name, figures));
  add('bare GET', results.bare?.get);
  add('bare POST', results.bare?.post);
  for (const [name, figures] of [
    ['Orrery, 1 region', results.orrery1],
    ['Orrery, 3 regions', results.orrery3],
    ['peer (in memory)', results.peer],
  ]) {
    for (const scenario of ['read', 'upsert', 'create']) add(`${name}: ${scenario}`, figures?.[scenario]);
  }
  for (const [name, figures] of [
    ['Orrery, 50 of 1,000', results.filter1000],
    ['Orrery, 50 of 50,000', results.filter50000],
    ['peer, 50 of 1,000', results.peerFilter1000],
    ['peer, 50 of 50,000', results.peerFilter50000],
  ]) {
    add(`${name}: filter`, figures?.query);
    add(`${name}: filter, one caller`, figures?.alone);
  }
  for (const [name, figures] of [
    ['half load, 1 region', results.half1],
    ['the same rate, bare', results.halfBare],
    ['half load, 3 regions', results.half3],
  ]) {
    for (const scenario of ['read', 'upsert', 'synced']) add(`${name}: ${scenario}`, figures?.[scenario]);
  }
  for (const [name, figures] of [
    ['10,000 items', results.indexes10000],
    ['1,000,000 items', results.indexesMillion],
  ]) {
    add(`${name}: count of a tenth, one caller`, figures?.countTenth);
    add(`${name}: count of half, one caller`, figures?.countHalf);
    add(`${name}: first 100 by name, one caller`, figures?.top100);
  }
  add('a million creates', results.million?.load);
  add('reads after that', results.million?.read);
  if (rows.length > 0) printTable('Load', LOAD_HEAD, rows);
}

function printQueries(results) {
  const rows = [];
  for (const [name, figures] of [
    ['Orrery', results.queries50000],
    ['peer', results.peerQueries50000],
    ['Orrery', results.vectorQueries],
    ['Orrery', results.queriesMillion],
    ['peer', results.peerQueriesMillion],
  ]) {
    if (figures !== undefined) rows.push(...queryRows(name, figures, results.bare?.get.cpuUs));
  }
  if (rows.length > 0) printTable('Queries, one caller', QUERY_HEAD, rows);
}

function printRest(results) {
  const { disk, bookkeeping, visibility, containers, start, million, vectors } = results;
  const rows = [];
  const add = (name, value, unit) => rows.push([name, `${value} ${unit}`]);
  if (disk !== undefined) {
    add('disk: fdatasync of 1 KB, p50 / p99', `${number(disk.syncP50Ms)} / ${number(disk.syncP99Ms)}`, 'ms');
    add('disk: group commit of 32 waiters', number(disk.ceilingPerSecond, 0), 'writes/s');
  }
  for (const [name, figures] of [
    ['bare', results.bare],
    ['Orrery, 1 region', results.orrery1],
    ['Orrery, 3 regions', results.orrery3],
    ['peer', results.peer],
    ['Orrery, 50,000 items', results.filter50000],
    ['peer, 50,000 items', results.peerFilter50000],
    ['a million items', million],
    ['Orrery, queries', results.queries50000],
    ['peer, queries', results.peerQueries50000],
    ['Orrery, vector queries', results.vectorQueries],
    ['Orrery, queries of a million items', results.queriesMillion],
    ['peer, queries of a million items', results.peerQueriesMillion],
  ]) {
    if (figures === undefined) continue;
    add(
      `memory after the load, peak / private: ${name}`,
      `${number(figures.peakMb, 0)} / ${number(figures.privateMb, 0)}`,
      'MB',
    );
  }
  if (bookkeeping !== undefined) {
    const { throughputRatio, cpuRatio } = bookkeeping;
    add(
      'several write regions against one: throughput / CPU of an upsert',
      `${number(throughputRatio)} / ${number(cpuRatio)}`,
      'x',
    );
  }
  if (visibility !== undefined) {
    add(
      'a write visible in another region, p50 / p99',
      `${number(visibility.p50Ms)} / ${number(visibility.p99Ms)}`,
      'ms',
    );
  }
  if (containers !== undefined) {
    add(
      'making a container, median / p99',
      `${number(containers.creationMedianMs)} / ${number(containers.creationP99Ms)}`,
      'ms',
    );
    add(`${containers.containers} empty containers: memory grown`, number(containers.grownMb, 1), 'MB');
    add(
      `${containers.containers} empty containers: first answer after`,
      number(containers.restartSeconds),
      's',
    );
  }
  if (start !== undefined) {
    const { bareSeconds, orreryOneSeconds, orreryThreeSeconds, peerSeconds } = start;
    const times = [bareSeconds, orreryOneSeconds, orreryThreeSeconds, peerSeconds]
      .map((one) => number(one))
      .join(' / ');
    add('first answer: bare / 1 region / 3 regions / peer', times, 's');
  }
  if (vectors !== undefined) {
    const { recall, fewerComparisons, exactMs, graphMs, buildSeconds, megabytes } = vectors;
    add('vectors: recall / fewer comparisons', `${number(recall)} / ${number(fewerComparisons, 0)}`, 'x');
    add('vectors: a search by graph / of all', `${number(graphMs)} / ${number(exactMs)}`, 'ms');
    add('vectors: building / memory', `${number(buildSeconds, 0)} s / ${number(megabytes, 0)}`, 'MB');
  }
  if (million !== undefined) {
    const times = `${number(million.restartSeconds)} / ${number(million.restartAfterKillSeconds)}`;
    add('a million items: first answer after a stop / kill -9', times, 's');
  }
  if (rows.length > 0) printTable('Other figures', ['', ''], rows);
}

function printTurns({ turns }) {
  if (turns === undefined) return;
  const rows = Object.entries(turns).map(([name, { medianMs, mostMs }]) => [
    name,
    `${number(medianMs ?? mostMs, 1)} / ${number(mostMs, 1)} ms`,
  ]);
  printTable('Longest turn of the event loop during a query, median / most', ['', ''], rows);
}

await main();
