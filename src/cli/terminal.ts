/** Where commands write; whole lines. */
export interface Terminal {
  out(line: string): void;
  err(line: string): void;
}

/** Tells why a command cannot run, in the form that its user asked for. */
export function refuse(terminal: Terminal, asJson: boolean, problems: readonly string[]): void {
  if (asJson) terminal.err(JSON.stringify({ event: 'refused', problems }));
  else for (const problem of problems) terminal.err(`orrery: ${problem}`);
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
