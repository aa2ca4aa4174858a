import { join } from 'node:path';
import { type JsonValue, membersOf, parseJsonObject } from '../capture/json.js';
import { PYTHON_CALLS, type PythonCall } from './python-calls.js';
import { listed, quoted, refusal } from './refusal.js';
import { isThere, readTensorFile, readWhole } from './tensor-file.js';
import type { TensorTable } from './torch-file.js';

const METADATA_NAME = 'metadata.jsonl';
const MOST_METADATA_BYTES = 2 ** 26;
/** Dumps inside of a CUDA graph: the folder of each flush, within the dump that has the last one. */
const FLUSHES_NAME = 'graph_flushes';

/** A call of FlashInfer as its flight recorder has written it, by the names of the Python function. */
export interface RecordedCall {
  readonly folder: string;
  readonly op: string;
  readonly python: PythonCall;
  /** The scalar parameters that were given. */
  readonly scalars: ReadonlyMap<string, JsonValue>;
  readonly tensors: ReadonlyMap<string, DumpedTensor>;
  /** What the function has returned, in order; null if the call did not end, or returns nothing. */
  readonly results: readonly DumpedTensor[] | null;
  /** Of FlashInfer; null if it is not known. */
  readonly version: string | null;
}

/** A tensor of a dump, not yet read. */
export interface DumpedTensor {
  readonly read: ReturnType<TensorTable['get']> & {};
  readonly from: string;
}

/** Whether `folder` is a dump of one call. */
export const isDump = (folder: string): boolean => isThere(join(folder, METADATA_NAME));

/**
 * Reads a dump of FlashInfer's flight recorder (FLASHINFER_LOGLEVEL=10): `metadata.jsonl`, `inputs.pt` or
 * `.safetensors`, `outputs.*`. The last record of the metadata counts.
 * @throws CaptureError if a file is missing or damaged, or the function is none that simtwin has
 * Source: flashinfer/api_logging.py at fb28d7242b: `_dump_function_inputs`, `_dump_function_outputs`.
 */
export function readDump(folder: string): RecordedCall {
  const path = join(folder, METADATA_NAME);
  const record = readLastRecord(path);
  const op = record.get('function_name');
  const python = typeof op === 'string' && Object.hasOwn(PYTHON_CALLS, op) ? PYTHON_CALLS[op] : undefined;
  if (typeof op !== 'string' || python === undefined) {
    throw refusal(path, {
      found: `a call of ${typeof op === 'string' ? quoted(op) : 'no function'}`,
      expected: `one of ${Object.keys(PYTHON_CALLS).join(', ')} of flashinfer.comm.trtllm_alltoall`,
      wayOut: 'record one of them: decorate it with flashinfer_api and set FLASHINFER_DUMP_INCLUDE',
    });
  }
  const inputs = readSide(folder, 'inputs');
  if (inputs === null) {
    const status = record.get('execution_status');
    throw refusal(folder, {
      found: `no inputs.pt and no inputs.safetensors (execution_status ${quoted(String(status))})`,
      expected: 'the tensors that went in',
      wayOut: 'record outside of CUDA graphs, or let the graph be replayed, which writes them',
    });
  }
  const scalarsByKey = membersOf(record.get('input_metadata')) ?? new Map<string, JsonValue>();
  const { scalars, tensors } = bindParameters(python, inputs, scalarsByKey, path);
  const outputs = readSide(folder, 'outputs');
  const version = membersOf(record.get('versions'))?.get('flashinfer');
  return {
    folder,
    op,
    python,
    scalars,
    tensors,
    results: outputs === null ? null : resultsOf(python, outputs, folder),
    version: typeof version === 'string' ? version : null,
  };
}

/** Whether a folder of a dump holds further dumps, which are not calls of their own. */
export const isFlushFolder = (name: string): boolean => name === FLUSHES_NAME;

function readLastRecord(path: string): ReadonlyMap<string, JsonValue> {
  const bytes = readWhole(path);
  const refuse = (found: string): Error =>
    refusal(path, {
      found,
      expected: 'one JSON object a line, the last one whole',
      wayOut: 'record the call once more, or take out an incomplete last line',
    });
  if (bytes.length > MOST_METADATA_BYTES) throw refuse(`${bytes.length} bytes`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).trimEnd();
  } catch {
    throw refuse('text that is not UTF-8');
  }
  if (text === '') throw refuse('nothing');
  return parseJsonObject(text.slice(text.lastIndexOf('\n') + 1), path, 'the last record');
}

function readSide(
  folder: string,
  side: 'inputs' | 'outputs',
): { readonly file: string; readonly table: TensorTable } | null {
  const files = ['pt', 'safetensors'].map((ending) => join(folder, `${side}.${ending}`)).filter(isThere);
  if (files.length === 0) return null;
  const [file, second] = files;
  if (second !== undefined) {
    throw refusal(folder, {
      found: `both ${side}.pt and ${side}.safetensors`,
      expected: 'one of them',
      wayOut: 'remove the one that is not of this call',
    });
  }
  return { file: file!, table: readTensorFile(file!) };
}

/** By position `arg_0`, `arg_1`, by name `kwarg_NAME`; tensors in the file, everything else in the metadata. */
function bindParameters(
  { tensors: tensorNames, scalars: scalarNames }: PythonCall,
  { file, table }: { readonly file: string; readonly table: TensorTable },
  scalarsByKey: ReadonlyMap<string, JsonValue>,
  path: string,
): Pick<RecordedCall, 'scalars' | 'tensors'> {
  const tensors = new Map<string, DumpedTensor>();
  const scalars = new Map<string, JsonValue>();
  const used = new Set<string>();
  for (const [index, name] of [...tensorNames, ...scalarNames].entries()) {
    for (const key of [`arg_${index}`, `kwarg_${name}`]) {
      const read = table.get(key);
      const scalar = scalarsByKey.get(key);
      if (read === undefined && scalar === undefined) continue;
      if (used.has(name)) throw badParameter(path, `${quoted(name)} by position and by name`);
      used.add(name);
      used.add(key);
      if (index < tensorNames.length ? scalar !== undefined && scalar !== null : typeof scalar !== 'number') {
        throw badParameter(path, `${quoted(key)}, the parameter ${name}, of another type`);
      }
      if (read !== undefined) tensors.set(name, { read, from: `${quoted(key)} of ${file}` });
      else if (index >= tensorNames.length) scalars.set(name, scalar!);
    }
  }
  const strange = [...table.keys(), ...scalarsByKey.keys()].filter((key) => !used.has(key));
  if (strange.length > 0) throw badParameter(path, `${listed(strange)}, which the function has no parameters for`);
  return { scalars, tensors };
}

const badParameter = (path: string, found: string): Error =>
  refusal(path, {
    found,
    expected: 'the parameters of the function in flashinfer.comm.trtllm_alltoall, tensors first, then integers',
    wayOut: 'record a call of the function itself, with plain integers',
  });

function resultsOf(
  { results }: PythonCall,
  { file, table }: { readonly file: string; readonly table: TensorTable },
  folder: string,
): readonly DumpedTensor[] {
  return results.map((name, index) => {
    const key = `result_${index}`;
    const read = table.get(key);
    if (read === undefined || table.size !== results.length) {
      throw refusal(folder, {
        found: `the results ${listed(table.keys())}`,
        expected: `result_0 to result_${results.length - 1}, of which ${quoted(key)} is ${name}`,
        wayOut: 'record the call once more',
      });
    }
    return { read, from: `${quoted(key)} of ${file}` };
  });
}
