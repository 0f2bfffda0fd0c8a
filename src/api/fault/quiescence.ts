import type { JsonObject } from '../../base/index.ts';
import type { Planet, RegionStatus } from './planet.ts';

/** What still keeps the regions from being equal and at rest; empty when they are. */
export function differences(
  planet: Pick<Planet, 'regions' | 'damage'>,
  statuses: readonly RegionStatus[],
): JsonObject[] {
  const found: JsonObject[] = [];
  for (const region of planet.regions) {
    const status = statuses.find((candidate) => candidate.region === region);
    if (status === undefined) found.push({ region, reason: planet.damage(region) ?? 'does not answer' });
    else if (!status.isServing) found.push({ region, reason: 'is still catching up' });
    else if (!status.isIdle) found.push({ region, reason: 'queues are not empty' });
  }
  const first = statuses[0];
  if (first === undefined) return found;
  for (const other of statuses.slice(1)) {
    const theirs = new Map(other.partitions.map((partition) => [keyOf(partition), partition]));
    for (const partition of first.partitions) {
      const twin = theirs.get(keyOf(partition));
      theirs.delete(keyOf(partition));
      const vectors = [textOf(partition.vector), twin === undefined ? 'not open' : textOf(twin.vector)];
      if (vectors[0] !== vectors[1]) {
        const { container, pkRangeId } = partition;
        found.push({ container, pkRangeId, regions: [first.region, other.region], vectors });
      }
    }
    for (const { container, pkRangeId } of theirs.values()) {
      found.push({ container, pkRangeId, reason: `open in ${other.region} only` });
    }
  }
  return found;
}

function keyOf(partition: { container: string; pkRangeId: string }): string {
  return `${partition.container} ${partition.pkRangeId}`;
}

function textOf(vector: readonly (readonly [number, number])[]): string {
  return vector.map(([origin, n]) => `${origin}:${n}`).join(' ');
}
