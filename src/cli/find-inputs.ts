import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, normalize, relative, resolve, sep } from 'node:path';
import { UsageError } from './usage-error.js';

/** A file that is to be replayed. */
export interface InputFile {
  /** Path as the user would type it. */
  readonly path: string;
  /** Path within the deepest folder that holds all inputs, with `/`; the full path if that is the root. */
  readonly name: string;
  readonly kind: 'capture' | 'channel-table';
}

const CAPTURE_NAME = /\.safetensors(?:\.br|\.gz)?$/;
const CHANNEL_TABLE_NAME = /^channels-sm.*\.json$/;

/**
 * The files that PATHs mean: a file itself, whatever its name; of a folder all captures and channel tables at any depth,
 * by name, but none in hidden folders and `node_modules`. In the order of PATHs, each file once.
 *
 * A path that does not exist is taken for a file, so that reading it says what is wrong.
 * @throws UsageError for a folder without captures.
 */
export function findInputs(paths: readonly string[]): InputFile[] {
  const found = paths.flatMap((path) => {
    if (!isFolder(path)) return [normalize(path)];
    const files = filesUnder(path);
    if (files.length === 0) {
      throw new UsageError(
        `folder ${path} holds no captures (*.safetensors, *.safetensors.br, *.safetensors.gz or channels-sm*.json)`,
      );
    }
    return files;
  });
  const byFullPath = new Map(found.map((path) => [resolve(path), path]));
  const common = commonFolder([...byFullPath.keys()]);
  return [...byFullPath].map(([full, path]) => ({
    path,
    name: (dirname(common) === common ? full : relative(common, full)).split(sep).join('/'),
    kind: path.endsWith('.json') ? 'channel-table' : 'capture',
  }));
}

/** Whether `path` is a folder; false if there is no such thing. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function filesUnder(folder: string): string[] {
  const names = readFolder(folder);
  return names.flatMap((name) => {
    const path = join(folder, name);
    if (CAPTURE_NAME.test(name) || CHANNEL_TABLE_NAME.test(name)) return isFolder(path) ? filesUnder(path) : [path];
    return name.startsWith('.') || name === 'node_modules' || !isFolder(path) ? [] : filesUnder(path);
  });
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`folder ${folder} cannot be read: ${reason}`);
  }
}

function commonFolder(files: readonly string[]): string {
  let common = dirname(files[0] ?? '.');
  for (const file of files) {
    while (file !== join(common, basename(file)) && !file.startsWith(common.endsWith(sep) ? common : common + sep)) {
      common = dirname(common);
    }
  }
  return common;
}
