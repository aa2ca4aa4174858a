import { CaptureError, quote } from './capture-error.js';
import { describe, type JsonValue, parseJsonObject } from './json.js';

/** The largest value that an argument of the C++ host code can have. */
export const MAX_INT32 = 2 ** 31 - 1;

/** A closed range of integers. A name says where a bound comes from, for the error. */
export interface IntegerRange {
  readonly min: number;
  readonly max: number;
  readonly maxName?: string;
  readonly multipleOf?: number;
}

/** The range of a count that must not be zero. */
export const POSITIVE_INT32: IntegerRange = { min: 1, max: MAX_INT32 };

/**
 * Takes the scalar arguments of a capture one by one, and remembers which are left.
 *
 * Every method throws a CaptureError that names the argument, what it must be and what it is.
 */
export class ArgsReader {
  readonly #file: string;
  readonly #unread: Map<string, JsonValue>;

  /** @param text the metadata `args`, which must be a JSON object */
  constructor(text: string | undefined, file: string) {
    if (text === undefined) {
      throw new CaptureError(file, null, 'metadata args must be a JSON object in a string, but is missing');
    }
    this.#file = file;
    this.#unread = new Map(parseJsonObject(text, file, 'metadata args'));
  }

  integer(name: string, range: IntegerRange): number {
    return this.#checkInteger(`args.${name}`, this.#take(name), range);
  }

  integerOr(fallback: number, name: string, range: IntegerRange): number {
    return this.#unread.has(name) ? this.integer(name, range) : fallback;
  }

  string(name: string): string {
    const value = this.#take(name);
    if (typeof value !== 'string') {
      throw this.#error(`args.${name} must be a string, but is ${describe(value)}`);
    }
    return value;
  }

  booleanOr(fallback: boolean, name: string): boolean {
    if (!this.#unread.has(name)) {
      return fallback;
    }
    const value = this.#take(name);
    if (typeof value !== 'boolean') {
      throw this.#error(`args.${name} must be true or false, but is ${describe(value)}`);
    }
    return value;
  }

  /** A list of integers that are all different; null if the argument is absent. */
  distinctIntegersOrNull(name: string, range: IntegerRange): readonly number[] | null {
    if (!this.#unread.has(name)) {
      return null;
    }
    const value = this.#take(name);
    if (!Array.isArray(value)) {
      throw this.#error(`args.${name} must be a list of integers, but is ${describe(value)}`);
    }
    const integers = new Set<number>();
    for (const [index, item] of value.entries()) {
      const integer = this.#checkInteger(`args.${name}[${index}]`, item, range);
      if (integers.has(integer)) {
        throw this.#error(`args.${name} must not repeat itself, but has ${integer} twice`);
      }
      integers.add(integer);
    }
    return [...integers];
  }

  /** The arguments that no call has asked for. */
  rest(): ReadonlyMap<string, JsonValue> {
    return this.#unread;
  }

  #take(name: string): JsonValue | undefined {
    const value = this.#unread.get(name);
    this.#unread.delete(name);
    return value;
  }

  #checkInteger(subject: string, value: JsonValue | undefined, range: IntegerRange): number {
    const { min, max, maxName, multipleOf = 1 } = range;
    const isInteger = typeof value === 'number' && Number.isSafeInteger(value);
    if (!isInteger || value < min || value > max) {
      const bounds = `from ${min} to ${maxName === undefined ? '' : `${maxName} = `}${max}`;
      throw this.#error(`${subject} must be an integer ${bounds}, but is ${describe(value)}`);
    }
    if (value % multipleOf !== 0) {
      throw this.#error(`${subject} must be a multiple of ${multipleOf}, but is ${value}`);
    }
    return value;
  }

  #error(problem: string): CaptureError {
    return new CaptureError(this.#file, null, problem);
  }
}

/**
 * `value` if it is one of `known`.
 *
 * @param subject how an error calls the value
 * @throws CaptureError that lists `known`
 */
export function oneOf<T extends string>(
  known: readonly T[],
  value: string | undefined,
  subject: string,
  file: string,
): T {
  const match = known.find((candidate) => candidate === value);
  if (match === undefined) {
    const found = value === undefined ? 'missing' : quote(value);
    throw new CaptureError(file, null, `${subject} must be ${listed(known)}, but is ${found}`);
  }
  return match;
}

function listed(known: readonly string[]): string {
  return known.length === 1 ? quote(known[0]!) : `one of ${known.join(', ')}`;
}
