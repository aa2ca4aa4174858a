import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { readCapture, writeCapture } from '../../src/index.js';
import { fixtures } from '../cli/support.js';
import { repositoryRoot } from '../support/files.js';

const tests = join(repositoryRoot, 'python/tests');

/** Python's version, or why there is none. */
export function pythonVersion(): { readonly found: boolean; readonly text: string } {
  try {
    const code = 'import sys; assert sys.version_info >= (3, 9); print(sys.version.split()[0])';
    return { found: true, text: execFileSync('python3', ['-c', code], { encoding: 'utf8', stdio: 'pipe' }).trim() };
  } catch {
    return { found: false, text: 'no python3 (3.9 or later) on this machine' };
  }
}

/** Whether python3 has numpy; the package needs none. */
export function hasNumpy(): boolean {
  try {
    execFileSync('python3', ['-c', 'import numpy'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

/** The environment of a program that records nothing, and has the stand-in in place of FlashInfer. */
export function pythonEnvironment(given: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SIMTWIN_'));
  return {
    ...Object.fromEntries(inherited),
    PYTHONPATH: [join(repositoryRoot, 'python'), tests].join(delimiter),
    PYTHONDONTWRITEBYTECODE: '1',
    ...given,
  };
}

/** A fixture without its compression, which Python cannot read. */
export function plainFixture(name: string, folder: string): string {
  const target = join(folder, `${name.replaceAll('/', '-')}.safetensors`);
  writeCapture(target, readCapture(join(fixtures, `${name}.safetensors.br`)));
  return target;
}

/** The files that were recorded, by name. */
export const recordedFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.safetensors'))
    .sort();

/** The processes of ranks, which make the calls of `files`, one after the other. */
export function startRanks(
  ranks: readonly number[],
  files: readonly string[],
  folder: string,
  given: Readonly<Record<string, string>> = {},
): readonly RankProcess[] {
  const workspace = join(folder, 'workspace');
  const environment = pythonEnvironment({
    SIMTWIN_TEST_FIXTURES: files.join(delimiter),
    SIMTWIN_CAPTURE_DIR: join(folder, 'recorded'),
    SIMTWIN_CAPTURE_MODULE: 'stand_in.trtllm_alltoall',
    SIMTWIN_CAPTURE_BARRIER_S: '20',
    ...given,
  });
  if (readCapture(files[0]!).op === 'moe_comm') {
    execFileSync('python3', [join(tests, 'make_workspace.py'), files[0]!, workspace], { env: environment });
  }
  return ranks.map((rank) => {
    const process = spawn('python3', [join(tests, 'rank_process.py'), String(rank), workspace], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    process.stdout.on('data', (data) => {
      output += data;
    });
    process.stderr.on('data', (data) => {
      output += data;
    });
    const ended = new Promise<RankEnd>((resolve) => process.on('close', (code) => resolve({ code, output })));
    return { process, output: () => output, ended };
  });
}

export interface RankProcess {
  readonly process: ChildProcess;
  /** What it has written so far. */
  readonly output: () => string;
  readonly ended: Promise<RankEnd>;
}

interface RankEnd {
  /** Null: it was killed. */
  readonly code: number | null;
  readonly output: string;
}

/** Runs all ranks to their end. */
export const runRanks = async (...given: Parameters<typeof startRanks>): Promise<readonly RankEnd[]> =>
  Promise.all(startRanks(...given).map(({ ended }) => ended));

/** Waits until `condition` holds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`has not come in 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
