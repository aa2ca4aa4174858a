import {
  type Discovery,
  GENERATE_ARGS,
  type GenerateArg,
  type JsonValue,
  type Limits,
  type NumberedSchedule,
  PLAIN_SCHEDULES,
  runSchedule,
  scheduleAt,
  type Workload,
} from '../index.js';
import { type ExploreTarget, generateTarget, workloadOf } from './explore-target.js';

/** A smaller call of the same operation that shows the same problem. */
export interface SmallerCall {
  /** All that differs from the defaults, as JSON. */
  readonly args: string;
  readonly schedule: string;
  /** Runs that it took to find. */
  readonly runs: number;
}

/** What a call that is tried is searched with. */
export interface ShrinkPlan {
  readonly seed: number;
  /** Behind each token. */
  readonly suffix: string;
  readonly limits: Partial<Limits>;
}

type Args = Readonly<Record<string, JsonValue>>;

/** Most runs for a discovery, and for a call that is tried. */
const MOST_RUNS = 400;
const MOST_OF_CALL = 30;

/**
 * Looks for the smallest call with random inputs that shows a problem: arguments are made smaller one after the other, as
 * far as a search of a few schedules still finds it, until none can be. Which have a part in the shape is known from
 * {@link GENERATE_ARGS}. The same each time. `onRun` is told of each run. Null: none is smaller.
 */
export function shrinkCall(
  { description }: Pick<ExploreTarget, 'description'>,
  { key, schedule }: Pick<Discovery, 'key' | 'schedule'>,
  plan: ShrinkPlan,
  onRun: () => void,
): SmallerCall | null {
  const { name, op, generated } = description;
  if (generated === null) return null;
  const { inputs } = generated;
  const given = JSON.parse(generated.args) as Args;
  let shown = { args: given, token: schedule };
  let runs = 0;
  const shows = (args: Args): boolean => {
    if (runs >= MOST_RUNS) return false;
    const workload = workloadOrNull(() => workloadOf(generateTarget(name, op, args, inputs)));
    if (workload === null) return false;
    const most = Math.min(MOST_OF_CALL, MOST_RUNS - runs);
    let length = 1;
    for (let index = 0; index < most; index++) {
      const { token } = scheduleOf(index, shown.token, length, plan);
      const run = runSchedule(workload, { index, token }, { limits: plan.limits });
      runs++;
      onRun();
      if (index === 0) length = Math.max(1, run.steps);
      if (!run.discoveries.some((discovery) => discovery.key === key)) continue;
      shown = { args, token };
      return true;
    }
    return false;
  };
  for (let before: Args | null = null; before !== shown.args; ) {
    before = shown.args;
    for (const [argument, { kind, least = 0, multipleOf = 1, default: usual }] of argumentsOf(op)) {
      const value = shown.args[argument] ?? usual;
      const isGiven = Object.hasOwn(shown.args, argument);
      // Strides and switches: as they are without being given.
      if (kind !== 'integer' || typeof value !== 'number' || typeof usual !== 'number') {
        if (isGiven) shows(without(shown.args, argument));
        continue;
      }
      const of = (smaller: number): Args => ({ ...shown.args, [argument]: smaller });
      if (value <= least || shows(of(least))) continue;
      for (let [few, many] = [least, value]; ; ) {
        const middle = Math.round((few + many) / 2 / multipleOf) * multipleOf;
        if (middle <= few || middle >= many) break;
        if (shows(of(middle))) many = middle;
        else few = middle;
      }
    }
  }
  return shown.args === given ? null : { args: JSON.stringify(shown.args), schedule: shown.token, runs };
}

const argumentsOf = (op: keyof typeof GENERATE_ARGS): [string, GenerateArg][] => Object.entries(GENERATE_ARGS[op]);

const without = (args: Args, argument: string): Args =>
  Object.fromEntries(Object.entries(args).filter(([name]) => name !== argument));

/** Arguments that do not go together make no call. */
function workloadOrNull(make: () => Workload): Workload | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Simple schedules first, then the one that has shown it last, then those of a search. */
function scheduleOf(index: number, last: string, length: number, { seed, suffix }: ShrinkPlan): NumberedSchedule {
  if (index === PLAIN_SCHEDULES) return { index, token: last };
  return scheduleAt(index < PLAIN_SCHEDULES ? index : index - 1, seed, length, suffix);
}
