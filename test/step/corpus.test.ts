import { beforeAll, describe, test } from 'vitest';
import { setUpCall } from '../../src/tools/index.js';
import { captureNames, quickCaptureNames, readFixture } from '../corpus/captures.js';
import { lawfulSchedules } from '../corpus/schedules.js';
import { expectSame } from './both.js';
import { registerKernels } from './programs.js';

beforeAll(registerKernels);

/** Mode `ref` takes long for the others; `npm run campaign` compares them with the recorded bytes in every mode. */
const names = quickCaptureNames;

describe.each(names)('%s: the same steps, picks and memory as mode ref', (name) => {
  const capture = readFixture(name);
  const all = lawfulSchedules(capture);
  // Another one for each capture: together all of them.
  const schedule = all[captureNames.indexOf(name) % all.length]!;
  test(schedule, () => {
    expectSame(schedule, (options) => setUpCall(capture, options, name).machine);
  });
});
