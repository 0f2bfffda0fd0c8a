/** The SQL (NoSQL) protocol: HTTP requests in, engine calls, HTTP answers out. */
export type { AccountKeys } from './authentication.ts';
export type { ClientOrigin } from './exchange.ts';
export { createSqlApi, type SqlApi, type SqlApiOptions } from './sql-api.ts';
