import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { afterAll, beforeAll } from 'vitest';
import { type TaskRequest, taskServer } from '../../src/cli/explore-tasks.js';
import type { WorkerThread } from '../../src/cli/io.js';
import { runCli } from '../../src/cli/run-cli.js';
import type { Capture } from '../../src/index.js';
import { repositoryRoot } from '../support/files.js';

/** The recorded calls that come with the package. */
export const fixtures = join(repositoryRoot, 'fixtures');

/** What a run of the command line has given. */
export interface CliRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The terminal and the clock that a run of the command line sees; by default no terminal, and a clock that stands still. */
export interface CliSurroundings {
  readonly stdoutColumns?: number;
  readonly stderrColumns?: number;
  readonly now?: () => number;
  readonly signal?: AbortSignal;
  readonly onStderr?: (text: string) => void;
  readonly env?: Readonly<Record<string, string>>;
}

/** A thread of `explore` that is none: its tasks are done in this one, a message at a time. */
function threadInProcess(): WorkerThread {
  let listener = (_message: unknown): void => {};
  let isEnded = false;
  const serve = taskServer((answer) => {
    const copy = structuredClone(answer);
    setImmediate(() => {
      if (!isEnded) listener(copy);
    });
  });
  return {
    post(message) {
      const copy = structuredClone(message) as TaskRequest;
      setImmediate(() => {
        if (!isEnded) serve(copy);
      });
    },
    onMessage(given) {
      listener = given;
    },
    onFailure() {},
    terminate() {
      isEnded = true;
    },
  };
}

/** Runs the command line in this process. */
export async function simtwin(argv: readonly string[], surroundings: CliSurroundings = {}): Promise<CliRun> {
  const { stdoutColumns, stderrColumns, now = () => 0, signal = new AbortController().signal } = surroundings;
  let stdout = '';
  let stderr = '';
  const stream = (columns: number | undefined, write: (text: string) => void) => ({
    write,
    isTTY: columns !== undefined,
    columns: columns ?? null,
    chalk: new Chalk({ level: 0 }),
  });
  const exitCode = await runCli(argv, {
    stdout: stream(stdoutColumns, (text) => {
      stdout += text;
    }),
    stderr: stream(stderrColumns, (text) => {
      stderr += text;
      surroundings.onStderr?.(text);
    }),
    now,
    signal,
    interruptible: (part) => part(),
    env: surroundings.env ?? {},
    startWorker: threadInProcess,
  });
  return { exitCode, stdout, stderr };
}

/** What a test may rely on in a text: not the folder of this run, nor what changes with ports and engine: lines and steps. */
export function masked(text: string, folder: string): string {
  return text
    .replaceAll(`${folder}/`, '')
    .replace(/(src\/[\w./-]+\.ts):\d+/g, '$1:LINE')
    .replace(/(steps?) [\d,]+/g, '$1 N')
    .replace(/[\d,]+ steps/g, 'N steps')
    .replace(/ +[\d,]+(?= {2}0\.00 s$)/gm, '  STEPS')
    .replace(/^ {15}\S.*$/gm, '               CODE OF THE PORT');
}

/** A folder for the tests of a file, with stacks as deep as the program's own. */
export function useTemporaryFolder(): () => string {
  let folder = '';
  const stackTraceLimit = Error.stackTraceLimit;
  beforeAll(() => {
    Error.stackTraceLimit = 50;
    folder = mkdtempSync(join(tmpdir(), 'simtwin-cli-'));
  });
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit;
    rmSync(folder, { recursive: true });
  });
  return () => folder;
}

/** Changes a byte of an array of a capture, in place. */
export function flipByte(array: ArrayBufferView, offset: number, bits = 0x40): void {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  bytes[offset] = bytes[offset]! ^ bits;
}

/** The capture, if it is of this operation. */
export function captureOf<Op extends Capture['op']>(op: Op, capture: Capture): Extract<Capture, { op: Op }> {
  if (capture.op !== op) throw new Error(`the capture is one of ${capture.op}`);
  return capture as Extract<Capture, { op: Op }>;
}
