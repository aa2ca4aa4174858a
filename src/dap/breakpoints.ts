import type { DebugProtocol } from '@vscode/debugprotocol';
import {
  type Breakpoint,
  type DebugSession,
  EvaluationError,
  type Expression,
  ExpressionError,
  type Focus,
  parseExpression,
  type SourceMap,
  type SourcePlace,
  type StopAt,
} from '../debug/index.js';
import { type Fields, list, optional, required } from './arguments.js';
import { type DataAccess, dataOf, stopsAt } from './data.js';
import { DapError, type DapHost } from './host.js';
import type { Sources } from './sources.js';

export type BreakpointKind = 'source' | 'function' | 'data';

/** A breakpoint of the client. */
interface ClientBreakpoint {
  readonly id: number;
  readonly kind: BreakpointKind;
  /** The client's file, in its own words; '' if it is on none. */
  readonly source: Fields;
  readonly spec: Fields;
  /** Those of the session that it is made of. */
  made: readonly Breakpoint[];
  shown: DebugProtocol.Breakpoint;
  /** How often its condition has held, going forward. */
  passes: number;
}

/** What a request's breakpoint becomes in a session; none: `message` says why. */
interface Meaning {
  readonly at: readonly StopAt[];
  readonly place: SourcePlace | null;
  readonly isVerified: boolean;
  readonly message: string | null;
}

/** Most breakpoints of a client. */
const MOST = 1000;
/** A breakpoint between two functions moves at most as far. */
const NEAR_LINES = 20;

/** The client's breakpoints, kept while sessions come and go. */
export class ClientBreakpoints {
  /** While the run goes back, hits are not counted and nothing is logged. */
  isReverse = false;
  readonly #host: DapHost;
  readonly #sources: Sources;
  readonly #log: (text: string) => void;
  #session: DebugSession | null = null;
  /** By kind and, for sources, file. */
  readonly #sets = new Map<string, readonly ClientBreakpoint[]>();
  #nextId = 1;
  /** Programs that had begun when the lines were looked up. */
  #programs = 0;

  constructor(host: DapHost, sources: Sources, log: (text: string) => void) {
    this.#host = host;
    this.#sources = sources;
    this.#log = log;
  }

  /** All of them go over to another session. */
  attach(session: DebugSession): void {
    this.#session = session;
    for (const breakpoint of this.#all()) {
      breakpoint.made = [];
      breakpoint.passes = 0;
      this.#make(breakpoint);
    }
  }

  /** @throws DapError */
  setSource(args: Fields, source: Fields): DebugProtocol.Breakpoint[] {
    const path = optional(source, 'path', 'string') ?? optional(source, 'sourceReference', 'number');
    if (path === undefined) throw new DapError("'source' needs a path");
    const specs = Object.hasOwn(args, 'breakpoints')
      ? list(args, 'breakpoints')
      : (Array.isArray(args.lines) ? args.lines : []).map((line: unknown): Fields => ({ line }));
    for (const spec of specs) required(spec, 'line', 'number');
    return this.#set(`source ${path}`, 'source', source, specs);
  }

  /** @throws DapError */
  setFunctions(args: Fields): DebugProtocol.Breakpoint[] {
    const specs = list(args, 'breakpoints');
    for (const spec of specs) required(spec, 'name', 'string');
    return this.#set('function', 'function', {}, specs);
  }

  /** @throws DapError */
  setData(args: Fields): DebugProtocol.Breakpoint[] {
    const specs = list(args, 'breakpoints');
    for (const spec of specs) required(spec, 'dataId', 'string');
    return this.#set('data', 'data', {}, specs);
  }

