import type { SchedulePart } from '../index.js';
import type { CliIo } from './io.js';
import { UsageError } from './usage-error.js';

/** Most shards of a search: a larger number is a mistake. */
export const MOST_SHARDS = 100_000;

interface ShardOptions {
  readonly shard?: string;
  readonly shards?: number;
}

/**
 * The part of the schedules that this process has: as `--shard` says, else as the array job that it is a task of. That
 * is said on stderr, because nobody has typed it. Null: it has them all.
 * @throws UsageError
 */
export function readShard({ shard, shards }: ShardOptions, io: CliIo): SchedulePart | null {
  if (shard !== undefined) return parseShard(shard);
  if (shards !== undefined && shards > MOST_SHARDS)
    throw new UsageError(`--shards ${shards} is too many; there are at most ${MOST_SHARDS}`);
  const found = slurmShard(io.env, shards) ?? completionShard(io.env, shards);
  if (found === null) {
    if (shards === undefined) return null;
    throw new UsageError(
      '--shards needs an array job that says which shard this is (SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX); give --shard I/N instead',
    );
  }
  const { part, source } = found;
  io.stderr.write(`simtwin: shard ${shardText(part)}, by ${source}; --shard 1/1 runs all schedules here\n`);
  return part;
}

/** `2/8`: counted from 1. */
export const shardText = ({ index, count }: SchedulePart): string => `${index + 1}/${count}`;

function parseShard(text: string): SchedulePart {
  const [, number, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(text)?.map(Number) ?? [];
  const isValid = number !== undefined && count !== undefined && number >= 1 && number <= count && count <= MOST_SHARDS;
  if (!isValid) throw new UsageError(`--shard must be I/N with I from 1 to N, such as 1/4, but is '${text}'`);
  return { index: number - 1, count };
}

interface FoundShard {
  readonly part: SchedulePart;
  /** The variable that says so. */
  readonly source: string;
}

/** Source: Slurm, "Job Array Support": the ids of an array may begin anywhere and have a step. */
function slurmShard(env: CliIo['env'], shards: number | undefined): FoundShard | null {
  const { SLURM_ARRAY_TASK_ID, SLURM_ARRAY_TASK_MIN, SLURM_ARRAY_TASK_COUNT } = env;
  if (SLURM_ARRAY_TASK_ID === undefined) return null;
  const id = readVariable('SLURM_ARRAY_TASK_ID', SLURM_ARRAY_TASK_ID);
  if (SLURM_ARRAY_TASK_MIN === undefined || SLURM_ARRAY_TASK_COUNT === undefined)
    throw new UsageError(
      'SLURM_ARRAY_TASK_ID is set, but SLURM_ARRAY_TASK_MIN or SLURM_ARRAY_TASK_COUNT is not; give --shard I/N',
    );
  const first = readVariable('SLURM_ARRAY_TASK_MIN', SLURM_ARRAY_TASK_MIN);
  const count = readVariable('SLURM_ARRAY_TASK_COUNT', SLURM_ARRAY_TASK_COUNT);
  const step = readVariable('SLURM_ARRAY_TASK_STEP', env.SLURM_ARRAY_TASK_STEP ?? '1');
  const last = readVariable('SLURM_ARRAY_TASK_MAX', env.SLURM_ARRAY_TASK_MAX ?? String(first + (count - 1) * step));
  const index = (id - first) / step;
  // Ids such as 1,2,5 leave gaps: every task is to see that, not only those behind the gap.
  const isEven = last === first + (count - 1) * step && Number.isInteger(index) && index >= 0 && index < count;
  if (!isEven || count > MOST_SHARDS)
    throw new UsageError(
      `the ids of the array job do not count evenly from SLURM_ARRAY_TASK_MIN=${first} to SLURM_ARRAY_TASK_COUNT=${count} tasks (this is ${id}); give --shard I/N`,
    );
  if (shards !== undefined && shards !== count)
    throw new UsageError(`--shards ${shards} contradicts SLURM_ARRAY_TASK_COUNT=${count}; give the same number`);
  return { part: { index, count }, source: `SLURM_ARRAY_TASK_ID=${id}` };
}

/** Source: Kubernetes, "Indexed Job": indexes count from 0, and nothing says how many there are. */
function completionShard(env: CliIo['env'], count: number | undefined): FoundShard | null {
  const { JOB_COMPLETION_INDEX } = env;
  if (JOB_COMPLETION_INDEX === undefined || count === undefined) return null;
  const index = readVariable('JOB_COMPLETION_INDEX', JOB_COMPLETION_INDEX);
  if (index >= count)
    throw new UsageError(
      `JOB_COMPLETION_INDEX=${index} needs --shards of at least ${index + 1}, but it is ${count}; give the completions of the job`,
    );
  return { part: { index, count }, source: `JOB_COMPLETION_INDEX=${index}` };
}

function readVariable(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new UsageError(
      `the environment variable ${name} must be a whole number, but is '${text}'; or give --shard I/N`,
    );
  return Number(text);
}
