import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Capture, readCapture } from '../../src/capture/index.js';
import type { EngineMode, Machine } from '../../src/simt/index.js';
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
export const captureNames: readonly string[] = fixturesEndingIn(ENDING).map((name) => name.slice(0, -ENDING.length));

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
