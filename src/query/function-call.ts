/** Calls of built-in functions as closures. */
import type { Binder, Evaluator, Frame } from './binder.ts';
import type {
  BuiltInFunction,
  CallSite,
  EnvironmentFunction,
  Evaluate,
  LongForm,
} from './functions/built-in-function.ts';
import type { Value } from './values.ts';

/** For what depends on no row; frames are made for one execution. */
export function onceInExecution(evaluator: Evaluator, binder: Binder): Evaluator {
  const slot = binder.newSlot();
  return (frame) => {
    const known = frame.slots[slot];
    if (Array.isArray(known)) return known[0];
    const value = evaluator(frame);
    frame.slots[slot] = value === undefined ? [] : [value];
    return value;
  };
}

/** Calls with few operands are spelt out: gathering operands would cost more than most functions do. */
export function callOf(
  found: BuiltInFunction,
  operands: readonly Evaluator[],
  call: CallSite,
  site: number,
): Evaluator {
  if (found.volatility !== 'immutable') return callIn(found, operands, call, site);
  const evaluate = found.bind();
  if (found.long !== undefined) return longCallOf(evaluate, found.long(), operands, site);
  const [first, second, third] = operands;
  if (first !== undefined && operands.length === 1) return (frame) => evaluate(first(frame));
  if (first !== undefined && second !== undefined && operands.length === 2) {
    return (frame) => evaluate(first(frame), second(frame));
  }
  if (first !== undefined && second !== undefined && third !== undefined && operands.length === 3) {
    return (frame) => evaluate(first(frame), second(frame), third(frame));
  }
  return (frame) => evaluate(...operands.map((operand) => operand(frame)));
}

/** A call of a function that may take long for large operands, and of which others cost one look. */
function longCallOf(
  evaluate: Evaluate,
  { effort, steps, isAlwaysCounted = false }: LongForm,
  operands: readonly Evaluator[],
  site: number,
): Evaluator {
  const evaluateLong = (frame: Frame, values: readonly Value[]): Value =>
    frame.work.valueOf(
      site,
      effort(...values),
      () => evaluate(...values),
      () => steps(...values),
    );
  if (isAlwaysCounted) {
    return (frame) =>
      evaluateLong(
        frame,
        operands.map((operand) => operand(frame)),
      );
  }
  const [first, second] = operands;
  if (first !== undefined && operands.length === 1) {
    return (frame) => {
      const a = first(frame);
      return isSmall(a) ? evaluate(a) : evaluateLong(frame, [a]);
    };
  }
  if (first !== undefined && second !== undefined && operands.length === 2) {
    return (frame) => {
      const a = first(frame);
      const b = second(frame);
      return isSmall(a) && isSmall(b) ? evaluate(a, b) : evaluateLong(frame, [a, b]);
    };
  }
  return (frame) => {
    const values = operands.map((operand) => operand(frame));
    return values.every(isSmall) ? evaluate(...values) : evaluateLong(frame, values);
  };
}

/** Texts up to this length are not counted. */
const SMALL_TEXT_MAX = 128;

function isSmall(value: Value): boolean {
  if (typeof value === 'string') return value.length <= SMALL_TEXT_MAX;
  return typeof value !== 'object' || value === null;
}

function callIn(
  found: EnvironmentFunction,
  operands: readonly Evaluator[],
  call: CallSite,
  site: number,
): Evaluator {
  const evaluate = found.bind(call);
  const [first, second] = operands;
  if (found.volatility === 'volatile') {
    return (frame) => {
      const values = operands.map((operand) => operand(frame));
      return frame.work.drawnAt(site, () => evaluate(frame.environment, ...values));
    };
  }
  const { long } = evaluate;
  if (long !== undefined) {
    return (frame) => {
      const { environment } = frame;
      const values = operands.map((operand) => operand(frame));
      if (values.every(isSmall)) return evaluate(environment, ...values);
      return frame.work.valueOf(
        site,
        long.effort(environment, ...values),
        () => evaluate(environment, ...values),
        () => long.steps(environment, ...values),
      );
    };
  }
  if (operands.length === 0) return (frame) => evaluate(frame.environment);
  if (first !== undefined && second !== undefined && operands.length === 2) {
    return (frame) => evaluate(frame.environment, first(frame), second(frame));
  }
  return (frame) => evaluate(frame.environment, ...operands.map((operand) => operand(frame)));
}
