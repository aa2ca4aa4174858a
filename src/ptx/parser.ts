import type {
  Initial,
  InitialValue,
  InstructionStatement,
  Linkage,
  Literal,
  LocStatement,
  PtxFunction,
  PtxModule,
  PtxOperand,
  PtxSpace,
  PtxVariable,
  Statement,
} from './ast.js';
import { Lexer, shownToken, type Token } from './lexer.js';
import { PtxError, type PtxPlace } from './ptx-error.js';

/** Deepest nesting of braces, brackets and parentheses. */
const MAX_DEPTH = 200;

const LINKAGES: Readonly<Record<string, Exclude<Linkage, null>>> = {
  '.extern': 'extern',
  '.visible': 'visible',
  '.weak': 'weak',
  '.common': 'common',
};
const SPACES: Readonly<Record<string, PtxSpace>> = {
  '.reg': 'reg',
  '.sreg': 'sreg',
  '.const': 'const',
  '.global': 'global',
  '.local': 'local',
  '.param': 'param',
  '.shared': 'shared',
  '.shared::cta': 'shared',
};
const TYPES = new Set(
  [
    ...['pred', 'b8', 'b16', 'b32', 'b64', 'b128', 'u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64'],
    ...['f16', 'f16x2', 'bf16', 'bf16x2', 'f32', 'f64', 'e4m3', 'e5m2', 'texref', 'samplerref', 'surfref', 'tf32'],
  ].map((name) => `.${name}`),
);

/** Directives of a function, before its body, with their numbers. */
const FUNCTION_DIRECTIVES = new Set([
  ...['.maxnreg', '.maxntid', '.reqntid', '.minnctapersm', '.maxnctapersm', '.noreturn', '.pragma', '.abi_preserve'],
  ...[
    '.explicitcluster',
    '.reqnctapercluster',
    '.maxclusterrank',
    '.blocksareclusters',
    '.unique',
    '.abi_preserve_control',
  ],
]);

/**
 * The module that a PTX text is. Time and memory are linear in the text.
 * @throws PtxError at the first place where it is none
 */
export function parsePtx(text: string): PtxModule {
  return new Parser(text).module();
}

class Parser {
  readonly #lexer: Lexer;
  #token: Token;
  #depth = 0;
  readonly #files = new Map<number, string>();
  readonly #debugStrings = new Map<string, string>();
  readonly #variables: PtxVariable[] = [];
  readonly #functions: PtxFunction[] = [];

  constructor(text: string) {
    this.#lexer = new Lexer(text);
    this.#token = this.#lexer.next();
  }

  module(): PtxModule {
    this.#require('directive', '.version');
    const version = this.#literalToken('a version, such as 9.0').text;
    this.#require('directive', '.target');
    const targets = this.#separated(() => this.#word('a target, such as sm_90'));
    let addressBits: 32 | 64 = 32;
    while (this.#token.kind !== 'end') {
      if (this.#accept('.address_size')) {
        const place = this.#token;
        const bits = this.#number('32 or 64');
        if (bits !== 32 && bits !== 64) throw new PtxError(place, `expected 32 or 64, found ${bits}`);
        addressBits = bits;
      } else this.#topLevel();
    }
    return {
      version,
      targets,
      addressBits,
      files: this.#files,
      debugStrings: this.#debugStrings,
      variables: this.#variables,
      functions: this.#functions,
    };
  }

  // --- Tokens

