import { DatabaseError } from '../errors/index.ts';
import { ORIGIN_MAX, VersionVector } from './version-vector.ts';

/**
 * A client's position in one physical partition, in the vector form that the SQL protocol publishes:
 * `{version}#{globalLsn}#{region}={lsn}#…`, where region is our origin and lsn its n.
 * Facts: the clients refuse two tokens of one version with different region sets, and compare local
 * LSNs as decimal text, so all origins are always listed, also those at 0, without leading zeros.
 */
export interface SessionToken {
  /** The membership epoch: rises whenever the set of origins changes. */
  readonly version: number;
  readonly vector: VersionVector;
}

/** `origins`: every origin of this membership epoch. */
export function formatSessionToken(rangeId: string, token: SessionToken, origins: readonly number[]): string {
  let text = `${rangeId}:${token.version}#${token.vector.total()}`;
  for (const origin of origins) text += `#${origin}=${token.vector.get(origin)}`;
  return text;
}

/**
 * The demand that a session-token header makes on one range: the join of the entries for `rangeId` and its
 * ancestors; undefined when it names none of them. Simple tokens (`0:5`) carry no vector and demand nothing.
 * @throws DatabaseError `BadRequest` when the header is not a list of tokens.
 */
export function parseSessionTokens(header: string, rangeIds: readonly string[]): VersionVector | undefined {
  let demand: VersionVector | undefined;
  for (const part of header.split(',')) {
    const colon = part.indexOf(':');
    if (colon <= 0) throw malformed(header);
    if (!rangeIds.includes(part.slice(0, colon).trim())) continue;
    const vector = parseVector(part.slice(colon + 1), header);
    if (demand === undefined) demand = vector;
    else demand.join(vector);
  }
  return demand;
}

function parseVector(text: string, header: string): VersionVector {
  const [version, global, ...locals] = text.trim().split('#');
  if (!/^-?\d{1,15}$/.test(version ?? '')) throw malformed(header);
  if (global !== undefined && !/^-?\d{1,16}$/.test(global)) throw malformed(header);
  const vector = new VersionVector();
  for (const local of locals) {
    const match = /^(\d{1,4})=(-?\d{1,15})$/.exec(local);
    if (match === null) throw malformed(header);
    const origin = Number(match[1]);
    if (origin < 1 || origin > ORIGIN_MAX) throw malformed(header);
    vector.advance(origin, Math.max(0, Number(match[2])));
  }
  return vector;
}

function malformed(header: string): DatabaseError {
  return new DatabaseError('BadRequest', `The session token '${header.slice(0, 200)}' is not valid.`);
}
