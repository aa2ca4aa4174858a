import { dirname, join } from 'node:path';
import { type JsonValue, membersOf, parseJsonObject } from '../capture/json.js';
import type { ForeignCall, SourcedTensor } from './call.js';
import { quoted, refusal } from './refusal.js';
import { isThere, readTensorFile, readWhole, tensorNamed } from './tensor-file.js';
import type { TensorTable } from './torch-file.js';

/** The value of a description's `format`. */
export const CALL_FORMAT = 'simt-call/1';

/** How the names of descriptions end. */
const CALL_ENDING = '.call.json';
const TENSOR_ENDINGS = ['.safetensors', '.safetensors.br', '.safetensors.gz', '.npz', '.npy', '.pt', '.pth'];
const MEMBERS = ['format', 'op', 'args', 'file', 'tensors', 'metadata'];
/** Metadata that the description has members of its own for. */
const OWN_METADATA = ['format', 'op', 'args'];
const MOST_BYTES = 2 ** 24;

/** Whether `path` is named as a description of a call. */
export const isCallDescription = (path: string): boolean => path.endsWith(CALL_ENDING);

/** The description that would go with a file of tensors: `calls/a.npz` has `calls/a.call.json`. */
export function descriptionBeside(path: string): string {
  const ending = TENSOR_ENDINGS.filter((candidate) => path.endsWith(candidate)).sort((a, b) => b.length - a.length)[0];
  return `${ending === undefined ? path : path.slice(0, -ending.length)}${CALL_ENDING}`;
}

/** The tensor files that lie beside a description and have its name. */
const filesBeside = (path: string): readonly string[] =>
  TENSOR_ENDINGS.map((ending) => `${path.slice(0, -CALL_ENDING.length)}${ending}`).filter(isThere);

/**
 * The call that the description `path` (`simt-call/1`, docs/FORMATS.md) puts together from files of tensors beside it.
 * @throws CaptureError if it is not such a description, or a tensor is missing
 */
export function readCallDescription(path: string): ForeignCall {
  const refuse = (found: string, expected: string, wayOut = 'correct the description (docs/FORMATS.md)'): Error =>
    refusal(path, { found, expected, wayOut });
  const members = readMembers(path);
  const unknown = [...members.keys()].find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) throw refuse(`the member ${quoted(unknown)}`, `only ${MEMBERS.join(', ')}`);
  if (members.get('format') !== CALL_FORMAT) throw refuse('another or no format', `"format": "${CALL_FORMAT}"`);
  const op = members.get('op');
  if (typeof op !== 'string') throw refuse('no op', 'the name of an operation (simtwin list)');
  const args = membersOf(members.get('args'));
  if (args === null) throw refuse('no args', 'an object with the scalar arguments (simtwin list)');

  const metadata = new Map<string, string>();
  for (const [name, text] of membersOf(members.get('metadata') ?? {}) ?? []) {
    if (typeof text !== 'string' || OWN_METADATA.includes(name)) {
      throw refuse(`the metadata ${quoted(name)}`, `strings, and not ${OWN_METADATA.join(', ')}`);
    }
    metadata.set(name, text);
  }
  return { op, args, metadata, tensors: readTensors(path, members) };
}

function readMembers(path: string): ReadonlyMap<string, JsonValue> {
  const bytes = readWhole(path);
  const refuse = (found: string): Error =>
    refusal(path, { found, expected: 'a small JSON file', wayOut: 'write it as docs/FORMATS.md says' });
  if (bytes.length > MOST_BYTES) throw refuse(`a description of ${bytes.length} bytes`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refuse('text that is not UTF-8');
  }
  return parseJsonObject(text, path, 'the description');
}

function readTensors(path: string, members: ReadonlyMap<string, JsonValue>): ReadonlyMap<string, SourcedTensor> {
  const folder = dirname(path);
  const tables = new Map<string, TensorTable>();
  const tableOf = (file: JsonValue | undefined): { readonly table: TensorTable; readonly file: string } => {
    const at = file === undefined ? onlyFileBeside(path) : join(folder, checkedName(file, path));
    const table = tables.get(at) ?? readTensorFile(at);
    tables.set(at, table);
    return { table, file: at };
  };
  const tensors = new Map<string, SourcedTensor>();
  const listed = members.get('tensors');
  const wanted = listed === undefined ? null : membersOf(listed);
  if (wanted === null) {
    if (listed !== undefined) throw badTensor('tensors', path);
    const { table, file } = tableOf(members.get('file'));
    for (const [name, read] of table) tensors.set(name, { tensor: read(), from: `${quoted(name)} of ${file}` });
    return tensors;
  }
  for (const [name, source] of wanted) {
    const parts = typeof source === 'string' ? new Map([['name', source]]) : membersOf(source);
    if (parts === null || [...parts.keys()].some((part) => part !== 'file' && part !== 'name')) {
      throw badTensor(name, path);
    }
    const { table, file } = tableOf(parts.get('file') ?? members.get('file'));
    // A .npy file has one array, which needs no name.
    const sourceName = parts.get('name') ?? (table.size === 1 ? [...table.keys()][0] : name);
    if (typeof sourceName !== 'string') throw badTensor(name, path);
    const read = tensorNamed(table, sourceName, file);
    tensors.set(name, { tensor: read(), from: `${quoted(sourceName)} of ${file}` });
  }
  return tensors;
}

const badTensor = (name: string, path: string): Error =>
  refusal(path, {
    found: `${quoted(name)} described in another way`,
    expected: `"tensors": {"in/NAME": "NAME IN THE FILE" or {"file": FILE, "name": NAME}}`,
    wayOut: 'correct the description (docs/FORMATS.md)',
  });

/** What would command a terminal or a page where the name is printed. */
const NOT_PRINTABLE = /[\p{C}\u2028\u2029<>&"]/u;

/** A description may name what lies beside or below it, and nothing else. */
function checkedName(file: JsonValue, path: string): string {
  const isInside =
    typeof file === 'string' &&
    file !== '' &&
    !/^[/\\]|^[A-Za-z]:/.test(file) &&
    !NOT_PRINTABLE.test(file) &&
    !file.split(/[/\\]/).includes('..');
  if (isInside) return file;
  throw refusal(path, {
    found: `the file ${typeof file === 'string' ? quoted(file) : 'of another type than string'}`,
    expected: 'a plain name of a file in the folder of the description or below',
    wayOut: 'move it there',
  });
}

function onlyFileBeside(path: string): string {
  const files = filesBeside(path);
  if (files.length === 1) return files[0]!;
  throw refusal(path, {
    found: `${files.length} files of tensors of its name beside it`,
    expected: `one (${TENSOR_ENDINGS.join(', ')}), or "file": NAME`,
    wayOut: 'name the file in the description',
  });
}
