// What the kernel tells of a process and its children.
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of /proc/PID/stat; 100 on every Linux that Node.js supports. */
const TICKS_PER_SECOND = 100;

/** `pid` and all its living descendants. */
export function processTree(pid) {
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = statFields(name)?.[1];
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [pid];
  for (const one of tree) tree.push(...(children.get(String(one)) ?? []));
  return tree;
}

/** Seconds of CPU, user and system, that the processes have used so far. */
export function cpuSeconds(pids) {
  let ticks = 0;
  for (const pid of pids) {
    const fields = statFields(pid);
    if (fields !== undefined) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Megabytes: the peak of resident memory, and what of it now is private (not shared, not files). */
export function memory(pid) {
  const sum = { peakMb: 0, privateMb: 0 };
  for (const one of processTree(pid)) {
    const status = readFileSync(`/proc/${one}/status`, 'utf8');
    sum.peakMb += Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
    sum.privateMb += Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
  }
  return sum;
}

/** Fields of /proc/PID/stat from the state on: the name before it may hold spaces and parentheses. */
function statFields(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
