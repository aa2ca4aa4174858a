import type { Program } from './program.js';

/** Version of the form in which programs are written. */
const PROGRAM_FORMAT = 1;

/** Bigints are written as `{"bigint":"…"}`, doubles that JSON lacks as `{"number":"NaN"}`. */
function replace(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return { bigint: `${value}` };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    return { number: Object.is(value, -0) ? '-0' : `${value}` };
  return value;
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value);
  if (keys.length !== 1) return value;
  if ('bigint' in value && typeof value.bigint === 'string') return BigInt(value.bigint);
  if ('number' in value && typeof value.number === 'string') return Number(value.number);
  return value;
}

/** A program as JSON. The same program gives the same text. */
export const serializeProgram = (program: Program): string =>
  JSON.stringify({ format: PROGRAM_FORMAT, program }, replace);

/**
 * The program that {@link serializeProgram} has written. What it says is not checked: see `checkProgram`.
 * @throws RangeError if the text is no program of this format.
 */
export function parseProgram(text: string): Program {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, revive);
  } catch (error) {
    throw new RangeError(`no program: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { format, program } = (parsed ?? {}) as { format?: unknown; program?: unknown };
  if (format !== PROGRAM_FORMAT || typeof program !== 'object' || program === null)
    throw new RangeError(`no program of format ${PROGRAM_FORMAT}, but ${String(format)}`);
  return program as Program;
}
