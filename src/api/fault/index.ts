/** The management listener's front door. */
export { createManagementApi, type ManagementOptions } from './management-api.ts';
export type { ClockFault, Fault, PartitionStatus, Planet, RegionMetrics, RegionStatus } from './planet.ts';
