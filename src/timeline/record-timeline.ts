import type { Machine } from '../simt/index.js';
import type { StepObserver } from '../step/index.js';
import { type TimelineLimits, TimelineRecorder } from './recorder.js';
import type { Timeline } from './timeline.js';

/**
 * Runs a machine to its end and returns what happened. `setUp` makes it, with this observer and in mode `step`, and
 * launches:
 *
 * ```ts
 * const timeline = recordTimeline((observer) => {
 *   const machine = createMachine({ mode: 'step', schedule: 'random:1', step: { observer } });
 *   machine.stream().launch(kernel, { grid: 1, block: 64 }, args);
 *   return machine;
 * });
 * ```
 *
 * Whoever drives machines by themselves takes a {@link TimelineRecorder}.
 * @throws RangeError if a limit is no positive integer, or the machine runs in another mode
 */
export function recordTimeline(
  setUp: (observer: StepObserver) => Machine,
  limits: Partial<TimelineLimits> = {},
): Timeline {
  const recorder = new TimelineRecorder(limits);
  const machine = setUp(recorder);
  const outcome = machine.run();
  if (machine.mode !== null && machine.mode !== 'step')
    throw new RangeError(`a timeline is of a run in mode 'step'; this machine ran in mode '${machine.mode}'`);
  return recorder.timeline(outcome);
}
