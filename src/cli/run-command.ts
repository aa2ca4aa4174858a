import type { Command } from 'commander';
import { parseJsonObject } from '../capture/json.js';
import {
  CAPTURE_OPS,
  type Call,
  type Capture,
  CaptureError,
  type CaptureOp,
  checkAgainstReference,
  describeOutcome,
  expectedByReference,
  generateCapture,
  type JsonValue,
  type Outcome,
} from '../index.js';
import { SHORT_OP_NAMES } from './describe-capture.js';
import { breathe } from './drive.js';
import { EXIT_CODE_HELP } from './exit-code.js';
import { shellWord } from './format.js';
import type { CliIo } from './io.js';
import { requireFileTarget, writeOutput } from './output-plan.js';
import { ReportPrinter } from './report-printer.js';
import { type Judgement, runCase } from './run-case.js';
import { addRunOptions, type RunOptions, readRunOptions } from './run-options.js';
import { requireTraceTarget } from './trace-file.js';
import { UsageError } from './usage-error.js';

const HELP = `
Makes random inputs from a seed, the same on every machine, runs the call on the CPU and compares every output with the
reference, a sequential implementation. Of an all-to-all, the reference knows the output rows and the head and tail of
every link and channel, but not what the FIFOs hold. 'simtwin list' names the arguments.

OP is ${CAPTURE_OPS.map((op) => `${op} (${SHORT_OP_NAMES[op]})`).join(', ')}.

Examples:
  simtwin run prepare-indices
  simtwin run prepare-indices --args '{"ep_size": 8, "top_k": 8, "real_counts": true}' --seed 3
  simtwin run local-gather --args '{"ep_size": 8, "ep_rank": 7}' --schedule random:1,granule=1
  simtwin run all-to-all --args '{"ep_size": 8, "vector_bytes": 4096}' --resident-blocks 4
  simtwin run all-to-all --out a.safetensors && simtwin replay a.safetensors

${EXIT_CODE_HELP}`;

interface RunCommandOptions extends RunOptions {
  readonly args: string;
  readonly seed: string;
}

/** Adds `run`. `done` takes the exit code. */
export function addRunCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  const command = program
    .command('run')
    .showHelpAfterError("(see 'simtwin run --help')")
    .summary('run a call with random inputs and compare it with the reference')
    .description('Run a call with random inputs and compare every output with the reference.')
    .argument('<op>', 'operation')
    .option('--args <json>', 'arguments of the operation as a JSON object', '{}')
    .option('--seed <n>', 'seed of the inputs', '0');
  addRunOptions(command, { flag: '--out <file>', help: 'write inputs and computed outputs as a capture' })
    .addHelpText('after', HELP)
    .action(async (op: string, options: RunCommandOptions) => done(await run(op, options, io)));
}

async function run(opName: string, options: RunCommandOptions, io: CliIo): Promise<number> {
  const op = readOp(opName);
  const settings = readRunOptions(options);
  const args = readArgs(options.args);
  const seed = readSeed(options.seed);
  const target = settings.out;
  if (target !== null) requireFileTarget(target);
  if (settings.trace !== null) requireTraceTarget(settings.trace, '', target);
  let capture: Capture;
  try {
    capture = io.interruptible(() => generateCapture(op, args, seed));
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--args: ${error.message}`);
    throw error;
  }
  const name = `seed ${seed}`;
  const printer = new ReportPrinter([name], settings, io);
  await breathe(io);
  const argsWords = Object.keys(args).length === 0 ? '' : ` --args ${shellWord(JSON.stringify(args))}`;
  const report = await runCase(
    {
      file: target,
      name,
      reproduce: `simtwin run ${SHORT_OP_NAMES[op]}${argsWords} --seed ${seed} ${settings.repeat}`,
      read: () => capture,
      judge: judgeByReference,
      expected: expectedByReference,
      write: target === null ? null : (computed) => writeOutput(target, computed),
    },
    settings,
    io,
    printer.progress,
    '[1/1]',
  );
  printer.add(report);
  return printer.finish({ args, seed });
}

function judgeByReference(capture: Capture, call: Call, outcome: Outcome): Judgement {
  if (outcome.verdict !== 'completes') {
    return { result: 'error', comparison: null, problem: describeOutcome(outcome, call.machine.limits) };
  }
  const comparison = checkAgainstReference(capture, call);
  const { differingBytes } = comparison;
  return differingBytes === 0
    ? { result: 'match', comparison, problem: null }
    : { result: 'mismatch', comparison, problem: `${differingBytes} bytes differ` };
}

export function readOp(name: string): CaptureOp {
  const found = CAPTURE_OPS.find((op) => op === name || SHORT_OP_NAMES[op] === name);
  if (found !== undefined) return found;
  const known = CAPTURE_OPS.map((op) => `${op} (${SHORT_OP_NAMES[op]})`).join(', ');
  throw new UsageError(`there is no operation '${name}'; there are ${known}`);
}

export function readArgs(text: string): Readonly<Record<string, JsonValue>> {
  try {
    return Object.fromEntries(parseJsonObject(text, '--args', 'the text'));
  } catch (error) {
    if (error instanceof CaptureError) throw new UsageError(`${error.message}; for example --args '{"ep_size": 8}'`);
    throw error;
  }
}

export function readSeed(text: string): number {
  const seed = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(seed < 2 ** 32)) throw new UsageError(`--seed must be an integer from 0 to ${2 ** 32 - 1}, but is '${text}'`);
  return seed;
}
