import { expect, test } from 'vitest';
import { DatabaseError } from '../errors/index.ts';
import { createNodeRuntime } from '../runtime/index.ts';
import { firstAnswer } from './first-answer.ts';

const runtime = createNodeRuntime({ timersHoldProcess: true });

/** Asks regions that behave so; gives the outcome, and how many were asked. */
async function ask(...regions: readonly (() => Promise<string>)[]) {
  let count = 0;
  const asks = regions.map((region) => () => {
    count += 1;
    return region();
  });
  const outcome = await firstAnswer(runtime, asks, ['ServiceUnavailable']).catch((error) => error.code);
  return [outcome, count];
}

const silent = () => new Promise<string>(() => undefined);
const absent = () => Promise.reject(new DatabaseError('ServiceUnavailable', 'nobody there'));
const refusing = () => Promise.reject(new DatabaseError('NotFound', 'no such item'));
const answering = () => Promise.resolve('answer');

test('the next one is asked when one cannot answer or is silent, and not otherwise', async () => {
  expect(await ask(answering, answering)).toEqual(['answer', 1]);
  expect(await ask(absent, answering, answering)).toEqual(['answer', 2]);
  expect(await ask(silent, silent, answering, answering)).toEqual(['answer', 3]);
});

test('a refusal is an answer', async () => {
  expect(await ask(refusing, answering)).toEqual(['NotFound', 1]);
  expect(await ask(silent, refusing)).toEqual(['NotFound', 2]);
});

test('there is none when nobody could give one, and when nobody is there', async () => {
  const late = () => new Promise((resolve) => setTimeout(resolve, 600)).then(absent);
  expect(await ask(late, late, absent)).toEqual([undefined, 3]);
  expect(await ask()).toEqual([undefined, 0]);
});
