import type { DebugProtocol } from '@vscode/debugprotocol';
import { EvaluationError, ExpressionError, type Focus, parseExpression } from '../debug/index.js';
import { type Fields, optional, required } from './arguments.js';
import { accessesOf, type Data, dataAtAddress, dataIdOf, dataOfExpression } from './data.js';
import { DapError, type DapHost, type Debuggee } from './host.js';
import type { Sources } from './sources.js';
import { type ClientThread, ClientThreads } from './threads.js';
import { type Node, scopesOf, VariableStore } from './variables.js';

/** Most children that are sent at once to a client that asks for all of them. */
const MOST_CHILDREN = 100;
/** Most children of a page that is asked for. */
const MOST_OF_PAGE = 10_000;
const MOST_MEMORY_BYTES = 2 ** 20;

/** How the client counts lines and columns. */
export interface Counting {
  line(line: number): number;
  column(column: number): number;
}

/** What a client can look at while nothing runs. */
export class Inspection {
  readonly threads: ClientThreads;
  readonly #debuggee: Debuggee;
  readonly #host: DapHost;
  readonly #sources: Sources;
  readonly #counting: Counting;
  readonly #variables = new VariableStore();
  /** By the client's number; numbers are not used again. */
  readonly #frames = new Map<number, { readonly focus: Focus; readonly index: number }>();
  #nextFrame = 1;

  constructor(debuggee: Debuggee, host: DapHost, sources: Sources, counting: Counting) {
    this.#debuggee = debuggee;
    this.#host = host;
    this.#sources = sources;
    this.#counting = counting;
    this.threads = new ClientThreads(debuggee.session, host.words);
  }

  /** Something has run: frames and variables that the client knows are old. */
  forget(): void {
    this.threads.forget();
    this.#variables.clear();
    this.#frames.clear();
  }

  /** Another thread is in focus: what the client knows stays as it was. */
  refocus(): void {
    this.threads.refocus();
  }

  /** @throws DapError */
  thread(id: number): ClientThread {
    const thread = this.threads.get(id);
    if (thread === undefined) throw new DapError(`there is no thread ${id}`);
    return thread;
  }

  /** @throws DapError */
  stackTrace(args: Fields): DebugProtocol.StackTraceResponse['body'] {
    const { focus } = this.thread(required(args, 'threadId', 'number'));
    const thread = focus === null ? null : this.#debuggee.session.threadOf(focus);
    if (focus === null || thread === null || thread.state === 'exited') return { stackFrames: [], totalFrames: 0 };
    // Before its first operation a thread is in its kernel, whatever that calls first.
    const all = thread.operation === '' ? thread.frames.slice(-1) : thread.frames;
    const outermost = thread.frames.length - all.length;
    const first = optional(args, 'startFrame', 'number') ?? 0;
    const levels = optional(args, 'levels', 'number') ?? 0;
    const stackFrames = all.slice(first, levels === 0 ? undefined : first + levels).map((frame, index) => {
      const id = this.#nextFrame++;
      this.#frames.set(id, { focus, index: outermost + first + index });
      return {
        id,
        name: `${frame.functionName}${this.#host.words.beside(frame)}`,
        source: this.#sources.toClient(frame.file),
        line: this.#counting.line(frame.line),
        column: this.#counting.column(frame.column),
      };
    });
    return { stackFrames, totalFrames: all.length };
  }

  /** @throws DapError */
  scopes(args: Fields): DebugProtocol.ScopesResponse['body'] {
    const { focus, index } = this.#frame(required(args, 'frameId', 'number'));
    const scopes = scopesOf(this.#debuggee, this.#host.words, focus, index).map(
      ({ name, hint, isExpensive, children }): DebugProtocol.Scope => ({
        name,
        expensive: isExpensive,
        variablesReference: this.#variables.add(children),
        ...(hint === undefined ? {} : { presentationHint: hint }),
      }),
    );
    return { scopes };
  }

