import { readdirSync, realpathSync, statSync } from 'node:fs';
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
 * by name, but none in hidden folders and `node_modules`. In the order of PATHs, each file once: of the names that lead
 * to a file, also by symbolic links, the first counts.
 *
 * A path that does not exist is taken for a file, so that reading it says what is wrong.
 * @throws UsageError for a folder without captures.
 */
export function findInputs(paths: readonly string[]): InputFile[] {
  const found = paths.flatMap((path) => {
    if (!isFolder(path)) return [normalize(path)];
    const files = filesUnder(path, new Set());
    if (files.length === 0) {
      throw new UsageError(
        `folder ${path} holds no captures (*.safetensors, *.safetensors.br, *.safetensors.gz or channels-sm*.json)`,
      );
    }
    return files;
  });
  const byRealPath = new Map<string, string>();
  for (const path of found) {
    const real = realPathOf(path);
    if (!byRealPath.has(real)) byRealPath.set(real, path);
  }
  const files = [...byRealPath.values()];
  const common = commonFolder(files.map((path) => resolve(path)));
  return files.map((path) => ({
    path,
    name: (dirname(common) === common ? resolve(path) : relative(common, resolve(path))).split(sep).join('/'),
    kind: path.endsWith('.json') ? 'channel-table' : 'capture',
  }));
}

/** What tells files and folders apart, whatever path leads to them; null if there is no such thing. */
export function identityOf(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return ino === 0n ? realPathOf(path) : `${dev}:${ino}`;
  } catch {
    return null;
  }
}

/** Whether `path` is a folder; false if there is no such thing. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** `visited` are the folders that were searched before: a symbolic link may lead back to one. */
function filesUnder(folder: string, visited: Set<string>): string[] {
  const identity = identityOf(folder);
  if (identity !== null && visited.has(identity)) return [];
  if (identity !== null) visited.add(identity);
  const names = readFolder(folder);
  return names.flatMap((name) => {
    const path = join(folder, name);
    const isInput = CAPTURE_NAME.test(name) || CHANNEL_TABLE_NAME.test(name);
    if (isInput) return isFolder(path) ? filesUnder(path, visited) : [path];
    return name.startsWith('.') || name === 'node_modules' || !isFolder(path) ? [] : filesUnder(path, visited);
  });
}

/** The path without symbolic links; of what does not exist, the full path. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
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
