import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type {
  Capture,
  LocalGatherCapture,
  MoeCommCapture,
  PrepareIndicesCapture,
  PrepareIndicesOutputs,
  WorkspacePages,
} from '../../src/capture/index.js';
import type { ThreadSite } from '../../src/simt/index.js';
import { compareCall, findLastWriter, judge, setUpCall } from '../../src/tools/index.js';
import { repositoryRoot } from '../support/files.js';
import { captureNames, readFixture } from './captures.js';

/** The first difference that a replay reports, and the last writer of that byte; `source` is the text of its line. */
function differenceOf(capture: Capture) {
  const call = setUpCall(capture, {}, 'planted');
  const { result, comparison } = judge(capture, call, call.machine.run());
  const first = comparison?.firstDifference ?? null;
  if (first === null) return null;
  const writer = findLastWriter(capture, {}, 'planted', first.address);
  return {
    result,
    tensor: first.tensor,
    location: first.location,
    bytes: comparison!.differingBytes,
    values: `${first.got}, not ${first.expected}`,
    writer: writer && {
      thread: `${writer.site.kernel} rank ${writer.site.rank} block ${writer.site.block} thread ${writer.site.thread}`,
      lane: writer.site.lane,
      source: sourceLine(writer.site),
    },
  };
}

function sourceLine({ frames }: ThreadSite): string {
  const { file, line } = frames[0]!;
  return readFileSync(join(repositoryRoot, file), 'utf8').split('\n')[line - 1]!.trim();
}

/** The capture with bytes of one output changed; the given one stays as it is. */
function planted<C extends Capture>(capture: C, change: (copy: C) => void): C {
  const copy = structuredClone(capture);
  change(copy);
  return copy;
}

function flip(array: Int32Array | Uint8Array, offsetBytes: number): void {
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength)[offsetBytes]! ^= 0xff;
}

