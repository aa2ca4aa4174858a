import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { channelCountReference, workspaceBytesReference } from '../../src/reference/index.js';
import { Machine, type Pointer } from '../../src/simt/index.js';
import { kernels } from './kernels.js';

const { allToAllConstants, doPreCompute, HostCheckError, MoeCommHost, moeAllToAll, moeLocalGather } = kernels;

describe('channel counts', () => {
  test('are those of the reference wherever a channel fits', () => {
    const epSizes = fc.integer({ min: 1, max: 1024 });
    const property = fc.property(epSizes, fc.integer({ min: 1, max: 1024 }), (epSize, smCount) => {
      const host = new MoeCommHost({ multiProcessorCount: smCount });
      const blocksOfAChannel = 2 * Math.ceil(epSize / 8);
      if (blocksOfAChannel > smCount) {
        expect(() => host.getMoeCommChannelCount(epSize)).toThrow(HostCheckError);
        return;
      }
      const channelCount = channelCountReference(epSize, smCount);
      expect(host.getMoeCommChannelCount(epSize)).toBe(channelCount);
      expect(host.getLaunchGridDim(epSize)).toEqual({ x: blocksOfAChannel / 2, y: channelCount, z: 2 });
      expect(host.getLaunchBlockDim()).toEqual({ x: 64, y: 8, z: 1 });
    });
    fc.assert(property, { numRuns: 500 });
  });

  test.each([
    { epSize: 1, smCount: 2, channelCount: 1, why: 'the least that works' },
    { epSize: 8, smCount: 7, channelCount: 1, why: 'half of 7 is 3' },
    { epSize: 8, smCount: 8, channelCount: 2, why: 'half of 8 is 4, two blocks a channel' },
    { epSize: 9, smCount: 8, channelCount: 1, why: 'a ninth rank takes a second block' },
    { epSize: 64, smCount: 16, channelCount: 1, why: 'one channel may take all SMs, not only half' },
    { epSize: 8, smCount: 132, channelCount: 33, why: 'an H100' },
  ])('$epSize ranks on $smCount SMs: $channelCount ($why)', ({ epSize, smCount, channelCount }) => {
    expect(new MoeCommHost({ multiProcessorCount: smCount }).getMoeCommChannelCount(epSize)).toBe(channelCount);
  });

  test('too few SMs', () => {
    const host = new MoeCommHost({ multiProcessorCount: 132 });
    host.setMaxUsableSmCount(15);
    expect(() => host.getMoeCommChannelCount(64)).toThrow(
      new HostCheckError('GPU should support at lease one channel, usableSmCount=15'),
    );
    // A failure is not remembered.
    expect(() => host.getMoeCommWorkspaceSize(64)).toThrow(HostCheckError);
    expect(host.getMoeCommChannelCount(56)).toBe(1);
  });
});

describe('the number of usable SMs', () => {
  test('is what the device has if nobody sets it', () => {
    expect(new MoeCommHost({ multiProcessorCount: 78 }).getMaxUsableSmCount()).toBe(78);
  });

  test('may be set again and again until it is used', () => {
    const host = new MoeCommHost({ multiProcessorCount: 132 });
    host.setMaxUsableSmCount(16);
    host.setMaxUsableSmCount(24);
    expect(host.getMoeCommChannelCount(1)).toBe(6);
    expect(() => host.setMaxUsableSmCount(24)).toThrow(
      new HostCheckError('setMaxUsableSmCount can be called only before it is used'),
    );
    expect(host.getMaxUsableSmCount()).toBe(24);
  });

  test.each<{ what: string; use: (host: InstanceType<typeof MoeCommHost>) => unknown }>([
    { what: 'reading it', use: (host) => host.getMaxUsableSmCount() },
    { what: 'a channel count', use: (host) => host.getMoeCommChannelCount(2) },
    { what: 'a workspace size', use: (host) => host.getMoeCommWorkspaceSize(2) },
    { what: 'a grid', use: (host) => host.getLaunchGridDim(2) },
  ])('$what uses it', ({ use }) => {
    const host = new MoeCommHost({ multiProcessorCount: 132 });
    use(host);
    expect(() => host.setMaxUsableSmCount(16)).toThrow(HostCheckError);
  });

  test('the block does not use it', () => {
    const host = new MoeCommHost({ multiProcessorCount: 132 });
    host.getLaunchBlockDim();
    expect(() => host.setMaxUsableSmCount(16)).not.toThrow();
  });

  test('a failure to make channels has used it', () => {
    const host = new MoeCommHost({ multiProcessorCount: 1 });
    expect(() => host.getMoeCommChannelCount(1)).toThrow(HostCheckError);
    expect(() => host.setMaxUsableSmCount(1)).toThrow('only before it is used');
  });

  test('more than the device has: a warning, and what it has', () => {
    const host = new MoeCommHost({ multiProcessorCount: 132 });
    host.setMaxUsableSmCount(133);
    expect(host.warnings).toEqual([
      'setMaxUsableSmCount, maxUsableSmCount=133, larger than smCount=132, using smCount instead',
    ]);
    expect(host.getMaxUsableSmCount()).toBe(132);
  });

  test('exactly what the device has: no warning; warnings go where one wants them', () => {
    const heard: string[] = [];
    const host = new MoeCommHost({ multiProcessorCount: 132, onWarning: (message) => heard.push(message) });
    host.setMaxUsableSmCount(132);
    expect(heard).toEqual([]);
    host.setMaxUsableSmCount(1000);
    expect([heard.length, host.warnings.length]).toEqual([1, 0]);
  });

  test.each([
    { given: -1, used: 132, why: '-1 is how the original says "not set"' },
    { given: 0, used: 0, why: 'no check' },
    { given: -7, used: -7, why: 'no check' },
  ])('$given becomes $used: $why', ({ given, used }) => {
    const host = new MoeCommHost({ multiProcessorCount: 132 });
    host.setMaxUsableSmCount(given);
    expect(host.getMaxUsableSmCount()).toBe(used);
  });
});

