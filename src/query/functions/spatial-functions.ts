import type { Json } from '../../base/index.ts';
import {
  EARTH,
  isShapeWithin,
  type ParsedShape,
  PLANE,
  parseShape,
  type Shape,
  shapeArea,
  shapeDistance,
  shapesIntersect,
} from '../../index/index.ts';
import type { QueryEnvironment } from '../environment.ts';
import type { Value } from '../values.ts';
import { type BuiltInFunction, type FunctionFamily, lastPrepared, stable } from './built-in-function.ts';

/** Reads geometries, each of which is undefined when the argument is; the one read last is remembered. */
type ShapeReader = (environment: QueryEnvironment, value: Json) => ParsedShape;

function shapeReader(): ShapeReader {
  const onEarth = lastPrepared((value: Json) => parseShape(value, EARTH));
  const onPlane = lastPrepared((value: Json) => parseShape(value, PLANE));
  return ({ geospatialType }, value) => (geospatialType === 'Geography' ? onEarth(value) : onPlane(value));
}

function ofShape(
  signature: string,
  about: string,
  evaluate: (parsed: ParsedShape) => Value,
): BuiltInFunction {
  return stable(signature, about, () => {
    const read = shapeReader();
    return (environment, value) => (value === undefined ? undefined : evaluate(read(environment, value)));
  });
}

/** Undefined unless both are valid. */
function ofTwoShapes(name: string, about: string, evaluate: (a: Shape, b: Shape) => Value): BuiltInFunction {
  return stable(`${name}(geometry, geometry)`, about, () => {
    const [readFirst, readSecond] = [shapeReader(), shapeReader()];
    return (environment, first, second) => {
      if (first === undefined || second === undefined) return undefined;
      const a = readFirst(environment, first);
      const b = readSecond(environment, second);
      return a.kind === 'shape' && b.kind === 'shape' ? evaluate(a.shape, b.shape) : undefined;
    };
  });
}

/** GeoJSON on the Earth, or on a plane when the container's `geospatialConfig` says `Geometry`. */
export const SPATIAL_FUNCTIONS: FunctionFamily = {
  title: 'Spatial',
  functions: [
    ofShape('ST_AREA(geometry)', 'square metres (units); 0 for points and lines', (parsed) =>
      parsed.kind === 'shape' ? shapeArea(parsed.shape) : undefined,
    ),
    ofTwoShapes('ST_DISTANCE', 'metres (units) between the nearest places; 0 when they meet', shapeDistance),
    ofTwoShapes('ST_INTERSECTS', 'true when they have a place in common', shapesIntersect),
    ofShape('ST_ISVALID(geometry)', 'true for a valid geometry', (parsed) => parsed.kind === 'shape'),
    ofShape('ST_ISVALIDDETAILED(geometry)', '`{valid}`, and the `reason` when it is not', (parsed) =>
      parsed.kind === 'shape' ? { valid: true } : { valid: false, reason: parsed.reason },
    ),
    ofTwoShapes('ST_WITHIN', 'true when the first lies in the second', isShapeWithin),
  ],
};