describe('all-to-all', () => {
  // Two ranks, one channel. Rank 0 sends its rows 1 and 0 to rank 1 with head and tail at 5, rank 1 its rows 0 and 1 to
  // rank 0 from 0 on. A vector is 1024 bytes: 64 lanes' worth of a packet of 120.
  const capture = readFixture('hang/workspace-dirty-head-and-tail-equal') as MoeCommCapture;
  const KERNEL = 'moeAllToAllKernel';
  const ENTRY_BYTES = 256 * 1024;
  const PACKET_BYTES = 2048;
  const INFO_BYTES = 2 * 8 * ENTRY_BYTES;

  const pagesOf = (copy: MoeCommCapture, rank: number): WorkspacePages => copy.ranks[rank]!.outputs!.workspacePages;

  function flipWorkspace(rank: number, offsetBytes: number): MoeCommCapture {
    return planted(capture, (copy) => {
      const { pages, pageBytes, data } = pagesOf(copy, rank);
      const index = pages.indexOf(Math.floor(offsetBytes / pageBytes));
      flip(data, index * pageBytes + (offsetBytes % pageBytes));
    });
  }

  test('the capture itself has no difference', () => {
    expect(differenceOf(capture)).toBeNull();
  });

  test('output payload', () => {
    const changed = planted(capture, ({ ranks }) => flip(ranks[1]!.outputs!.output, 1024 + 512 + 17));
    expect(differenceOf(changed)).toMatchObject({
      result: 'mismatch',
      tensor: 'r1/out/output',
      location: 'row 1, byte 529',
      bytes: 1,
      // The second vector is the second warp's; byte 529 is of the second access, whose lanes go on from lane 0's 512.
      writer: {
        thread: `${KERNEL} rank 1 block (0,0,1) thread (33,0,0)`,
        lane: 1,
        source: expect.stringMatching(/^yield\* store128\(t, dst,.* \/\/ :441$/),
      },
    });
  });

  test('FIFO flag', () => {
    const changed = flipWorkspace(1, 5 * ENTRY_BYTES + PACKET_BYTES + 512 + 15 * 16 + 8);
    expect(differenceOf(changed)).toMatchObject({
      tensor: 'r1/out/workspace',
      location:
        'FIFO of link 0 -> 1, channel 0, slot 5, packet 1 (vector 1 of the slice, packet 0 of it), row 1, lane 15, flag byte 0',
      bytes: 1,
      values: '6, not 249',
      writer: {
        thread: `${KERNEL} rank 0 block (0,0,0) thread (47,1,0)`,
        lane: 15,
        source: expect.stringMatching(/^yield\* store128\(t, packetPtr,.* \/\/ :396$/),
      },
    });
  });

  test('FIFO payload', () => {
    expect(differenceOf(flipWorkspace(0, 8 * ENTRY_BYTES + 512 + 2 * 16 + 3))).toMatchObject({
      tensor: 'r0/out/workspace',
      location:
        'FIFO of link 1 -> 0, channel 0, slot 0, packet 0 (vector 0 of the slice, packet 0 of it), row 1, lane 2, payload byte 3',
      bytes: 1,
      writer: {
        thread: `${KERNEL} rank 1 block (0,0,0) thread (2,0,0)`,
        lane: 2,
        source: expect.stringMatching(/^yield\* store128\(t, packetPtr,.* \/\/ :396$/),
      },
    });
  });

  test('head', () => {
    expect(differenceOf(flipWorkspace(0, INFO_BYTES + 256))).toMatchObject({
      tensor: 'r0/out/workspace',
      location: 'head of link 0 -> 1, channel 0, byte 0',
      values: '6, not 249',
      writer: {
        thread: `${KERNEL} rank 0 block (0,0,0) thread (0,1,0)`,
        source: expect.stringMatching(/atomicAddSystem\(this\.fifoConnInfoPtr, CONN_INFO_HEAD, 1n\)/),
      },
    });
  });

  test('tail', () => {
    expect(differenceOf(flipWorkspace(0, INFO_BYTES + 256 + 8))).toMatchObject({
      tensor: 'r0/out/workspace',
      location: 'tail of link 0 -> 1, channel 0, byte 0',
      values: '6, not 249',
      writer: {
        thread: `${KERNEL} rank 1 block (0,0,1) thread (0,0,0)`,
        source: expect.stringMatching(/atomicAddSystem\(this\.fifoConnInfoPtr, CONN_INFO_TAIL, 1n\)/),
      },
    });
  });

  test('a byte of head and tail that nobody writes', () => {
    expect(differenceOf(flipWorkspace(1, INFO_BYTES + 17))).toMatchObject({
      tensor: 'r1/out/workspace',
      location: 'padding after head and tail of link 1 -> 0, channel 0, byte 1',
      writer: null,
    });
  });

  test('a page that should not be there', () => {
    const changed = planted(capture, (copy) => {
      const { pages, pageBytes, data } = pagesOf(copy, 1);
      const extra = new Uint8Array(pageBytes);
      extra[16 * 7 + 9] = 1;
      const added: WorkspacePages = {
        pageBytes,
        pages: [pages[0]!, pages[0]! + 1, ...pages.slice(1)],
        data: Uint8Array.from([...data.subarray(0, pageBytes), ...extra, ...data.subarray(pageBytes)]),
      };
      Object.assign(copy.ranks[1]!.outputs!, { workspacePages: added });
    });
    expect(differenceOf(changed)).toMatchObject({
      tensor: 'r1/out/workspace',
      location:
        'FIFO of link 0 -> 1, channel 0, slot 5, packet 2 (vector 2 of the slice, packet 0 of it), row 0, lane 7, flag byte 1',
      bytes: 1,
      values: '0, not 1',
      writer: null,
    });
  });

  test('a page that is missing', () => {
    const [page] = pagesOf(capture, 1).pages;
    const changed = planted(capture, (copy) => {
      const { pages, pageBytes, data } = pagesOf(copy, 1);
      const rest: WorkspacePages = { pageBytes, pages: pages.slice(1), data: data.slice(pageBytes) };
      Object.assign(copy.ranks[1]!.outputs!, { workspacePages: rest });
    });
    expect(page).toBe((5 * ENTRY_BYTES) / 4096);
    expect(differenceOf(changed)).toMatchObject({
      tensor: 'r1/out/workspace',
      location: expect.stringMatching(
        /^FIFO of link 0 -> 1, channel 0, slot 5, packet 0 .*, row 0, lane 0, payload byte \d+$/,
      ),
      writer: { thread: `${KERNEL} rank 0 block (0,0,0) thread (0,1,0)` },
    });
  });

  test('a call that the GPU did not end', () => {
    const changed = planted(capture, (copy) => {
      Object.assign(copy, {
        recordedVerdict: 'hangs',
        ranksFinished: new Map([
          [0, false],
          [1, false],
        ]),
      });
    });
    const call = setUpCall(changed, {}, 'planted');
    const { result, problem } = judge(changed, call, call.machine.run());
    expect({ result, problem }).toEqual({ result: 'mismatch', problem: 'completes, but the GPU hung' });
  });
});

describe('index preparation', () => {
  const capture = readFixture('prepare-indices/ep2-k2-r1-t33') as PrepareIndicesCapture;
  const { sendRankCountCumSum, recvRankCountCumSum } = capture.outputs!;
  const INDICES = 'computeSendRecvIndicesKernel rank 1';
  const SUMS = 'inplaceSendRecvRankCumSumKernel rank 1';

  test.each<{ key: keyof PrepareIndicesOutputs; tensor: string; element: number; thread: string; source: string }>([
    {
      key: 'localGatherIndices',
      tensor: 'local_gather_indices',
      element: 0,
      thread: `${INDICES} block (0,1,0)`,
      source: 'localGatherIndices.store(indice,',
    },
    {
      key: 'sendRankCountCumSum',
      tensor: 'send_rank_count_cum_sum',
      element: 1,
      thread: `${SUMS} block (0,0,0) thread (1,0,0)`,
      source: 'inputOutputPtr.store(tid, threadData)',
    },
    {
      key: 'sendRankLocalIndices',
      tensor: 'send_rank_local_indices',
      element: sendRankCountCumSum[1]! - 1,
      thread: `${INDICES} block (1,0,0)`,
      source: 'sendRecvIndices.store(indice, i)',
    },
    {
      key: 'recvRankCountCumSum',
      tensor: 'recv_rank_count_cum_sum',
      element: 0,
      thread: `${SUMS} block (1,0,0) thread (0,0,0)`,
      source: 'inputOutputPtr.store(tid, threadData)',
    },
    {
      key: 'recvRankLocalIndices',
      tensor: 'recv_rank_local_indices',
      element: recvRankCountCumSum[1]! - 1,
      thread: `${INDICES} block (1,1,0)`,
      source: 'sendRecvIndices.store(indice, indice)',
    },
    {
      key: 'backwardRecvRankLocalIndices',
      tensor: 'backward_recv_rank_local_indice',
      element: 0,
      thread: `${INDICES} block (0,0,0)`,
      source: 'backwardRecvRankLocalIndices.store(indice,',
    },
  ])('$tensor', ({ key, tensor, element, thread, source }) => {
    const changed = planted(capture, ({ outputs }) => flip(outputs![key], element * 4 + 1));
    expect(differenceOf(changed)).toMatchObject({
      result: 'mismatch',
      tensor: `out/${tensor}`,
      location: `element ${element}, byte 1 of it`,
      bytes: 1,
      writer: { thread: expect.stringContaining(thread), source: expect.stringContaining(source) },
    });
  });

  test('an element that no thread writes', () => {
    const last = capture.outputs!.localGatherIndices.length - 1;
    const changed = planted(capture, ({ outputs }) => flip(outputs!.localGatherIndices, last * 4));
    expect(differenceOf(changed)).toMatchObject({
      tensor: 'out/local_gather_indices',
      location: `element ${last}, byte 0 of it`,
      values: '255, not 0',
      writer: null,
    });
  });
});

describe('local gather', () => {
  const capture = readFixture('local-gather/ep4-k6-t50-full') as LocalGatherCapture;

  test.each([
    { key: 'localExpertIds', tensor: 'local_expert_ids', source: 'localExpertIds.store(' },
    { key: 'localScalesBits', tensor: 'local_scales', source: 'localScales.store(' },
  ] as const)('$tensor', ({ key, tensor, source }) => {
    // 64 rows a block of 512 threads, 8 lanes a row.
    const changed = planted(capture, ({ outputs }) => flip(outputs![key], (70 * 6 + 5) * 4 + 3));
    expect(differenceOf(changed)).toMatchObject({
      result: 'mismatch',
      tensor: `out/${tensor}`,
      location: 'row 70, column 5, byte 3 of it',
      bytes: 1,
      writer: {
        thread: 'moeLocalGatherDevice rank 1 block (1,0,0) thread (53,0,0)',
        lane: 21,
        source: expect.stringContaining(source),
      },
    });
  });
});

/** One run each; then single bytes all over the recorded outputs are changed in place, compared, and changed back. */
describe('wherever a byte differs, it is found', () => {
  const small = captureNames.filter((name) => /ep2-k2-r1-t33|ep8-k4-t3$|self-traffic-only|ep1-f16x8$/.test(name));

  test.each(small)('%s', (name) => {
    const capture = readFixture(name);
    const call = setUpCall(capture, {}, name);
    call.machine.run();
    let unnoticed = 0;
    for (const { tensor, allocation, offsetBytes, bytes } of call.expected()) {
      for (let at = 0; at < bytes.length; at += 37) {
        bytes[at]! ^= 0x40;
        const { differingBytes, firstDifference } = compareCall(call);
        bytes[at]! ^= 0x40;
        const offset = offsetBytes + at;
        if (allocation.definedBits(offset, 1) === 0) {
          expect(differingBytes).toBe(0);
          unnoticed++;
        } else {
          expect(differingBytes).toBe(1);
          expect(firstDifference).toMatchObject({ tensor, offsetBytes: offset, address: allocation.base + offset });
        }
      }
    }
    expect(unnoticed > 0).toBe(/f16x8|self/.test(name));
  });
});
