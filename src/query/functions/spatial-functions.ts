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

interface LastShape {
  readonly value: Json;
  readonly surface: Surface;
  readonly parsed: ParsedShape;
  /** Whether it has so many points that relations with another such one may take long. */
  readonly isLong: boolean;
}

/** Reads geometries; the one read last is remembered. */
class ShapeReader {
  #last: LastShape | undefined;

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
    this.#last = { value, surface, parsed, isLong: effortOf(value) > EFFORT_OF_SMALL };
    return parsed;
  }

  /** What reading takes, in the unit of effort; nothing for what was read last. */
  effort(value: Value): number {
    return this.#last !== undefined && this.#last.value === value ? 0 : EFFORT_OF_PLACE * effortOf(value);
  }

  /** Whether relations with another geometry may take long. The same one comes with nearly every row. */
  isLong(value: Value): boolean {
    const last = this.#last;
    return last !== undefined && last.value === value ? last.isLong : effortOf(value) > EFFORT_OF_SMALL;
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
    const trial = new Trial();
    const atOnce = (environment: QueryEnvironment, first: Value, second: Value) => {
      if (first === undefined || second === undefined) return undefined;
      if (trial.isOf(first, second) && trial.isDone) return trial.value;
      const a = readFirst.read(environment, first);
      const b = readSecond.read(environment, second);
      return a.kind === 'shape' && b.kind === 'shape' ? evaluate(a.shape, b.shape) : undefined;
    };
    return Object.assign(atOnce, {
      long: {
        effort(environment: QueryEnvironment, first: Value, second: Value): number {
          const effort = readFirst.effort(first) + readSecond.effort(second);
          const [isFirstLong, isSecondLong] = [readFirst.isLong(first), readSecond.isLong(second)];
          if (isFirstLong && isSecondLong) return effort + 2 * EFFORT_AT_ONCE;
          if (effort > EFFORT_AT_ONCE || !(isFirstLong || isSecondLong)) return effort;
          if (first === undefined || second === undefined) return effort;
          if (trial.isOf(first, second)) return effort + trial.effort;
          const a = readFirst.read(environment, first);
          const b = readSecond.read(environment, second);
          if (a.kind !== 'shape' || b.kind !== 'shape') return effort;
          return effort + trial.begin(first, second, steps(a.shape, b.shape));
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

/** Pieces of a relation that are tried at one go, a fraction of a millisecond each. */
const PIECES_TRIED = 8;
const EFFORT_OF_PIECE = 1_024;

/**
 * A relation of a geometry of many points and a small one. It is mostly known after one piece, and takes
 * long now and then: to tell, one has to begin.
 */
class Trial {
  #first: Value;
  #second: Value;
  isDone = false;
  value: Value;
  /** Of what was done; more than may be done at once when that did not suffice. */
  effort = 0;

  isOf(first: Json, second: Json): boolean {
    return this.#first === first && this.#second === second;
  }

  /** Does some of the steps, and gives the effort. Other executions of the text have the same trial. */
  begin(first: Json, second: Json, steps: Steps<Value>): number {
    [this.#first, this.#second, this.isDone] = [first, second, false];
    this.effort = 2 * EFFORT_AT_ONCE;
    for (let piece = 1; piece <= PIECES_TRIED; piece++) {
      const { done, value } = steps.next();
      if (done !== true) continue;
      [this.value, this.isDone, this.effort] = [value, true, piece * EFFORT_OF_PIECE];
      break;
    }
    return this.effort;
  }
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
