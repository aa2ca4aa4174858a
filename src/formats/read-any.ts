import { closeSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import type { Capture } from '../capture/capture.js';
import { readCapture } from '../capture/capture-file.js';
import type { JsonValue } from '../capture/json.js';
import { decodeSafetensors } from '../capture/safetensors.js';
import { captureFromCall, type ForeignCall, withArgs } from './call.js';
import { CALL_FORMAT, descriptionBeside, isCallDescription, readCallDescription } from './call-description.js';
import { isDump } from './flight-recorder.js';
import { readRecordedCall } from './recorded-call.js';
import { listed, refusal } from './refusal.js';
import { formatOf, isThere, readTensorFile, readWhole } from './tensor-file.js';

/** What a path holds. */
type InputKind = 'dump' | 'description' | 'described-tensors' | 'bare-tensors' | 'folder' | 'capture';

/**
 * Reads one call, whatever holds it: a capture; a dump of FlashInfer's flight recorder; a description (`*.call.json`), or
 * a file of tensors (`.pt`, `.npz`, `.npy`, plain safetensors) that has one beside it. Told apart by contents.
 * @throws CaptureError if it is none of them
 */
export const readAnyCapture = (path: string): Capture => readCaptureFrom([path]);

/**
 * The same of several paths, which must be the dumps of one all-to-all.
 * @param args arguments that the files do not have
 */
export function readCaptureFrom(paths: readonly string[], args: ReadonlyMap<string, JsonValue> = new Map()): Capture {
  const [path] = paths as [string];
  const kinds = paths.map(inputKindOf);
  const odd = kinds.findIndex((kind) => kind !== 'dump');
  if (paths.length > 1 && odd >= 0) {
    throw refusal(paths[odd]!, {
      found: `one of ${paths.length} inputs that is no dump of FlashInfer's flight recorder`,
      expected: 'one input, or the dumps of one all-to-all',
      wayOut: 'convert each input by itself',
    });
  }
  const kind = kinds[0]!;
  switch (kind) {
    case 'dump':
      return finish(readRecordedCall(paths), args, path);
    case 'description':
      return finish(readCallDescription(path), args, path);
    case 'described-tensors':
      return finish(readCallDescription(descriptionBeside(path)), args, descriptionBeside(path));
    case 'bare-tensors':
      throw undescribed(path);
    case 'folder':
      throw refusal(path, {
        found: 'a folder without metadata.jsonl',
        expected: "a file, or one dump of FlashInfer's flight recorder",
        wayOut: 'name the call in it',
      });
    case 'capture':
      if (args.size > 0) {
        throw refusal(path, {
          found: 'a capture, which has arguments of its own',
          expected: 'an input that lacks some',
          wayOut: 'leave them out',
        });
      }
      return readCapture(path);
    default:
      return kind satisfies never;
  }
}

/** Whether `path` is read by a reader of other formats than captures. */
export const isForeign = (path: string): boolean => inputKindOf(path) !== 'capture';

const finish = (call: ForeignCall, args: ReadonlyMap<string, JsonValue>, file: string): Capture =>
  captureFromCall({ ...call, args: withArgs(call.args, args, file) }, file);

/** What cannot be looked at is taken for a capture, whose reader says what is wrong. */
function inputKindOf(path: string): InputKind {
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch {
    return 'capture';
  }
  if (stats.isDirectory()) return isDump(path) ? 'dump' : 'folder';
  if (!stats.isFile()) return 'capture';
  if (isCallDescription(path)) return 'description';
  const isDescribed = isThere(descriptionBeside(path));
  if (formatOf(headOf(path)) !== 'other') return isDescribed ? 'described-tensors' : 'bare-tensors';
  return isDescribed && !saysFormat(path) ? 'described-tensors' : 'capture';
}

/** Whether the safetensors file says what it is. */
const saysFormat = (path: string): boolean => decodeSafetensors(readWhole(path), path).metadata.format !== undefined;

function headOf(path: string): Uint8Array {
  const head = new Uint8Array(8);
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return head;
  }
  try {
    return head.subarray(0, readSync(descriptor, head, 0, head.length, 0));
  } finally {
    closeSync(descriptor);
  }
}

/** @throws CaptureError if not even the tensors can be read */
function undescribed(path: string): Error {
  const names = [...readTensorFile(path).keys()];
  return refusal(path, {
    found: `tensors (${listed(names)}) of an operation that nothing names`,
    expected: `a description of the call in ${descriptionBeside(path)}`,
    wayOut: `write it: {"format": "${CALL_FORMAT}", "op": OP, "args": {...}, "tensors": {"in/NAME": NAME IN THE FILE}} (docs/FORMATS.md)`,
  });
}
