import { CaptureError } from '../capture/capture-error.js';

const MAX_QUOTED_LENGTH = 80;
const NOT_PLAIN = /[^ -~]|[<>&"\\]/g;

/** What is wrong with a file, in parts of one sentence. */
export interface Problem {
  readonly found: string;
  readonly expected: string;
  /** What the user can do, an imperative. */
  readonly wayOut: string;
}

/** A file that cannot be taken: what it is, what it should be, and what to do instead. */
export const refusal = (file: string, { found, expected, wayOut }: Problem): CaptureError =>
  new CaptureError(file, null, `found ${found}, but expected ${expected}; ${wayOut}`);

/**
 * `text` in double quotes, cut after 80 characters. Whatever is not plain ASCII is escaped, and `<`, `>`, `&` too: names
 * out of files can then command neither a terminal nor a page.
 */
export function quoted(text: string): string {
  const escaped = text.slice(0, MAX_QUOTED_LENGTH).replace(NOT_PLAIN, (character) => {
    if (character === '"' || character === '\\') return `\\${character}`;
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"${text.length > MAX_QUOTED_LENGTH ? '...' : ''}`;
}

/** The first names of `names`, for an error. */
export function listed(names: Iterable<string>): string {
  const all = [...names];
  if (all.length === 0) return 'none';
  return `${all.slice(0, 8).map(quoted).join(', ')}${all.length > 8 ? ` and ${all.length - 8} more` : ''}`;
}
