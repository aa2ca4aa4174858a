import { DebugSession as Adapter, Response } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { EvaluationError, ExpressionError, type Granularity, type Running, type Stop } from '../debug/index.js';
import { type Fields, fieldsOf, granularityOf, launchArguments, list, optional, required } from './arguments.js';
import { ClientBreakpoints } from './breakpoints.js';
import { CAPABILITIES } from './capabilities.js';
import { EXCEPTION_FILTERS, exceptionInfo } from './exception.js';
import { DapError, type DapHost, type LaunchArguments } from './host.js';
import { Inspection } from './inspection.js';
import { type Launched, type Purpose, Reports } from './reports.js';
import { Runs } from './runs.js';
import { Sources } from './sources.js';
import { FOCUS_THREAD, isSameThread } from './threads.js';

/** Answers a request with the body of its response; `after` is for what follows upon that. */
type Handler = (args: Fields, after: After) => object | undefined | Promise<object | undefined>;
type After = (part: () => void) => void;

/**
 * A session of the Debug Adapter Protocol about one captured call. Messages come in by `receive` and go out by
 * `onDidSendMessage`; nothing that a client sends makes it throw. The client sees one thread for whoever is in focus, and
 * one for each group of threads that stand at the same place.
 */
export class DapSession extends Adapter {
  readonly #host: DapHost;
  readonly #sources: Sources;
  readonly #breakpoints: ClientBreakpoints;
  readonly #reports: Reports;
  readonly #runs: Runs;
  #launched: Launched | null = null;
  #isConfigured = false;
  /** What stops for a restart or the end is not told of. */
  #isRestarting = false;

