import {
  BreakpointEvent,
  ContinuedEvent,
  Event,
  ExitedEvent,
  InitializedEvent,
  InvalidatedEvent,
  OutputEvent,
  ProgressEndEvent,
  ProgressStartEvent,
  ProgressUpdateEvent,
  TerminatedEvent,
} from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Breakpoint, Stop } from '../debug/index.js';
import type { BreakpointKind } from './breakpoints.js';
import { describeEnd, type Ended, EXCEPTION_FILTERS } from './exception.js';
import { DapError, type Debuggee, type LaunchArguments, type Words } from './host.js';
import type { Inspection } from './inspection.js';
import { FOCUS_THREAD } from './threads.js';

/** What a run was begun for; it decides what the client is told when it stops. */
export type Purpose = 'continue' | 'step' | 'back';

/** A call that has been launched. */
export interface Launched extends Debuggee {
  readonly args: LaunchArguments;
  readonly inspection: Inspection;
}

/** What the client knows of a breakpoint of the session. */
type FindBreakpoint = (breakpoint: Breakpoint) => { readonly id: number; readonly kind: BreakpointKind } | undefined;

/** The exit code of the command line when the simulated program fails. */
const EXIT_PROGRAM = 3;

/** Tells the client what happens, by events. */
export class Reports {
  /** What the client understands. */
  client = { progress: false, invalidated: false };
  /** Ends of a run that are stopped at. */
  filters: ReadonlySet<string> = new Set(EXCEPTION_FILTERS.map(({ filter }) => filter));
  /** Nobody listens any more. */
  isMuted = false;
  readonly #send: (event: DebugProtocol.Event) => void;
  readonly #words: Words;
  readonly #find: FindBreakpoint;
  #progressId = 0;
  /** How the run has ended, if that has been looked at. */
  #ended: Ended | null = null;

  constructor(send: (event: DebugProtocol.Event) => void, words: Words, find: FindBreakpoint) {
    this.#send = send;
    this.#words = words;
    this.#find = find;
  }

  #tell(event: DebugProtocol.Event): void {
    if (!this.isMuted) this.#send(event);
  }

  initialized(): void {
    this.#tell(new InitializedEvent());
  }

  /** Something runs that the client has not asked for as such. */
  continued(): void {
    this.#tell(new ContinuedEvent(FOCUS_THREAD, true));
  }

  terminated(): void {
    this.#tell(new TerminatedEvent());
  }

  breakpointChanged(breakpoint: DebugProtocol.Breakpoint): void {
    this.#tell(new BreakpointEvent('changed', breakpoint));
  }

  progressStart(): void {
    if (this.client.progress) this.#tell(new ProgressStartEvent(`run-${this.#progressId}`, 'simtwin runs'));
  }

  progressUpdate(position: number): void {
    if (this.client.progress) this.#tell(new ProgressUpdateEvent(`run-${this.#progressId}`, `step ${position}`));
  }

  progressEnd(): void {
    if (this.client.progress) this.#tell(new ProgressEndEvent(`run-${this.#progressId}`));
    this.#progressId++;
  }

  /** Why a run has stopped; null: it was left. */
  stop(launched: Launched, purpose: Purpose, stop: Stop | null): void {
    const { session } = launched;
    const words = this.#words;
    switch (stop?.reason) {
      case undefined:
        this.stopped('pause');
        return;
      case 'done':
        this.stopped('step');
        return;
      case 'breakpoint': {
        const own = this.#find(stop.breakpoint);
        const kind = own?.kind ?? (stop.breakpoint.at.kind === 'memory' ? 'data' : 'source');
        const reason = { source: 'breakpoint', function: 'function breakpoint', data: 'data breakpoint' }[kind];
        const { at } = stop.breakpoint;
        if (at.kind === 'value' && at.thread !== undefined && session.blockOf(at.thread) !== null)
          session.setFocus(at.thread);
        const { change } = stop;
        const text =
          change === undefined
            ? undefined
            : `before ${words.value(session.machine, change.before)}, now ${words.value(session.machine, change.after)}`;
        if (text !== undefined) this.print(`step ${session.position}: ${text}`);
        this.stopped(reason, text, own === undefined ? [] : [own.id]);
        return;
      }
      case 'exited':
        this.stopped('step', 'the thread has exited');
        return;
      case 'blocked':
        this.stopped(
          'step',
          stop.wait === null ? `nobody can go on under policy ${session.policy}` : words.wait(stop.wait),
        );
        return;
      case 'spins':
        this.stopped(
          'step',
          `${stop.steps} steps alone, and on the same line: it polls in vain while others are frozen`,
        );
        return;
      case 'start':
        this.stopped('entry', 'this is the start of the run');
        return;
      case 'refused':
        this.print(stop.message, 'stderr');
        this.stopped('pause', stop.message);
        return;
      case 'end':
        this.#end(launched, purpose);
        return;
      default:
        stop satisfies undefined;
    }
  }

  #end(launched: Launched, purpose: Purpose): void {
    const { args } = launched;
    const ended = this.ended(launched);
    this.print(ended.text);
    if (this.#isStop(launched, ended)) {
      this.stopped('exception', ended.summary, [], ended.verdict);
    } else if (purpose === 'continue' && !args.stopOnEnd) {
      this.#tell(new ExitedEvent(ended.verdict === 'completes' ? 0 : EXIT_PROGRAM));
      this.terminated();
    } else {
      this.stopped('pause', ended.summary);
    }
  }

  #isStop({ args }: Launched, { filter }: Ended): boolean {
    return !args.noDebug && filter !== null && this.filters.has(filter) && (filter !== 'hang' || args.stopOnHang);
  }

  /** A command of the debug console has gone to another position. */
  moved(launched: Launched): void {
    const ended = launched.session.outcome === null ? null : this.ended(launched);
    if (ended !== null && this.#isStop(launched, ended)) this.stopped('exception', ended.summary, [], ended.verdict);
    else this.stopped('goto');
  }

  /** How the run has ended. @throws DapError if it has not, where it is */
  ended(launched: Launched): Ended {
    const { session, inspection } = launched;
    if (session.outcome === null) throw new DapError('the run has not ended: there is nothing wrong with it here');
    this.#ended ??= describeEnd(launched, this.#words);
    inspection.threads.explain(this.#ended.explanation);
    return this.#ended;
  }

  /** The position changes. */
  forgetEnd(): void {
    this.#ended = null;
  }

  stopped(reason: string, text?: string, hitBreakpointIds: readonly number[] = [], description?: string): void {
    const body: DebugProtocol.StoppedEvent['body'] = {
      reason,
      threadId: FOCUS_THREAD,
      allThreadsStopped: true,
      ...(text === undefined ? {} : { text }),
      ...(description === undefined ? {} : { description }),
      ...(hitBreakpointIds.length === 0 ? {} : { hitBreakpointIds: [...hitBreakpointIds] }),
    };
    this.#tell(new Event('stopped', body));
  }

  /** Another thread is in focus. */
  refocused(): void {
    if (this.client.invalidated) this.#tell(new InvalidatedEvent(['threads', 'stacks', 'variables']));
    else this.stopped('goto');
  }

  print(text: string, category: 'console' | 'stderr' = 'console'): void {
    this.#tell(new OutputEvent(`${text}\n`, category));
  }
}