test('channel counts are remembered by number of ranks, each process its own', () => {
  const host = new MoeCommHost({ multiProcessorCount: 16 });
  const other = new MoeCommHost({ multiProcessorCount: 132 });
  const counts = [1, 8, 9, 1].map((epSize) => [
    host.getMoeCommChannelCount(epSize),
    other.getMoeCommChannelCount(epSize),
  ]);
  expect(counts).toEqual([
    [4, 33],
    [4, 33],
    [2, 16],
    [4, 33],
  ]);
});

describe('workspace sizes', () => {
  test('are those of the reference while the product fits an int', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 1023 }),
      fc.integer({ min: 256, max: 1024 }),
      (epSize, smCount) => {
        const host = new MoeCommHost({ multiProcessorCount: smCount });
        const channelCount = host.getMoeCommChannelCount(epSize);
        fc.pre(epSize * channelCount < 1024);
        expect(host.getMoeCommWorkspaceSize(epSize)).toBe(BigInt(workspaceBytesReference(epSize, channelCount)));
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  // The FIFOs' bytes are an int, 2^21 * ranks * channels; the 256 bytes of head and tail are added as a size_t.
  test.each([
    { epSize: 1023, channels: 1, bytes: 1023n * 2n ** 21n + 1023n * 256n, why: 'the last that fits' },
    { epSize: 1024, channels: 1, bytes: 2n ** 64n - 2n ** 31n + 1024n * 256n, why: '2^31 is negative, and so huge' },
    { epSize: 512, channels: 3, bytes: 2n ** 64n - 2n ** 30n + 1536n * 256n, why: '3 * 2^30 is -2^30' },
    { epSize: 512, channels: 4, bytes: 2048n * 256n, why: '2^32 is 0' },
    { epSize: 1000, channels: 3, bytes: 3000n * 2n ** 21n - 2n ** 32n + 3000n * 256n, why: 'once round, and positive' },
  ])('$epSize ranks, $channels channels: $bytes bytes ($why)', ({ epSize, channels, bytes }) => {
    const host = new MoeCommHost({ multiProcessorCount: 4 * Math.ceil(epSize / 8) * channels });
    expect(host.getMoeCommChannelCount(epSize)).toBe(channels);
    expect(host.getMoeCommWorkspaceSize(epSize)).toBe(bytes);
  });
});

describe('packets and slices of a vector', () => {
  const constants = allToAllConstants();

  test.each([
    { u64: 1, packets: 1, vectors: 128 },
    { u64: 240, packets: 1, vectors: 128 },
    { u64: 241, packets: 2, vectors: 64 },
    { u64: 480, packets: 2, vectors: 64 },
    { u64: 481, packets: 3, vectors: 42 },
    { u64: 64 * 240, packets: 64, vectors: 2 },
    { u64: 64 * 240 + 1, packets: 65, vectors: 1 },
    { u64: 128 * 240, packets: 128, vectors: 1 },
    { u64: 128 * 240 + 1, packets: 129, vectors: 0 },
    { u64: 2 ** 31 - 1, packets: 8_947_849, vectors: 0 },
  ])('$u64 words: $packets packets, $vectors vectors an entry', ({ u64, packets, vectors }) => {
    expect(doPreCompute(u64, constants)).toEqual({
      vectorSizeInU64: u64,
      dataPacketCountPerVector: packets,
      vectorCountPerFifoEntry: vectors,
    });
  });

  test.each([0, -1])('%d words: no packets, and the original divides by their number', (u64) => {
    expect(() => doPreCompute(u64, constants)).toThrow(RangeError);
  });

  test('a smaller entry holds fewer', () => {
    const small = allToAllConstants({ U64_DATA_REG_PER_THREAD: 4, RECV_FIFO_ENTRY_BYTES: 3 * 1024 });
    expect(doPreCompute(121, small)).toMatchObject({ dataPacketCountPerVector: 2, vectorCountPerFifoEntry: 1 });
  });
});

