import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isDump, isForeign } from '../formats/index.js';
import { type Capture, CaptureError, writeCapture } from '../index.js';
import { type InputFile, identityOf, isFolder } from './find-inputs.js';
import { UsageError } from './usage-error.js';

/**
 * Where the computed capture of each input goes: to the file `out` if PATH is one file (into `out` if that is a
 * folder), else below the folder `out`, under the input's name, with `.safetensors` behind it if the input is no capture.
 * @throws UsageError if an input would be overwritten, or `out` cannot be what it has to be.
 */
export function planOutputs(
  inputs: readonly InputFile[],
  paths: readonly string[],
  out: string,
): ReadonlyMap<InputFile, string> {
  const isOneFile = paths.length === 1 && (!isFolder(paths[0]!) || isDump(paths[0]!));
  const isIntoFolder = isFolder(out) || out.endsWith('/');
  if (!isOneFile && !isFolder(out) && identityOf(out) !== null) {
    throw new UsageError(`--out ${out} must be a folder, because PATH is a folder or several files`);
  }
  const captures = inputs.filter(({ kind }) => kind === 'capture');
  const plan = new Map(
    captures.map((input) => {
      if (!isOneFile) return [input, join(out, captureName(input.name, input.path))];
      return [input, isIntoFolder ? join(out, captureName(basename(input.path), input.path)) : out];
    }),
  );
  const inputFiles = new Set(inputs.map(({ path }) => identityOf(path)));
  for (const target of plan.values()) {
    const identity = identityOf(target);
    if (identity !== null && inputFiles.has(identity)) {
      throw new UsageError(`--out ${out} would overwrite the input ${target}; give another name`);
    }
    if (isOneFile && !isIntoFolder) requireFolderOf(target);
    requireWritable(target);
  }
  return plan;
}

/** What cannot be looked at is for its reader to refuse. */
function captureName(name: string, path: string): string {
  try {
    return isForeign(path) ? `${name}.safetensors` : name;
  } catch {
    return name;
  }
}

/** @throws UsageError if the file `out` cannot be written because of where it is. */
export function requireFileTarget(out: string): void {
  if (isFolder(out) || out.endsWith('/')) throw new UsageError(`--out ${out} must be a file, but is a folder`);
  requireFolderOf(out);
  requireWritable(out);
}

/** Writes a capture; folders on the way are made. @throws CaptureError if that is not possible. */
export function writeOutput(target: string, capture: Capture): string {
  try {
    mkdirSync(dirname(target), { recursive: true });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CaptureError(target, null, `its folder cannot be made (${code})`);
  }
  writeCapture(target, capture);
  return target;
}

function requireFolderOf(target: string): void {
  if (!isFolder(dirname(target))) throw new UsageError(`--out ${target}: there is no folder ${dirname(target)}`);
}

/** What can be known before the run: what is at `target`, or else the deepest folder on the way, can be written to. */
function requireWritable(target: string): void {
  if (identityOf(target) !== null) {
    const stats = statSync(target);
    if (!stats.isFile()) {
      const found = stats.isDirectory() ? 'a folder' : 'a device, pipe or socket';
      throw new UsageError(`--out: ${target} must be a regular file, but is ${found}`);
    }
    requireAccess(target);
  }
  let folder = dirname(target);
  while (identityOf(folder) === null && folder !== dirname(folder)) folder = dirname(folder);
  if (!isFolder(folder)) throw new UsageError(`--out: ${folder} must be a folder, but is none`);
  requireAccess(folder);
}

function requireAccess(path: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`--out: ${path} cannot be written to (${code})`);
  }
}
