import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type BudgetLimit,
  type CallOptions,
  DEFAULT_LIMITS,
  DEFAULT_MODE,
  ENGINE_MODES,
  type EngineMode,
  formatSchedule,
  type Limits,
  parseSchedule,
  type Schedule,
} from '../index.js';
import { shellWord } from './format.js';
import { TRACE_HELP } from './trace-file.js';
import { UsageError } from './usage-error.js';

/** What commander makes of the options that `replay` and `run` share. */
export interface RunOptions {
  readonly mode: string;
  readonly schedule: string;
  readonly granule?: 32 | 8 | 1;
  readonly residentBlocks?: number;
  readonly maxSteps?: number;
  readonly maxIdleSteps?: number;
  readonly maxCounterSteps?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly out?: string;
  readonly record?: boolean;
  readonly trace?: string;
}

/** How calls are to be run, checked. */
export interface RunSettings {
  readonly callOptions: CallOptions;
  /** What was asked for. */
  readonly mode: EngineMode;
  readonly schedule: Schedule;
  /** The options that repeat these settings, to follow `simtwin replay FILE `. */
  readonly repeat: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly out: string | null;
  readonly record: boolean;
  /** File that the trace goes to; null: none. */
  readonly trace: string | null;
}

/** Adds the options that `replay` and `run` share. */
export function addRunOptions(command: Command, out: { readonly flag: string; readonly help: string }): Command {
  return command
    .addOption(new Option('--schedule <token>', 'which warp steps next, and which blocks are resident').default('rr'))
    .addOption(
      new Option('--granule <lanes>', 'lanes that step together: 32, 8 or 1 (granule= of the schedule)').argParser(
        parseGranule,
      ),
    )
    .addOption(
      new Option('--resident-blocks <n>', 'most resident blocks of a device (resident= of the schedule)').argParser(
        parseCount,
      ),
    )
    .addOption(
      new Option('--max-steps <n>', `give up after so many steps (default: ${limitText('maxSteps')})`).argParser(
        parseCount,
      ),
    )
    .addOption(
      new Option(
        '--max-idle-steps <n>',
        `give up after so many polling steps without a write, a barrier or an exit (default: none; in mode ref ${limitText('maxIdleSteps')})`,
      ).argParser(parseCount),
    )
    .addOption(
      new Option(
        '--max-counter-steps <n>',
        `give up after so many steps with atomics without a store or an exit (default: none; in mode ref ${limitText('maxCounterSteps')})`,
      ).argParser(parseCount),
    )
    .addOption(
      new Option(
        '--mode <mode>',
        'how kernels run: fast (compiled, whole warps), step (compiled, lane by lane) or ref (their source)',
      ).default(DEFAULT_MODE),
    )
    .addOption(new Option('--record', 'also give the schedule token that replays each run pick by pick'))
    .addOption(new Option('--trace <file>', TRACE_HELP))
    .addOption(new Option(out.flag, out.help))
    .addOption(new Option('--json', 'one JSON object on stdout, nothing else'))
    .addOption(new Option('--quiet', 'only failures and the final line'));
}

/** Checks the options. @throws UsageError that says what would be right. */
export function readRunOptions(options: RunOptions): RunSettings {
  const mode = readMode(options.mode);
  const token = readToken(options.schedule);
  let schedule = parseToken(token);
  const { granule, residentBlocks, maxSteps, maxIdleSteps, maxCounterSteps } = options;
  if (granule !== undefined) {
    requireAgreement(token, 'granule', schedule.granule, '--granule', granule);
    schedule = { ...schedule, granule };
  }
  if (residentBlocks !== undefined) {
    requireAgreement(token, 'resident', schedule.residentBlocks, '--resident-blocks', residentBlocks);
    schedule = { ...schedule, residentBlocks };
  }
  const limits: Partial<Limits> = {
    ...(maxSteps === undefined ? {} : { maxSteps }),
    ...(maxIdleSteps === undefined ? {} : { maxIdleSteps }),
    ...(maxCounterSteps === undefined ? {} : { maxCounterSteps }),
  };
  const { json = false, quiet = false, out = null, record = false, trace = null } = options;
  if (out === '') throw new UsageError('--out must name a file or a folder, but is empty');
  if (trace !== null && mode === 'ref')
    throw new UsageError("--trace tells of the steps of mode 'step'; leave out --mode ref");
  const callOptions = { mode, schedule, limits, record };
  return { callOptions, mode, schedule, repeat: repeatOptions(options, schedule), json, quiet, out, record, trace };
}

function readMode(name: string): EngineMode {
  const mode = ENGINE_MODES.find((known) => known === name);
  if (mode === undefined) throw new UsageError(`--mode ${name} does not exist; there are ${ENGINE_MODES.join(', ')}`);
  return mode;
}

function repeatOptions({ schedule: given, ...options }: RunOptions, schedule: Schedule): string {
  const words = given.startsWith('@')
    ? [
        '--schedule',
        shellWord(given),
        ...(options.granule === undefined ? [] : ['--granule', String(options.granule)]),
        ...(options.residentBlocks === undefined ? [] : ['--resident-blocks', String(options.residentBlocks)]),
      ]
    : ['--schedule', formatSchedule(schedule)];
  if (options.mode !== DEFAULT_MODE) words.push('--mode', options.mode);
  if (options.maxSteps !== undefined) words.push('--max-steps', String(options.maxSteps));
  if (options.maxIdleSteps !== undefined) words.push('--max-idle-steps', String(options.maxIdleSteps));
  if (options.maxCounterSteps !== undefined) words.push('--max-counter-steps', String(options.maxCounterSteps));
  return words.join(' ');
}

/** The token itself, or the text of the file that `@FILE` names. */
function readToken(given: string): string {
  if (!given.startsWith('@')) return given;
  try {
    return readFileSync(given.slice(1), 'utf8').trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`--schedule ${given}: the file cannot be read (${code})`);
  }
}

function parseToken(token: string): Schedule {
  try {
    return parseSchedule(token);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--schedule: ${error.message.replace(/^schedule: /, '')}`);
    throw error;
  }
}

/** An option may complete the token or say the same, but not contradict it. */
function requireAgreement(token: string, part: string, inToken: number | null, option: string, value: number): void {
  const isGiven = token.split(',').some((text) => text.startsWith(`${part}=`));
  if (isGiven && inToken !== value) {
    throw new UsageError(`${option} ${value} contradicts '${part}=${inToken}' of --schedule; give one of them`);
  }
}

function parseGranule(text: string): 32 | 8 | 1 {
  if (text === '32' || text === '8' || text === '1') return Number(text) as 32 | 8 | 1;
  throw new InvalidArgumentError('It must be 32, 8 or 1.');
}

/** A default as the option takes it: `2e7`. */
const limitText = (name: BudgetLimit): string => DEFAULT_LIMITS[name].toExponential().replace('+', '');

/** A positive integer, also as 2e7. */
export function parseCount(text: string): number {
  const value = /^\d+(?:e\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 1 && value <= 2 ** 53 - 1)) throw new InvalidArgumentError('It must be a positive integer.');
  return value;
}
