import type { Literal } from './ast.js';
import { PtxError, type PtxPlace } from './ptx-error.js';

/**
 * - `word`: an identifier, or an opcode or special register with its dots: `%tid.x`, `ld.shared::cta.u32`.
 * - `directive`: a dot and a name: `.reg`.
 * - `punctuation`: one character.
 */
type TokenKind = 'word' | 'directive' | 'literal' | 'string' | 'punctuation' | 'end';

export interface Token extends PtxPlace {
  readonly kind: TokenKind;
  /** As it is written; of a string what it stands for. */
  readonly text: string;
  readonly value: Literal | null;
}

const WORD = /[A-Za-z_$%][\w$]*(?:(?:\.|::)[\w$]+)*/y;
const DIRECTIVE = /\.[A-Za-z_][\w$]*(?:::[\w$]+)*/y;
const FLOAT_BITS = /0(?:[fF]([0-9A-Fa-f]{8})|[dD]([0-9A-Fa-f]{16}))(?![\w$])/y;
const DECIMAL_FLOAT = /(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w$])|\d+[eE][-+]?\d+(?![\w$])/y;
const INTEGER = /(?:0[xX]([0-9A-Fa-f]+)|0[bB]([01]+)|(\d+))[uU]?(?![\w$])/y;
const BLANKS = /(?:[ \t\r\f\v\n]+|\/\/[^\n]*)+/y;
const LINE_END = /\n/g;

/** Longest literal and string: more is no PTX, and would cost more than its length. */
const MAX_LITERAL = 80;
const MAX_STRING = 65536;

const doubles = new Float64Array(1);
const doubleBits = new BigUint64Array(doubles.buffer);

/** Reads tokens of a PTX text one by one. */
export class Lexer {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next token. @throws PtxError if what stands there is none. */
  next(): Token {
    this.#skipBlanks();
    const place = this.#place();
    const first = this.#text[this.#at];
    if (first === undefined) return { kind: 'end', text: '', value: null, ...place };
    const word = this.#match(WORD);
    if (word !== null) return { kind: 'word', text: word[0], value: null, ...place };
    if ((first >= '0' && first <= '9') || first === '.') {
      const literal = this.#literal(place);
      if (literal !== null) return literal;
      const directive = this.#match(DIRECTIVE);
      if (directive !== null) return { kind: 'directive', text: directive[0], value: null, ...place };
    }
    if (first === '"') return this.#string(place);
    if (!'{}()[]<>,;:=@!|+-*/%&^~?'.includes(first)) {
      throw new PtxError(place, `expected PTX, found ${shownUnit(this.#text.codePointAt(this.#at)!)}`);
    }
    this.#at++;
    return { kind: 'punctuation', text: first, value: null, ...place };
  }

  #place(): PtxPlace {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 };
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at += match[0].length;
    return match;
  }

  #skipBlanks(): void {
    for (;;) {
      const start = this.#at;
      if (this.#match(BLANKS) !== null) this.#countLines(start, this.#at);
      if (!this.#text.startsWith('/*', this.#at)) return;
      const place = this.#place();
      const end = this.#text.indexOf('*/', this.#at + 2);
      if (end === -1) throw new PtxError(place, "expected '*/' after this '/*', found the end of the file");
      this.#countLines(this.#at, end);
      this.#at = end + 2;
    }
  }

  #countLines(start: number, end: number): void {
    LINE_END.lastIndex = start;
    for (let match = LINE_END.exec(this.#text); match !== null; match = LINE_END.exec(this.#text)) {
      if (match.index >= end) return;
      this.#line++;
      this.#lineStart = match.index + 1;
    }
  }

  #literal(place: PtxPlace): Token | null {
    const token = (text: string, value: Literal): Token => {
      if (text.length > MAX_LITERAL) throw new PtxError(place, `expected a number, found one of ${text.length} digits`);
      return { kind: 'literal', text, value, ...place };
    };
    const bits = this.#match(FLOAT_BITS);
    if (bits !== null) {
      const value = BigInt(`0x${bits[1] ?? bits[2]}`);
      return token(bits[0], { kind: 'float', bits: value, width: bits[1] === undefined ? 64 : 32 });
    }
    const decimal = this.#match(DECIMAL_FLOAT);
    if (decimal !== null) {
      doubles[0] = Number(decimal[0]);
      return token(decimal[0], { kind: 'float', bits: doubleBits[0]!, width: 64 });
    }
    const integer = this.#match(INTEGER);
    if (integer !== null) {
      const [text, hexadecimal, binary, digits] = integer;
      // A leading 0 is octal.
      const source =
        hexadecimal !== undefined
          ? `0x${hexadecimal}`
          : binary !== undefined
            ? `0b${binary}`
            : digits!.length > 1 && digits!.startsWith('0')
              ? `0o${digits}`
              : digits!;
      if (/^0o.*[89]/.test(source)) throw new PtxError(place, `expected octal digits, found '${shownText(text)}'`);
      if (text.length > MAX_LITERAL) return token(text, { kind: 'integer', value: 0n });
      return token(text, { kind: 'integer', value: BigInt(source) });
    }
    if (this.#text[this.#at] === '.') return null;
    const rest = /[\w$.]*/y;
    throw new PtxError(place, `expected a number, found '${shownText(this.#match(rest)![0])}'`);
  }

  #string(place: PtxPlace): Token {
    let text = '';
    for (let at = this.#at + 1; ; at++) {
      const unit = this.#text[at];
      if (unit === undefined || unit === '\n')
        throw new PtxError(
          place,
          `expected '"' at the end of this string, found the end of the ${unit === undefined ? 'file' : 'line'}`,
        );
      if (unit === '"') {
        this.#at = at + 1;
        return { kind: 'string', text, value: null, ...place };
      }
      if (unit === '\\') at++;
      text += this.#text[at] ?? '';
      if (text.length > MAX_STRING) throw new PtxError(place, `expected a string of at most ${MAX_STRING} characters`);
    }
  }
}

/** A token in a message. */
export function shownToken({ kind, text }: Token): string {
  if (kind === 'end') return 'the end of the file';
  return kind === 'string' ? `the string "${shownText(text)}"` : `'${shownText(text)}'`;
}

/** A piece of the text in a message: short, without what is no text. */
function shownText(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 59)}…` : text;
  return short.replace(/[^\x20-\x7e…]/g, (unit) => `\\u{${unit.codePointAt(0)!.toString(16)}}`);
}

const shownUnit = (unit: number): string =>
  unit > 0x20 && unit < 0x7f
    ? `'${String.fromCodePoint(unit)}'`
    : `U+${unit.toString(16).toUpperCase().padStart(4, '0')}`;