  /** @throws DapError */
  variables(args: Fields): DebugProtocol.VariablesResponse['body'] {
    const reference = required(args, 'variablesReference', 'number');
    const children = this.#variables.get(reference);
    if (children === undefined) throw new DapError(`variables ${reference} are of an earlier stop, or never were`);
    const filter = optional(args, 'filter', 'string');
    if (filter !== undefined && filter !== children.kind) return { variables: [] };
    if (children.kind === 'named') return { variables: children.all().map((node) => this.#toClient(node)) };
    const first = Math.min(optional(args, 'start', 'number') ?? 0, children.count);
    const asked = optional(args, 'count', 'number') ?? 0;
    const most = asked === 0 ? MOST_CHILDREN : Math.min(asked, MOST_OF_PAGE);
    const count = Math.min(children.count - first, most);
    const variables = Array.from({ length: count }, (_, index) => this.#toClient(children.at(first + index)));
    const left = children.count - first - count;
    if (asked === 0 && left > 0) variables.push({ name: '…', value: `${left} more`, variablesReference: 0 });
    return { variables };
  }

  #toClient(node: Node): DebugProtocol.Variable {
    const { name, value, type, evaluateName, children, address } = node;
    return {
      name,
      value,
      variablesReference: children === undefined ? 0 : this.#variables.add(children),
      ...(children?.kind === 'indexed' ? { indexedVariables: children.count } : {}),
      ...(type === undefined ? {} : { type }),
      ...(evaluateName === undefined ? {} : { evaluateName }),
      ...(address === undefined ? {} : { memoryReference: `0x${address.toString(16)}` }),
    };
  }

  /** @throws DapError, ExpressionError, EvaluationError */
  evaluate(text: string, focus: Focus): DebugProtocol.EvaluateResponse['body'] {
    const { session } = this.#debuggee;
    const value = session.evaluate(parseExpression(text), focus);
    const isAddress = typeof value === 'bigint' && session.machine.memory.space.find(Number(value)) !== null;
    return {
      result: this.#host.words.value(session.machine, value),
      type: typeof value === 'bigint' ? 'integer' : typeof value,
      variablesReference: 0,
      ...(isAddress ? { memoryReference: `0x${value.toString(16)}` } : {}),
    };
  }

  /** The thread of a frame; that in focus if none is given. @throws DapError */
  focusOf(args: Fields): Focus {
    const id = optional(args, 'frameId', 'number');
    return id === undefined ? this.#debuggee.session.focus : this.#frame(id).focus;
  }

  /** @throws DapError */
  dataInfo(args: Fields): DebugProtocol.DataBreakpointInfoResponse['body'] {
    const name = required(args, 'name', 'string');
    try {
      const data = this.#dataOf(args, name);
      if (data !== null)
        return { dataId: dataIdOf(data), description: this.#describe(data), accessTypes: accessesOf(data) };
    } catch (error) {
      const isExpected =
        error instanceof DapError || error instanceof ExpressionError || error instanceof EvaluationError;
      if (!isExpected) throw error;
      return { dataId: null, description: error.message };
    }
    return { dataId: null, description: `${name} is nothing that can be watched` };
  }

  #dataOf(args: Fields, name: string): Data | null {
    const reference = optional(args, 'variablesReference', 'number') ?? 0;
    const bytes = optional(args, 'bytes', 'number');
    if (reference !== 0) return this.#variables.child(reference, name)?.data ?? null;
    const focus = this.focusOf(args);
    const { session } = this.#debuggee;
    if (args.asAddress === true) return dataAtAddress(session, name, focus, bytes);
    return dataOfExpression(session, name, focus, bytes);
  }

  #describe(data: Data): string {
    if (data.kind === 'value') return `${data.text} of ${this.#host.words.focus(data.focus)}`;
    return `${data.bytes} bytes at ${this.#host.words.address(this.#debuggee.session.machine, data.address)}`;
  }

  /** @throws DapError */
  readMemory(args: Fields): DebugProtocol.ReadMemoryResponse['body'] {
    const reference = required(args, 'memoryReference', 'string');
    const offset = Number.isSafeInteger(args.offset) ? (args.offset as number) : 0;
    const count = Math.min(required(args, 'count', 'number'), MOST_MEMORY_BYTES);
    const address = /^(?:0x[0-9a-fA-F]{1,13}|\d{1,15})$/.test(reference) ? Number(reference) + offset : Number.NaN;
    const allocation = address >= 0 ? this.#debuggee.session.machine.memory.space.find(address) : null;
    const shown = `0x${(address >= 0 ? address : 0).toString(16)}`;
    if (allocation === null) return { address: shown, unreadableBytes: count };
    const from = address - allocation.base;
    const bytes = allocation.u8.subarray(from, Math.min(allocation.bytes, from + count));
    return { address: shown, data: base64(bytes), unreadableBytes: count - bytes.length };
  }

  #frame(id: number): { readonly focus: Focus; readonly index: number } {
    const frame = this.#frames.get(id);
    if (frame === undefined) throw new DapError(`frame ${id} is of an earlier stop, or never was`);
    return frame;
  }
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return btoa(text);
}
