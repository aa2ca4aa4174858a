import {
  type Breakpoint,
  type DebugSession,
  EvaluationError,
  type Expression,
  ExpressionError,
  type FifoLayout,
  type Focus,
  type Outcome,
  type Running,
  type SourceFrame,
  type Stop,
} from '../index.js';
import { DebugError, sourceLine } from './debug-source.js';
import {
  expressionText,
  formatEnd,
  formatFocus,
  formatFrame,
  formatStopAt,
  formatThread,
  formatValue,
  formatWait,
  isWatch,
  wrapped,
} from './debug-text.js';
import { counted, formatCount } from './format.js';

/** What the shell has of its terminal. */
export interface ShellHost {
  readonly print: (line: string) => void;
  /** Columns that prose is wrapped to; null or left out: it is not. */
  readonly width?: number | null;
  /** Called now and then while something runs. Result: whether the user wants it to stop. */
  readonly breathe: (position: number) => Promise<boolean>;
  readonly readFile: (path: string) => string;
  /** `what`: the option that names the file, if it is not the command `save`. @throws DebugError */
  readonly writeFile: (path: string, text: string, what?: string) => void;
}

/** A command. The first of its names is the one that help shows; the others are short forms. */
export interface DebugCommand {
  readonly names: readonly string[];
  /** Its arguments: `[N]`. */
  readonly usage: string;
  /** The first line is the summary. */
  readonly help: string;
  /** @throws DebugError, ExpressionError, EvaluationError for bad input */
  readonly run: (shell: DebugShell, argument: string) => Promise<void> | void;
  /** What its argument may begin with. */
  readonly complete?: (shell: DebugShell) => Iterable<string>;
}

/** Commands by section, in the order of help. */
export type CommandSections = readonly (readonly [title: string, commands: readonly DebugCommand[]])[];

/** A position, the thread that it is about, and where that wrote. */
export interface Found {
  readonly position: number;
  readonly thread: Focus;
  readonly frames: readonly SourceFrame[];
  /** As {@link DebugSession.timeline} has it. */
  readonly cuts: number;
}

/** A session at a terminal or under a script: commands in, lines out. */
export class DebugShell {
  readonly session: DebugSession;
  readonly host: ShellHost;
  readonly fifos: FifoLayout | null;
  readonly sections: CommandSections;
  /** Commands that have been performed, as they were given. */
  readonly history: string[] = [];
  /** Expressions that are shown at every stop. */
  readonly displays = new Map<number, { readonly text: string; readonly expression: Expression }>();
  /** What breakpoints were made of. */
  readonly breakpointTexts = new Map<Breakpoint, { readonly at: string; readonly condition: string | null }>();
  /** What `last-write` or `when` has found. */
  found: Found | null = null;
  /** Where `list` goes on. */
  listed: { readonly file: string; readonly line: number } | null = null;
  hasQuit = false;
  /** Scripts that are being performed, one within another. */
  #depth = 0;
  #isSessionScript = false;
  /** Where the end of the run has been shown, if nothing else was since. */
  #endShown: number | null = null;
  /** Position and focus that were shown last. */
  #placeShown = '';

  constructor(session: DebugSession, host: ShellHost, sections: CommandSections, fifos: FifoLayout | null) {
    this.session = session;
    this.sections = sections;
    this.host = host;
    this.fifos = fifos;
  }

  /** Prints a line, wrapped at words to the terminal's width. `hang`: where what follows stands. */
  print(line: string, hang?: number): void {
    for (const part of wrapped(line, this.host.width ?? null, hang)) this.host.print(part);
  }

  /** Prints a line as it is: source, a row of a table, the echo of a command. */
  printCode(line: string): void {
    this.host.print(line);
  }

