import { DatabaseError } from '../errors/index.ts';
import type { ContainerDefinition } from '../resource/index.ts';

/**
 * Refuses policies that this version would store but not keep: a container that promises something and does
 * not deliver is worse than none.
 * @throws DatabaseError `BadRequest` naming the policy.
 */
export function refuseUnsupported(definition: ContainerDefinition): void {
  if (definition.others.clientEncryptionPolicy !== undefined) refuse('client encryption policies');
}

function refuse(what: string): never {
  throw new DatabaseError('BadRequest', `This version does not support ${what} yet.`);
}
