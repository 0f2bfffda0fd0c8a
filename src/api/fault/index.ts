/** The management listener's front door. */
export { createManagementApi, type ManagementOptions } from './management-api.ts';
export type {
  ClockFault,
  Fault,
  Faults,
  PartitionStatus,
  Planet,
  RegionMetrics,
  RegionStatus,
} from './planet.ts';
