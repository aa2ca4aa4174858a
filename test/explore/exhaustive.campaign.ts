import { expect, test } from 'vitest';
import { exploreExhaustively } from '../../src/explore/exhaustive/explore-exhaustively.js';
import { allToAllWorkload } from './all-to-all-workload.js';

// Links that have nothing to do with each other add up: eight of 645 states, in tests of the suite, less the start that
// they share.
test.each([
  [{ ranks: 2, channels: 1, slices: 3, depth: 2 }, 2577, 64],
  [{ ranks: 2, channels: 2, slices: 3, depth: 2 }, 5153, 64],
])('every run of the all-to-all %j: %i states, %i executions, in less than a minute', (shape, states, executions) => {
  const result = exploreExhaustively(allToAllWorkload(shape), { limits: { clock: () => performance.now() } });
  expect(result).toMatchObject({ isComplete: true, findings: [], states, executions });
  expect(result.outputs.length).toBe(1);
  expect(result.milliseconds).toBeLessThan(60_000);
});
