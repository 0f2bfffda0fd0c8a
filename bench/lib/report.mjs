// Figures as tables for a terminal, with what they are held against.

export function printTable(title, head, rows) {
  const cells = [head, ...rows].map((row) => head.map((_, column) => String(row[column] ?? '')));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd();
  console.log(`\n${title}\n${line(cells[0])}\n${widths.map((width) => '-'.repeat(width)).join('  ')}`);
  for (const row of cells.slice(1)) console.log(line(row));
}

export function number(value, digits = 2) {
  if (value === undefined || Number.isNaN(value)) return '';
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

/** A row of the throughput table. */
export function loadRow(name, figures) {
  if (figures === undefined) return [name, 'not run'];
  return [
    name,
    number(figures.perSecond, 0),
    number(figures.p50Ms),
    number(figures.p99Ms),
    number(figures.cpuUs, 1),
    number(figures.serverCores),
    figures.isClientBound ? 'client-bound' : '',
  ];
}

export const LOAD_HEAD = ['', 'ops/s', 'p50 ms', 'p99 ms', 'server CPU us/op', 'cores', ''];

/** Each target as [what, measured, unit, bound, direction, goal]; those without figures are left out. */
export function targets(results) {
  const { bare, orrery1, orrery3, disk, half1, half3, filter50000, start, bookkeeping } = results;
  const found = [];
  const atMost = (what, value, bound, unit, goal) =>
    found.push({ what, value, bound, unit, goal, isMet: value <= bound });
  const atLeast = (what, value, bound, unit) =>
    found.push({ what, value, bound, unit, isMet: value >= bound, isFloor: true });
  for (const [name, figures] of [
    ['1 region', orrery1],
    ['3 regions', orrery3],
  ]) {
    if (bare === undefined || figures === undefined) continue;
    // With several regions the figure holds the work of all of them, so only one region is held to the ratio.
    if (figures !== orrery1) continue;
    atMost(`point read, CPU against bare GET (${name})`, figures.read.cpuUs / bare.get.cpuUs, 3, 'x', 1.8);
    atMost(
      `durable upsert, CPU against bare POST (${name})`,
      figures.upsert.cpuUs / bare.post.cpuUs,
      5,
      'x',
      3.5,
    );
    if (disk === undefined) continue;
    const limit = Math.min(bare.post.perSecond, disk.ceilingPerSecond);
    atLeast(
      `durable creates against min(bare POST, fsync ceiling) (${name})`,
      figures.create.perSecond / limit,
      0.5,
      'x',
    );
  }
  if (filter50000 !== undefined)
    atMost('filter, 50 of 50,000: CPU', filter50000.query.cpuUs / 1000, 0.5, 'ms');
  for (const [name, figures] of [
    ['1 region', half1],
    ['3 regions', half3],
  ]) {
    if (figures === undefined) continue;
    atMost(`read p99 at half load (${name})`, figures.read.p99Ms, 10, 'ms');
    const writeBound = Math.max(10, 2.5 * (disk?.syncP99Ms ?? 0));
    atMost(`durable upsert p99 at half load (${name})`, figures.upsert.p99Ms, writeBound, 'ms');
  }
  if (bookkeeping !== undefined) {
    const what = 'upserts with several write regions against one region: throughput';
    atLeast(what, bookkeeping.throughputRatio, 0.85, 'x');
  }
  if (start !== undefined)
    atMost('first answer after the start of the process', start.orreryThreeSeconds, 1, 's');
  return found;
}

export function printTargets(results) {
  const rows = targets(results).map(({ what, value, bound, unit, goal, isMet, isFloor }) => [
    what,
    `${number(value)} ${unit}`,
    `${isFloor ? '>=' : '<='} ${number(bound)} ${unit}`,
    goal === undefined ? '' : `${number(goal)} ${unit}`,
    isMet ? 'met' : 'MISSED',
  ]);
  if (rows.length > 0) printTable('Targets', ['', 'measured', 'target', 'goal', ''], rows);
}
