import type { AccountLookups, ChangeListener } from './account-view.ts';
import type { Command, CommandResult } from './command.ts';
import type { AccountState } from './state.ts';

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
