/** Who had seen what: version vectors, hybrid time, session tokens. */
export { HybridClock, type HybridTime, hybridTime, unixMs } from './hybrid-clock.ts';
export { type ClockReading, PeerClocks } from './peer-clocks.ts';
export { formatSessionToken, parseSessionTokens, type SessionToken } from './session-token.ts';
export { type Membership, type StabilityReport, StabilityTracker } from './stability-tracker.ts';
export { compareDots, type Dot, ORIGIN_MAX, type Origin, sameDot, VersionVector } from './version-vector.ts';
