/** Who had seen what: version vectors, hybrid time, session tokens. */
export { HybridClock, type HybridTime, hybridTime, unixMs } from './hybrid-clock.ts';
export { formatSessionToken, parseSessionTokens, type SessionToken } from './session-token.ts';
export { type Dot, type Origin, ORIGIN_MAX, sameDot, VersionVector } from './version-vector.ts';
