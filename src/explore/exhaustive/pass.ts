import { describeOutcome, describeThread, type Outcome, type SimtError } from '../../simt/index.js';
import type { StepFacts } from './facts.js';
import { type Candidate, PersistentSets, type Plants } from './persistent-set.js';
import type { SearchCounts, SearchEstimate, SearchLimits } from './result.js';
import { StateGraph } from './state-graph.js';
import type { Moment, Subject } from './subject.js';

/** Times that a granule is at a place, without a choice, after which a state is kept all the same: it may go round. */
const CHAIN_VISITS = 8;

/** Steps after which it is judged how large a search is. */
const TRIAL_STEPS = 10_000;

/** How a run has ended. */
export interface Ending {
  readonly verdict: Exclude<Outcome['verdict'], 'completes'> | 'wrong output';
  readonly text: string;
  readonly picks: readonly number[];
  /** The run has not ended, and never will: it goes round from here. */
  readonly isTrap: boolean;
}

/** A state whose ways on are being looked at. */
interface Frame {
  readonly state: number;
  readonly moment: Moment;
  readonly choices: readonly Candidate[];
  /** Granules whose next step fails whatever others do. */
  readonly doomed: ReadonlySet<number>;
  next: number;
}

/**
 * One pass over the runs of a program, depth first. It relies on what is known when it begins; what it finds is complete
 * if {@link Facts.hasChanged} is false at its end. If not, it may end early.
 */
export class Pass {
  readonly #subject: Subject;
  readonly #limits: SearchLimits;
  readonly #sets: PersistentSets;
  readonly #graph = new StateGraph();
  readonly #frames: Frame[] = [];
  readonly #start: Moment | null;
  readonly #deadline: number;
  readonly #onProgress: () => void;
  /** A limit is reached. */
  isStopped = false;
  #changedAt: number | null = null;
  /** States with a choice on the first run to an end, how many of them are left, and what was seen by then. */
  #first: { readonly choices: number; readonly states: number; readonly transitions: number } | null = null;
  #choicesLeft = 0;
  readonly boundedBy = new Set<string>();
  /** By verdict and text. */
  readonly endings = new Map<string, Ending>();
  /** What runs that complete have left, with the picks of the first. */
  readonly outputs = new Map<string, readonly number[]>();
  transitions = 0;
  executions = 0;
  blockedExecutions = 0;
  maxDepth = 0;

  /** `subject` stands at the start. `deadline`: by the limits' clock. `onProgress` is called every now and then. */
  constructor(
    subject: Subject,
    limits: SearchLimits,
    deadline: number,
    plants: Plants = {},
    onProgress: () => void = () => {},
  ) {
    this.#onProgress = onProgress;
    this.#subject = subject;
    this.#limits = limits;
    this.#deadline = deadline;
    this.#sets = new PersistentSets(subject, plants);
    this.#start = subject.outcome === null ? subject.save() : null;
  }