  #next(): Token {
    const token = this.#token;
    this.#token = this.#lexer.next();
    return token;
  }

  /** Whether the next token is this directive or punctuation; then it is taken. */
  #accept(text: string): boolean {
    const { kind } = this.#token;
    if (this.#token.text !== text || (kind !== 'directive' && kind !== 'punctuation')) return false;
    this.#next();
    return true;
  }

  #is(text: string): boolean {
    return this.#token.text === text && (this.#token.kind === 'directive' || this.#token.kind === 'punctuation');
  }

  #expected(what: string): PtxError {
    return new PtxError(this.#token, `expected ${what}, found ${shownToken(this.#token)}`);
  }

  #require(kind: 'directive' | 'punctuation', text: string): Token {
    if (this.#token.kind !== kind || this.#token.text !== text) throw this.#expected(`'${text}'`);
    return this.#next();
  }

  #punctuation(text: string): Token {
    return this.#require('punctuation', text);
  }

  #word(what: string): string {
    if (this.#token.kind !== 'word') throw this.#expected(what);
    return this.#next().text;
  }

  #literalToken(what: string): Token & { readonly value: Literal } {
    if (this.#token.value === null) throw this.#expected(what);
    return this.#next() as Token & { readonly value: Literal };
  }

  /** An integer that is not negative and can be counted with. */
  #number(what: string): number {
    const { value } = this.#token;
    if (value?.kind !== 'integer' || value.value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.#expected(what);
    this.#next();
    return Number(value.value);
  }

  #separated<T>(item: () => T): T[] {
    const items = [item()];
    while (this.#accept(',')) items.push(item());
    return items;
  }

  /** Calls `inner` one level deeper. */
  #nested<T>(inner: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw new PtxError(this.#token, `expected at most ${MAX_DEPTH} levels of nesting`);
    const result = inner();
    this.#depth--;
    return result;
  }

  // --- Top level

  #topLevel(): void {
    const { kind, text } = this.#token;
    if (kind !== 'directive') throw this.#expected('a directive, such as .entry');
    switch (text) {
      case '.file':
        this.#next();
        this.#file();
        return;
      case '.section':
        this.#next();
        this.#section();
        return;
      case '.loc':
        this.#next();
        this.#loc();
        return;
      case '.pragma':
        this.#next();
        this.#pragma();
        return;
      case '.alias':
        this.#next();
        this.#separated(() => this.#word('a name'));
        this.#punctuation(';');
        return;
      default:
    }
    const linkage = LINKAGES[text] ?? null;
    if (linkage !== null) this.#next();
    if (this.#is('.entry') || this.#is('.func')) {
      this.#functions.push(this.#function(linkage));
      return;
    }
    if (SPACES[this.#token.text] === undefined) {
      throw this.#expected(
        linkage === null ? 'a directive of a module, such as .entry' : '.entry, .func or the space of a variable',
      );
    }
    this.#variables.push(...this.#variableStatement(linkage));
  }

  #file(): void {
    const number = this.#number('the number of a file');
    if (this.#token.kind !== 'string') throw this.#expected('the path of a file in quotes');
    this.#files.set(number, this.#next().text);
    // Time and size.
    while (this.#accept(',')) this.#number('a number');
  }

  #pragma(): void {
    this.#separated(() => {
      if (this.#token.kind !== 'string') throw this.#expected('a string');
      return this.#next();
    });
    this.#punctuation(';');
  }

  /** Debug data. Only the texts of `.debug_str` are kept. */
  #section(): void {
    const name = this.#token.kind === 'directive' ? this.#next().text : this.#word('the name of a section');
    const isText = name === '.debug_str';
    this.#punctuation('{');
    let label: string | null = null;
    let bytes: number[] = [];
    const finish = () => {
      if (label !== null && isText) this.#debugStrings.set(label, textOf(bytes));
      bytes = [];
    };
    while (!this.#accept('}')) {
      const { kind, text, value } = this.#token;
      if (kind === 'end' || kind === 'string') throw this.#expected("data or '}'");
      this.#next();
      if (kind === 'word' && this.#accept(':')) {
        finish();
        label = text;
      } else if (isText && value?.kind === 'integer') bytes.push(Number(BigInt.asUintN(8, value.value)));
    }
    finish();
  }

  #function(linkage: Linkage): PtxFunction {
    const kind = this.#next().text === '.entry' ? 'entry' : 'func';
    const { line, column } = this.#token;
    const results = kind === 'func' && this.#is('(') ? this.#parameters() : [];
    const name = this.#word(`the name of ${kind === 'entry' ? 'an entry' : 'a function'}`);
    const parameters = this.#is('(') ? this.#parameters() : [];
    const directives = new Map<string, readonly number[]>();
    while (FUNCTION_DIRECTIVES.has(this.#token.text)) {
      const directive = this.#next().text;
      if (directive === '.pragma') this.#pragma();
      else {
        const hasNumbers = this.#token.value !== null;
        directives.set(directive.slice(1), hasNumbers ? this.#separated(() => this.#number('a number')) : []);
      }
    }
    let body: readonly Statement[] | null = null;
    if (!this.#accept(';')) {
      if (!this.#is('{')) throw this.#expected("'{' or ';'");
      body = this.#body();
      this.#accept(';');
    }
    return { kind, linkage, name, results, parameters, directives, body, line, column };
  }

  #parameters(): PtxVariable[] {
    this.#punctuation('(');
    if (this.#accept(')')) return [];
    const parameters = this.#separated(() => {
      const space = SPACES[this.#token.text];
      if (space !== 'param' && space !== 'reg') throw this.#expected('.param or .reg');
      this.#next();
      return this.#declarator(this.#typeOfVariable(space, null));
    });
    this.#punctuation(')');
    return parameters;
  }

  // --- Variables

  /** `.shared .align 4 .b8 a[4], b;` from its space on. */
  #variableStatement(linkage: Linkage): PtxVariable[] {
    const space = SPACES[this.#next().text]!;
    // A bank of constants.
    if (space === 'const' && this.#accept('[')) {
      this.#number('a bank');
      this.#punctuation(']');
    }
    const common = this.#typeOfVariable(space, linkage);
    const variables = this.#separated(() => this.#declarator(common));
    this.#punctuation(';');
    return variables;
  }

  #typeOfVariable(
    space: PtxSpace,
    linkage: Linkage,
  ): Pick<PtxVariable, 'space' | 'linkage' | 'alignment' | 'vector' | 'type'> {
    let alignment: number | null = null;
    let vector = 1;
    let type: string | null = null;
    for (;;) {
      const { text } = this.#token;
      if (this.#accept('.align')) {
        const place = this.#token;
        alignment = this.#number('an alignment in bytes');
        if (alignment === 0 || !Number.isInteger(Math.log2(alignment)))
          throw new PtxError(place, `expected a power of 2, found ${alignment}`);
      } else if (this.#accept('.v2') || this.#accept('.v4') || this.#accept('.v8')) vector = Number(text.slice(2));
      else if (this.#accept('.attribute')) this.#skipParentheses();
      else if (type === null && this.#token.kind === 'directive' && TYPES.has(text)) {
        type = text.slice(1);
        this.#next();
      } else if (type !== null && space === 'param' && this.#accept('.ptr')) {
        // What a pointer parameter points to: `.ptr .global .align 4`.
        while (SPACES[this.#token.text] !== undefined || this.#is('.generic')) this.#next();
      } else break;
    }
    if (type === null) throw this.#expected('a type, such as .b32');
    return { space, linkage, alignment, vector, type };
  }

  #skipParentheses(): void {
    this.#punctuation('(');
    for (let depth = 1; depth > 0; ) {
      if (this.#token.kind === 'end') throw this.#expected("')'");
      const { text } = this.#next();
      if (text === '(') depth++;
      else if (text === ')') depth--;
    }
  }

  #declarator(common: Pick<PtxVariable, 'space' | 'linkage' | 'alignment' | 'vector' | 'type'>): PtxVariable {
    const { line, column } = this.#token;
    const name = this.#word('the name of a variable');
    let count: number | null = null;
    if (this.#accept('<')) {
      count = this.#number('how many there are');
      this.#punctuation('>');
    }
    const dimensions: number[] = [];
    while (this.#accept('[')) {
      dimensions.push(this.#is(']') ? -1 : this.#number('a size'));
      this.#punctuation(']');
    }
    const initial = this.#accept('=') ? this.#initial() : null;
    return { ...common, name, count, dimensions, initial, line, column };
  }

  #initial(): Initial {
    if (!this.#accept('{')) return this.#initialValue();
    if (this.#accept('}')) return [];
    const values = this.#nested(() => this.#separated(() => this.#initial()));
    this.#punctuation('}');
    return values;
  }

  #initialValue(): InitialValue {
    if (this.#token.kind !== 'word') return this.#constant();
    const name = this.#word('a symbol');
    if (name !== 'generic') return { kind: 'symbol', name, offset: this.#offset(), isGeneric: false };
    this.#punctuation('(');
    const symbol = this.#word('a symbol');
    this.#punctuation(')');
    return { kind: 'symbol', name: symbol, offset: this.#offset(), isGeneric: true };
  }

  /** `+4`, `-4`, `+-4` or nothing. */
  #offset(): bigint {
    let offset = 0n;
    while (this.#is('+') || this.#is('-')) {
      const isMinus = this.#next().text === '-';
      const isMinusAgain = this.#accept('-');
      const value = this.#integer();
      offset += isMinus !== isMinusAgain ? -value : value;
    }
    return offset;
  }

  #integer(): bigint {
    const place = this.#token;
    const value = this.#literalToken('an integer').value;
    if (value.kind !== 'integer') throw new PtxError(place, `expected an integer, found ${shownToken(place)}`);
    return value.value;
  }

  /** A literal with a sign, or a product of such in parentheses. */
  #constant(): Literal {
    const isNegative = this.#accept('-');
    if (!isNegative) this.#accept('+');
    const place = this.#token;
    const value = this.#literalToken('a number').value;
    if (!isNegative) return value;
    if (value.kind === 'integer') return { kind: 'integer', value: -value.value };
    if (/^0[fFdD]/.test(place.text)) throw new PtxError(place, `expected a sign within the bits of ${place.text}`);
    return { ...value, bits: value.bits ^ (1n << BigInt(value.width - 1)) };
  }

  // --- Statements

  #body(): Statement[] {
    this.#punctuation('{');
    return this.#nested(() => {
      const statements: Statement[] = [];
      while (!this.#accept('}')) this.#statement(statements);
      return statements;
    });
  }

  #statement(into: Statement[]): void {
    const { kind, text, line, column } = this.#token;
    if (kind === 'directive') {
      if (SPACES[text] !== undefined || LINKAGES[text] !== undefined) {
        if (LINKAGES[text] !== undefined) this.#next();
        if (SPACES[this.#token.text] === undefined) throw this.#expected('the space of a variable');
        for (const variable of this.#variableStatement(LINKAGES[text] ?? null))
          into.push({ kind: 'variable', variable });
        return;
      }
      this.#next();
      if (text === '.loc') into.push(this.#loc());
      else if (text === '.pragma') this.#pragma();
      else if (text === '.file') this.#file();
      else throw new PtxError({ line, column }, `expected a statement, found '${text}'`);
      return;
    }
    if (this.#is('{')) {
      into.push({ kind: 'scope', body: this.#body() });
      return;
    }
    if (this.#accept(';')) return;
    if (kind === 'word') {
      this.#next();
      if (this.#accept(':')) {
        into.push(this.#labelled(text, { line, column }));
        return;
      }
      into.push(this.#instruction(text, null, { line, column }));
      return;
    }
    if (this.#accept('@')) {
      const isNegated = this.#accept('!');
      const guard = { predicate: this.#word('a predicate'), isNegated };
      const place = this.#token;
      into.push(this.#instruction(this.#word('an instruction'), guard, place));
      return;
    }
    throw this.#expected("a statement or '}'");
  }

  #labelled(name: string, { line, column }: PtxPlace): Statement {
    if (this.#accept('.branchtargets') || this.#accept('.calltargets')) {
      const targets = this.#separated(() => this.#word('a label'));
      this.#punctuation(';');
      return { kind: 'targets', name, targets, line, column };
    }
    if (this.#accept('.callprototype')) {
      while (!this.#accept(';')) {
        if (this.#token.kind === 'end') throw this.#expected("';'");
        this.#next();
      }
      return { kind: 'prototype', name, line, column };
    }
    return { kind: 'label', name, line, column };
  }

  #loc(): LocStatement {
    const position = () => ({
      file: this.#number('the number of a file'),
      line: this.#number('a line'),
      column: this.#number('a column'),
    });
    const own = position();
    let functionName: string | null = null;
    let at: ReturnType<typeof position> | null = null;
    while (this.#accept(',')) {
      const attribute = this.#word('function_name or inlined_at');
      if (attribute === 'function_name') {
        functionName = this.#word('a label');
        this.#offset();
      } else if (attribute === 'inlined_at') at = position();
      else throw this.#expected('function_name or inlined_at');
    }
    return { kind: 'loc', ...own, inlined: functionName === null || at === null ? null : { functionName, at } };
  }

  #instruction(opcode: string, guard: InstructionStatement['guard'], { line, column }: PtxPlace): InstructionStatement {
    const operands: PtxOperand[] = this.#is(';') ? [] : this.#separated(() => this.#operand());
    if (!this.#is(';')) throw this.#expected("',' or ';'");
    this.#next();
    return { kind: 'instruction', opcode, guard, operands, line, column };
  }

  #operand(): PtxOperand {
    const { kind, text } = this.#token;
    if (kind === 'word') {
      this.#next();
      if (this.#accept('|')) return { kind: 'pair', first: text, second: this.#word('a predicate') };
      if (this.#is('+') || this.#is('-')) return { kind: 'symbol', name: text, offset: this.#offset() };
      if (this.#accept('[')) {
        const offset = this.#integer();
        this.#punctuation(']');
        return { kind: 'address', base: text, offset, rest: [] };
      }
      return { kind: 'name', name: text };
    }
    if (this.#accept('[')) return this.#nested(() => this.#address());
    if (this.#accept('{')) return { kind: 'vector', elements: this.#operandsUntil('}') };
    if (this.#accept('(')) return { kind: 'list', elements: this.#operandsUntil(')') };
    if (this.#accept('!')) return { kind: 'not', name: this.#word('a predicate') };
    if (this.#token.value !== null || text === '-' || text === '+') return this.#constant();
    throw this.#expected("an operand or ';'");
  }

  #operandsUntil(end: ')' | '}'): PtxOperand[] {
    if (this.#accept(end)) return [];
    const elements = this.#nested(() => this.#separated(() => this.#operand()));
    this.#punctuation(end);
    return elements;
  }

  #address(): PtxOperand {
    const base = this.#token.kind === 'word' ? this.#next().text : null;
    const isNegative = base === null && this.#accept('-');
    const absolute = base === null ? this.#integer() : 0n;
    const offset = (isNegative ? -absolute : absolute) + this.#offset();
    const rest = this.#accept(',') ? this.#separated(() => this.#operand()) : [];
    this.#punctuation(']');
    return { kind: 'address', base, offset, rest };
  }
}

/** Bytes up to the first 0 as text. */
function textOf(bytes: readonly number[]): string {
  const end = bytes.indexOf(0);
  let text = '';
  for (const byte of end === -1 ? bytes : bytes.slice(0, end)) text += String.fromCharCode(byte);
  return text;
}
