import type { Workload } from '../../src/explore/trial.js';
import { StepEngine } from '../../src/step/engine.js';
import { hashOf } from '../../src/step/hash.js';

/** What all runs of a program come to. */
export interface AllEnds {
  /** Outputs of runs that complete, in order. */
  readonly outputs: readonly string[];
  /** Codes of errors, `deadlock` for ends without one, `trap` for states that nothing but going round leads on from. */
  readonly verdicts: readonly string[];
  readonly states: number;
}

/** Tries every ready granule in every state, and remembers states: nothing else is left out. Null: more than `maxStates`. */
export function searchNaively(workload: Workload, maxStates: number): AllEnds | null {
  const trial = workload.begin({ mode: 'step' });
  const { machine } = trial;
  const outputs = new Set<string>();
  const verdicts = new Set<string>();
  const states = new Map<bigint, number>();
  const before: number[][] = [];
  const ends: number[] = [];
  const enter = (from: number): number | null => {
    const hash = hashOf(machine.engine as StepEngine, {});
    const known = states.get(hash);
    const state = known ?? states.size;
    if (known === undefined) {
      states.set(hash, state);
      before.push([]);
    }
    if (from !== -1) before[state]!.push(from);
    return known === undefined ? state : null;
  };
  const first = machine.advance(0);
  if (!(machine.engine instanceof StepEngine)) throw new Error('not in mode step');
  if (first !== null) throw new Error('nothing to run');
  const { engine } = machine;
  const frames = [{ state: enter(-1)!, snapshot: machine.snapshot(), next: 0, ready: engine.readyCount }];
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    if (states.size > maxStates) return null;
    if (frame.next === frame.ready) {
      frames.pop();
      continue;
    }
    machine.restore(frame.snapshot);
    const outcome = machine.stepAt(frame.next++);
    if (outcome?.verdict === 'error') {
      verdicts.add(outcome.error.code);
      ends.push(frame.state);
      continue;
    }
    const state = enter(frame.state);
    if (state === null) continue;
    if (outcome === null) {
      frames.push({ state, snapshot: machine.snapshot(), next: 0, ready: engine.readyCount });
      continue;
    }
    ends.push(state);
    if (outcome.verdict === 'completes') outputs.add(trial.output());
    else verdicts.add(outcome.verdict);
  }
  const reaches = new Set(ends);
  const todo = [...ends];
  for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
    for (const other of before[state]!) {
      if (reaches.has(other)) continue;
      reaches.add(other);
      todo.push(other);
    }
  }
  if (reaches.size < states.size) verdicts.add('trap');
  return { outputs: [...outputs].sort(), verdicts: [...verdicts].sort(), states: states.size };
}
