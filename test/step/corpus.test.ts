import { beforeAll, describe, test } from 'vitest';
import type { MachineOptions } from '../../src/simt/index.js';
import { setUpCall } from '../../src/tools/index.js';
import { captureNames, readFixture } from '../corpus/captures.js';
import { lawfulSchedules } from '../corpus/schedules.js';
import { expectSame } from './both.js';
import { registerKernels } from './programs.js';

beforeAll(registerKernels);

/** Captures that mode `ref` runs within a second or so; the campaign has the rest. */
describe.each(captureNames)('%s: the same steps, picks and memory as mode ref', (name) => {
  const capture = readFixture(name);
  const all = lawfulSchedules(capture);
  // A few a capture, others for the next one: together all of them.
  const first = captureNames.indexOf(name) % all.length;
  const chosen = new Set(['rr', all[first]!, all[(first + 5) % all.length]!]);
  test.each([...chosen])('%s', (schedule) => {
    expectSame(schedule, (options: MachineOptions) => setUpCall(capture, options, name).machine);
  });
});