  constructor(host: DapHost) {
    super();
    this.setDebuggerLinesStartAt1(true);
    this.setDebuggerColumnsStartAt1(true);
    this.#host = host;
    this.#sources = new Sources(host);
    this.#breakpoints = new ClientBreakpoints(host, this.#sources, (text) => this.#reports.print(text));
    this.#reports = new Reports(
      (event) => this.sendEvent(event),
      host.words,
      (breakpoint) => this.#breakpoints.find(breakpoint),
    );
    this.#runs = new Runs(host, this.#reports);
  }

  /** The client has gone, or is to go: whatever runs ends. */
  close(): void {
    this.#reports.isMuted = true;
    this.#runs.leave();
  }

  /** An object that has come as a message. */
  receive(message: Fields): void {
    if (message.type !== 'request' && message.type !== 'response') {
      this.report("a message is neither a 'request' nor a 'response'");
      return;
    }
    try {
      this.handleMessage(message as unknown as DebugProtocol.ProtocolMessage);
    } catch (error) {
      this.report(this.#messageOf(error));
    }
  }

  /** Something has come that cannot be answered. */
  report(why: string): void {
    this.#reports.print(`simtwin: ${why}; it was dropped`, 'stderr');
  }

  // The base class would end the process.
  override shutdown(): void {}

  protected override dispatchRequest(request: DebugProtocol.Request): void {
    const hasSeq = Number.isSafeInteger(request.seq);
    if (typeof request.command !== 'string' || !hasSeq) {
      const response = new Response({ type: 'request', seq: hasSeq ? request.seq : 0, command: '' });
      this.#fail(response, "a request has 'seq', an integer, and 'command', a string");
      return;
    }
    const response: DebugProtocol.Response = new Response(request);
    const afterwards: (() => void)[] = [];
    const succeed = (body: object | undefined) => {
      if (body !== undefined) response.body = body;
      this.sendResponse(response);
      for (const part of afterwards) this.#safely(part);
    };
    const fail = (error: unknown) => this.#fail(response, this.#messageOf(error));
    try {
      const args = fieldsOf(request.arguments, "'arguments'");
      if (request.command === 'initialize') {
        // How the client counts lines is kept by the base class.
        const pathFormat = optional(args, 'pathFormat', 'string') ?? 'path';
        if (pathFormat !== 'path') throw new DapError(`'pathFormat' must be 'path', not '${pathFormat}'`);
        super.dispatchRequest({ ...request, arguments: { ...args, pathFormat } });
        return;
      }
      const handler = Object.hasOwn(this.#handlers, request.command) ? this.#handlers[request.command]! : null;
      if (handler === null) throw new DapError(`there is no request '${request.command.slice(0, 40)}'`);
      const body = handler(args, (part) => afterwards.push(part));
      // What is answered at once is answered before the next message is looked at.
      if (body instanceof Promise) body.then(succeed, fail);
      else succeed(body);
    } catch (error) {
      fail(error);
    }
  }

  protected override initializeRequest(
    response: DebugProtocol.InitializeResponse,
    args: DebugProtocol.InitializeRequestArguments,
  ): void {
    this.#reports.client = {
      progress: args.supportsProgressReporting === true,
      invalidated: args.supportsInvalidatedEvent === true,
    };
    response.body = CAPABILITIES;
    this.sendResponse(response);
  }

  /** Does something that nobody waits for. */
  #safely(part: () => void): void {
    try {
      part();
    } catch (error) {
      this.#reports.print(this.#messageOf(error), 'stderr');
    }
  }

  #fail(response: DebugProtocol.Response, message: string): void {
    response.success = false;
    response.message = message;
    response.body = { error: { id: 1, format: '{_text}', variables: { _text: message }, showUser: true } };
    this.sendResponse(response);
  }

  /** One line. */
  #messageOf(error: unknown): string {
    const message = error instanceof Error ? error.message : String(error);
    const isExpected =
      error instanceof DapError || error instanceof ExpressionError || error instanceof EvaluationError;
    const text = isExpected ? message : `simtwin itself failed: ${message}`;
    return text.replace(/\s*\n\s*/g, '; ');
  }

  readonly #handlers: Readonly<Record<string, Handler>> = {
    launch: (args, after) => this.#launch(args, after),
    attach: () => {
      throw new DapError("there is nothing to attach to: 'launch' with the path of a capture as 'program'");
    },
    configurationDone: (_, after) => this.#configurationDone(after),
    setBreakpoints: (args) => this.#setBreakpoints(args),
    setFunctionBreakpoints: (args) => this.#change(() => ({ breakpoints: this.#breakpoints.setFunctions(args) })),
    setDataBreakpoints: (args) => this.#change(() => ({ breakpoints: this.#breakpoints.setData(args) })),
    setExceptionBreakpoints: (args) => this.#setExceptionBreakpoints(args),
    dataBreakpointInfo: (args) => this.#still.inspection.dataInfo(args),
    breakpointLocations: (args) => this.#breakpointLocations(args),
    threads: () => this.#threads(),
    stackTrace: (args) => this.#still.inspection.stackTrace(args),
    scopes: (args) => this.#still.inspection.scopes(args),
    variables: (args) => this.#still.inspection.variables(args),
    evaluate: (args, after) => this.#evaluate(args, after),
    completions: (args) => this.#completions(args),
    source: (args) => this.#source(args),
    loadedSources: () => ({
      sources: this.#known.session.sources.files.map((file) => this.#sources.toClient(file)),
    }),
    readMemory: (args) => this.#still.inspection.readMemory(args),
    exceptionInfo: () => exceptionInfo(this.#reports.ended(this.#still)),
    continue: (_, after) => this.#continue(after),
    next: (args, after) => this.#step(args, 'over', after),
    stepIn: (args, after) => this.#step(args, 'operation', after),
    stepOut: (args, after) => this.#step(args, 'out', after),
    stepBack: (args, after) => this.#stepBack(args, after),
    reverseContinue: (_, after) => this.#run('back', false, ({ session }) => session.reverseContinue(), after),
    pause: (_, after) => this.#pause(after),
    cancel: (args) => this.#cancel(args),
    restart: (args, after) => this.#restart(args, after),
    terminate: (_, after) => this.#terminate(after),
    disconnect: (_, after) => this.#disconnect(after),
    'simtwin/focus': (args, after) => this.#focus(args, after),
  };

  // --- Life

  get #known(): Launched {
    if (this.#launched === null) throw new DapError('nothing has been launched');
    return this.#launched;
  }

  /** @throws DapError if it runs: editors know the word */
  get #still(): Launched {
    if (this.#runs.isRunning) throw new DapError('notStopped');
    return this.#known;
  }

  #launch(args: Fields, after: After): undefined {
    if (this.#launched !== null) throw new DapError("a call has been launched already: 'restart' begins anew");
    this.#open(launchArguments(args));
    after(() => this.#reports.initialized());
  }

  #open(args: LaunchArguments): void {
    const debuggee = this.#host.open(args);
    debuggee.session.policy = args.policy;
    const counting = {
      line: (line: number) => this.convertDebuggerLineToClient(line),
      column: (column: number) => this.convertDebuggerColumnToClient(column),
    };
    this.#launched = { ...debuggee, args, inspection: new Inspection(debuggee, this.#host, this.#sources, counting) };
    this.#reports.forgetEnd();
    if (!args.noDebug) this.#breakpoints.attach(debuggee.session);
    this.#reports.print(debuggee.title);
  }

  #configurationDone(after: After): undefined {
    void this.#known;
    if (this.#isConfigured) return;
    this.#isConfigured = true;
    after(() => this.#go());
  }

  /** The run begins. */
  #go(): void {
    if (this.#known.args.stopOnEntry) this.#reports.stopped('entry');
    else this.#start('continue', true, ({ session }) => session.continue());
  }

  async #restart(args: Fields, after: After): Promise<undefined> {
    const { args: before } = this.#known;
    // Editors send the launch's arguments again, as they are now.
    const given = fieldsOf(args.arguments, "'arguments'");
    const next = Object.hasOwn(given, 'program') ? launchArguments(given) : before;
    this.#isRestarting = this.#runs.isRunning;
    this.#runs.leave();
    await this.#runs.whenStill(() => {
      this.#isRestarting = false;
      this.#open(next);
    });
    if (this.#isConfigured) after(() => this.#go());
  }

  async #terminate(after: After): Promise<undefined> {
    this.#isRestarting = this.#runs.isRunning;
    this.#runs.leave();
    await this.#runs.whenStill(() => {
      this.#isRestarting = false;
    });
    after(() => this.#reports.terminated());
  }

  #disconnect(after: After): undefined {
    this.close();
    after(() => this.#host.ended());
  }

  // --- Breakpoints

  /** Changes breakpoints between two steps. */
  #change<T>(part: () => T): T | Promise<T> {
    void this.#known;
    return this.#runs.whenStill(part);
  }

  #setBreakpoints(args: Fields): object | Promise<object> {
    const source = fieldsOf(args.source, "'source'");
    const own = (spec: Fields): Fields =>
      typeof spec.line === 'number' ? { ...spec, line: this.convertClientLineToDebugger(spec.line) } : spec;
    const given = Object.hasOwn(args, 'breakpoints')
      ? { breakpoints: list(args, 'breakpoints').map(own) }
      : { lines: (Array.isArray(args.lines) ? args.lines : []).map((line: unknown) => own({ line }).line) };
    return this.#change(() => {
      const breakpoints = this.#breakpoints.setSource(given, source);
      return { breakpoints: breakpoints.map((breakpoint) => this.#toClient(breakpoint)) };
    });
  }

  #toClient(breakpoint: DebugProtocol.Breakpoint): DebugProtocol.Breakpoint {
    const { line } = breakpoint;
    return line === undefined ? breakpoint : { ...breakpoint, line: this.convertDebuggerLineToClient(line) };
  }

  #setExceptionBreakpoints(args: Fields): undefined {
    const { filters } = args;
    if (!Array.isArray(filters)) throw new DapError("'filters' must be an array");
    const known: readonly string[] = EXCEPTION_FILTERS.map(({ filter }) => filter);
    const unknown = filters.find((filter) => !known.includes(filter as string));
    if (unknown !== undefined) throw new DapError(`there is no filter '${unknown}'; there are ${known.join(', ')}`);
    this.#reports.filters = new Set(filters as string[]);
  }

  #breakpointLocations(args: Fields): object {
    const { sources } = this.#known.session;
    const where = this.#sources.fromClient(fieldsOf(args.source, "'source'"), sources);
    const first = this.convertClientLineToDebugger(required(args, 'line', 'number'));
    const end = optional(args, 'endLine', 'number');
    const last = end === undefined ? first : this.convertClientLineToDebugger(end);
    const lines = where.kind === 'port' ? sources.lines(where.file) : [];
    const breakpoints = lines
      .filter((line) => line >= first && line <= last)
      .map((line) => ({ line: this.convertDebuggerLineToClient(line) }));
    return { breakpoints };
  }

  // --- Looking

  #threads(): object {
    const launched = this.#launched;
    if (launched === null) return { threads: [] };
    const { threads } = launched.inspection;
    const shown = this.#runs.isRunning ? threads.last : threads.all;
    return { threads: shown.map(({ id, name }) => ({ id, name })) };
  }

  #source(args: Fields): object {
    const source = fieldsOf(args.source, "'source'");
    const reference = optional(source, 'sourceReference', 'number') ?? required(args, 'sourceReference', 'number');
    return { content: this.#sources.text(reference), mimeType: 'text/typescript' };
  }

  #completions(args: Fields): object {
    const text = required(args, 'text', 'string');
    const column = this.convertClientColumnToDebugger(required(args, 'column', 'number'));
    const [completions, part] = this.#still.console.complete(text.slice(0, Math.max(0, column - 1)));
    const start = this.convertDebuggerColumnToClient(Math.max(1, column - part.length));
    return { targets: completions.slice(0, 200).map((label) => ({ label, start, length: part.length })) };
  }

  /** An expression; in the debug console also a command of the terminal debugger. */
  #evaluate(args: Fields, after: After): object | Promise<object> {
    const launched = this.#still;
    const { inspection, console } = launched;
    const text = required(args, 'expression', 'string');
    const focus = inspection.focusOf(args);
    if (args.context !== 'repl') return inspection.evaluate(text, focus);
    const command = EXECUTE.exec(text)?.[1] ?? (LANE.test(text) ? text.replace(LANE, 'focus lane $1') : null);
    if (command !== null) return this.#perform(command, args, after);
    try {
      return inspection.evaluate(text, focus);
    } catch (error) {
      const hasNoValue = error instanceof EvaluationError || error instanceof ExpressionError;
      if (!hasNoValue || !console.isCommand(text)) throw error;
    }
    return this.#perform(text, args, after);
  }

  async #perform(line: string, args: Fields, after: After): Promise<object> {
    const launched = this.#still;
    const { session, console, inspection } = launched;
    const focus = inspection.focusOf(args);
    const before = { focus: session.focus, position: session.position };
    if (session.blockOf(focus) !== null) session.setFocus(focus);
    this.#runs.begin();
    let isTold = false;
    try {
      const { text, hasQuit } = await console.execute(line, (position) => {
        if (!isTold) this.#reports.continued();
        isTold = true;
        return this.#runs.breathe(position);
      });
      if (hasQuit) after(() => this.#reports.terminated());
      return { result: text, variablesReference: 0 };
    } finally {
      const isSilent = this.#isRestarting;
      const hasMoved = isTold || session.position !== before.position;
      const isRefocused = !isSameThread(session.focus, before.focus);
      if (hasMoved) this.#forget(launched);
      if (isRefocused) inspection.refocus();
      this.#runs.end();
      this.#rebind();
      if (!isSilent && hasMoved) this.#reports.moved(launched);
      else if (!isSilent && isRefocused) this.#reports.refocused();
    }
  }

  /** Takes another thread into focus; whatever is left out stays. */
  #focus(args: Fields, after: After): object {
    const { session, inspection } = this.#still;
    const { focus } = session;
    const index = fieldsOf(args.block, "'block'");
    const warp = optional(args, 'warp', 'number') ?? focus.threadRank >>> 5;
    const lane = optional(args, 'lane', 'number') ?? focus.threadRank & 31;
    if (lane > 31) throw new DapError(`lane ${lane}: a warp has lanes 0 to 31`);
    const next = {
      rank: optional(args, 'rank', 'number') ?? focus.rank,
      kernel: optional(args, 'kernel', 'string') ?? focus.kernel,
      blockIdx: {
        x: optional(index, 'x', 'number') ?? focus.blockIdx.x,
        y: optional(index, 'y', 'number') ?? focus.blockIdx.y,
        z: optional(index, 'z', 'number') ?? focus.blockIdx.z,
      },
      threadRank: warp * 32 + lane,
    };
    try {
      session.setFocus(next);
    } catch (error) {
      if (error instanceof RangeError) throw new DapError(`${this.#host.words.focus(next)}: ${error.message}`);
      throw error;
    }
    inspection.refocus();
    after(() => this.#reports.refocused());
    return { threadId: FOCUS_THREAD, ...next };
  }

  // --- Running

  #continue(after: After): object {
    this.#run('continue', true, ({ session }) => session.continue(), after);
    return { allThreadsContinued: true };
  }

  #step(args: Fields, granularity: Granularity, after: After): undefined {
    this.#stepping(args);
    const chosen = granularityOf(args, granularity);
    return this.#run('step', false, ({ session }) => session.step(chosen), after);
  }

  #stepBack(args: Fields, after: After): undefined {
    this.#stepping(args);
    const chosen = granularityOf(args, 'over');
    return this.#run('back', false, ({ session }) => session.back(chosen), after);
  }

  /** The first thread of the group that is to be stepped comes into focus. */
  #stepping(args: Fields): void {
    const { session, inspection } = this.#still;
    const { focus } = inspection.thread(optional(args, 'threadId', 'number') ?? FOCUS_THREAD);
    if (focus === null) throw new DapError('these threads are several places: take one of them into focus first');
    if (!isSameThread(focus, session.focus)) session.setFocus(focus);
  }

  #run(purpose: Purpose, isRepeatable: boolean, begin: (launched: Launched) => Running<Stop>, after: After): undefined {
    void this.#still;
    after(() => this.#start(purpose, isRepeatable, begin));
  }

  #pause(after: After): undefined {
    void this.#known;
    if (this.#runs.isRunning) this.#runs.leave();
    else after(() => this.#reports.stopped('pause'));
  }

  /** A run that shows how far it is can be left; requests are answered before they could be cancelled. */
  #cancel(args: Fields): undefined {
    if (optional(args, 'progressId', 'string') !== undefined) this.#runs.leave();
  }

  #start(purpose: Purpose, isRepeatable: boolean, begin: (launched: Launched) => Running<Stop>): void {
    const launched = this.#known;
    this.#runs.begin();
    this.#forget(launched);
    this.#breakpoints.isReverse = purpose === 'back';
    void this.#drive(launched, purpose, isRepeatable, begin);
  }

  /** The position changes, or has changed. */
  #forget({ inspection }: Launched): void {
    inspection.forget();
    this.#reports.forgetEnd();
  }

  async #drive(
    launched: Launched,
    purpose: Purpose,
    isRepeatable: boolean,
    begin: (launched: Launched) => Running<Stop>,
  ): Promise<void> {
    let stop: Stop | null = null;
    let problem: string | null = null;
    try {
      stop = await this.#runs.drive(() => this.#rebinding(begin(launched)), isRepeatable);
    } catch (error) {
      problem = this.#messageOf(error);
    }
    this.#forget(launched);
    const isSilent = this.#isRestarting;
    this.#runs.end();
    if (isSilent) return;
    try {
      if (problem !== null) throw new DapError(problem);
      this.#reports.stop(launched, purpose, stop);
    } catch (error) {
      const message = this.#messageOf(error);
      this.#reports.print(message, 'stderr');
      this.#reports.stopped('pause', message);
    }
    this.#safely(() => this.#rebind());
  }

  /** Between slices, breakpoints of kernels that have begun are looked for. */
  *#rebinding(running: Running<Stop>): Running<Stop> {
    try {
      for (;;) {
        const { done, value } = running.next();
        if (done === true) return value;
        this.#rebind();
        yield value;
      }
    } finally {
      running.return(undefined as never);
    }
  }

  #rebind(): void {
    if (this.#launched?.args.noDebug === true) return;
    for (const breakpoint of this.#breakpoints.rebind()) this.#reports.breakpointChanged(this.#toClient(breakpoint));
  }
}

const EXECUTE = /^\s*-exec\s+(.*)$/s;
const LANE = /^\s*lane\s+(\d{1,9})\s*$/;
