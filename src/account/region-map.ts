import { DatabaseError } from '../errors/index.ts';

/** Latitude and longitude in degrees of the public Azure regions, to about ten kilometres. */
const COORDINATES: Readonly<Record<string, readonly [latitude: number, longitude: number]>> = {
  'Australia Central': [-35.31, 149.12],
  'Australia Central 2': [-35.31, 149.12],
  'Australia East': [-33.86, 151.21],
  'Australia Southeast': [-37.81, 144.96],
  'Austria East': [48.21, 16.37],
  'Belgium Central': [50.85, 4.35],
  'Brazil South': [-23.55, -46.63],
  'Brazil Southeast': [-22.91, -43.21],
  'Canada Central': [43.65, -79.38],
  'Canada East': [46.82, -71.22],
  'Central India': [18.58, 73.92],
  'Central US': [41.59, -93.62],
  'Chile Central': [-33.45, -70.67],
  'East Asia': [22.27, 114.19],
  'East US': [37.37, -79.82],
  'East US 2': [36.67, -78.39],
  'France Central': [46.38, 2.37],
  'France South': [43.83, 2.2],
  'Germany North': [53.07, 8.81],
  'Germany West Central': [50.11, 8.68],
  'Indonesia Central': [-6.21, 106.85],
  'Israel Central': [31.27, 33.45],
  'Italy North': [45.47, 9.18],
  'Japan East': [35.68, 139.77],
  'Japan West': [34.69, 135.5],
  'Jio India Central': [21.15, 79.09],
  'Jio India West': [22.47, 70.06],
  'Korea Central': [37.57, 126.98],
  'Korea South': [35.18, 129.08],
  'Malaysia South': [1.49, 103.74],
  'Malaysia West': [3.14, 101.69],
  'Mexico Central': [20.59, -100.39],
  'New Zealand North': [-36.85, 174.76],
  'North Central US': [41.88, -87.63],
  'North Europe': [53.35, -6.26],
  'Norway East': [59.91, 10.75],
  'Norway West': [58.97, 5.73],
  'Poland Central': [52.23, 21.01],
  'Qatar Central': [25.55, 51.44],
  'South Africa North': [-25.73, 28.22],
  'South Africa West': [-34.08, 18.84],
  'South Central US': [29.42, -98.5],
  'South India': [12.98, 80.16],
  'Southeast Asia': [1.28, 103.83],
  'Spain Central': [40.42, -3.7],
  'Sweden Central': [60.67, 17.14],
  'Sweden South': [55.6, 13.0],
  'Switzerland North': [47.45, 8.56],
  'Switzerland West': [46.2, 6.14],
  'UAE Central': [24.47, 54.37],
  'UAE North': [25.27, 55.32],
  'UK South': [50.94, -0.8],
  'UK West': [53.43, -3.08],
  'West Central US': [40.89, -110.23],
  'West Europe': [52.37, 4.9],
  'West India': [19.09, 72.87],
  'West US': [37.78, -122.42],
  'West US 2': [47.23, -119.85],
  'West US 3': [33.45, -112.07],
};

/** Names of the regions whose place on the globe is known. */
export const REGION_NAMES: readonly string[] = Object.keys(COORDINATES);

const EARTH_RADIUS_KM = 6_371;
/** Light in glass covers 200 km in a millisecond. */
const KM_PER_MS = 200;
/** Cables do not follow great circles; published round trips between regions are longer by about this. */
const DETOUR = 1.5;
/** Switching at both ends. */
const ENDS_MS = 0.5;

/**
 * An estimate of the one-way network latency between two Azure regions, in milliseconds; 0 for one and
 * the same. Case and spaces of the names do not matter. @throws DatabaseError `BadRequest` for a region
 * that is not known.
 */
export function greatCircleLatency(regionA: string, regionB: string): number {
  const [latitudeA, longitudeA] = coordinatesOf(regionA);
  const [latitudeB, longitudeB] = coordinatesOf(regionB);
  if (plain(regionA) === plain(regionB)) return 0;
  const radians = Math.PI / 180;
  const halfLatitude = ((latitudeB - latitudeA) * radians) / 2;
  const halfLongitude = ((longitudeB - longitudeA) * radians) / 2;
  const haversine =
    Math.sin(halfLatitude) ** 2 +
    Math.cos(latitudeA * radians) * Math.cos(latitudeB * radians) * Math.sin(halfLongitude) ** 2;
  const km = 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(haversine)));
  return ENDS_MS + (km / KM_PER_MS) * DETOUR;
}

const BY_PLAIN_NAME = new Map(Object.entries(COORDINATES).map(([name, place]) => [plain(name), place]));

function plain(name: string): string {
  return name.replaceAll(' ', '').toLowerCase();
}

function coordinatesOf(region: string): readonly [number, number] {
  const place = BY_PLAIN_NAME.get(plain(region));
  if (place !== undefined) return place;
  const known = REGION_NAMES.join(', ');
  throw new DatabaseError(
    'BadRequest',
    `No coordinates are known for region '${region}'. Known regions: ${known}.`,
  );
}

/** Whether the region's place on the globe is known. */
export function isKnownRegion(name: string): boolean {
  return BY_PLAIN_NAME.has(plain(name));
}
