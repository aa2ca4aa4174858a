import { readSourceLines } from './package-files.js';

/** The file that `src/kernels` is a port of. */
const ORIGINAL_FILE = 'trtllm_alltoall.cuh';

/** `:396`, `:511-517` or several of them with commas, at the start of a comment that may go on in words. */
const REFERENCES = /\/\/\s*(:\d+(?:-\d+)?(?:,\s*:\d+(?:-\d+)?)*)/;
const DOC_REFERENCE = /Source: (?:trtllm_alltoall\.cuh)?:(\d+(?:-\d+)?)/;

/**
 * The line or lines of the original that line `line` of the port `file` stands for: `trtllm_alltoall.cuh:396`.
 * `file` is a path such as `src/kernels/x.ts`, `line` counts from 1. Null: not known.
 *
 * A port says so in a comment: behind a statement, alone above it, or behind the last line of a statement of several
 * lines; failing that, in `Source: …` of the function's documentation, which gives the function's lines.
 */
export function originalLine(file: string, line: number): string | null {
  const lines = readSourceLines(file);
  const references = lines === null ? null : originalReferences(lines, line);
  return references === null ? null : `${ORIGINAL_FILE}:${references}`;
}

/** The references of line `line` (from 1) of a port: `396`, `511-517`, `514,518`. Null: there are none. */
export function originalReferences(lines: readonly string[], line: number): string | null {
  const at = line - 1;
  if (at < 0 || at >= lines.length) return null;
  const { first, last } = statementAround(lines, at);
  for (let index = at; index <= last; index++) {
    const found = referencesOf(lines[index]!);
    if (found !== null && !isComment(lines[index]!)) return found;
  }
  const above = lines[first - 1];
  if (above !== undefined && isComment(above)) {
    const found = referencesOf(above);
    if (found !== null) return found;
  }
  for (let index = at - 1; index >= first; index--) {
    const found = referencesOf(lines[index]!);
    if (found !== null) return found;
  }
  for (let index = at; index >= 0; index--) {
    const found = DOC_REFERENCE.exec(lines[index]!)?.[1];
    if (found !== undefined) return found;
  }
  return null;
}

/**
 * First and last line (from 0) of the statement that line `at` belongs to. It begins behind the nearest `;`, `{` or `}`
 * outside parentheses, and ends with the next one at the end of a line.
 */
function statementAround(lines: readonly string[], at: number): { first: number; last: number } {
  let first = 0;
  let depth = 0;
  let ended = true;
  for (let index = 0; index < lines.length; index++) {
    const code = codeOf(lines[index]!);
    if (code === '') continue;
    if (ended) {
      if (index > at) return { first, last: index - 1 };
      first = index;
    }
    for (const character of code) {
      if (character === '(' || character === '[') depth++;
      else if (character === ')' || character === ']') depth--;
    }
    ended = depth <= 0 && /[;{}]$/.test(code);
    if (ended && index >= at) return { first, last: index };
  }
  return { first, last: at };
}

const referencesOf = (line: string): string | null =>
  REFERENCES.exec(withoutStrings(line))?.[1]?.replaceAll(':', '').replaceAll(' ', '') ?? null;

const isComment = (line: string): boolean => /^\s*\/\//.test(line);

/** A line without comments, strings and space at its ends. */
const codeOf = (line: string): string =>
  /^\s*\/?\*/.test(line)
    ? ''
    : withoutStrings(line)
        .replace(/\/\/.*$/, '')
        .trim();

/** A line with empty strings in place of those that end on it; quotes in a comment are left alone. */
const withoutStrings = (line: string): string =>
  line.replace(/\/\/.*$|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/g, (part) => (part.startsWith('//') ? part : "''"));
