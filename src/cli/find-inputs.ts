import { readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, normalize, relative, resolve, sep } from 'node:path';
import { isCallDescription, isDump, isFlushFolder, isForeign } from '../formats/index.js';
import { counted } from './format.js';
import { UsageError } from './usage-error.js';

/** A file that is to be replayed, or a folder with the dump of one call. */
export interface InputFile {
  /** Path as the user would type it. */
  readonly path: string;
  /** Path within the deepest folder that holds all inputs, with `/`; the full path if that is the root. */
  readonly name: string;
  readonly kind: 'capture' | 'channel-table';
}

const CAPTURE_NAME = /\.safetensors(?:\.br|\.gz)?$/;
/** What one rank has recorded of a call, for 'simtwin merge'. */
const PART_NAME = /\.part\.safetensors(?:\.br|\.gz)?$/;
const CHANNEL_TABLE_NAME = /^channels-sm.*\.json$/;

/**
 * The files that PATHs mean: a file itself, whatever its name; of a folder all captures, descriptions of calls, dumps of
 * FlashInfer's flight recorder (which are folders) and channel tables at any depth, by name, but no parts of ranks
 * (`*.part.safetensors`), and none in hidden folders and `node_modules`. In the order of PATHs, each file once: of the
 * names that lead to a file, also by symbolic links, the first counts.
 *
 * A path that does not exist is taken for a file, so that reading it says what is wrong.
 * @throws UsageError for a folder without captures.
 */
export function findInputs(paths: readonly string[]): InputFile[] {
  const found = paths.flatMap((path) => {
    if (!isFolder(path) || isDump(path)) return [normalize(path)];
    const files = filesUnder(path, new Set(), isInputName).filter((file) => !isDescribed(file));
    if (files.length === 0) {
      const parts = filesUnder(path, new Set(), isPartName);
      if (parts.length > 0) {
        throw new UsageError(
          `folder ${path} holds no captures, but ${counted(parts.length, 'file')} of single ranks: 'simtwin merge ${path} -o FOLDER/' joins them`,
        );
      }
      throw new UsageError(
        `folder ${path} holds no captures (*.safetensors, *.safetensors.br, *.safetensors.gz or channels-sm*.json), no *.call.json and no dump of FlashInfer's flight recorder`,
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
    kind: path.endsWith('.json') && !isCallDescription(path) ? 'channel-table' : 'capture',
  }));
}

/**
 * The files of single ranks that PATHs mean, likewise.
 * @throws UsageError for a folder without them.
 */
export function findParts(paths: readonly string[]): string[] {
  const found = paths.flatMap((path) => {
    if (!isFolder(path)) return [normalize(path)];
    const files = filesUnder(path, new Set(), isPartName);
    if (files.length === 0) throw new UsageError(`folder ${path} holds no files of single ranks (*.part.safetensors)`);
    return files;
  });
  return [...new Map(found.map((path) => [realPathOf(path), path])).values()];
}

const isPartName = (name: string): boolean => PART_NAME.test(name);
const isInputName = (name: string): boolean =>
  (CAPTURE_NAME.test(name) && !isPartName(name)) || CHANNEL_TABLE_NAME.test(name) || isCallDescription(name);

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
function filesUnder(folder: string, visited: Set<string>, isWanted: (name: string) => boolean): string[] {
  const identity = identityOf(folder);
  if (identity !== null && visited.has(identity)) return [];
  if (identity !== null) visited.add(identity);
  const names = readFolder(folder);
  return names.flatMap((name) => {
    const path = join(folder, name);
    if (isWanted === isInputName && isFolder(path) && isDump(path)) return [path];
    if (isWanted(name)) return isFolder(path) ? filesUnder(path, visited, isWanted) : [path];
    const isLeftOut = name.startsWith('.') || name === 'node_modules' || isFlushFolder(name) || !isFolder(path);
    return isLeftOut ? [] : filesUnder(path, visited, isWanted);
  });
}

/** Whether these are plain tensors that a description beside them reads. What cannot be read is for its reader to refuse. */
function isDescribed(path: string): boolean {
  try {
    return CAPTURE_NAME.test(path) && !isFolder(path) && isForeign(path);
  } catch {
    return false;
  }
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
