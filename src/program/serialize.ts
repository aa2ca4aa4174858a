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

/** Puts back what {@link replace} has replaced, in place: quicker than a reviver, which sees every value. */
function revive(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) value[at] = revive(value[at]);
    return value;
  }
  const fields = value as Record<string, unknown>;
  const keys = Object.keys(fields);
  if (keys.length === 1) {
    if (typeof fields.bigint === 'string') return BigInt(fields.bigint);
    if (typeof fields.number === 'string') return Number(fields.number);
  }
  for (const key of keys) {
    const field = fields[key];
    if (typeof field === 'object') fields[key] = revive(field);
  }
  return value;
}

/** Data with bigints and doubles of all kinds as JSON. */
export const serializeJson = (value: unknown): string => JSON.stringify(value, replace);

/** What {@link serializeJson} has written. @throws SyntaxError if the text is no JSON. */
export const parseJson = (text: string): unknown => {
  const value: unknown = JSON.parse(text);
  return /"(?:bigint|number)"\s*:/.test(text) ? revive(value) : value;
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A program as JSON. The same program gives the same text. */
export const serializeProgram = (program: Program): string => serializeJson({ format: PROGRAM_FORMAT, program });

/**
 * The program that {@link serializeProgram} has written. What it says is not checked: see `checkProgram`.
 * @throws RangeError if the text is no program of this format.
 */
export function parseProgram(text: string): Program {
  let parsed: unknown;
  try {
    parsed = parseJson(text);
  } catch (error) {
    throw new RangeError(`no program: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(parsed)) throw new RangeError(`no program: expected {"format":${PROGRAM_FORMAT},"program":{…}}`);
  const { format, program } = parsed;
  if (format === undefined) throw new RangeError("no program: its field 'format' is missing");
  if (format !== PROGRAM_FORMAT)
    throw new RangeError(`no program of format ${PROGRAM_FORMAT}, but of format ${JSON.stringify(format)}`);
  if (program === undefined) throw new RangeError("no program: its field 'program' is missing");
  if (!isObject(program)) throw new RangeError("no program: its field 'program' is no object");
  return program as unknown as Program;
}
