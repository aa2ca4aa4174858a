import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type DeviceFunction,
  describeOutcome,
  type LaunchDims,
  Machine,
  type MachineOptions,
  type Outcome,
  type SimtError,
  type Thread,
} from '../../src/simt/index.js';

/** What each thread of a block does; its value is the thread's result. */
export type ThreadBody<R> = (t: Thread) => DeviceFunction<R>;

/** Runs `body` in each thread of one block, after what else is queued on the machine. */
export function outcomeOn<R>(
  machine: Machine,
  threads: LaunchDims['block'],
  body: ThreadBody<R>,
  results: R[] = [],
): Outcome {
  machine.stream().launch(
    function* kernel(t) {
      results[t.threadRank] = yield* body(t);
    },
    { grid: 1, block: threads },
    null,
  );
  return machine.run();
}

/** The results of the threads of one block, by thread rank. Fails unless the run completes. */
export function runOn<R>(machine: Machine, threads: LaunchDims['block'], body: ThreadBody<R>): R[] {
  const results: R[] = [];
  const outcome = outcomeOn(machine, threads, body, results);
  if (outcome.verdict !== 'completes') throw new Error(describeOutcome(outcome, machine.limits));
  return results;
}

/** As {@link runOn}, on a machine of its own. */
export const runBlock = <R>(threads: LaunchDims['block'], body: ThreadBody<R>, options: MachineOptions = {}): R[] =>
  runOn(new Machine(options), threads, body);

/** The error in which a run of one block ends. Fails if it ends otherwise. */
export function errorOn(machine: Machine, threads: LaunchDims['block'], body: ThreadBody<unknown>): SimtError {
  const outcome = outcomeOn(machine, threads, body);
  if (outcome.verdict !== 'error') throw new Error(`no error: ${describeOutcome(outcome, machine.limits)}`);
  return outcome.error;
}

/** As {@link errorOn}, on a machine of its own. */
export const errorOf = (
  threads: LaunchDims['block'],
  body: ThreadBody<unknown>,
  options: MachineOptions = {},
): SimtError => errorOn(new Machine(options), threads, body);

/** How a run of one block ends, in words; a run that completes has no steps in its text. */
export function describeRun(
  threads: LaunchDims['block'],
  body: ThreadBody<unknown>,
  options: MachineOptions = {},
): string {
  const machine = new Machine(options);
  const outcome = outcomeOn(machine, threads, body);
  return outcome.verdict === 'completes' ? 'completes' : describeOutcome(outcome, machine.limits);
}

/** The parts of an error that tests state: who, and the innermost line of the kernel. */
export const partsOf = ({ code, site, other }: SimtError) => ({
  code,
  warp: site.warp,
  lane: site.lane,
  line: site.frames[0]?.line,
  other: other === null ? null : { warp: other.warp, lane: other.lane, line: other.frames[0]?.line },
});

/** Finds the line of a test file that ends in `// @MARK`. */
export function lineFinder(moduleUrl: string): (mark: string) => number {
  const lines = readFileSync(fileURLToPath(moduleUrl), 'utf8').split('\n');
  return (mark) => {
    const found = lines.flatMap((line, index) => (line.endsWith(`// @${mark}`) ? [index + 1] : []));
    if (found.length !== 1) throw new Error(`${found.length} lines end in // @${mark}`);
    return found[0]!;
  };
}

/** The numbers 0 to `count - 1`. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
