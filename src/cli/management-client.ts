/** The server said no, or nobody answered; the message is for the person at the terminal. */
export class ManagementError extends Error {
  override name = 'ManagementError';
  /** HTTP status; undefined when nobody answered. */
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

export interface ManagementAnswer {
  readonly status: number;
  /** The JSON body; undefined when there is none. */
  readonly body: unknown;
}

/**
 * One request to the management listener at `base` (no trailing slash).
 * @throws ManagementError when nobody answers or the answer is not JSON; statuses are the caller's to judge.
 */
export async function askManagement(
  base: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<ManagementAnswer> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(base + path, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    text = await response.text();
  } catch (error) {
    throw new ManagementError(`no server answers at ${base} (${reasonOf(error)}); is it running there?`);
  }
  if (text === '') return { status: response.status, body: undefined };
  try {
    return { status: response.status, body: JSON.parse(text) };
  } catch {
    throw new ManagementError(`${base}${path} answered ${response.status} without JSON`, response.status);
  }
}

/** @throws ManagementError also for every status from 400 on, with the server's own message. */
export async function demandManagement(
  base: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const answer = await askManagement(base, method, path, body);
  if (answer.status < 400) return answer.body;
  const said = answer.body as { message?: unknown } | undefined;
  const detail = typeof said?.message === 'string' ? said.message : JSON.stringify(answer.body ?? {});
  throw new ManagementError(`the server answered ${answer.status}: ${detail}`, answer.status);
}

/** `fetch` wraps what happened: the cause names it. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof Error ? cause.message : String(cause);
}
