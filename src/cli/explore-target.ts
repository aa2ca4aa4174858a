import {
  type Call,
  type Capture,
  type Comparison,
  checkAgainstReference,
  compareCall,
  type ExpectedBytes,
  expectedByReference,
  setUpCall,
  type Workload,
} from '../index.js';
import { refuseStaleProgram } from './package-files.js';

/** A call to explore: what it leaves is compared with the capture, or with the reference if it was generated. */
export function workloadOf(capture: Capture, label: string, isGenerated: boolean): Workload {
  const hasOutputs = isGenerated || completedOnGpu(capture);
  const compare = isGenerated
    ? (call: Call) => checkAgainstReference(capture, call)
    : (call: Call) => compareCall(call);
  const expected = (call: Call) => (isGenerated ? expectedByReference(capture, call) : call.expected());
  return {
    name: label,
    begin(options) {
      const call = setUpCall(capture, { ...options, refuseProgram: refuseStaleProgram }, label);
      return {
        machine: call.machine,
        wrong: () => (hasOutputs ? differenceIn(compare(call)) : 'it hung on the GPU'),
        output: () => (hasOutputs ? hashOf(expected(call)) : ''),
      };
    },
  };
}

const completedOnGpu = (capture: Capture): boolean =>
  capture.op !== 'moe_comm' || capture.recordedVerdict === null || capture.recordedVerdict === 'completes';

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
