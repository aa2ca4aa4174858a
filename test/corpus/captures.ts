import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Capture, readCapture } from '../../src/capture/index.js';
import type { EngineMode, HangCause, Machine } from '../../src/simt/index.js';
import { judge, type ReplayResult, setUpCall } from '../../src/tools/index.js';
import { repositoryRoot } from '../support/files.js';

const FIXTURES = join(repositoryRoot, 'fixtures');

/** Paths within `fixtures/`, with `/`, of the files whose name ends in `ending`; sorted. */
export function fixturesEndingIn(ending: string): string[] {
  return readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith(ending))
    .sort();
}

export const fixturePath = (name: string): string => join(FIXTURES, name);

const ENDING = '.safetensors.br';

/** Names of all captures: paths within `fixtures/` without the ending. */
export const allCaptureNames: readonly string[] = fixturesEndingIn(ENDING).map((name) => name.slice(0, -ENDING.length));

/** Calls that hung on the GPU, with the cause. */
export const HANGS: Readonly<Record<string, HangCause>> = {
  'hang/rank-2-not-launched': 'not launched',
  'hang/ranks-serialised-on-one-stream': 'launch order',
  'hang/receiver-expects-one-more': 'counts disagree',
  'hang/sender-has-more-than-fifo-depth': 'counts disagree',
  'hang/serialised-one-way-receiver-first': 'launch order',
  'hang/vector-129-packets': 'vector too large',
  'hang/workspace-dirty-fifo-full': 'workspace not clean',
  'hang/workspace-dirty-head': 'workspace not clean',
  'hang/workspace-dirty-tail-ahead': 'workspace not clean',
};

/** Names of the captures of calls that ended on the GPU. */
export const captureNames: readonly string[] = allCaptureNames.filter((name) => !Object.hasOwn(HANGS, name));

/** These take a second or more each in modes `step` and `ref`; `npm run campaign` runs them in every mode, too. */
const SLOW = [
  'all-to-all/ep2-bf16x512-132sm',
  'all-to-all/ep2-bf16x62400-wrap',
  'all-to-all/ep8-f16x64',
  'prepare-indices/ep1024-k8-r1000-t2',
  'prepare-indices/ep33-k16-r32-t70',
  'prepare-indices/ep64-k8-r40-t16',
  'prepare-indices/ep72-k9-r71-t9-real',
];

/** Those that take little time in every mode. */
export const quickCaptureNames: readonly string[] = captureNames.filter((name) => !SLOW.includes(name));

export const readFixture = (name: string): Capture => readCapture(fixturePath(name + ENDING));

/** Replays a capture to its end under a schedule, in the given mode if that can. */
export function replay(
  capture: Capture,
  schedule: string,
  mode: EngineMode = 'fast',
): ReplayResult & { readonly machine: Machine } {
  const call = setUpCall(capture, { schedule, mode }, 'capture');
  const outcome = call.machine.run();
  return { ...judge(capture, call, outcome), machine: call.machine };
}
