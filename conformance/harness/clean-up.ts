import { afterAll } from 'vitest';
import { cleanUp } from './server-process.ts';

afterAll(cleanUp);
