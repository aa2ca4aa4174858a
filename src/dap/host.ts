import type { DebugSession, ExpressionValue, FifoLayout, Focus, StepPolicy, Wait } from '../debug/index.js';
import type { Machine, SourceFrame } from '../simt/index.js';
import type { InspectedValue } from '../step/index.js';

/** What the client, or the user behind it, has got wrong: one line that says what is accepted. The session goes on. */
export class DapError extends Error {
  override readonly name = 'DapError';
}

/** What a launch request may say. */
export interface LaunchArguments {
  /** Path of a capture. */
  readonly program: string;
  /** A schedule's token. */
  readonly schedule: string;
  /** What others do while something is stepped. */
  readonly policy: StepPolicy;
  /** Stops before the first step. */
  readonly stopOnEntry: boolean;
  /** Stops when the run can go no further, so that it can be looked at. */
  readonly stopOnHang: boolean;
  /** The same for a run that completes. */
  readonly stopOnEnd: boolean;
  /** Runs without a stop. */
  readonly noDebug: boolean;
  readonly limits: { readonly maxSteps?: number; readonly maxIdleSteps?: number; readonly maxCounterSteps?: number };
}

/** A call that is being debugged. */
export interface Debuggee {
  readonly session: DebugSession;
  /** Null: the call has no FIFOs. */
  readonly fifos: FifoLayout | null;
  /** What it is, for the user. */
  readonly title: string;
  readonly console: DebugConsole;
}

/** The commands of the terminal debugger, for the debug console. */
export interface DebugConsole {
  /** Whether a line begins with one. */
  isCommand(line: string): boolean;
  /**
   * Performs a command. `breathe` is called now and then; a result of true ends what runs. Result: what it prints, and
   * whether the command ends the session.
   * @throws DapError
   */
  execute(
    line: string,
    breathe: (position: number) => Promise<boolean>,
  ): Promise<{ readonly text: string; readonly hasQuit: boolean }>;
  /** Completions of a line, and the part of it that they stand for. */
  complete(line: string): readonly [completions: readonly string[], part: string];
}

/** What an adapter has of the process that it runs in. */
export interface DapHost {
  /** @throws DapError if the capture cannot be read, set up or run in mode `step` */
  readonly open: (args: LaunchArguments) => Debuggee;
  /** Where the client finds a source file, from a path such as `src/kernels/x.ts`; null: nowhere. */
  readonly sourcePath: (file: string) => string | null;
  /** Its text; null: it is not there. */
  readonly sourceText: (file: string) => string | null;
  /** Lines of the ports that stand for a line of the original; empty: there are none. */
  readonly originalPlaces: (
    session: DebugSession,
    line: number,
  ) => readonly { readonly file: string; readonly line: number }[];
  /** A function or an operation; null: there is none of that name. */
  readonly target: (
    session: DebugSession,
    name: string,
  ) => { readonly kind: 'function' | 'operation'; readonly name: string } | null;
  /** Lets other things of the process happen. */
  readonly breathe: () => Promise<void>;
  /** Milliseconds from some moment on. */
  readonly now: () => number;
  /** The client wants no more. */
  readonly ended: () => void;
  readonly words: Words;
}

/** How things are called: as in the terminal debugger. */
export interface Words {
  readonly value: (machine: Machine, value: ExpressionValue | null) => string;
  readonly variable: (machine: Machine, type: string, value: InspectedValue) => string;
  readonly address: (machine: Machine, address: number) => string;
  readonly operation: (machine: Machine, operation: string) => string;
  readonly focus: (focus: Focus) => string;
  readonly wait: (wait: Wait) => string;
  /** How the run has ended, in lines. */
  readonly end: (session: DebugSession) => readonly string[];
  /** `3-5,8`. */
  readonly ranges: (numbers: readonly number[]) => string;
  /** `0-31` of a mask. */
  readonly lanes: (mask: number) => string;
  /** ` (trtllm_alltoall.cuh:396)`, or nothing. */
  readonly beside: (frame: SourceFrame) => string;
}
