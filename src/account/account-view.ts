import type { ScriptResourceKind } from '../resource/index.ts';
import type { AccountChange } from './account-change.ts';
import type { AccountState, ContainerRecord, DatabaseRecord, OfferRecord, ScriptRecord } from './state.ts';

/** Finding records of one state. A reference is a name or, where no such name exists, a rid. */
export interface AccountLookups {
  findDatabase(reference: string): DatabaseRecord | undefined;
  findContainer(databaseReference: string, containerReference: string): ContainerRecord | undefined;
  /** In order of creation. */
  containersOf(databaseRid: string): readonly ContainerRecord[];
  /** The offer of a database or container; undefined when it has none of its own. */
  offerFor(resourceRid: string): OfferRecord | undefined;
  findScript(containerRid: string, kind: ScriptResourceKind, reference: string): ScriptRecord | undefined;
  /** In order of creation. */
  scriptsOf(containerRid: string, kind: ScriptResourceKind): readonly ScriptRecord[];
}

export type ChangeListener = (state: AccountState, previous: AccountState, change: AccountChange) => void;

/**
 * A state with its indexes by name, kept up change by change: each look-up takes one or two hash probes.
 * Listeners hear of a change once it was made.
 */
export class AccountView implements AccountLookups {
  readonly #databases = new Map<string, DatabaseRecord>();
  /** By database rid, then by container name. */
  readonly #containers = new Map<string, Map<string, ContainerRecord>>();
  readonly #offers = new Map<string, OfferRecord>();
  /** By container rid, then by kind and name. */
  readonly #scripts = new Map<string, Map<string, ScriptRecord>>();
  readonly #listeners = new Set<ChangeListener>();
  #state: AccountState;

  constructor(state: AccountState) {
    this.#state = state;
    for (const database of Object.values(state.databases)) this.#databases.set(database.id, database);
    for (const container of Object.values(state.containers)) this.#putContainer(container);
    for (const offer of Object.values(state.offers)) this.#offers.set(offer.resourceRid, offer);
    for (const script of Object.values(state.scripts)) this.#putScript(script);
  }

  get state(): AccountState {
    return this.#state;
  }

  findDatabase(reference: string): DatabaseRecord | undefined {
    return this.#databases.get(reference) ?? own(this.#state.databases, reference);
  }

  findContainer(databaseReference: string, containerReference: string): ContainerRecord | undefined {
    const database = this.findDatabase(databaseReference);
    if (database === undefined) return undefined;
    const named = this.#containers.get(database.rid)?.get(containerReference);
    if (named !== undefined) return named;
    const container = own(this.#state.containers, containerReference);
    return container?.databaseRid === database.rid ? container : undefined;
  }

  containersOf(databaseRid: string): readonly ContainerRecord[] {
    return [...(this.#containers.get(databaseRid)?.values() ?? [])];
  }

  offerFor(resourceRid: string): OfferRecord | undefined {
    return this.#offers.get(resourceRid);
  }

  findScript(containerRid: string, kind: ScriptResourceKind, reference: string): ScriptRecord | undefined {
    const named = this.#scripts.get(containerRid)?.get(scriptName(kind, reference));
    if (named !== undefined) return named;
    const script = own(this.#state.scripts, reference);
    return script?.containerRid === containerRid && script.definition.kind === kind ? script : undefined;
  }

  scriptsOf(containerRid: string, kind: ScriptResourceKind): readonly ScriptRecord[] {
    const all = [...(this.#scripts.get(containerRid)?.values() ?? [])];
    return all.filter(({ definition }) => definition.kind === kind);
  }

  /** Returns the listener's removal. */
  onChange(listener: ChangeListener): () => void {
    // Wrapped, so that one function given twice is two listeners with a removal each.
    const entry: ChangeListener = (state, previous, change) => listener(state, previous, change);
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /** Moves on to `state`, which `change` leads to from the present one, and tells the listeners. */
  moveTo(state: AccountState, change: AccountChange): void {
    const before = this.#state;
    for (const rid of change.containers?.removed ?? []) {
      const container = own(before.containers, rid);
      if (container !== undefined)
        this.#containers.get(container.databaseRid)?.delete(container.definition.id);
    }
    for (const rid of change.databases?.removed ?? []) {
      const database = own(before.databases, rid);
      if (database !== undefined) this.#databases.delete(database.id);
      this.#containers.delete(rid);
    }
    for (const rid of change.scripts?.removed ?? []) {
      const script = own(before.scripts, rid);
      if (script !== undefined) this.#scripts.get(script.containerRid)?.delete(nameOf(script));
    }
    for (const rid of change.containers?.removed ?? []) this.#scripts.delete(rid);
    for (const rid of change.offers?.removed ?? []) {
      const offer = own(before.offers, rid);
      if (offer !== undefined) this.#offers.delete(offer.resourceRid);
    }
    for (const database of change.databases?.put ?? []) this.#databases.set(database.id, database);
    for (const container of change.containers?.put ?? []) this.#putContainer(container);
    for (const offer of change.offers?.put ?? []) this.#offers.set(offer.resourceRid, offer);
    for (const script of change.scripts?.put ?? []) this.#putScript(script);
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state, before, change);
  }

  #putContainer(container: ContainerRecord): void {
    let siblings = this.#containers.get(container.databaseRid);
    if (siblings === undefined) {
      siblings = new Map();
      this.#containers.set(container.databaseRid, siblings);
    }
    siblings.set(container.definition.id, container);
  }

  #putScript(script: ScriptRecord): void {
    let siblings = this.#scripts.get(script.containerRid);
    if (siblings === undefined) {
      siblings = new Map();
      this.#scripts.set(script.containerRid, siblings);
    }
    siblings.set(nameOf(script), script);
  }
}

function scriptName(kind: ScriptResourceKind, id: string): string {
  return `${kind}/${id}`;
}

function nameOf({ definition }: ScriptRecord): string {
  return scriptName(definition.kind, definition.id);
}

/** The record, if there is one: references come from clients, who may well ask for `constructor`. */
export function own<T>(records: Readonly<Record<string, T>>, rid: string): T | undefined {
  return Object.hasOwn(records, rid) ? records[rid] : undefined;
}
