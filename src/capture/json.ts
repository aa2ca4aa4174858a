import { CaptureError, quote } from './capture-error.js';

/** What JSON text can say: of the numbers, the finite ones. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

const MAX_DEPTH = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * The members of the JSON object that `text` holds. A map, so that no name (`__proto__`, `constructor`) is special.
 *
 * Stricter than `JSON.parse`: a name given twice in one object, nesting beyond 32 levels and numbers beyond the
 * doubles are errors. Negative zero becomes zero, so that writing and reading again changes nothing.
 *
 * @param what how an error calls the text, for example `the header`
 * @throws CaptureError if `text` is anything else than such an object
 */
export function parseJsonObject(text: string, file: string, what: string): ReadonlyMap<string, JsonValue> {
  const problem = findStructuralProblem(text);
  if (problem !== null) {
    throw new CaptureError(file, null, `${what} ${problem}`);
  }
  const value = parse(text, file, what);
  const members = membersOf(value);
  if (members === null) {
    throw new CaptureError(file, null, `${what} must be a JSON object, but is ${describe(value)}`);
  }
  return members;
}

/** The members of `value` if it is a JSON object, else null. */
export function membersOf(value: JsonValue | undefined): ReadonlyMap<string, JsonValue> | null {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? new Map(Object.entries(value)) : null;
}

/** `value` in a few words for an error: short scalars as they are, structures by kind, undefined as `missing`. */
export function describe(value: JsonValue | undefined): string {
  if (value === undefined) {
    return 'missing';
  }
  if (typeof value === 'string') {
    return quote(value);
  }
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value) ? 'an array' : 'an object';
  }
  return String(value);
}

function parse(text: string, file: string, what: string): JsonValue {
  let hasHugeNumber = false;
  let value: JsonValue;
  try {
    value = JSON.parse(text, (_name, part: JsonValue) => {
      hasHugeNumber ||= part === Number.POSITIVE_INFINITY || part === Number.NEGATIVE_INFINITY;
      return part === 0 ? 0 : part;
    });
  } catch {
    throw new CaptureError(file, null, `${what} is not JSON`);
  }
  if (hasHugeNumber) {
    throw new CaptureError(file, null, `${what} holds a number beyond the range of a 64-bit float`);
  }
  return value;
}

/**
 * What `JSON.parse` would let pass, in the words that continue an error's sentence, or null. It never throws: text that
 * is not JSON is for `JSON.parse` to refuse.
 */
function findStructuralProblem(text: string): string | null {
  const openNames: Set<string>[] = [];
  let lastStringStart = 0;
  let lastStringEnd = 0;
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case QUOTE:
        lastStringStart = index;
        lastStringEnd = endOfString(text, index);
        index = lastStringEnd - 1;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (openNames.length === MAX_DEPTH) {
          return `nests deeper than ${MAX_DEPTH} levels`;
        }
        openNames.push(new Set());
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        openNames.pop();
        break;
      case COLON: {
        const name = parseStringLiteral(text.slice(lastStringStart, lastStringEnd));
        const names = openNames.at(-1);
        if (name === null || names === undefined) {
          return null;
        }
        if (names.has(name)) {
          return `gives the name ${quote(name)} twice`;
        }
        names.add(name);
        break;
      }
    }
  }
  return null;
}

/** The index after the closing quote of the string that opens at `start`; the end of the text if it never closes. */
function endOfString(text: string, start: number): number {
  let index = start + 1;
  while (index < text.length && text.charCodeAt(index) !== QUOTE) {
    index += text.charCodeAt(index) === BACKSLASH ? 2 : 1;
  }
  return index + 1;
}

function parseStringLiteral(literal: string): string | null {
  try {
    const value: unknown = JSON.parse(literal);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}
