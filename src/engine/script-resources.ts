/** Stored procedures, triggers and functions of queries as clients see them, and what changes them. */
import type { ContainerRecord, Directory, ScriptRecord } from '../account/index.ts';
import type { JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { normalizeScript, type ScriptResourceKind, scriptBody, selfLink } from '../resource/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Containers } from './containers.ts';
import type { ContainerPath } from './engine.ts';
import { checkWriteRole } from './request-gate.ts';

/** One script, or the kind of script that a feed is of. */
export interface ScriptPath extends ContainerPath {
  readonly kind: ScriptResourceKind;
}

/** Scripts as complete resources with `_rid`, `_self`, `_etag`, `_ts`; `id` may be an id or a rid. */
export interface ScriptResources {
  list(path: ScriptPath): JsonObject[];
  read(path: ScriptPath, id: string): JsonObject;
  create(path: ScriptPath, body: JsonObject): Promise<JsonObject>;
  /** `isNew`: there was none by its id. */
  upsert(
    path: ScriptPath,
    body: JsonObject,
  ): Promise<{ readonly isNew: boolean; readonly script: JsonObject }>;
  replace(path: ScriptPath, id: string, body: JsonObject, ifMatch?: string): Promise<JsonObject>;
  delete(path: ScriptPath, id: string, ifMatch?: string): Promise<void>;
}

export function createScriptResources(options: {
  readonly runtime: Runtime;
  readonly region: string;
  readonly directory: Directory;
  readonly containers: Containers;
}): ScriptResources {
  const { runtime, region, directory, containers } = options;
  const ownerOf = (path: ScriptPath): ContainerRecord => containers.owner(path).record;
  const find = (path: ScriptPath, id: string) => findScript(directory, ownerOf(path), path.kind, id);

  const create = async (path: ScriptPath, body: JsonObject): Promise<JsonObject> => {
    checkWriteRole(directory.state, region);
    const { rid: containerRid } = ownerOf(path);
    const definition = normalizeScript(path.kind, body);
    const timeMs = runtime.nowMs();
    return resourceOf(await directory.execute({ kind: 'createScript', containerRid, definition, timeMs }));
  };
  const replace = async (
    path: ScriptPath,
    id: string,
    body: JsonObject,
    ifMatch?: string,
  ): Promise<JsonObject> => {
    checkWriteRole(directory.state, region);
    const { rid } = find(path, id);
    const definition = normalizeScript(path.kind, body);
    const timeMs = runtime.nowMs();
    return resourceOf(await directory.execute({ kind: 'replaceScript', rid, definition, ifMatch, timeMs }));
  };

  return {
    list: (path) => directory.scriptsOf(ownerOf(path).rid, path.kind).map(resourceOf),
    read: (path, id) => resourceOf(find(path, id)),
    create,
    replace,
    async upsert(path, body) {
      const { id } = normalizeScript(path.kind, body);
      const isNew = directory.findScript(ownerOf(path).rid, path.kind, id)?.definition.id !== id;
      return { isNew, script: isNew ? await create(path, body) : await replace(path, id, body) };
    },
    async delete(path, id, ifMatch) {
      checkWriteRole(directory.state, region);
      await directory.execute({ kind: 'deleteScript', rid: find(path, id).rid, ifMatch });
    },
  };
}

/** @throws DatabaseError `NotFound` */
export function findScript(
  directory: Directory,
  container: ContainerRecord,
  kind: ScriptResourceKind,
  id: string,
): ScriptRecord {
  const script = directory.findScript(container.rid, kind, id);
  if (script !== undefined) return script;
  throw new DatabaseError('NotFound', 'Entity with the specified id does not exist in the system.');
}

function resourceOf({ definition, rid, etag, ts }: ScriptRecord): JsonObject {
  return { ...scriptBody(definition), _rid: rid, _self: selfLink(rid), _etag: etag, _ts: ts };
}