describe('shapes of the all-to-all', () => {
  test('the original', () => {
    expect(allToAllConstants()).toEqual({
      RECV_FIFO_DEPTH: 8,
      RECV_FIFO_ENTRY_BYTES: 262_144,
      RECV_FIFO_ENTRY_U64: 32_768,
      RECV_FIFO_TOTAL_BYTES: 2_097_152,
      RECV_FIFO_TOTAL_U64: 262_144,
      GROUP_COUNT_PER_BLOCK: 8,
      WARP_PER_GROUP: 2,
      U64_DATA_REG_PER_THREAD: 8,
      PACKET_SIZE_IN_U64: 256,
      PACKET_SIZE_IN_BYTES: 2048,
      DATA_PAYLOAD_SIZE_PER_PACKET_IN_U64: 240,
      DATA_PAYLOAD_SIZE_PER_PACKET: 1920,
      U64_ELT_COUNT_PER_PACKET: 256,
      PACKET_COUNT_PER_FIFO_ENTRY: 128,
      GROUP_MAX_INDICE_COUNT: 128,
    });
  });

  test.each([
    { shape: { RECV_FIFO_DEPTH: 0 }, message: 'RECV_FIFO_DEPTH is 0; it must be an integer from 1 to 65536' },
    { shape: { GROUP_COUNT_PER_BLOCK: 9 }, message: 'GROUP_COUNT_PER_BLOCK is 9; it must be an integer from 1 to 8' },
    { shape: { WARP_PER_GROUP: 5 }, message: 'WARP_PER_GROUP is 5; it must be an integer from 1 to 4' },
    {
      shape: { U64_DATA_REG_PER_THREAD: 6 },
      message: 'U64_DATA_REG_PER_THREAD is 6; it must be an integer from 4 to 64, a multiple of 4',
    },
    {
      shape: { RECV_FIFO_ENTRY_BYTES: 2049 },
      message: 'RECV_FIFO_ENTRY_BYTES is 2049; it must be an integer from 2048 to 268435456, a multiple of 2048',
    },
  ])('$shape is refused', ({ shape, message }) => {
    expect(() => allToAllConstants(shape)).toThrow(new RangeError(message));
  });
});

describe('checks before a launch', () => {
  const machine = new Machine();
  const data = machine.memory.allocate('data', 'u64', 64);
  const ints = machine.memory.allocate('ints', 'i32', 64);
  const host = new MoeCommHost({ multiProcessorCount: 4 });

  function callWith(sendData: Pointer<'u64'>, recvData: Pointer<'u64'>): void {
    const displs = { rankCountCumSum: ints, rankLocalIndices: ints, vectorStrideInU64: 2 };
    moeAllToAll(
      host,
      {
        worldInfo: { epSize: 1, epRank: 0 },
        vectorSizeInU64: 2,
        sendDispls: { ...displs, dataPtr: sendData },
        recvDispls: { ...displs, dataPtr: recvData },
        workspace: { workspacePtr: data, rankStrideInU64: 0n },
      },
      machine.stream(),
    );
  }

  test('data that is not 16-byte aligned', () => {
    const sent = new HostCheckError('sendDispls.dataPtr must be 16-byte aligned');
    const received = new HostCheckError('recvDispls.dataPtr must be 16-byte aligned');
    expect(() => callWith(data.add(1), data)).toThrow(sent);
    expect(() => callWith(data, data.add(3))).toThrow(received);
    expect(() => callWith(data.add(1), data.add(1))).toThrow(sent);
    expect(() => callWith(data.add(2), data.add(4))).not.toThrow();
  });

  test('a gather of more than 32 experts a token, and of no rows', () => {
    const scales = machine.memory.allocate('scales', 'f32', 64);
    const params = {
      worldInfo: { epSize: 1, epRank: 0 },
      expertParallelInfo: { expertCount: 64, topK: 33 },
      maxTokenCountPerRank: 1,
      localMaxTokenCount: 1,
      recvRankCountCumSum: ints,
      localGatherIndices: ints,
      gatheredExpertIds: ints,
      gatheredScales: scales,
      localExpertIds: ints,
      localScales: scales,
    };
    expect(() => moeLocalGather(params, machine.stream())).toThrow(
      new HostCheckError('Only topK less than or equal to 32 supported now.'),
    );
    const noRows = { ...params, expertParallelInfo: { expertCount: 64, topK: 32 }, localMaxTokenCount: 0 };
    expect(() => moeLocalGather(noRows, machine.stream())).toThrow('cudaErrorInvalidConfiguration');
  });
});
