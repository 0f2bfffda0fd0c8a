import { describe, expect, test } from 'vitest';
import type { AccountState, Topology } from './state.ts';
import { checkTopology, topologyEdges } from './topology.ts';

function edges(
  topology: Topology,
  regions: readonly string[],
  level: AccountState['consistency']['level'] = 'Session',
  multipleWriteRegions = true,
): string[] {
  const consistency = { level, stalenessOperations: 1, stalenessSeconds: 1 };
  const records = regions.map((name, index) => ({ name, origin: index + 1 }));
  return topologyEdges({ topology, consistency, multipleWriteRegions, regions: records })
    .map((edge) => edge.join('-'))
    .sort();
}

const FOUR = ['a', 'b', 'c', 'd'];

describe('edges', () => {
  test.each<[Topology, string[]]>([
    [{ kind: 'mesh' }, ['a-b', 'a-c', 'a-d', 'b-c', 'b-d', 'c-d']],
    [{ kind: 'star' }, ['a-b', 'a-c', 'a-d']],
    [{ kind: 'star', hub: 'c' }, ['c-a', 'c-b', 'c-d']],
    [{ kind: 'chain' }, ['a-b', 'b-c', 'c-d']],
    [{ kind: 'tree' }, ['a-b', 'a-c', 'b-d']],
    [{ kind: 'auto' }, ['a-b', 'a-c', 'a-d', 'b-c', 'b-d', 'c-d']],
  ])('%j', (topology, expected) => {
    expect(edges(topology, FOUR)).toEqual(expected);
  });

  test('one region has none', () => {
    for (const kind of ['mesh', 'star', 'chain', 'tree', 'auto'] as const)
      expect(edges({ kind }, ['a'])).toEqual([]);
  });

  test('a tree of known places is made of short links', () => {
    const names = ['West US', 'North Europe', 'West Europe', 'East US', 'Japan East', 'Southeast Asia'];
    expect(edges({ kind: 'tree' }, names)).toEqual([
      'East US-North Europe',
      'Japan East-Southeast Asia',
      'North Europe-West Europe',
      'West US-East US',
      'West US-Japan East',
    ]);
    expect(edges({ kind: 'auto' }, names)).toEqual(edges({ kind: 'tree' }, names));
  });

  test('levels that rest on leases get a direct link to whoever gives them', () => {
    expect(edges({ kind: 'auto' }, FOUR, 'Strong', false)).toEqual(['a-b', 'a-c', 'a-d']);
    expect(edges({ kind: 'chain' }, FOUR, 'Strong', false)).toEqual(['a-b', 'a-c', 'a-d', 'b-c', 'c-d']);
    expect(edges({ kind: 'chain' }, FOUR, 'BoundedStaleness', true)).toHaveLength(6);
  });
});

test('nonsense is refused', () => {
  const regions = [{ name: 'a' }];
  expect(() => checkTopology({ kind: 'star', hub: 'x' }, regions)).toThrow(/hub/);
  expect(() => checkTopology({ kind: 'ring' } as unknown as Topology, regions)).toThrow(/no topology 'ring'/);
  expect(checkTopology({ kind: 'mesh', hub: 'a' } as Topology, regions)).toEqual({ kind: 'mesh' });
});
