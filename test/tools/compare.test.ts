import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readCapture } from '../../src/capture/index.js';
import { allToAllConstants, vectorWordAt } from '../../src/kernels/index.js';
import { Machine } from '../../src/simt/index.js';
import { type Call, compareCall, judge, setUpCall } from '../../src/tools/index.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/all-to-all/${name}`, import.meta.url));

/** A call that ought to leave `expected` in memory that was allocated and never written, but for the first byte. */
function callLeaving(expected: Uint8Array, mayBeUndefined?: (offset: number) => boolean): Call {
  const machine = new Machine();
  const { allocation } = machine.memory.allocate('out', 'u8', expected.length);
  allocation.hostWrite(0, expected.subarray(0, 1));
  const region = {
    tensor: 'out/x',
    allocation,
    offsetBytes: 0,
    bytes: expected,
    locate: (offset: number) => `byte ${offset}`,
  };
  return {
    machine,
    *expected() {
      yield mayBeUndefined === undefined ? region : { ...region, mayBeUndefined };
    },
    withOutputs: () => {
      throw new Error('not called');
    },
  };
}

test('a byte that the program never defined differs, even if its simulated value is the expected one', () => {
  expect(compareCall(callLeaving(Uint8Array.of(7, 0, 0)))).toEqual({
    comparedBytes: 3,
    differingBytes: 2,
    undefinedBytes: 0,
    counterBytes: 0,
    firstDifference: expect.objectContaining({
      offsetBytes: 1,
      location: 'byte 1: the program never defined this byte',
    }),
  });
});

test('it is left out, and counted, only where the original does not define it either', () => {
  expect(compareCall(callLeaving(Uint8Array.of(7, 1, 0), (offset) => offset === 1))).toMatchObject({
    comparedBytes: 2,
    differingBytes: 1,
    undefinedBytes: 1,
    firstDifference: { offsetBytes: 2 },
  });
});

test('a program that loads nothing and so defines nothing does not match', () => {
  const file = fixture('ep1-f16x288.safetensors.br');
  const capture = readCapture(file);
  const call = setUpCall(capture, {}, file);
  // Without its inputs the sender moves undefined bytes: what a kernel without its loads would leave behind.
  const input = call.machine.memory.space.allocations.find(({ name }) => name === 'input of rank 0')!;
  for (let offset = 0; offset < input.bytes; offset++) input.setDefined(offset, 1, 0);
  const { result, comparison } = judge(capture, call, call.machine.run());
  expect(result).toBe('mismatch');
  expect(comparison).toMatchObject({ undefinedBytes: 13440, firstDifference: { tensor: 'r0/out/output' } });
});

test('each u64 of a vector lies at one place of its packets, flags apart', () => {
  const constants = allToAllConstants();
  const shape = { constants, epSize: 1, channelCount: 1, packetsPerVector: 3 };
  const words: number[] = [];
  let flags = 0;
  for (let offset = 0; offset < 3 * constants.PACKET_SIZE_IN_BYTES; offset += 8) {
    const word = vectorWordAt(shape, offset);
    if (word === null) flags++;
    else words.push(word);
  }
  expect(flags).toBe(3 * 16);
  expect(words.sort((a, b) => a - b)).toEqual(Array.from({ length: 3 * 240 }, (_, word) => word));
  expect(vectorWordAt(shape, constants.RECV_FIFO_TOTAL_BYTES)).toBeNull();
});
