/**
 * Names of C++ as people write them, from those that compilers write: namespaces, functions, and template arguments that
 * are numbers, built-in types or names. Anything else gives the mangled name. Source: Itanium C++ ABI, 5.1.
 */
function demangled(name: string): string {
  if (!name.startsWith('_Z')) return name;
  try {
    return new Demangler(name).name();
  } catch (error) {
    if (error instanceof RangeError) return name;
    throw error;
  }
}

/** The demangled name without its namespaces. */
export function shortName(name: string): string {
  const whole = demangled(name);
  let depth = 0;
  for (let at = whole.length - 1; at > 0; at--) {
    if (whole[at] === '>') depth++;
    else if (whole[at] === '<') depth--;
    else if (depth === 0 && whole[at] === ':') return whole.slice(at + 1);
  }
  return whole;
}

const BUILTIN: Readonly<Record<string, string>> = {
  v: 'void',
  b: 'bool',
  c: 'char',
  a: 'signed char',
  h: 'unsigned char',
  s: 'short',
  t: 'unsigned short',
  i: 'int',
  j: 'unsigned int',
  l: 'long',
  m: 'unsigned long',
  x: 'long long',
  y: 'unsigned long long',
  f: 'float',
  d: 'double',
};

const MAX_DEPTH = 40;
const MAX_LENGTH = 4096;

class Demangler {
  readonly #text: string;
  #at = 2;
  #depth = 0;
  /** What `S_`, `S0_`, … stand for. */
  readonly #substitutions: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** The name of a function or variable, without its parameters. */
  name(): string {
    if (this.#take('Z')) {
      // A local of a function: `_ZZ…E4name`.
      this.name();
      while (!this.#take('E')) this.#type();
      return this.#sourceName();
    }
    if (this.#take('N')) return this.#nested();
    const own = this.#take('St') ? `std::${this.#sourceName()}` : this.#sourceName();
    if (!this.#text.startsWith('I', this.#at)) return own;
    this.#substitutions.push(own);
    return own + this.#templateArguments();
  }

  #nested(): string {
    while (this.#take('K') || this.#take('V') || this.#take('r'));
    let name = '';
    for (;;) {
      if (this.#take('E')) return name;
      if (this.#text.startsWith('I', this.#at)) name += this.#templateArguments();
      else if (this.#take('St')) {
        name = 'std';
        continue;
      } else if (this.#text.startsWith('S', this.#at)) {
        name = this.#substitution();
        continue;
      } else if (this.#take('C1') || this.#take('C2') || this.#take('C3')) name += `::${lastOf(name)}`;
      else if (this.#take('D1') || this.#take('D2')) name += `::~${lastOf(name)}`;
      else if (this.#take('cl')) name += '::operator()';
      else name += (name === '' ? '' : '::') + this.#sourceName();
      this.#substitutions.push(name);
    }
  }

  #templateArguments(): string {
    this.#enter();
    this.#take('I');
    const list: string[] = [];
    while (!this.#take('E')) list.push(this.#argument());
    this.#depth--;
    return `<${list.join(', ')}>`;
  }

  #argument(): string {
    if (this.#take('L')) {
      const type = this.#type();
      const sign = this.#take('n') ? '-' : '';
      const digits = this.#digits();
      if (!this.#take('E')) throw new RangeError('a literal');
      return type === 'bool' ? (digits === '0' ? 'false' : 'true') : sign + digits;
    }
    if (this.#take('J')) {
      const list: string[] = [];
      while (!this.#take('E')) list.push(this.#argument());
      return list.join(', ');
    }
    return this.#type();
  }

  #type(): string {
    this.#enter();
    const type = this.#typeWithin();
    if (type.length > MAX_LENGTH) throw new RangeError('length');
    this.#depth--;
    return type;
  }

  #typeWithin(): string {
    for (const [code, suffix] of [
      ['P', '*'],
      ['R', '&'],
      ['O', '&&'],
      ['K', ' const'],
      ['V', ' volatile'],
    ] as const) {
      if (!this.#take(code)) continue;
      const type = this.#type() + suffix;
      this.#substitutions.push(type);
      return type;
    }
    const builtin = BUILTIN[this.#text[this.#at] ?? ''];
    if (builtin !== undefined) {
      this.#at++;
      return builtin;
    }
    if (this.#take('N')) return this.#nested();
    if (this.#take('St')) return this.#rememberedName(`std::${this.#sourceName()}`);
    if (this.#text.startsWith('S', this.#at)) {
      const type = this.#substitution();
      if (!this.#text.startsWith('I', this.#at)) return type;
      return this.#rememberedName(type + this.#templateArguments());
    }
    return this.#rememberedName(this.#sourceName());
  }

  #rememberedName(name: string): string {
    this.#substitutions.push(name);
    if (!this.#text.startsWith('I', this.#at)) return name;
    const whole = name + this.#templateArguments();
    this.#substitutions.push(whole);
    return whole;
  }

  #substitution(): string {
    const match = /S([0-9A-Z]*)_/y;
    match.lastIndex = this.#at;
    const found = match.exec(this.#text);
    if (found === null) throw new RangeError('a substitution');
    this.#at += found[0].length;
    const index = found[1] === '' ? 0 : Number.parseInt(found[1]!, 36) + 1;
    const name = this.#substitutions[index];
    if (name === undefined) throw new RangeError('a substitution');
    return name;
  }

  #sourceName(): string {
    const length = Number(this.#digits());
    const name = this.#text.slice(this.#at, this.#at + length);
    if (length === 0 || name.length < length) throw new RangeError('a name');
    this.#at += length;
    return name.startsWith('_GLOBAL__N_') ? '(anonymous namespace)' : name;
  }

  #digits(): string {
    const match = /\d{1,6}/y;
    match.lastIndex = this.#at;
    const found = match.exec(this.#text);
    if (found === null) throw new RangeError('a number');
    this.#at += found[0].length;
    return found[0];
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #enter(): void {
    // Names grow by substitution: both are bounded.
    if (++this.#depth > MAX_DEPTH || this.#substitutions.length > 1000) throw new RangeError('nesting');
  }
}

const lastOf = (name: string): string => name.replace(/<.*$/, '').split('::').pop()!;
