import { DatabaseError } from '../errors/index.ts';
import { greatCircleLatency, isKnownRegion } from './region-map.ts';
import type { AccountState, RegionRecord, Topology } from './state.ts';

/** Up to so many regions a mesh costs less than relaying would cost in delay. */
const MESH_MAX = 5;

/** A direct connection between two regions, by name. */
export type Edge = readonly [string, string];

/** @throws DatabaseError `BadRequest` when it names a hub that is no region of the account. */
export function checkTopology(topology: Topology, regions: readonly Pick<RegionRecord, 'name'>[]): Topology {
  const kinds: readonly string[] = ['auto', 'mesh', 'star', 'chain', 'tree'];
  if (!kinds.includes(topology.kind)) {
    throw new DatabaseError('BadRequest', `There is no topology '${String(topology.kind)}'.`);
  }
  if (topology.kind !== 'star' || topology.hub === undefined) return { kind: topology.kind };
  const { hub } = topology;
  if (regions.some(({ name }) => name === hub)) return { kind: 'star', hub };
  throw new DatabaseError('BadRequest', `The hub of a star must be a region of the account, not '${hub}'.`);
}

/**
 * The connections that the account's regions keep while all is well; any connected graph of them would do.
 * Leases and acknowledgements do not bear relaying, so the levels that rest on them get direct connections to
 * whoever gives the leases, whatever the topology.
 */
export function topologyEdges(
  state: Pick<AccountState, 'topology' | 'regions' | 'consistency' | 'multipleWriteRegions'>,
): Edge[] {
  const names = state.regions.map((region) => region.name);
  const { level } = state.consistency;
  const needsLeases = level === 'Strong' || level === 'BoundedStaleness';
  if (needsLeases && state.multipleWriteRegions) return mesh(names);
  const writer = names[0] ?? '';
  const edges = edgesOf(state.topology, names, needsLeases);
  return needsLeases ? distinct([...star(writer, names), ...edges]) : edges;
}

function edgesOf(topology: Topology, names: readonly string[], needsLeases: boolean): Edge[] {
  switch (topology.kind) {
    case 'mesh':
      return mesh(names);
    case 'star':
      return star(topology.hub ?? names[0] ?? '', names);
    case 'chain':
      return names.slice(1).map((name, place): Edge => [names[place] ?? '', name]);
    case 'tree':
      return tree(names);
    case 'auto':
      if (needsLeases) return star(names[0] ?? '', names);
      return names.length <= MESH_MAX ? mesh(names) : tree(names);
  }
}

function mesh(names: readonly string[]): Edge[] {
  return names.flatMap((one, place) => names.slice(place + 1).map((other): Edge => [one, other]));
}

function star(hub: string, names: readonly string[]): Edge[] {
  return names.filter((name) => name !== hub).map((name): Edge => [hub, name]);
}

/**
 * Prim's algorithm from the first region on; without places, a region's parent is the one at half its
 * place.
 */
function tree(names: readonly string[]): Edge[] {
  if (!names.every(isKnownRegion)) {
    return names.slice(1).map((name, place): Edge => [names[place >> 1] ?? '', name]);
  }
  const edges: Edge[] = [];
  const joined = names.slice(0, 1);
  const left = new Set(names.slice(1));
  while (left.size > 0) {
    let nearest: { edge: Edge; ms: number } | undefined;
    for (const from of joined) {
      for (const to of left) {
        const ms = greatCircleLatency(from, to);
        if (nearest === undefined || ms < nearest.ms) nearest = { edge: [from, to], ms };
      }
    }
    if (nearest === undefined) break;
    edges.push(nearest.edge);
    joined.push(nearest.edge[1]);
    left.delete(nearest.edge[1]);
  }
  return edges;
}

function distinct(edges: readonly Edge[]): Edge[] {
  const seen = new Map(edges.map((edge) => [[...edge].sort().join('\n'), edge]));
  return [...seen.values()];
}
