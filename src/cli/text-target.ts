import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { identityOf, isFolder } from './find-inputs.js';
import { UsageError } from './usage-error.js';

const CAPTURE_NAME = /\.safetensors(?:\.br|\.gz)?$/;

/**
 * Refuses to write text over the input, or over any other capture. `what`: the option or command, for the message.
 * @throws UsageError
 */
export function requireNoCapture(what: string, target: string, input: string): void {
  const identity = identityOf(target);
  if (identity === null) return;
  if (identity === identityOf(input))
    throw new UsageError(`${what} ${target} would overwrite the input ${input}; give another name`);
  if (isCapture(target)) throw new UsageError(`${what} ${target} would overwrite a capture; give another name`);
}

/** The same, and that `target` can be written where it is. @throws UsageError */
export function requireTextTarget(what: string, target: string, input: string): void {
  if (target === '') throw new UsageError(`${what} must name a file, but is empty`);
  if (isFolder(target) || target.endsWith('/'))
    throw new UsageError(`${what} ${target} must be a file, but is a folder`);
  const folder = dirname(target);
  if (!isFolder(folder)) throw new UsageError(`${what} ${target}: there is no folder ${folder}`);
  requireNoCapture(what, target, input);
  try {
    accessSync(identityOf(target) === null ? folder : target, constants.W_OK);
  } catch (error) {
    throw new UsageError(`${what} ${target}: it cannot be written (${codeOf(error)})`);
  }
}

/** By its name, that of what it links to, or its first bytes: the length of a header, and the header's brace. */
function isCapture(path: string): boolean {
  if (!statSync(path).isFile()) return false;
  if (CAPTURE_NAME.test(path) || CAPTURE_NAME.test(realpathSync(path))) return true;
  try {
    const file = openSync(path, 'r');
    try {
      const start = Buffer.alloc(9);
      if (readSync(file, start, 0, 9, 0) < 9) return false;
      return start[8] === '{'.charCodeAt(0) && start.readBigUInt64LE() < BigInt(statSync(path).size);
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
