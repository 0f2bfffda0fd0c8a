import { type ContainerDefinition, normalizeContainer } from '../../src/resource/index.ts';
import type { Swarm } from './swarm.ts';
import { UNIQUE_MEMBERS } from './unique-model.ts';

/** The container that clients use: everything that its policies say comes from the seed. */
export function containerOf(swarm: Swarm, id: string): ContainerDefinition {
  const { conflicts, conflictPath, uniqueValues, defaultTtl } = swarm;
  const uniqueKeys = UNIQUE_MEMBERS.map((name) => ({ paths: [`/${name}`] }));
  return normalizeContainer({
    id,
    partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 },
    conflictResolutionPolicy: conflictPolicyOf(conflicts, conflictPath),
    ...(defaultTtl === undefined ? {} : { defaultTtl }),
    ...(uniqueValues === 0 ? {} : { uniqueKeyPolicy: { uniqueKeys } }),
  });
}

function conflictPolicyOf(conflicts: Swarm['conflicts'], conflictResolutionPath: string) {
  if (conflicts === 'lastWriter') return { mode: 'LastWriterWins', conflictResolutionPath };
  const procedure = conflicts === 'feed' ? {} : { conflictResolutionProcedure: PROCEDURE.id };
  return { mode: 'Custom', ...procedure };
}

/**
 * Puts a new version in the place of the item, named after the loser, and one time in three writes another
 * item as well. So the data show how often each conflict was decided. Some losers it cannot decide, and some
 * of its writes are refused since somebody else has the loser's unique values.
 */
export const PROCEDURE = {
  id: 'resolver',
  body: `function resolver(incoming, existing, isTombstone, conflicting) {
    var collection = getContext().getCollection();
    var link = collection.getSelfLink();
    var number = Number(incoming.value.replace(/[^0-9]/g, ''));
    if (number % 7 === 3) throw new Error('this one is for people');
    if (number % 3 === 1)
      collection.upsertDocument(link, { id: 'journal', pk: incoming.pk, value: 'j' + incoming.value });
    if (isTombstone) {
      if (number % 2 === 0 && conflicting.length === 0)
        collection.createDocument(link, {
          id: incoming.id, pk: incoming.pk, value: 'm' + incoming.value,
          slot: incoming.slot, seat: incoming.seat
        });
      return;
    }
    var item = existing || conflicting[0];
    collection.replaceDocument(item._self, {
      id: item.id, pk: item.pk, value: 'm' + incoming.value, priority: incoming.priority,
      slot: incoming.slot, seat: incoming.seat
    });
  }`,
};

/** Whether the procedure leaves the loser with this value to people, unique values aside. */
export function isForPeople(value: string): boolean {
  return Number(value.replace(/[^0-9]/g, '')) % 7 === 3;
}

/** Whether it is a value that the procedure makes of another. */
export function isMade(value: string): boolean {
  return value.startsWith('m') || value.startsWith('j');
}