  /** Performs a command. @throws DebugError, in one line, for bad input; the session can go on */
  async execute(line: string): Promise<void> {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) return;
    const word = /^[\w-]+/.exec(text)?.[0] ?? text;
    const command = this.findCommand(word);
    const argument = withoutComment(text.slice(word.length)).trim();
    if (command.usage === '' && argument !== '')
      throw new DebugError(`'${command.names[0]}' takes nothing behind it, but is given '${argument}'`);
    try {
      await command.run(this, argument);
    } catch (error) {
      if (error instanceof ExpressionError || error instanceof EvaluationError) throw new DebugError(error.message);
      if (error instanceof RangeError && !error.message.includes('call stack')) throw new DebugError(error.message);
      throw error;
    }
    const isOfSession = this.#depth === 0 || (this.#depth === 1 && this.#isSessionScript);
    if (!TRANSIENT.has(command.names[0]!) && isOfSession) this.history.push(text);
  }

  /**
   * Performs the commands of a file, with an echo of each. `isSession`: they are those of the session, as if typed.
   * @throws DebugError that names file and line
   */
  async perform(path: string, isSession = false): Promise<void> {
    if (this.#depth >= MOST_SCRIPTS) throw new DebugError(`scripts may read each other ${MOST_SCRIPTS} deep`);
    const lines = this.host.readFile(path).split(/\r?\n/);
    if (this.#depth === 0) this.#isSessionScript = isSession;
    this.#depth++;
    try {
      for (const [index, line] of lines.entries()) {
        if (this.hasQuit) return;
        const text = line.trim();
        if (text === '') continue;
        if (text.startsWith('#')) {
          this.printCode(text);
          continue;
        }
        this.printCode(`${PROMPT}${text}`);
        try {
          await this.execute(text);
        } catch (error) {
          if (error instanceof DebugError) throw new DebugError(`${path}:${index + 1}: ${error.message}`);
          throw error;
        }
      }
    } finally {
      this.#depth--;
    }
  }

  /** Drives a computation. Null: the user has stopped it. */
  async drive<T>(running: Running<T>): Promise<T | null> {
    for (;;) {
      const { done, value } = running.next();
      if (done === true) return value;
      if (!(await this.host.breathe(value))) continue;
      running.return(undefined as never);
      return null;
    }
  }

  /** Drives a command of the session, up to `times` times, and shows where it has stopped. */
  async go(begin: () => Running<Stop>, times = 1): Promise<void> {
    let stop: Stop | null = null;
    for (let time = 0; time < times; time++) {
      stop = await this.drive(begin());
      if (stop === null || stop.reason !== 'done') break;
    }
    this.showStop(stop);
  }

  showStop(stop: Stop | null): void {
    const { session } = this;
    if (stop === null) this.print('stopped by Ctrl-C');
    switch (stop?.reason) {
      case 'breakpoint':
        this.#showBreakpoint(stop.breakpoint, stop.change);
        break;
      case 'exited':
        this.print('the thread has exited');
        break;
      case 'blocked':
        this.print(
          stop.wait === null
            ? `nobody can go on under policy ${session.policy}`
            : `blocked under policy ${session.policy}: ${formatWait(stop.wait)}`,
        );
        break;
      case 'spins':
        this.print(
          `it has made ${formatCount(stop.steps)} steps alone and is on the same line: it polls in vain while others are frozen`,
        );
        break;
      case 'start':
        this.print('this is the start of the run');
        break;
      case 'refused':
        this.print(stop.message);
        break;
      case 'end':
        if (this.#endShown === session.position) {
          this.print(`the run has ended here (${stop.outcome.verdict})${HINTS[stop.outcome.verdict]}`);
          // Who has exited is no longer in focus.
          if (this.#placeShown !== this.#place) this.showPlace();
          return;
        }
        if (stop.outcome.verdict === 'completes') this.print(`completes after ${counted(stop.outcome.steps, 'step')}`);
        else for (const line of formatEnd(session)) this.print(line);
        this.print(`the run can go no further${HINTS[stop.outcome.verdict]}`);
        this.showPlace();
        this.#endShown = session.position;
        return;
    }
    this.showPlace();
  }

  get #place(): string {
    return `${this.session.position} ${formatFocus(this.session.focus)}`;
  }

  /** Position, thread in focus and its line. */
  showPlace(): void {
    const { session } = this;
    const { thread } = session;
    if (session.position !== this.#endShown) this.#endShown = null;
    this.#placeShown = this.#place;
    this.print(`step ${formatCount(session.position)}  ${formatThread(session, thread)}`);
    const frames = thread === null || thread.state === 'exited' ? [] : thread.frames;
    // Before its first operation a thread is in its kernel, whatever that calls first.
    const frame = thread?.operation === '' ? frames.at(-1) : frames[0];
    if (frame !== undefined) {
      this.print(formatFrame(frame));
      for (const line of sourceLine(frame.file, frame.line)) this.printCode(line);
    }
    this.listed = null;
    for (const id of this.displays.keys()) this.showDisplay(id);
  }

  showDisplay(id: number): void {
    const { text, expression } = this.displays.get(id)!;
    this.print(`${id}: ${text} = ${this.#valueText(expression)}`);
  }

  #valueText(expression: Expression): string {
    try {
      return expressionText(this.session, expression);
    } catch (error) {
      if (error instanceof EvaluationError) return `(${error.message})`;
      throw error;
    }
  }

  #showBreakpoint(breakpoint: Breakpoint, change: Extract<Stop, { reason: 'breakpoint' }>['change']): void {
    const { machine } = this.session;
    const text = this.breakpointTexts.get(breakpoint)?.at ?? '';
    const name = isWatch(breakpoint) ? 'watchpoint' : 'breakpoint';
    this.print(`${name} ${breakpoint.id}, ${formatStopAt(machine, breakpoint.at, text)}`);
    if (change === undefined) return;
    this.print(`  before  ${formatValue(machine, change.before)}`);
    this.print(`  now     ${formatValue(machine, change.after)}`);
  }

  get #commands(): DebugCommand[] {
    return this.sections.flatMap(([, commands]) => [...commands]);
  }

  /** The command of a name, a short form or the beginning of one name only. @throws DebugError */
  findCommand(word: string): DebugCommand {
    const exact = this.#commands.find(({ names }) => names.includes(word));
    if (exact !== undefined) return exact;
    const begun = this.#commands.filter(({ names: [name] }) => name!.startsWith(word));
    if (begun.length === 1) return begun[0]!;
    const which = begun.map(({ names: [name] }) => name).join(', ');
    throw new DebugError(
      begun.length === 0
        ? `there is no command '${word}'; 'help' lists them`
        : `'${word}' may be ${which}; give more of it`,
    );
  }

  /** Completions of a line, and the part of it that they stand for. */
  complete(line: string): [string[], string] {
    const match = /^\s*([\w-]+)\s+(?:.*[\s([&|=<>+*!])?(\S*)$/.exec(line);
    if (match === null) {
      const names = this.#commands.map(({ names: [name] }) => name!);
      return [startingWith(names, line.trimStart()), line.trimStart()];
    }
    const [, word = '', part = ''] = match;
    let command: DebugCommand;
    try {
      command = this.findCommand(word);
    } catch {
      return [[], part];
    }
    return [startingWith(command.complete?.(this) ?? [], part), part];
  }
}

/** A command's argument without the comment behind it. Quoted names may have a #. */
function withoutComment(text: string): string {
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "'") isQuoted = !isQuoted;
    else if (text[at] === '#' && !isQuoted && /\s/.test(text[at - 1] ?? '')) return text.slice(0, at);
  }
  return text;
}

const GO_BACK = "it can go back: 'back', 'reverse-continue', 'goto N'";
const WHY = `; 'why' says why; ${GO_BACK}`;
const HINTS: Readonly<Record<Outcome['verdict'], string>> = {
  completes: `; ${GO_BACK}`,
  error: `; ${GO_BACK}`,
  deadlock: WHY,
  livelock: WHY,
  budget: WHY,
};

export const PROMPT = '(simtwin) ';
const MOST_SCRIPTS = 8;
/** Commands that a saved script has no use for. */
const TRANSIENT: ReadonlySet<string> = new Set(['help', 'save', 'quit']);

const startingWith = (names: Iterable<string>, start: string): string[] =>
  [...new Set(names)].filter((name) => name.startsWith(start)).sort();
