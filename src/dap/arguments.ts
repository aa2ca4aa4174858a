import { type Granularity, STEP_POLICIES } from '../debug/index.js';
import { DapError, type LaunchArguments } from './host.js';

/** An object of a message, whose fields may be anything. */
export type Fields = Readonly<Record<string, unknown>>;

/** An object that may be missing. @throws DapError */
export function fieldsOf(value: unknown, what: string): Fields {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new DapError(`${what} must be an object`);
  return value as Fields;
}

interface Types {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
}

/** A field that may be missing. Numbers are integers from 0 on. @throws DapError */
export function optional<T extends keyof Types>(fields: Fields, name: string, type: T): Types[T] | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null) return undefined;
  const isRight =
    typeof value === type && (type !== 'number' || (Number.isSafeInteger(value) && (value as number) >= 0));
  if (isRight) return value as Types[T];
  throw new DapError(`'${name}' must be a ${type}${type === 'number' ? ' from 0 on' : ''}, not ${shown(value)}`);
}

/** A field that must be there. @throws DapError */
export function required<T extends keyof Types>(fields: Fields, name: string, type: T): Types[T] {
  const value = optional(fields, name, type);
  if (value === undefined) throw new DapError(`'${name}' is missing: a ${type}`);
  return value;
}

/** An array of objects; empty if it is missing. @throws DapError */
export function list(fields: Fields, name: string): Fields[] {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new DapError(`'${name}' must be an array, not ${shown(value)}`);
  return value.map((item) => fieldsOf(item, `an element of '${name}'`));
}

/** @throws DapError */
export function launchArguments(fields: Fields): LaunchArguments {
  const program = optional(fields, 'program', 'string') ?? '';
  if (program === '')
    throw new DapError("'program' is missing: the path of a capture (*.safetensors, also .br or .gz)");
  const name = optional(fields, 'policy', 'string') ?? 'schedule';
  const policy = STEP_POLICIES.find((known) => known === name);
  if (policy === undefined) throw new DapError(`'policy' is one of ${STEP_POLICIES.join(', ')}, not '${name}'`);
  const limit = (key: 'maxSteps' | 'maxIdleSteps' | 'maxCounterSteps') => {
    const value = optional(fields, key, 'number');
    if (value === 0) throw new DapError(`'${key}' must be a number from 1 on`);
    return value === undefined ? {} : { [key]: value };
  };
  return {
    program,
    schedule: optional(fields, 'schedule', 'string') ?? 'rr',
    policy,
    stopOnEntry: optional(fields, 'stopOnEntry', 'boolean') ?? false,
    stopOnHang: optional(fields, 'stopOnHang', 'boolean') ?? true,
    stopOnEnd: optional(fields, 'stopOnEnd', 'boolean') ?? false,
    noDebug: optional(fields, 'noDebug', 'boolean') ?? false,
    limits: { ...limit('maxSteps'), ...limit('maxIdleSteps'), ...limit('maxCounterSteps') },
  };
}

/** How far a step is to go. `otherwise`: a step of the kind that is asked for. @throws DapError */
export function granularityOf(args: Fields, otherwise: Granularity): Granularity {
  const granularity = optional(args, 'granularity', 'string') ?? 'statement';
  switch (granularity) {
    case 'statement':
      return otherwise;
    case 'line':
      return otherwise === 'operation' ? 'line' : otherwise;
    case 'instruction':
      return 'operation';
    default:
      throw new DapError(`'granularity' is statement, line or instruction, not '${granularity}'`);
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}
