import type { DebugSession, SourcePlace } from '../index.js';
import { originalReferences } from './original-line.js';
import { readSourceLines } from './package-files.js';

/** What the user has got wrong, in one line that says what is accepted. The session goes on. */
export class DebugError extends Error {
  override readonly name = 'DebugError';
}

/** Lines around `line` of a source file, with the original's numbers. `marked`: the line where the thread is. */
export function listing(file: string, line: number, marked: number | null, count = 10): string[] | null {
  const lines = readSourceLines(file);
  if (lines === null) return null;
  const first = Math.max(1, line);
  const last = Math.min(lines.length, first + count - 1);
  const width = String(last).length;
  const shown: string[] = [];
  for (let number = first; number <= last; number++) {
    const text = lines[number - 1]!;
    const own = /\/\/\s*((?::\d+(?:-\d+)?(?:,\s*)?)+)\s*$/.exec(text);
    const original = own === null ? '' : own[1]!.trim();
    const code = own === null ? text : text.slice(0, own.index).trimEnd();
    const arrow = number === marked ? '=>' : '  ';
    shown.push(`${arrow} ${String(number).padStart(width)} ${original.padStart(8)}  ${code}`.trimEnd());
  }
  return shown;
}

/** The line of code itself, as a listing has it. */
export const sourceLine = (file: string, line: number): string[] => listing(file, line, line, 1) ?? [];

/** `file.ts`, or the end of its path, as it is in the programs. @throws DebugError */
export function findFile(session: DebugSession, name: string): string {
  const { files } = session.sources;
  const found = files.filter((file) => file === name || file.endsWith(`/${name}`));
  if (found.length === 1) return found[0]!;
  throw new DebugError(`there is no file '${name}'; files: ${files.join(', ')}`);
}

export const TARGET_HELP =
  'a target is FILE:LINE, LINE (of the current file), :LINE of the original, a function, or an operation as atom.add';

/** A line of the original: `:484`, `trtllm_alltoall.cuh:484`. */
export const ORIGINAL_LINE = /^(?:[\w.]+\.cuh?)?:(\d+)$/;

/** A target of breakpoints: lines, a function, an operation. */
export type Target =
  | { readonly kind: 'line'; readonly places: readonly SourcePlace[]; readonly note: string | null }
  | { readonly kind: 'function' | 'operation'; readonly name: string };

/** @throws DebugError */
export function parseTarget(session: DebugSession, text: string): Target {
  const { sources } = session;
  const original = ORIGINAL_LINE.exec(text);
  if (original !== null) return ofOriginal(session, Number(original[1]));
  const place = /^(?:(.+):)?(\d+)$/.exec(text);
  if (place !== null) {
    const file = place[1] === undefined ? session.thread?.frames[0]?.file : findFile(session, place[1]);
    if (file === undefined) throw new DebugError(`the thread in focus is nowhere: give FILE:LINE`);
    const wanted = { file, line: Number(place[2]) };
    const bound = sources.bind(wanted);
    if (bound === null)
      throw new DebugError(`no thread can stop at ${file}:${wanted.line} or behind it; ${nearLines(session, wanted)}`);
    const note =
      bound.line === wanted.line
        ? null
        : `line ${wanted.line} has no operation that the scheduler sees: line ${bound.line} is the next`;
    return { kind: 'line', places: [bound], note };
  }
  const functions = [...sources.functions.keys()];
  const isFunction = functions.some((name) => name === text || name.endsWith(`.${text}`));
  if (isFunction) return { kind: 'function', name: text };
  const operation = text === 'bar.sync' ? 'barrier.sync' : text === 'bar' ? 'barrier' : text;
  if (sources.operations.some((name) => name === operation || name.startsWith(`${operation}.`)))
    return { kind: 'operation', name: operation };
  throw new DebugError(`there is no '${text}'; ${TARGET_HELP}`);
}

function nearLines(session: DebugSession, { file, line }: SourcePlace): string {
  const near = [...session.sources.lines(file)].sort((a, b) => Math.abs(a - line) - Math.abs(b - line)).slice(0, 5);
  return `lines nearby: ${near.sort((a, b) => a - b).join(', ')}`;
}

/** Lines of the ports that stand for a line of the original. */
export function portLines(session: DebugSession, line: number): SourcePlace[] {
  return session.sources.files.flatMap((file) =>
    (readSourceLines(file) ?? []).flatMap((text, index) => {
      if (!hasReference(text, line)) return [];
      // A comment stands above its statement.
      return [{ file, line: /^\s*\/\//.test(text) ? index + 2 : index + 1 }];
    }),
  );
}

/** Those lines, each moved on to where a thread can stop. */
function ofOriginal(session: DebugSession, line: number): Target {
  const found = new Map<string, SourcePlace>();
  let isMoved = false;
  for (const place of portLines(session, line)) {
    const bound = session.sources.bind(place);
    if (bound === null) continue;
    const references = originalReferences(readSourceLines(place.file)!, bound.line) ?? '';
    isMoved ||= !references.split(',').some((part) => isWithin(part, line));
    found.set(`${bound.file}:${bound.line}`, bound);
  }
  if (found.size === 0)
    throw new DebugError(`no port says that it stands for line ${line} of the original; ${TARGET_HELP}`);
  const note = isMoved
    ? `line ${line} of the original has no operation that the scheduler sees: the next one counts`
    : null;
  return { kind: 'line', places: [...found.values()], note };
}

/** Whether a comment behind code, or alone, is of a line of the original: `// :333` or `// :374-376`. */
function hasReference(text: string, line: number): boolean {
  const comment = /\/\/\s*(:\d+(?:-\d+)?(?:,\s*:?\d+(?:-\d+)?)*)/.exec(text);
  return (comment?.[1] ?? '').split(',').some((part) => isWithin(part.replace(':', '').trim(), line));
}

function isWithin(part: string, line: number): boolean {
  const [first, last = first] = part.split('-').map(Number);
  return first !== undefined && last !== undefined && line >= first && line <= last;
}
