import type { Capture } from '../capture/capture.js';
import { CaptureError } from '../capture/capture-error.js';
import { captureFromSafetensors } from '../capture/decode-capture.js';
import { CAPTURE_FORMAT } from '../capture/format-names.js';
import type { JsonValue } from '../capture/json.js';
import type { Tensor } from '../capture/safetensors.js';
import { completeMoeComm } from './complete-moe-comm.js';
import { quoted, refusal } from './refusal.js';

/** A tensor, and where it comes from, for errors. */
export interface SourcedTensor {
  readonly tensor: Tensor;
  readonly from: string;
}

/** A call put together from other files, by the names of `simt-capture/1`. Nothing in it has been checked. */
export interface ForeignCall {
  readonly op: string;
  readonly args: ReadonlyMap<string, JsonValue>;
  readonly tensors: ReadonlyMap<string, SourcedTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * The capture that `call` makes up, checked as a capture file is. Of an all-to-all, what can be worked out is filled in.
 * @throws CaptureError that also says where the tensor at fault comes from
 */
export function captureFromCall(call: ForeignCall, file: string): Capture {
  const { op, args, tensors, metadata } = call.op === 'moe_comm' ? completeMoeComm(call, file) : call;
  try {
    return captureFromSafetensors(
      {
        metadata: {
          ...Object.fromEntries(metadata),
          format: CAPTURE_FORMAT,
          op,
          args: JSON.stringify(Object.fromEntries(args)),
        },
        tensors: new Map([...tensors].map(([name, { tensor }]) => [name, tensor])),
      },
      file,
    );
  } catch (error) {
    const source = error instanceof CaptureError && error.tensor !== undefined ? tensors.get(error.tensor) : undefined;
    if (!(error instanceof CaptureError) || source === undefined) throw error;
    const problem = error.message.slice(file.length + 2);
    throw new CaptureError(file, null, `${problem}; it comes from ${source.from}: save it there as it must be`);
  }
}

/** `args` with what the user has added. @throws CaptureError if that contradicts the file */
export function withArgs(
  args: ReadonlyMap<string, JsonValue>,
  added: ReadonlyMap<string, JsonValue>,
  file: string,
): ReadonlyMap<string, JsonValue> {
  for (const [name, value] of added) {
    const own = args.get(name);
    if (own !== undefined && JSON.stringify(own) !== JSON.stringify(value)) {
      throw refusal(file, {
        found: `the argument ${quoted(name)} in the file, with another value than is given`,
        expected: 'only arguments that the file does not have',
        wayOut: 'leave it out, or correct the file',
      });
    }
  }
  return new Map([...args, ...added]);
}