  /** Looks again for those that had no place when fewer kernels had begun. Result: those that have changed. */
  rebind(): DebugProtocol.Breakpoint[] {
    const session = this.#session;
    const programs = session?.timeline.engine.arenas.size ?? 0;
    if (session === null || programs === this.#programs) return [];
    this.#programs = programs;
    const changed: DebugProtocol.Breakpoint[] = [];
    for (const breakpoint of this.#all()) {
      if (breakpoint.shown.verified) continue;
      this.#unmake(breakpoint);
      this.#make(breakpoint);
      if (breakpoint.shown.verified) changed.push(breakpoint.shown);
    }
    return changed;
  }

  /** What the client knows of a breakpoint of the session; undefined: it is none of its own. */
  find(breakpoint: Breakpoint): { readonly id: number; readonly kind: BreakpointKind } | undefined {
    return this.#all().find(({ made }) => made.includes(breakpoint));
  }

  #all(): ClientBreakpoint[] {
    return [...this.#sets.values()].flat();
  }

  #set(key: string, kind: BreakpointKind, source: Fields, specs: readonly Fields[]): DebugProtocol.Breakpoint[] {
    const old = [...(this.#sets.get(key) ?? [])];
    if (this.#all().length - old.length + specs.length > MOST) throw new DapError(`there may be ${MOST} breakpoints`);
    const set = specs.map((spec) => {
      const known = old.findIndex((candidate) => JSON.stringify(candidate.spec) === JSON.stringify(spec));
      const [kept] = known === -1 ? [] : old.splice(known, 1);
      if (kept?.shown.verified === true) return kept;
      if (kept !== undefined) this.#unmake(kept);
      const id = kept?.id ?? this.#nextId++;
      const made: ClientBreakpoint = { id, kind, source, spec, made: [], shown: { verified: false }, passes: 0 };
      this.#make(made);
      return made;
    });
    for (const breakpoint of old) this.#unmake(breakpoint);
    this.#sets.set(key, set);
    return set.map(({ shown }) => shown);
  }

  #unmake({ made }: ClientBreakpoint): void {
    for (const { id } of made) this.#session?.removeBreakpoint(id);
  }

  /** Puts it into the session, as far as it can be; what is wrong with it goes to the client. */
  #make(breakpoint: ClientBreakpoint): void {
    const { id, kind, source, spec } = breakpoint;
    const session = this.#session;
    breakpoint.made = [];
    if (session === null) return;
    try {
      const condition = conditionOf(spec);
      if (condition !== null) session.requireKnownNames(condition);
      const isWanted = this.#filterOf(breakpoint, session);
      const { at, place, isVerified, message } =
        kind === 'source' ? this.#placeOf(session, source, spec) : this.#targetOf(session, kind, spec);
      breakpoint.made = at.map((stopAt) => {
        const made = session.addBreakpoint(stopAt, condition);
        if (isWanted !== null) made.isWanted = isWanted;
        return made;
      });
      breakpoint.shown = {
        id,
        verified: isVerified,
        ...(place === null ? {} : { line: place.line, source: this.#sources.toClient(place.file) }),
        ...(message === null ? {} : { message }),
      };
    } catch (error) {
      breakpoint.shown = { id, verified: false, message: messageOf(error) };
    }
  }

  #placeOf(session: DebugSession, source: Fields, spec: Fields): Meaning {
    const { sources } = session;
    const where = this.#sources.fromClient(source, sources);
    const line = required(spec, 'line', 'number');
    switch (where.kind) {
      case 'unknown':
        throw new DapError(`no kernel of this call is in ${where.name}; there are ${sources.files.join(', ')}`);
      case 'original': {
        const places = this.#host.originalPlaces(session, line);
        if (places.length === 0) throw new DapError(`no port says that it stands for line ${line} of the original`);
        const message = places.map((place) => `${place.file}:${place.line}`).join(', ');
        return { at: [{ kind: 'line', places }], place: null, isVerified: true, message };
      }
      case 'port': {
        const bound = sources.bind({ file: where.file, line }) ?? nearest(sources, where.file, line);
        if (bound !== null) {
          const isMoved = bound.line !== line;
          const message = isMoved ? `no thread can stop at line ${line}: line ${bound.line} is the nearest` : null;
          return { at: [{ kind: 'line', places: [bound] }], place: bound, isVerified: true, message };
        }
        // A kernel that begins later may have it.
        const places = [{ file: where.file, line }];
        return {
          at: [{ kind: 'line', places }],
          place: null,
          isVerified: false,
          message: nowhere(sources, where.file, line),
        };
      }
      default:
        return where satisfies never;
    }
  }

  #targetOf(session: DebugSession, kind: 'function' | 'data', spec: Fields): Meaning {
    if (kind === 'function') {
      const name = required(spec, 'name', 'string');
      const target = this.#host.target(session, name);
      if (target === null) throw new DapError(`there is no '${name}': a function, or an operation as atom.add`);
      return { at: [target], place: null, isVerified: true, message: null };
    }
    const data = dataOf(required(spec, 'dataId', 'string'));
    const access = optional(spec, 'accessType', 'string') ?? 'write';
    if (access !== 'read' && access !== 'write' && access !== 'readWrite')
      throw new DapError(`'accessType' is read, write or readWrite, not '${access}'`);
    return { at: stopsAt(data, access satisfies DataAccess), place: null, isVerified: true, message: null };
  }

  /** Counts hits and logs; null: there is nothing to do but to stop. @throws DapError, ExpressionError */
  #filterOf(breakpoint: ClientBreakpoint, session: DebugSession): ((thread: Focus) => boolean) | null {
    const { spec } = breakpoint;
    const hitCondition = optional(spec, 'hitCondition', 'string') ?? '';
    const logMessage = optional(spec, 'logMessage', 'string') ?? '';
    if (hitCondition === '' && logMessage === '') return null;
    const isCounted = hitCondition === '' ? () => true : parseHitCondition(hitCondition);
    const log = logMessage === '' ? null : parseLogMessage(logMessage);
    return (thread) => {
      if (this.isReverse) return log === null;
      breakpoint.passes++;
      if (!isCounted(breakpoint.passes)) return false;
      if (log !== null) this.#log(log((expression) => this.#shown(session, expression, thread)));
      return log === null;
    };
  }