  get counts(): SearchCounts {
    const { transitions, executions, blockedExecutions, maxDepth } = this;
    return { states: this.#graph.size, transitions, executions, blockedExecutions, maxDepth };
  }

  /**
   * How large the search is in all, as far as it can be told. A search goes from the last choice of its first run up to
   * the first, and what each of them adds is much alike: so what was added so far stands for what is left. Too low
   * rather than too high before the first of these choices is done with.
   */
  get estimate(): SearchEstimate {
    const { transitions } = this;
    const states = this.#graph.size;
    if (this.#first === null) return { states, transitions, isLowerBound: true };
    const { choices, states: firstStates, transitions: firstTransitions } = this.#first;
    const done = choices - this.#choicesLeft;
    const inAll = (first: number, now: number) =>
      choices === 0 ? now : Math.round(first + ((now - first) * choices) / Math.max(1, done));
    return {
      states: inAll(firstStates, states),
      transitions: inAll(firstTransitions, transitions),
      isLowerBound: done === 0,
    };
  }

  run(): void {
    this.#goOn(-1, 0, new Set());
    this.#work();
    // Somebody may wait for ever for its turn while others go round: there everybody is looked at.
    for (;;) {
      if (this.boundedBy.size > 0 || this.#subject.facts.hasChanged) return;
      const traps = this.#graph.trapsWithout('settled');
      if (traps.length === 0) break;
      for (const state of traps) {
        this.#goTo(state);
        this.#expand(state, this.#readyBut(new Set()), new Set());
        this.#work();
      }
    }
    for (const state of this.#graph.trapsWithout('end')) this.#noteTrap(state);
  }

  /** Looks at all that is left to look at. */
  #work(): void {
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      if (this.#isBounded()) {
        this.#frames.length = 0;
        return;
      }
      if (frame.next === frame.choices.length) {
        this.#frames.pop();
        this.#choicesLeft = Math.min(this.#choicesLeft, this.#frames.length);
        continue;
      }
      const choice = frame.choices[frame.next]!;
      if (frame.next > 0) this.#subject.restore(frame.moment);
      frame.next++;
      const picksBefore = frame.moment.depth;
      const outcome = this.#step(choice);
      if (outcome?.verdict === 'error') this.#fail(frame, choice, outcome);
      else this.#goOn(frame.state, picksBefore, frame.doomed, outcome);
    }
  }

  /** Runs on from the current state until there is a choice. `picksBefore`: picks up to state `from`. */
  #goOn(from: number, picksBefore: number, doomed: ReadonlySet<number>, outcome = this.#subject.outcome): void {
    const subject = this.#subject;
    let ended = outcome;
    const visits = new Map<StepFacts, number>();
    for (;;) {
      if (ended !== null) {
        this.#end(from, picksBefore, ended);
        return;
      }
      if (this.#isBounded()) return;
      if (subject.picks.length >= this.#limits.maxDepth) {
        this.boundedBy.add(`maxDepth: ${this.#limits.maxDepth}`);
        return;
      }
      const ready = this.#readyBut(doomed);
      if (ready.length === 0) {
        // Whoever is left fails, or waits for those who do.
        this.executions++;
        this.#noteFirst();
        const state = this.#enterEnd(from, picksBefore);
        if (state !== null) this.#graph.markEnd(state);
        return;
      }
      const choices = this.#sets.choose(ready);
      const place = subject.nextStep(choices[0]!.granule, choices[0]!.id);
      const count = visits.get(place) ?? 0;
      visits.set(place, count + 1);
      if (choices.length > 1 || count === CHAIN_VISITS) {
        const state = this.#enter(from, picksBefore);
        if (state !== null) this.#expand(state, choices, doomed);
        return;
      }
      const [only] = choices;
      ended = this.#step(only!);
      if (ended?.verdict === 'error') {
        // It fails whatever others do: they go on without it.
        this.#note(ended);
        const picks = subject.picks.slice(0, -1);
        this.#replay(picks);
        this.#goOn(from, picksBefore, new Set([...doomed, only!.id]), null);
        return;
      }
    }
  }

  #noteFirst(): void {
    if (this.#first !== null) return;
    const { length: choices } = this.#frames;
    this.#first = { choices, states: this.#graph.size, transitions: this.transitions };
    this.#choicesLeft = choices;
  }

  /** A step of several to choose from has failed: everybody else is looked at as well. */
  #fail(frame: Frame, choice: Candidate, outcome: Outcome): void {
    this.#note(outcome);
    this.executions++;
    this.#graph.markEnd(frame.state);
    this.#subject.restore(frame.moment);
    const others = this.#readyBut(frame.doomed).filter(({ id }) => !frame.choices.some((known) => known.id === id));
    if (others.length === 0) return;
    const rest = [...frame.choices.slice(frame.next), ...others].filter(({ id }) => id !== choice.id);
    this.#frames.pop();
    this.#frames.push({ ...frame, choices: [choice, ...rest], next: 1 });
  }

  /** The number of the state that was come to; null: it is known, and the run is left. */
  #enter(from: number, picksBefore: number): number | null {
    const state = this.#enterEnd(from, picksBefore);
    if (state === null) this.blockedExecutions++;
    return state;
  }

