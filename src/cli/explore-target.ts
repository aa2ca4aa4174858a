import { existsSync } from 'node:fs';
import {
  type Call,
  type Capture,
  type CaptureOp,
  type Comparison,
  checkAgainstReference,
  compareCall,
  type ExpectedBytes,
  expectedByReference,
  generateCapture,
  type JsonValue,
  readCapture,
  setUpCall,
  type Workload,
} from '../index.js';
import { shapeOf } from './describe-capture.js';
import { readExploreSeed } from './explore-options.js';
import { isFolder } from './find-inputs.js';
import type { CliIo } from './io.js';
import { refuseStaleProgram } from './package-files.js';
import { readArgs, readOp } from './run-command.js';
import { UsageError } from './usage-error.js';

/** What is said of a call that is explored. */
export interface TargetDescription {
  /** As the user typed it: a file or an operation. */
  readonly name: string;
  readonly op: CaptureOp;
  readonly shape: string;
  /** Arguments as JSON text and seed of random inputs; null: the call was captured. */
  readonly generated: { readonly args: string; readonly inputs: number } | null;
  /** What a run that completes is compared with; `hang`: it ought not to complete. */
  readonly compared: 'captured outputs' | 'reference' | 'hang' | 'nothing';
}

/** A call to explore. Threads are given it as it is. */
export interface ExploreTarget {
  readonly description: TargetDescription;
  readonly capture: Capture;
}

/**
 * A capture if there is such a file, else an operation with random inputs.
 * @throws UsageError, CaptureError
 */
export function readTarget(
  name: string,
  options: { readonly args?: string; readonly inputs?: string },
  io: CliIo,
): ExploreTarget {
  if (existsSync(name) || /\.safetensors(\.\w+)?$/.test(name)) {
    if (isFolder(name)) throw new UsageError(`${name} must be a capture, but is a folder; name one of its files`);
    for (const option of ['args', 'inputs'] as const) {
      if (options[option] !== undefined)
        throw new UsageError(
          `--${option} is for an operation with random inputs, but ${name} is a capture; leave it out`,
        );
    }
    const capture = readCapture(name);
    return { capture, description: describe(name, capture, null) };
  }
  const op = readOp(name);
  const args = readArgs(options.args ?? '{}');
  const inputs = readExploreSeed(options.inputs ?? '0', '--inputs');
  try {
    return io.interruptible(() => generateTarget(name, op, args, inputs));
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--args: ${error.message}`);
    throw error;
  }
}

/** A call with random inputs. @throws RangeError if the arguments make none */
export function generateTarget(
  name: string,
  op: CaptureOp,
  args: Readonly<Record<string, JsonValue>>,
  inputs: number,
): ExploreTarget {
  const capture = generateCapture(op, args, inputs);
  return { capture, description: describe(name, capture, { args: JSON.stringify(args), inputs }) };
}

function describe(name: string, capture: Capture, generated: TargetDescription['generated']): TargetDescription {
  const compared =
    generated !== null
      ? 'reference'
      : !completedOnGpu(capture)
        ? 'hang'
        : hasOutputs(capture)
          ? 'captured outputs'
          : 'nothing';
  return { name, op: capture.op, shape: shapeOf(capture), generated, compared };
}

const completedOnGpu = (capture: Capture): boolean =>
  capture.op !== 'moe_comm' || capture.recordedVerdict === null || capture.recordedVerdict === 'completes';

const hasOutputs = (capture: Capture): boolean =>
  capture.op === 'moe_comm' ? capture.ranks.every(({ outputs }) => outputs !== null) : capture.outputs !== null;

/** The call, set up anew for each schedule. */
export function workloadOf({ capture, description }: ExploreTarget): Workload {
  const { name, compared } = description;
  const isGenerated = compared === 'reference';
  const compare = isGenerated
    ? (call: Call) => checkAgainstReference(capture, call)
    : (call: Call) => compareCall(call);
  const expected = (call: Call) => (isGenerated ? expectedByReference(capture, call) : call.expected());
  const isCompared = isGenerated || compared === 'captured outputs';
  return {
    name,
    begin(options) {
      const call = setUpCall(capture, { ...options, refuseProgram: refuseStaleProgram }, name);
      return {
        machine: call.machine,
        wrong: () =>
          isCompared ? differenceIn(compare(call)) : compared === 'hang' ? 'it completes, but hung on the GPU' : null,
        output: () => (isCompared ? hashOf(expected(call)) : ''),
      };
    },
  };
}

function differenceIn({ differingBytes, comparedBytes, firstDifference }: Comparison): string | null {
  if (firstDifference === null) return null;
  const { tensor, location, expected, got } = firstDifference;
  return `${differingBytes} of ${comparedBytes} bytes differ, the first in ${tensor}, ${location}: ${got} instead of ${expected}`;
}

/** Two 32-bit hashes of the bytes that are there now, and of which are defined. Source: FNV-1a, with two offsets. */
function hashOf(regions: Iterable<ExpectedBytes>): string {
  let [a, b] = [0x811c9dc5, 0x050c5d1f];
  for (const { allocation, offsetBytes, bytes } of regions) {
    for (let at = offsetBytes; at < offsetBytes + bytes.length; at++) {
      const byte = allocation.mayHoldUndefined && allocation.definedBits(at, 1) === 0 ? 256 : allocation.u8[at]!;
      a = Math.imul(a ^ byte, 0x01000193);
      b = Math.imul(b ^ (byte + 1), 0x01000193);
    }
  }
  return [a, b].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}
