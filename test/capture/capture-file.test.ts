import { once } from 'node:events';
import * as fs from 'node:fs';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { decompressByName } from '../../src/capture/compression.js';
import { CaptureError, encodeCapture, readCapture, writeCapture } from '../../src/capture/index.js';
import { localGatherSample, moeCommSample } from './samples.js';

vi.mock('node:fs', { spy: true });

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simtwin-capture-'));
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

test.each(['.br', '.gz'])('a name that ends in %s is compressed when written and decompressed when read', (ending) => {
  const path = join(folder, `x.safetensors${ending}`);
  writeCapture(path, moeCommSample);
  expect(isDeepStrictEqual(readCapture(path), moeCommSample)).toBe(true);
  expect(readFileSync(path).length).toBeLessThan(encodeCapture(moeCommSample).length);
});

test.each(['.br', '.gz'])('a damaged %s file is refused in a sentence', (ending) => {
  const damaged = join(folder, `damaged.safetensors${ending}`);
  writeFileSync(damaged, 'not compressed at all');
  expect(() => readCapture(damaged)).toThrow(/damaged\.safetensors\.(br|gz): cannot be decompressed: /);
});

test.each(['.br', '.gz'])('a %s file that grows without bound is refused in a sentence', (ending) => {
  const zeros = Buffer.alloc(2 ** 22);
  const bomb = ending === '.gz' ? gzipSync(zeros) : brotliCompressSync(zeros);
  expect(decompressByName(bomb, ending).length).toBe(zeros.length);
  expect(decompressByName(bomb, ending, zeros.length).length).toBe(zeros.length);
  const most = 2 ** 20 + 256 * bomb.length;
  expect(() => decompressByName(bomb, ending, 2 ** 20)).toThrow(
    `would grow beyond ${most} bytes, 256 times its size and ${1 / 1024} GiB`,
  );
});

test('a capture that was written is read back, and replaces the one before', () => {
  const path = join(folder, 'x.safetensors');
  writeCapture(path, localGatherSample);
  writeCapture(path, moeCommSample);
  expect(isDeepStrictEqual(readCapture(path), moeCommSample)).toBe(true);
  expect(readdirSync(folder)).toEqual(['x.safetensors']);
});

test('a symbolic link stays one', () => {
  const path = join(folder, 'link');
  writeFileSync(join(folder, 'target'), 'before');
  symlinkSync('target', path);
  writeCapture(path, moeCommSample);
  expect(readFileSync(join(folder, 'target')).equals(encodeCapture(moeCommSample))).toBe(true);
  expect(readFileSync(path).equals(readFileSync(join(folder, 'target')))).toBe(true);
});

test.each(['ENOSPC', 'EACCES', 'EROFS'])('%s while writing leaves the old file and no other', (code) => {
  const path = join(folder, 'x.safetensors');
  writeFileSync(path, 'before');
  failWith('fsyncSync', code);
  expect(() => writeCapture(path, moeCommSample)).toThrow(
    expect.objectContaining({ name: 'CaptureError', file: path }),
  );
  expect(readFileSync(path, 'utf8')).toBe('before');
  expect(readdirSync(folder)).toEqual(['x.safetensors']);
});

test('an error has one sentence and the cause', () => {
  const path = join(folder, 'x.safetensors');
  const cause = failWith('openSync', 'ENOSPC');
  expect(() => writeCapture(path, moeCommSample)).toThrow(
    new CaptureError(path, null, 'cannot be written: no space left on the device (ENOSPC)', { cause }),
  );
});

test.each([
  {
    why: 'in a folder that is not there',
    name: 'none/x',
    problem: 'cannot be written: no such file or directory (ENOENT)',
  },
  {
    why: 'below a file',
    name: 'file/x',
    problem: 'cannot be written: a part of its path is not a directory (ENOTDIR)',
  },
  {
    why: 'over a directory',
    name: 'directory',
    problem: 'cannot be written: it must be a regular file, but is a directory',
  },
])('writing $why is refused', ({ name, problem }) => {
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'directory'));
  expect(() => writeCapture(join(folder, name), moeCommSample)).toThrow(
    new CaptureError(join(folder, name), null, problem),
  );
});

test.skipIf(process.platform === 'win32')('a socket is never replaced', async () => {
  const path = join(folder, 'socket');
  const server = createServer().listen(path);
  await once(server, 'listening');
  expect(() => writeCapture(path, moeCommSample)).toThrow(
    new CaptureError(path, null, 'cannot be written: it must be a regular file, but is a device, pipe or socket'),
  );
  expect(statSync(path).isSocket()).toBe(true);
  server.close();
});

test.each([
  { name: 'none', problem: 'cannot be read: no such file or directory (ENOENT)' },
  { name: '.', problem: 'cannot be read: it is a directory (EISDIR)' },
])('reading $name is refused', ({ name, problem }) => {
  const path = join(folder, name);
  expect(() => readCapture(path)).toThrow(new CaptureError(path, null, problem));
});

test('an unsound capture is named after the file that it was meant for, which is not touched', () => {
  const path = join(folder, 'x.safetensors');
  expect(() => writeCapture(path, { ...moeCommSample, ranks: [] })).toThrow(`${path}: args.workspace_page_bytes`);
  expect(readdirSync(folder)).toEqual([]);
});

function failWith(name: 'openSync' | 'fsyncSync', code: string): Error {
  const error = Object.assign(new Error(code), { code });
  vi.spyOn(fs, name).mockImplementationOnce(() => {
    throw error;
  });
  return error;
}
