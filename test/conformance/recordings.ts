import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { decodeSafetensors } from '../../src/capture/index.js';
import { repositoryRoot } from '../support/files.js';
import type { RecordedLaunch } from './harness.js';

const FOLDER = 'fixtures/conformance';
/** Safetensors, but no captured call: `simtwin replay fixtures` passes these by. */
const ENDING = /\.conformance(\.br)?$/;
const LAUNCH_KEY = 'launch ';

/** What one GPU made of every kernel. */
export interface Recording {
  /** File name without ending. */
  readonly name: string;
  readonly device: string;
  readonly kernels: ReadonlyMap<string, RecordedKernel>;
}

/** One kernel: how it was launched and what it left in `out`. */
export interface RecordedKernel {
  readonly launch: RecordedLaunch;
  readonly out: Uint32Array;
}

/**
 * All recordings, by name.
 * @throws Error if there is none.
 */
export function readRecordings(): Recording[] {
  const folder = join(repositoryRoot, FOLDER);
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => ENDING.test(file)) : [];
  if (files.length === 0) {
    throw new Error(
      `${FOLDER} holds no recording (*.conformance, *.conformance.br): nothing to compare the simulator with; conformance/README.md says how to record one`,
    );
  }
  return files.sort().map((file) => readRecording(join(folder, file), file.replace(ENDING, '')));
}

function readRecording(path: string, name: string): Recording {
  const bytes = readFileSync(path);
  const { metadata, tensors } = decodeSafetensors(path.endsWith('.br') ? brotliDecompressSync(bytes) : bytes, name);
  const kernels = new Map<string, RecordedKernel>();
  for (const [kernel, tensor] of tensors) {
    if (tensor.dtype !== 'U32') throw new Error(`${name}: tensor ${kernel} has dtype ${tensor.dtype}, not U32`);
    const out = new Uint32Array(tensor.bytes.slice().buffer);
    kernels.set(kernel, { launch: parseLaunch(metadata[LAUNCH_KEY + kernel], `${name}: ${kernel}`), out });
  }
  if (metadata.kernels !== `${kernels.size}`)
    throw new Error(`${name}: metadata says ${metadata.kernels} kernels, the file holds ${kernels.size}`);
  return { name, device: metadata.device ?? 'an unknown device', kernels };
}

/** "gridX gridY gridZ blockX blockY blockZ inWords". */
function parseLaunch(text: string | undefined, what: string): RecordedLaunch {
  const numbers = text?.split(' ').map(Number) ?? [];
  if (numbers.length !== 7 || !numbers.every((number) => Number.isSafeInteger(number) && number > 0))
    throw new Error(`${what}: no launch in the metadata, but ${text}`);
  const [gridX, gridY, gridZ, blockX, blockY, blockZ, inWords] = numbers as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { grid: { x: gridX, y: gridY, z: gridZ }, block: { x: blockX, y: blockY, z: blockZ }, inWords };
}
