import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseSchedule, type SchedulePart, WHOLE } from '../index.js';
import { readShard } from './explore-shard.js';
import { shellWord } from './format.js';
import type { CliIo } from './io.js';
import { parseCount } from './run-options.js';
import { UsageError } from './usage-error.js';

const DEFAULT_SCHEDULES = 1000;
const MOST_JOBS = 256;

/** What others see late. */
type Delay = 'stores' | 'links';

/** What commander makes of the options of `explore`. */
export interface ExploreOptions {
  readonly args?: string;
  readonly inputs?: string;
  readonly seed: string;
  readonly schedules?: number;
  readonly schedule?: string;
  readonly time?: number;
  readonly granule?: '32' | '8' | '1';
  readonly residentBlocks?: number;
  readonly delay?: Delay;
  readonly jobs: number;
  readonly shard?: string;
  readonly shards?: number;
  readonly checkpoint?: string;
  readonly exhaustive?: boolean;
  readonly force?: boolean;
  readonly minimise: boolean;
  readonly shrink: boolean;
  readonly expect?: string;
  readonly test?: boolean;
  readonly junit?: string;
  readonly json?: boolean;
}

/** What is searched: the same for all shards of a search, and for all parts of one that is interrupted. */
export interface SearchSettings {
  /** Seed of the first schedules. */
  readonly seed: number;
  /** The one schedule that is to be run; null: a search. */
  readonly schedule: string | null;
  readonly granule: number;
  /** Null: as many as have room. */
  readonly residentBlocks: number | null;
  /** Null: everybody sees everything at once. */
  readonly delay: Delay | null;
  /** Schedules in all, of whichever shards; null: as many as there is time for. */
  readonly schedules: number | null;
  /** Seconds after which no more schedules are begun; null: all are. */
  readonly time: number | null;
  readonly minimise: boolean;
  /** Whether smaller calls are looked for. */
  readonly shrink: boolean;
}

/** How `explore` is to go on, checked. */
export interface ExploreSettings {
  readonly search: SearchSettings;
  readonly jobs: number;
  readonly part: SchedulePart;
  /** Whether others have the rest. */
  readonly isShard: boolean;
}

/** Adds the options of a search. */
export function addExploreOptions(command: Command): Command {
  return command
    .addOption(new Option('--args <json>', "arguments of the operation as a JSON object (default: '{}')"))
    .addOption(new Option('--inputs <n>', 'seed of the random inputs (default: 0)'))
    .option('--seed <n>', 'first seed of the schedules', '0')
    .addOption(new Option('--schedules <n>', `schedules to run (default: ${DEFAULT_SCHEDULES})`).argParser(parseCount))
    .addOption(new Option('--time <seconds>', 'begin no schedule after so many seconds').argParser(parseCount))
    .addOption(
      new Option('--schedule <token>', 'run this schedule alone').conflicts([
        'schedules',
        'time',
        'granule',
        'residentBlocks',
        'delay',
        'shard',
        'shards',
        'checkpoint',
      ]),
    )
    .addOption(new Option('--granule <lanes>', 'lanes that step together').choices(['32', '8', '1']))
    .addOption(new Option('--resident-blocks <n>', 'most resident blocks of a device').argParser(parseCount))
    .addOption(
      new Option('--delay <what>', 'what others see late, but for fences and barriers').choices(['stores', 'links']),
    )
    .addOption(new Option('--jobs <n>', 'threads that run schedules').argParser(parseJobs).default(1))
    .addOption(new Option('--shard <i/n>', 'run part i of n of the schedules, i from 1 on').conflicts('shards'))
    .addOption(new Option('--shards <n>', 'number of shards; the environment says which').argParser(parseCount))
    .addOption(new Option('--checkpoint <file>', 'keep what is done in FILE, and go on from there'))
    .addOption(
      new Option('--exhaustive', 'look at every schedule, of a small shape').conflicts([
        'schedules',
        'schedule',
        'delay',
        'shard',
        'shards',
        'checkpoint',
        'junit',
        'test',
        'expect',
      ]),
    )
    .option('--force', 'with --exhaustive: go on however large the shape is')
    .option('--no-minimise', 'do not look for smaller schedules, nor calls')
    .option('--no-shrink', 'do not look for smaller calls')
    .addOption(new Option('--expect <file>', 'JSON list of findings that are expected, with reasons'))
    .addOption(new Option('--test', 'also print a vitest test of the first finding').conflicts('json'))
    .addOption(new Option('--junit <file>', 'write the findings as JUnit XML'))
    .addOption(new Option('--json', 'one JSON object on stdout, nothing else'));
}

function parseJobs(text: string): number {
  const jobs = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (!(jobs >= 1 && jobs <= MOST_JOBS)) throw new InvalidArgumentError(`It must be from 1 to ${MOST_JOBS}.`);
  return jobs;
}

/** Checks the options. @throws UsageError that says what would be right. */
export function readExploreOptions(options: ExploreOptions, io: CliIo): ExploreSettings {
  const { granule = '32', residentBlocks = null, delay = null, time = null, minimise, shrink, jobs } = options;
  const schedule = options.schedule ?? null;
  if (schedule !== null) requireSchedule(schedule);
  const search: SearchSettings = {
    seed: readExploreSeed(options.seed, '--seed'),
    schedule,
    granule: Number(granule),
    residentBlocks,
    delay,
    schedules: schedule !== null ? 1 : (options.schedules ?? (time === null ? DEFAULT_SCHEDULES : null)),
    time,
    minimise,
    shrink: minimise && shrink,
  };
  const shard = schedule === null ? readShard(options, io) : null;
  return { search, jobs, part: shard ?? WHOLE, isShard: shard !== null };
}

function requireSchedule(token: string): void {
  try {
    parseSchedule(token);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--schedule: ${error.message.replace(/^schedule: /, '')}`);
    throw error;
  }
}

/** A seed of 32 bits. @throws UsageError */
export function readExploreSeed(text: string, option: string): number {
  const seed = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(seed < 2 ** 32))
    throw new UsageError(`${option} must be an integer from 0 to ${2 ** 32 - 1}, but is '${text}'`);
  return seed;
}

/** What the options add to the token of each schedule. */
export const tokenSuffix = ({ granule, residentBlocks, delay, seed }: SearchSettings): string =>
  [
    granule === 32 ? '' : `,granule=${granule}`,
    residentBlocks === null ? '' : `,resident=${residentBlocks}`,
    delay === null ? '' : `,${delay}=${seed}`,
  ].join('');

/** The command line that has given these options. */
export function commandLineOf(target: string, options: ExploreOptions): string {
  const words = ['simtwin', 'explore', shellWord(target)];
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined) words.push(`--${name}`, shellWord(String(value)));
  };
  add('args', options.args);
  add('inputs', options.inputs);
  add('seed', options.seed === '0' ? undefined : options.seed);
  add('schedules', options.schedules);
  add('schedule', options.schedule);
  add('time', options.time);
  add('granule', options.granule);
  add('resident-blocks', options.residentBlocks);
  add('delay', options.delay);
  add('jobs', options.jobs === 1 ? undefined : options.jobs);
  add('shard', options.shard);
  add('shards', options.shards);
  add('checkpoint', options.checkpoint);
  if (!options.minimise) words.push('--no-minimise');
  if (!options.shrink) words.push('--no-shrink');
  add('expect', options.expect);
  if (options.test) words.push('--test');
  add('junit', options.junit);
  if (options.json) words.push('--json');
  return words.join(' ');
}
