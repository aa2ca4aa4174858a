import { allDiscoveries, mergeResults, resultOfPlain, runSchedule, type SearchResult, sizeOfPart } from '../index.js';
import { type ExploreSettings, tokenSuffix } from './explore-options.js';
import { type ExploreTarget, workloadOf } from './explore-target.js';
import type { SearchPlan } from './explore-tasks.js';
import type { Team } from './explore-team.js';
import { counted, formatCount, formatRate, formatSeconds } from './format.js';
import { mostResidentThreads } from './heap.js';
import type { CliIo } from './io.js';
import type { Progress } from './progress.js';

/** Steps of a run beyond which it counts as endless, if no proof has ended it before. */
export const MAX_STEPS = 10_000_000;

/** Limits of a run that is one of many. */
export const searchLimits = () => ({ maxSteps: MAX_STEPS, maxResidentThreads: mostResidentThreads('step') });

/** A thread is given so many milliseconds of schedules at a time: little is lost with an interrupt. */
const BATCH_MS = 200;
const MOST_BATCH = 256;

/** What a search has come to: the schedules at the first `next` places of the part are done. */
export interface SearchState {
  readonly next: number;
  readonly result: SearchResult;
}

/** What a thread has to know. The length of a run is that of round robin. */
export function planSearch(target: ExploreTarget, { search, part }: ExploreSettings): SearchPlan {
  const limits = searchLimits();
  const { seed, schedule: only } = search;
  const suffix = tokenSuffix(search);
  const length =
    only === null
      ? Math.max(1, runSchedule(workloadOf(target), { index: 0, token: `rr${suffix}` }, { limits }).steps)
      : 1;
  return { seed, length, suffix, part, only, limits };
}

/** How many schedules there are to run, whatever the time; infinite: there is no end. */
export const schedulesToRun = ({ search, part }: ExploreSettings): number =>
  search.schedules === null ? Number.POSITIVE_INFINITY : sizeOfPart(part, search.schedules);

/**
 * Runs the schedules that `state` leaves, and tells `onState` what is done. It is the same for teams of whatever size:
 * what is done out of order is kept back.
 * @throws Interrupted once the user wants it to end; the last state that was told is what is done.
 */
export async function runSearch(
  team: Team,
  settings: ExploreSettings,
  begun: SearchState,
  io: CliIo,
  onState: (state: SearchState) => void,
): Promise<SearchState> {
  const total = schedulesToRun(settings);
  const end = settings.search.time === null ? null : io.now() + settings.search.time * 1000;
  const batch = new BatchSize(team.size);
  /** Done, but not all before them: by their first places. */
  const early = new Map<number, SearchState>();
  const running = new Set<Promise<void>>();
  let state = begun;
  let sent = begun.next;
  const start = (from: number, to: number): void => {
    const startedAt = io.now();
    const task = team.call('run', from, to).then((plain) => {
      batch.learn(to - from, io.now() - startedAt);
      early.set(from, { next: to, result: resultOfPlain(plain) });
      running.delete(task);
    });
    // Of those that fail together, one is waited for.
    task.catch(() => {});
    running.add(task);
  };
  for (;;) {
    // However little time there is, something is done.
    while (running.size < team.size && sent < total && (sent === begun.next || end === null || io.now() < end)) {
      const to = Math.min(total, sent + batch.next(total - sent));
      start(sent, to);
      sent = to;
    }
    if (running.size === 0) return state;
    await Promise.race(running);
    const before = state;
    for (let part = early.get(state.next); part !== undefined; part = early.get(state.next)) {
      early.delete(state.next);
      state = { next: part.next, result: mergeResults(state.result, part.result) };
    }
    if (state !== before) onState(state);
  }
}

/** How many schedules a thread is given at a time: by the time that they have taken. One alone gets them one by one. */
class BatchSize {
  readonly #threads: number;
  #milliseconds = BATCH_MS;

  constructor(threads: number) {
    this.#threads = threads;
  }

  learn(schedules: number, milliseconds: number): void {
    this.#milliseconds = (this.#milliseconds + milliseconds / schedules) / 2;
  }

  next(left: number): number {
    if (this.#threads === 1) return 1;
    const fitting = Math.floor(BATCH_MS / Math.max(this.#milliseconds, BATCH_MS / MOST_BATCH));
    // Towards the end all are to have something to do.
    return Math.max(1, Math.min(fitting, Math.ceil(left / (2 * this.#threads))));
  }
}

/** Says on the progress line how far a search is. */
export class SearchProgress {
  readonly #io: CliIo;
  readonly #progress: Progress;
  readonly #total: number;
  readonly #first: number;
  readonly #startedAt: number;
  readonly #end: number;

  constructor(settings: ExploreSettings, first: number, io: CliIo, progress: Progress) {
    this.#io = io;
    this.#progress = progress;
    this.#total = schedulesToRun(settings);
    this.#first = first;
    this.#startedAt = io.now();
    this.#end = settings.search.time === null ? Number.POSITIVE_INFINITY : settings.search.time * 1000;
  }

  say({ next, result }: SearchState): void {
    const elapsed = this.#io.now() - this.#startedAt;
    const done = next - this.#first;
    const bySchedules = done === 0 ? Number.POSITIVE_INFINITY : (elapsed / done) * (this.#total - next);
    const left = Math.max(0, Math.min(bySchedules, this.#end - elapsed));
    const of = Number.isFinite(this.#total) ? `/${formatCount(this.#total)}` : '';
    this.#progress.say(
      [
        `${formatCount(next)}${of} schedules`,
        formatRate(done, elapsed),
        counted(allDiscoveries(result).length, 'finding'),
        ...(Number.isFinite(left) ? [`${formatSeconds(left)} left`] : []),
      ].join(', '),
    );
  }
}
