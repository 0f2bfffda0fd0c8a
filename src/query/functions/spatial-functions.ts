import type { Json, Steps } from '../../base/index.ts';
import {
  EARTH,
  isShapeWithin,
  isShapeWithinSteps,
  type ParsedShape,
  PLANE,
  parseShape,
  parseShapeSteps,
  type Shape,
  shapeArea,
  shapeDistance,
  shapeDistanceSteps,
  shapesIntersect,
  shapesIntersectSteps,
} from '../../index/index.ts';
import type { QueryEnvironment } from '../environment.ts';
import { effortOf } from '../long-values.ts';
import { EFFORT_AT_ONCE } from '../long-work.ts';
import type { Value } from '../values.ts';
import { type BuiltInFunction, type FunctionFamily, stable } from './built-in-function.ts';

type Surface = Parameters<typeof parseShape>[1];

/** Reads geometries; the one read last is remembered. */
class ShapeReader {
  #last: { readonly value: Json; readonly surface: Surface; readonly parsed: ParsedShape } | undefined;

  read({ geospatialType }: QueryEnvironment, value: Json): ParsedShape {
    const surface = geospatialType === 'Geography' ? EARTH : PLANE;
    if (this.#last?.value === value && this.#last.surface === surface) return this.#last.parsed;
    return this.#keep(value, surface, parseShape(value, surface));
  }

  *steps({ geospatialType }: QueryEnvironment, value: Json): Steps<ParsedShape> {
    const surface = geospatialType === 'Geography' ? EARTH : PLANE;
    if (this.#last?.value === value && this.#last.surface === surface) return this.#last.parsed;
    return this.#keep(value, surface, yield* parseShapeSteps(value, surface));
  }

  #keep(value: Json, surface: Surface, parsed: ParsedShape): ParsedShape {
    this.#last = { value, surface, parsed };
    return parsed;
  }

  /** What reading takes, in the unit of effort; nothing for what was read last. */
  effort(value: Value): number {
    return this.#last !== undefined && this.#last.value === value ? 0 : EFFORT_OF_PLACE * effortOf(value);
  }

  /** Whether relations with the geometry read last may take long. */
  isLong(value: Value): boolean {
    return effortOf(value) > EFFORT_OF_SMALL;
  }
}

/** What reading a number of a geometry takes in comparison with looking at one. */
const EFFORT_OF_PLACE = 4;
/** Of a geometry of some tens of points. */
const EFFORT_OF_SMALL = 1_024;

function ofShape(
  signature: string,
  about: string,
  evaluate: (parsed: ParsedShape) => Value,
): BuiltInFunction {
  return stable(signature, about, () => {
    const reader = new ShapeReader();
    const atOnce = (environment: QueryEnvironment, value: Value) =>
      value === undefined ? undefined : evaluate(reader.read(environment, value));
    return Object.assign(atOnce, {
      long: {
        effort: (_: QueryEnvironment, value: Value) => reader.effort(value),
        *steps(environment: QueryEnvironment, value: Value): Steps<Value> {
          return value === undefined ? undefined : evaluate(yield* reader.steps(environment, value));
        },
      },
    });
  });
}

/** Undefined unless both are valid. */
function ofTwoShapes(
  name: string,
  about: string,
  evaluate: (a: Shape, b: Shape) => Value,
  steps: (a: Shape, b: Shape) => Steps<Value>,
): BuiltInFunction {
  return stable(`${name}(geometry, geometry)`, about, () => {
    const [readFirst, readSecond] = [new ShapeReader(), new ShapeReader()];
    const atOnce = (environment: QueryEnvironment, first: Value, second: Value) => {
      if (first === undefined || second === undefined) return undefined;
      const a = readFirst.read(environment, first);
      const b = readSecond.read(environment, second);
      return a.kind === 'shape' && b.kind === 'shape' ? evaluate(a.shape, b.shape) : undefined;
    };
    return Object.assign(atOnce, {
      long: {
        effort(_: QueryEnvironment, first: Value, second: Value): number {
          // Of a point and something large trees tell fast.
          const areBothLong = readFirst.isLong(first) && readSecond.isLong(second);
          const effort = readFirst.effort(first) + readSecond.effort(second);
          return areBothLong ? effort + 2 * EFFORT_AT_ONCE : effort;
        },
        *steps(environment: QueryEnvironment, first: Value, second: Value): Steps<Value> {
          if (first === undefined || second === undefined) return undefined;
          const a = yield* readFirst.steps(environment, first);
          const b = yield* readSecond.steps(environment, second);
          return a.kind === 'shape' && b.kind === 'shape' ? yield* steps(a.shape, b.shape) : undefined;
        },
      },
    });
  });
}

/** GeoJSON on the Earth, or on a plane when the container's `geospatialConfig` says `Geometry`. */
export const SPATIAL_FUNCTIONS: FunctionFamily = {
  title: 'Spatial',
  functions: [
    ofShape('ST_AREA(geometry)', 'square metres (units); 0 for points and lines', (parsed) =>
      parsed.kind === 'shape' ? shapeArea(parsed.shape) : undefined,
    ),
    ofTwoShapes(
      'ST_DISTANCE',
      'metres (units) between the nearest places; 0 when they meet',
      shapeDistance,
      shapeDistanceSteps,
    ),
    ofTwoShapes(
      'ST_INTERSECTS',
      'true when they have a place in common',
      shapesIntersect,
      shapesIntersectSteps,
    ),
    ofShape('ST_ISVALID(geometry)', 'true for a valid geometry', (parsed) => parsed.kind === 'shape'),
    ofShape('ST_ISVALIDDETAILED(geometry)', '`{valid}`, and the `reason` when it is not', (parsed) =>
      parsed.kind === 'shape' ? { valid: true } : { valid: false, reason: parsed.reason },
    ),
    ofTwoShapes('ST_WITHIN', 'true when the first lies in the second', isShapeWithin, isShapeWithinSteps),
  ],
};
