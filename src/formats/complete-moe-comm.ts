import type { JsonValue } from '../capture/json.js';
import { DTYPE_SIZE_BYTES, type Tensor } from '../capture/safetensors.js';
import { channelCountReference } from '../reference/channels.js';
import type { ForeignCall, SourcedTensor } from './call.js';
import { refusal } from './refusal.js';

const PAGE_BYTES = 4096;
const ROWS_NAME = /^r\d+\/(?:in|out)\/(?:input|output)$/;
const WORKSPACE_NAME = /^(r\d+\/(?:in|out))\/workspace$/;

/**
 * An all-to-all with what other files leave out or write otherwise: rows of any element type become rows of bytes, a whole
 * `workspace` becomes its pages that are not zero, and the arguments that follow from tensors and SM limit are added.
 * @throws CaptureError if the SM limit is missing, which no tensor says
 */
export function completeMoeComm(call: ForeignCall, file: string): ForeignCall {
  const args = new Map(call.args);
  if (!args.has('max_usable_sm_count')) {
    throw refusal(file, {
      found: 'an all-to-all without the argument max_usable_sm_count',
      expected: 'the number of SMs that it could use, which decides its channels',
      wayOut: `give it: simtwin convert INPUT... --args '{"max_usable_sm_count": 132}' -o FILE.safetensors`,
    });
  }
  const add = (name: string, value: JsonValue | undefined): void => {
    if (!args.has(name) && value !== undefined) args.set(name, value);
  };
  const input = call.tensors.get('r0/in/input')?.tensor;
  const output = call.tensors.get('r0/in/output')?.tensor;
  add('vector_bytes', rowBytesOf(input));
  add('dtype', input?.dtype);
  add('input_row_stride_bytes', rowBytesOf(input));
  add('output_row_stride_bytes', rowBytesOf(output));
  add('rank_stride_bytes', call.tensors.get('r0/in/workspace')?.tensor.bytes.length);
  add('workspace_page_bytes', PAGE_BYTES);
  add('channel_count', channelCountOf(args));

  const given = args.get('workspace_page_bytes');
  const pageBytes = typeof given === 'number' && Number.isSafeInteger(given) && given >= 64 ? given : PAGE_BYTES;
  const tensors = new Map<string, SourcedTensor>();
  for (const [name, { tensor, from }] of call.tensors) {
    const side = WORKSPACE_NAME.exec(name)?.[1];
    if (side !== undefined) {
      const { pages, data } = pagesOf(tensor.bytes, pageBytes);
      tensors.set(`${side}/workspace_pages`, { tensor: pages, from });
      tensors.set(`${side}/workspace_data`, { tensor: data, from });
    } else {
      tensors.set(name, { tensor: ROWS_NAME.test(name) ? asBytes(tensor) : tensor, from });
    }
  }
  return { ...call, args, tensors };
}

function rowBytesOf(tensor: Tensor | undefined): number | undefined {
  return tensor?.shape.length === 2 ? tensor.shape[1]! * DTYPE_SIZE_BYTES[tensor.dtype] : undefined;
}

/** Undefined where the original refuses: the reader of captures then says what is missing. */
function channelCountOf(args: ReadonlyMap<string, JsonValue>): number | undefined {
  try {
    return channelCountReference(Number(args.get('ep_size')), Number(args.get('max_usable_sm_count')));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function asBytes(tensor: Tensor): Tensor {
  const rowBytes = rowBytesOf(tensor);
  if (rowBytes === undefined) return tensor;
  return { dtype: 'U8', shape: [tensor.shape[0]!, rowBytes], bytes: tensor.bytes };
}

function pagesOf(bytes: Uint8Array, pageBytes: number): { readonly pages: Tensor; readonly data: Tensor } {
  const listed: number[] = [];
  for (let begin = 0; begin < bytes.length; begin += pageBytes) {
    if (bytes.subarray(begin, begin + pageBytes).some((byte) => byte !== 0)) listed.push(begin / pageBytes);
  }
  const data = new Uint8Array(listed.length * pageBytes);
  for (const [index, page] of listed.entries()) {
    data.set(bytes.subarray(page * pageBytes, (page + 1) * pageBytes), index * pageBytes);
  }
  const numbers = BigInt64Array.from(listed, BigInt);
  return {
    pages: { dtype: 'I64', shape: [listed.length], bytes: new Uint8Array(numbers.buffer) },
    data: { dtype: 'U8', shape: [listed.length, pageBytes], bytes: data },
  };
}