  /** As {@link #enter}; the run has come to its end. */
  #enterEnd(from: number, picksBefore: number): number | null {
    const subject = this.#subject;
    const hash = subject.hash();
    const known = this.#graph.find(hash);
    if (known !== undefined) {
      if (from !== -1) this.#graph.addEdge(from, known);
      this.#compareSegments(known);
      return null;
    }
    const state = this.#graph.add(hash, from, subject.picks.slice(picksBefore), subject.segments.slice());
    if (from !== -1) this.#graph.addEdge(from, state);
    return state;
  }

  /** The same state must be in the same segments, or they tell nothing. */
  #compareSegments(state: number): void {
    const { segments, facts } = this.#subject;
    const known = this.#graph.segmentsOf(state);
    for (let granule = 0; granule < Math.max(segments.length, known.length); granule++) {
      if ((segments[granule] ?? 0) !== (known[granule] ?? 0) && !facts.coarse.has(granule)) facts.noteCoarse(granule);
    }
  }

  #expand(state: number, choices: readonly Candidate[], doomed: ReadonlySet<number>): void {
    if (choices.length === this.#subject.engine.readyCount) this.#graph.markSettled(state);
    this.#frames.push({ state, moment: this.#subject.save(), choices, doomed, next: 0 });
  }

  #end(from: number, picksBefore: number, outcome: Outcome): void {
    const subject = this.#subject;
    this.executions++;
    this.#noteFirst();
    if (outcome.verdict === 'budget') {
      this.boundedBy.add(`${outcome.limit} of the machine`);
      return;
    }
    const state = this.#enterEnd(from, picksBefore);
    if (state === null) return;
    this.#graph.markEnd(state);
    if (outcome.verdict !== 'completes') {
      this.#note(outcome);
      return;
    }
    const output = subject.trial.output();
    if (!this.outputs.has(output)) this.outputs.set(output, [...subject.picks]);
    const wrong = subject.trial.wrong();
    if (wrong !== null)
      this.#noteEnding({ verdict: 'wrong output', text: wrong, picks: [...subject.picks], isTrap: false });
  }

  #note(outcome: Outcome): void {
    if (outcome.verdict === 'completes') return;
    const { machine, picks } = this.#subject;
    // The message of an error says under which schedule and at which step.
    const text = outcome.verdict === 'error' ? textOfError(outcome.error) : describeOutcome(outcome, machine.limits);
    this.#noteEnding({ verdict: outcome.verdict, text, picks: [...picks], isTrap: false });
  }

  #noteTrap(state: number): void {
    this.#goTo(state);
    this.#noteEnding({
      verdict: 'livelock',
      text: `goes round ${state}`,
      picks: [...this.#subject.picks],
      isTrap: true,
    });
  }

  #noteEnding(ending: Ending): void {
    const key = `${ending.verdict} ${ending.text}`;
    if (this.endings.has(key)) return;
    if (this.endings.size >= this.#limits.maxFindings) {
      this.#stop(`maxFindings: ${this.#limits.maxFindings}`);
      return;
    }
    this.endings.set(key, ending);
  }

  // --- Moving about

  #step({ granule }: Candidate): Outcome | null {
    this.transitions++;
    const outcome = this.#subject.step(granule);
    this.maxDepth = Math.max(this.maxDepth, this.#subject.picks.length);
    return outcome;
  }

  #readyBut(doomed: ReadonlySet<number>): Candidate[] {
    const subject = this.#subject;
    const { ready } = subject.engine;
    const found: Candidate[] = [];
    for (let index = 0; index < ready.size; index++) {
      const granule = ready.at(index);
      const id = subject.idOf(granule);
      if (!doomed.has(id)) found.push({ granule, id });
    }
    return found.sort((a, b) => a.id - b.id);
  }

  #goTo(state: number): void {
    this.#replay(this.#graph.pathTo(state));
  }

  /** Goes to where picks lead, from the last state on the way there that there is a moment of. */
  #replay(picks: readonly number[]): void {
    const subject = this.#subject;
    const moment = this.#frames.at(-1)?.moment ?? this.#start!;
    subject.restore(moment);
    for (const pick of picks.slice(moment.depth)) subject.stepAt(pick);
  }

  /** Whether nothing more is to be looked at. */
  #isBounded(): boolean {
    if (this.isStopped || this.#isOutdated()) return true;
    const { maxStates, maxTransitions, maxEstimate, maxMilliseconds, clock } = this.#limits;
    if (this.#graph.size >= maxStates) this.#stop(`maxStates: ${maxStates}`);
    else if (this.transitions >= maxTransitions) this.#stop(`maxTransitions: ${maxTransitions}`);
    else if ((this.transitions & 63) === 0) {
      this.#onProgress();
      if (this.transitions >= TRIAL_STEPS && this.estimate.transitions > maxEstimate)
        this.#stop(`maxEstimate: ${maxEstimate}`);
      else if (clock() >= this.#deadline) this.#stop(`maxMilliseconds: ${maxMilliseconds}`);
    }
    return this.isStopped;
  }

  /** Whether so much was learned so long ago that it is better to begin anew: after as many steps as it took. */
  #isOutdated(): boolean {
    if (!this.#subject.facts.hasChanged) return false;
    this.#changedAt ??= this.transitions;
    return this.transitions >= 2 * this.#changedAt;
  }

  #stop(reason: string): void {
    this.boundedBy.add(reason);
    this.isStopped = true;
  }
}

/** What is wrong, who does it and where: not when. */
export function textOfError({ code, reason, site }: SimtError): string {
  const source = site.frames[0] === undefined ? '' : ` at ${site.frames[0].file}:${site.frames[0].line}`;
  return `${code}: ${reason}\n  ${describeThread(site)} of ${site.kernel}${source}`;
}
