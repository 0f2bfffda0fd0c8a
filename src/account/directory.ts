import type { ScriptResourceKind } from '../resource/index.ts';
import type { AccountChange } from './account-change.ts';
import { type AccountLookups, AccountView } from './account-view.ts';
import type { Command, CommandResult } from './command.ts';
import type { AccountState, ContainerRecord, DatabaseRecord, OfferRecord, ScriptRecord } from './state.ts';

export type ChangeListener = (state: AccountState, previous: AccountState, change: AccountChange) => void;

/**
 * The account's state and the one way to change it. Linearizable: commands take effect one after another, and
 * what an answer or `state` shows will not be taken back.
 */
export interface Directory extends AccountLookups {
  /** Immutable: a change makes a new object, and shares with the old one what it does not touch. */
  readonly state: AccountState;
  /**
   * The command's answer, once it is durable and `state` of this directory contains it.
   * Rejects with the DatabaseError that refuses the command, and else with `ServiceUnavailable` (it was not
   * tried) or `RequestTimeout` (nobody knows whether it took effect).
   */
  execute<C extends Command>(command: C): Promise<CommandResult<C>>;
  /**
   * Calls `listener` after each change of `state`, before the command that made it answers. Returns its
   * removal.
   */
  onChange(listener: ChangeListener): () => void;
  /**
   * Resolves with the reason once no command can succeed here any more; `state` then stays what it was last.
   */
  readonly closed: Promise<unknown>;
  /** Finishes commands under way. */
  close(): Promise<void>;
}

/** What all directories have in common: the state as it may be shown, its indexes, its listeners. */
export class ShownAccount implements AccountLookups {
  readonly #view: AccountView;
  readonly #listeners = new Set<ChangeListener>();

  constructor(state: AccountState) {
    this.#view = new AccountView(state);
  }

  get state(): AccountState {
    return this.#view.state;
  }

  findDatabase(reference: string): DatabaseRecord | undefined {
    return this.#view.findDatabase(reference);
  }

  findContainer(databaseReference: string, containerReference: string): ContainerRecord | undefined {
    return this.#view.findContainer(databaseReference, containerReference);
  }

  containersOf(databaseRid: string): readonly ContainerRecord[] {
    return this.#view.containersOf(databaseRid);
  }

  offerFor(resourceRid: string): OfferRecord | undefined {
    return this.#view.offerFor(resourceRid);
  }

  findScript(containerRid: string, kind: ScriptResourceKind, reference: string): ScriptRecord | undefined {
    return this.#view.findScript(containerRid, kind, reference);
  }

  scriptsOf(containerRid: string, kind: ScriptResourceKind): readonly ScriptRecord[] {
    return this.#view.scriptsOf(containerRid, kind);
  }

  onChange(listener: ChangeListener): () => void {
    // Wrapped, so that one function given twice is two listeners with a removal each.
    const entry: ChangeListener = (state, previous, change) => listener(state, previous, change);
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /** Shows `state`, which `change` leads to, and tells the listeners. */
  show(state: AccountState, change: AccountChange): void {
    const previous = this.state;
    this.#view.moveTo(state, change);
    for (const listener of [...this.#listeners]) listener(state, previous, change);
  }
}