  #shown(session: DebugSession, expression: Expression, thread: Focus): string {
    try {
      return this.#host.words.value(session.machine, session.evaluate(expression, thread));
    } catch (error) {
      if (error instanceof EvaluationError) return `(${error.message})`;
      throw error;
    }
  }
}

function conditionOf(spec: Fields): Expression | null {
  const text = optional(spec, 'condition', 'string') ?? '';
  return text.trim() === '' ? null : parseExpression(text);
}

/** `3` and `>= 3`: from the third on; `== 3`, `> 3`, `<= 3`, `< 3`; `% 3`: every third. @throws DapError */
function parseHitCondition(text: string): (count: number) => boolean {
  const match = /^\s*(>=|>|==?|<=|<|%)?\s*(\d{1,15})\s*$/.exec(text);
  const number = Number(match?.[2] ?? 0);
  if (match === null || number === 0)
    throw new DapError(`'${text}': a hit condition is N, == N, > N, < N or % N, N from 1 on`);
  switch (match[1]) {
    case '>':
      return (count) => count > number;
    case '=':
    case '==':
      return (count) => count === number;
    case '<':
      return (count) => count < number;
    case '<=':
      return (count) => count <= number;
    case '%':
      return (count) => count % number === 0;
    default:
      return (count) => count >= number;
  }
}

/** A text with expressions in braces. @throws ExpressionError */
function parseLogMessage(text: string): (textOf: (expression: Expression) => string) => string {
  const parts = text.split(/\{([^{}]+)\}/).map((part, index) => (index % 2 === 0 ? part : parseExpression(part)));
  return (textOf) => parts.map((part) => (typeof part === 'string' ? part : textOf(part))).join('');
}

/** The next line where a thread can stop, or the one before, if it is not far. */
function nearest(sources: SourceMap, file: string, line: number): SourcePlace | null {
  const isNear = (candidate: number) => Math.abs(candidate - line) <= NEAR_LINES;
  const lines = sources.lines(file);
  const found = lines.find((next) => next > line && isNear(next)) ?? lines.findLast(isNear);
  return found === undefined ? null : { file, line: found };
}

function nowhere(sources: SourceMap, file: string, line: number): string {
  const lines = sources.lines(file);
  if (lines.length === 0) return `no kernel that has begun is in ${file}`;
  const near = [...lines].sort((a, b) => Math.abs(a - line) - Math.abs(b - line)).slice(0, 5);
  return `no thread can stop at line ${line} or behind it; lines nearby: ${near.sort((a, b) => a - b).join(', ')}`;
}

function messageOf(error: unknown): string {
  const isExpected =
    error instanceof DapError ||
    error instanceof ExpressionError ||
    error instanceof EvaluationError ||
    error instanceof RangeError;
  if (isExpected) return error.message;
  throw error;
}
