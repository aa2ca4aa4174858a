import { beforeAll, describe, test } from 'vitest';
import { setUpCall } from '../../src/tools/index.js';
import { captureNames, readFixture } from '../corpus/captures.js';
import { lawfulSchedules } from '../corpus/schedules.js';
import { expectSame } from './both.js';
import { registerKernels } from './programs.js';

beforeAll(registerKernels);

/** The launches of 1,024 ranks have 2 million threads: mode `ref` takes half a minute. */
const names = captureNames.filter((name) => !name.includes('ep1024'));

describe.each(names)('%s: the same steps, picks and memory as mode ref', (name) => {
  const capture = readFixture(name);
  const all = lawfulSchedules(capture);
  // Another one for each capture: together all of them.
  const schedule = all[captureNames.indexOf(name) % all.length]!;
  test(schedule, () => {
    expectSame(schedule, (options) => setUpCall(capture, options, name).machine);
  });
});
