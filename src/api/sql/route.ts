import { DatabaseError } from '../../errors/index.ts';

/**
 * From the raw request target to what it addresses.
 *
 * The whole target is the resource path: the clients build it with `encodeURI`, so an item id may hold a
 * literal `?`, and `+` is a plus. Escapes are decoded once. Names and rids share the same paths; telling
 * them apart is the engine's business.
 */
export type RouteKind =
  | 'account'
  | 'databases'
  | 'database'
  | 'containers'
  | 'container'
  | 'items'
  | 'item'
  | 'ranges'
  | 'key-delete'
  | 'scripts'
  | 'script'
  | 'conflicts'
  | 'conflict'
  | 'offers'
  | 'offer'
  /** A kind of resource that this server keeps none of yet: its feeds are empty. */
  | 'absent-feed'
  | 'absent-member';

export interface Route {
  readonly kind: RouteKind;
  /** The resource type that the client signs, as in `docs`. */
  readonly type: string;
  /** Some clients sign another type for the same request; equal to `type` otherwise. */
  readonly alternativeType: string;
  /** The link that the client signs: the decoded path of the resource, or of the parent for feeds. */
  readonly link: string;
  /** Decoded id or rid of the database; empty where the route has none. */
  readonly database: string;
  readonly container: string;
  /** Decoded id or rid of the addressed resource below them, in feeds empty. */
  readonly id: string;
}

const ACCOUNT = route('account', '', '', '', '', '');
const DATABASES = route('databases', 'dbs', '', '', '', '');
const OFFERS = route('offers', 'offers', '', '', '', '');

/** Undefined when the target names nothing known. @throws DatabaseError `BadRequest` for bad escapes. */
export function routeOf(target: string): Route | undefined {
  const path = target.charCodeAt(0) === SLASH ? target : withoutAuthority(target);
  const parts = path.split('/');
  if (parts.length > 2 && parts[parts.length - 1] === '') parts.pop();
  if (parts[1] === 'dbs' && parts[3] === 'colls' && parts[5] === 'docs' && parts.length === 7) {
    return itemRoute(path, parts);
  }
  if (path.includes('?')) return routeOf(path.slice(0, path.indexOf('?')) || '/');
  if (parts[1] === 'dbs') return belowDatabases(parts);
  if (parts[1] === 'offers') return offerRoute(parts);
  return path === '/' ? ACCOUNT : undefined;
}

const SLASH = 0x2f;

function route(
  kind: RouteKind,
  type: string,
  link: string,
  database: string,
  container: string,
  id: string,
  alternativeType = type,
): Route {
  return { kind, type, alternativeType, link, database, container, id };
}

/** The absolute form, as proxies receive it. */
function withoutAuthority(target: string): string {
  const start = target.indexOf('://');
  const slash = target.indexOf('/', start + 3);
  return start < 0 || slash < 0 ? '/' : target.slice(slash);
}

function itemRoute(path: string, parts: readonly string[]): Route {
  const [, , database = '', , container = '', , id = ''] = parts;
  if (!path.includes('%')) {
    const link = path.slice(1, path.endsWith('/') ? -1 : undefined);
    return route('item', 'docs', link, database, container, id);
  }
  const names = { database: decoded(database), container: decoded(container), id: decoded(id) };
  const link = `dbs/${names.database}/colls/${names.container}/docs/${names.id}`;
  return route('item', 'docs', link, names.database, names.container, names.id);
}

function belowDatabases(parts: readonly string[]): Route | undefined {
  if (parts.length === 2) return DATABASES;
  if (parts.includes('', 1)) return undefined;
  const database = decoded(parts[2]);
  const link = `dbs/${database}`;
  if (parts.length === 3) return route('database', 'dbs', link, database, '', '');
  if (parts[3] !== 'colls') return besideContainers(parts, link, database);
  if (parts.length === 4) return route('containers', 'colls', link, database, '', '');
  const container = decoded(parts[4]);
  const containerLink = `${link}/colls/${container}`;
  if (parts.length === 5) return route('container', 'colls', containerLink, database, container, '');
  return belowContainer(parts, containerLink, database, container);
}

const SCRIPTS: ReadonlySet<string> = new Set(['sprocs', 'triggers', 'udfs']);

function belowContainer(
  parts: readonly string[],
  link: string,
  database: string,
  container: string,
): Route | undefined {
  const type = parts[5] ?? '';
  if (parts.length === 6) {
    if (type === 'docs') return route('items', 'docs', link, database, container, '');
    if (type === 'pkranges') return route('ranges', 'pkranges', link, database, container, '');
    if (SCRIPTS.has(type)) return route('scripts', type, link, database, container, '');
    return type === 'conflicts' ? route('conflicts', type, link, database, container, '') : undefined;
  }
  if (type === 'operations' && parts[6] === 'partitionkeydelete' && parts.length === 7) {
    return route('key-delete', 'colls', link, database, container, '', 'partitionkey');
  }
  const id = decoded(parts[6]);
  if (SCRIPTS.has(type) && parts.length === 7) {
    return route('script', type, `${link}/${type}/${id}`, database, container, id);
  }
  if (type !== 'conflicts') return undefined;
  // The JS SDK reads a conflict at `conflicts/x/conflicts`, and signs it as a user.
  const doubled = parts[7] === 'conflicts';
  if (parts.length !== (doubled ? 8 : 7)) return undefined;
  return route('conflict', type, `${link}/${type}/${id}`, database, container, id, doubled ? 'users' : type);
}

function besideContainers(parts: readonly string[], link: string, database: string): Route | undefined {
  const type = parts[3] ?? '';
  if (type !== 'users' && type !== 'clientencryptionkeys') return undefined;
  if (parts.length === 4) return route('absent-feed', type, link, database, '', '');
  const id = decoded(parts[4]);
  const memberLink = `${link}/${type}/${id}`;
  if (parts.length === 5) return route('absent-member', type, memberLink, database, '', id);
  if (type !== 'users' || parts[5] !== 'permissions') return undefined;
  // Permissions of a user: there are no users, so everything here lacks its owner.
  if (parts.length === 6) return route('absent-member', 'permissions', memberLink, database, '', id);
  if (parts.length !== 7) return undefined;
  const permission = decoded(parts[6]);
  return route(
    'absent-member',
    'permissions',
    `${memberLink}/permissions/${permission}`,
    database,
    '',
    permission,
  );
}

/** `/offers/{rid}`; clients also make `/offers//offers/{rid}` of self links, whose id then holds a slash. */
function offerRoute(parts: readonly string[]): Route {
  const names = parts.slice(2).filter((part) => part !== '');
  if (names.length === 0) return OFFERS;
  const id = names.map(decoded).join('/');
  return route('offer', 'offers', id.toLowerCase(), '', '', id);
}

function decoded(segment = ''): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new DatabaseError(
      'BadRequest',
      `The request path segment '${segment}' is not valid percent encoding.`,
    );
  }
}
