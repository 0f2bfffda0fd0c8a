import type { JsonObject } from '../base/index.ts';
import { refuse, stringAt, wordAt } from './body-shape.ts';
import { checkResourceId } from './resource-id.ts';

/** Kinds of server-side script, by the names that their rids know them under. */
export type ScriptResourceKind = 'storedProcedure' | 'trigger' | 'userDefinedFunction';

const TRIGGER_TYPES = ['Pre', 'Post'] as const;
const TRIGGER_OPERATIONS = ['All', 'Create', 'Update', 'Delete', 'Replace'] as const;

export type TriggerType = (typeof TRIGGER_TYPES)[number];
export type TriggerOperation = (typeof TRIGGER_OPERATIONS)[number];

/** A script as its user defined it. */
export interface ScriptDefinition {
  readonly kind: ScriptResourceKind;
  readonly id: string;
  /** Source text of a function. Whether it is one shows when it runs. */
  readonly body: string;
  /** Of triggers only. */
  readonly trigger?: { readonly type: TriggerType; readonly operation: TriggerOperation };
}

/** How many scripts of each kind a container may have. */
export const SCRIPTS_MAX: Readonly<Record<ScriptResourceKind, number>> = {
  storedProcedure: 100,
  trigger: 25,
  userDefinedFunction: 50,
};

/** Scripts are part of the account, which every region holds in memory. */
const BODY_CHARACTERS_MAX = 512 * 1024;

/** @throws DatabaseError `BadRequest` when anything breaks the published rules. */
export function normalizeScript(kind: ScriptResourceKind, body: JsonObject): ScriptDefinition {
  const id = checkResourceId(body.id);
  const source = stringAt(body, 'body');
  if (source.length > BODY_CHARACTERS_MAX) {
    throw refuse(`The body of a script has at most ${BODY_CHARACTERS_MAX} characters.`);
  }
  if (kind !== 'trigger') return { kind, id, body: source };
  const type = wordAt(body, 'triggerType', TRIGGER_TYPES);
  const operation = wordAt(body, 'triggerOperation', TRIGGER_OPERATIONS);
  return { kind, id, body: source, trigger: { type, operation } };
}

/** The definition as its resource shows it, without what the system adds. */
export function scriptBody({ id, body, trigger }: ScriptDefinition): JsonObject {
  if (trigger === undefined) return { id, body };
  return { id, body, triggerType: trigger.type, triggerOperation: trigger.operation };
}
