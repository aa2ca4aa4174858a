import { setImmediate } from 'node:timers/promises';
import type { Machine, Outcome } from '../index.js';
import type { CliIo } from './io.js';
import type { Progress } from './progress.js';
import { Interrupted } from './usage-error.js';

/** Steps between two looks at the clock and the user; adapted to about this many milliseconds. */
const SLICE_MS = 40;
const FIRST_SLICE = 64;
const MOST_SLICE = 50_000;

/**
 * Runs a machine to its end, in slices between which the event loop runs: a SIGINT gets through, the progress moves.
 * @throws Interrupted once the user wants it to end.
 */
export async function drive(machine: Machine, io: CliIo, progress: Progress): Promise<Outcome> {
  let slice = FIRST_SLICE;
  for (;;) {
    const before = io.now();
    const outcome = machine.advance(slice);
    if (outcome !== null) return outcome;
    const perStep = Math.max((io.now() - before) / slice, SLICE_MS / MOST_SLICE);
    slice = Math.max(1, Math.floor(SLICE_MS / perStep));
    progress.update(machine.steps);
    await breathe(io);
  }
}

/**
 * What a generator returns. Between its values, of which `say` is told, signals and output get through.
 * @throws Interrupted once the user wants it to end.
 */
export async function drained<Result>(
  steps: Generator<number, Result>,
  io: CliIo,
  say: (value: number) => void,
): Promise<Result> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    say(value);
    await breathe(io);
  }
}

/** Lets signals and output through. @throws Interrupted once the user wants it to end. */
export async function breathe({ signal }: CliIo): Promise<void> {
  await setImmediate();
  if (signal.aborted) throw new Interrupted();
}
