import {
  type Discovery,
  EMPTY_RESULT,
  type Limits,
  type MinimalSchedule,
  mergeResults,
  minimising,
  type NumberedSchedule,
  PLAIN_SCHEDULES,
  type PlainResult,
  plainResult,
  runSchedule,
  type SchedulePart,
  type SearchResult,
  scheduleAt,
  scheduleIndexOf,
  type Workload,
} from '../index.js';
import { type SmallerCall, shrinkCall } from './explore-shrink.js';
import { type ExploreTarget, workloadOf } from './explore-target.js';

/** The schedules that are searched, and the limits of a run: all that a thread has to know besides the call. */
export interface SearchPlan {
  readonly seed: number;
  /** Steps of a run, about: where policies change priorities. */
  readonly length: number;
  /** Behind each token. */
  readonly suffix: string;
  readonly part: SchedulePart;
  /** The one schedule that is to be run; null: a search. */
  readonly only: string | null;
  readonly limits: Partial<Limits>;
}

/** What has been found out about a discovery. */
export interface Confirmation {
  /** Whether its schedule shows it each time. */
  readonly isRepeatable: boolean;
  /** The schedule with the fewest preemptions that shows it; null: none was looked for. */
  readonly minimal: MinimalSchedule | null;
  /** A smaller call that shows it; null: none was looked for, or found. */
  readonly smaller: SmallerCall | null;
}

/** The tasks that a search is made of, in this thread. What they give is plain JSON, so that it can be sent. */
export class TaskRunner {
  readonly #workload: Workload;
  readonly #plan: SearchPlan;
  readonly #target: ExploreTarget;
  readonly #onRun: () => void;

  /** `onRun` is told of each run that is made to look at a discovery. */
  constructor(target: ExploreTarget, plan: SearchPlan, onRun: () => void) {
    this.#target = target;
    this.#onRun = onRun;
    this.#workload = workloadOf(target);
    this.#plan = plan;
  }

  /** Runs the schedules at places `from` to `to` of the part; `to` is left out. */
  run(from: number, to: number): PlainResult {
    let result = EMPTY_RESULT;
    for (let position = from; position < to; position++) {
      const schedule = this.#scheduleAt(scheduleIndexOf(this.#plan.part, position));
      result = mergeResults(result, this.#once(schedule));
    }
    return plainResult(result);
  }

  /** Looks whether the schedule of a discovery shows it again, for a smaller one, and for a smaller call. */
  confirm(discovery: Discovery, minimise: boolean, shrink: boolean): Confirmation {
    const { key, schedule, index } = discovery;
    const again = this.#once({ index, token: schedule });
    const isRepeatable = again.discoveries.some((other) => other.key === key);
    // The plain schedules are as small as can be.
    const isLarge = index >= PLAIN_SCHEDULES || this.#plan.only !== null;
    const minimal = minimise && isRepeatable && isLarge ? this.#minimise(discovery) : null;
    // One schedule alone is looked at as it is.
    const isShrunk = shrink && isRepeatable && this.#plan.only === null;
    const smaller = isShrunk ? shrinkCall(this.#target, discovery, this.#plan, this.#onRun) : null;
    return { isRepeatable, minimal, smaller };
  }

  #minimise({ schedule, key }: Discovery): MinimalSchedule | null {
    const search = minimising(this.#workload, schedule, key, this.#plan.limits);
    for (;;) {
      const { done, value } = search.next();
      if (done === true) return value;
      this.#onRun();
    }
  }

  /** Whether a schedule leaves this output again. */
  leaves(token: string, hash: string): boolean {
    return this.#once({ index: 0, token }).outputs.has(hash);
  }

  #scheduleAt(index: number): NumberedSchedule {
    const { only, seed, length, suffix } = this.#plan;
    return only === null ? scheduleAt(index, seed, length, suffix) : { index, token: only };
  }

  #once(schedule: NumberedSchedule): SearchResult {
    return runSchedule(this.#workload, schedule, { limits: this.#plan.limits });
  }
}

/** The tasks by name. */
export type TaskName = 'run' | 'confirm' | 'leaves';
export type TaskArguments<Name extends TaskName> = Parameters<TaskRunner[Name]>;
export type TaskResult<Name extends TaskName> = ReturnType<TaskRunner[Name]>;

/** What a thread is told, and what it answers. */
export type TaskRequest =
  | { readonly begin: { readonly target: ExploreTarget; readonly plan: SearchPlan } }
  | { readonly [Name in TaskName]: { readonly name: Name; readonly args: TaskArguments<Name> } }[TaskName];
export type TaskAnswer = { readonly value: unknown } | { readonly error: unknown } | typeof RUN_MADE;
/** A run was made to look at a discovery: no answer yet. */
const RUN_MADE = { run: true } as const;

/** The other end of a thread: each request but the first gets an answer, in their order; before it, it may be told of runs. */
export function taskServer(answer: (answer: TaskAnswer) => void): (request: TaskRequest) => void {
  let runner: TaskRunner | null = null;
  return (request) => {
    if ('begin' in request) {
      runner = new TaskRunner(request.begin.target, request.begin.plan, () => answer(RUN_MADE));
      return;
    }
    try {
      if (runner === null) throw new Error('[simtwin bug] a task came before the search');
      answer({ value: answerTo(runner, request) });
    } catch (error) {
      answer({ error });
    }
  };
}

function answerTo(runner: TaskRunner, request: Exclude<TaskRequest, { begin: unknown }>): TaskResult<TaskName> {
  switch (request.name) {
    case 'run':
      return runner.run(...request.args);
    case 'confirm':
      return runner.confirm(...request.args);
    case 'leaves':
      return runner.leaves(...request.args);
    default:
      return request satisfies never;
  }
}
