import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { Capture } from './capture.js';
import { CaptureError } from './capture-error.js';
import { compressByName, decompressByName } from './compression.js';
import { decodeCapture } from './decode-capture.js';
import { encodeCapture } from './encode-capture.js';
import { type CapturePart, decodeCapturePart } from './merge-parts.js';

const CAUSES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  EMFILE: 'too many open files',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on the device',
  ENOTDIR: 'a part of its path is not a directory',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ERR_FS_FILE_TOO_LARGE: 'it is larger than Node can read at once',
};

/**
 * Reads the capture in the file `path`; a name that ends in `.br` or `.gz` is decompressed.
 *
 * @throws CaptureError if the file cannot be read, or is not a capture
 */
export function readCapture(path: string): Capture {
  return decodeCapture(readBytes(path), path);
}

/**
 * Reads what one rank has recorded of a call, likewise.
 *
 * @throws CaptureError if the file cannot be read, or is no such part
 */
export function readCapturePart(path: string): CapturePart {
  return decodeCapturePart(readBytes(path), path);
}

function readBytes(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw fileError(path, 'read', error);
  }
  return decompress(bytes, path);
}

function decompress(bytes: Uint8Array, path: string): Uint8Array {
  try {
    return decompressByName(bytes, path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CaptureError(path, null, `cannot be decompressed: ${reason}`, { cause: error });
  }
}

/**
 * Writes `capture` to the file `path`, which is replaced if it exists; compressed if the name ends in `.br` or `.gz`.
 *
 * The bytes go to a temporary file in the same folder, which then takes the place of `path`: at every moment `path` is
 * the old file or the whole new one. A symbolic link is followed; anything else than a regular file is refused.
 *
 * @throws CaptureError if the capture is not sound, or the file cannot be written
 */
export function writeCapture(path: string, capture: Capture): void {
  const bytes = compressByName(encodeCapture(capture, path), path);
  try {
    replaceFile(resolveTarget(path), bytes);
  } catch (error) {
    throw error instanceof CaptureError ? error : fileError(path, 'written', error);
  }
}

function resolveTarget(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    return path;
  }
  if (!stats.isFile()) {
    const found = stats.isDirectory() ? 'a directory' : 'a device, pipe or socket';
    throw new CaptureError(path, null, `cannot be written: it must be a regular file, but is ${found}`);
  }
  // A rename would replace a file that is write-protected.
  accessSync(path, constants.W_OK);
  return realpathSync(path);
}

function replaceFile(target: string, bytes: Uint8Array): void {
  const temporary = `${target}.${randomBytes(6).toString('hex')}.partial`;
  const descriptor = openSync(temporary, 'wx');
  try {
    try {
      writeFileSync(descriptor, bytes);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function fileError(path: string, action: 'read' | 'written', error: unknown): CaptureError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  const cause = CAUSES[code];
  const reason = cause === undefined ? code : `${cause} (${code})`;
  return new CaptureError(path, null, `cannot be ${action}: ${reason}`, { cause: error });
}
