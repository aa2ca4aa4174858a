import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCompiler, nodeSources } from '../../src/compile/index.js';
import { moeLocalGatherDevice } from '../../src/kernels/index.js';
import { type Program, programOf, registerProgram } from '../../src/program/index.js';
import { repositoryRoot } from '../support/files.js';
import { fixtures } from './support.js';

/** A call of 32 steps, in which nothing is wrong. */
export const gather = join(fixtures, 'local-gather/ep8-k4-t3.safetensors.br');
/** A call that hung on the GPU, with a kernel that nothing is planted in. */
export const hang = join(fixtures, 'hang/serialised-one-way-receiver-first.safetensors.br');

const PORT = 'src/kernels/moe-local-gather-device.ts';
const PATCHES: readonly (readonly [replace: string, by: string])[] = [
  [
    'const needLoad = laneInTile < expertParallelInfo.topK; // :864',
    `const needLoad = laneInTile < expertParallelInfo.topK;
  let seen = 0;
  if (t.threadIdx.x < 32 && t.blockIdx.x === 0) {
    // Warp 1 writes element 32.
    const before = localExpertIds.load(32);
    yield* t.syncwarp();
    yield* t.syncwarp();
    if (localExpertIds.load(32) !== before) seen = 1;
  } else {
    // Under a fair schedule late enough.
    for (let step = 0; step < 4; step++) yield* t.syncwarp();
  }`,
  ],
  ['laneInTile) | 0, expertId); // :876', 'laneInTile) | 0, (expertId + seen) | 0);'],
];

/**
 * Puts a bug into local gather, and gives what takes it out: a warp reads what another one writes, which is a race under
 * every schedule, and gives a wrong output if it sees the write between two reads. No plain schedule shows that.
 */
export function plantRace(): () => void {
  const sound = programOf(moeLocalGatherDevice)!;
  const program = planted(sound);
  registerProgram(moeLocalGatherDevice, program);
  return () => registerProgram(moeLocalGatherDevice, sound);
}

function planted({ files }: Program): Program {
  const path = join(repositoryRoot, PORT).replaceAll('\\', '/');
  let text = readFileSync(path, 'utf8');
  for (const [replace, by] of PATCHES) {
    if (text.split(replace).length !== 2) throw new Error(`'${replace}' must occur exactly once in ${PORT}`);
    text = text.replace(replace, () => by);
  }
  const sources = nodeSources();
  const compiler = createCompiler({ ...sources, read: (asked) => (asked === path ? text : sources.read(asked)) });
  const program = compiler.compile(path, 'moeLocalGatherDevice');
  // As if it were made of the file that is there: else it would not run.
  const digests = new Map(files.map((file) => [file.path, file.digest]));
  return {
    ...program,
    files: program.files.map((file) => ({ ...file, digest: digests.get(file.path) ?? file.digest })),
  };
}
