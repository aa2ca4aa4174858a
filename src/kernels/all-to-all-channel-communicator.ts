import {
  type DeviceFunction,
  divI32,
  mulI32,
  type Operation,
  type Pointer,
  type RegisterArray,
  type Thread,
  u64,
} from '../simt/index.js';
import { type AllToAllConstants, WARP_MASK, WARP_SIZE } from './all-to-all-constants.js';
import {
  CONN_INFO_HEAD,
  CONN_INFO_TAIL,
  type FifoConnInfoPointer,
  getCount,
  getFifoBasePtr,
  getFifoConnInfo,
  getRankStart,
  getRealVectorIndice,
  getVectorDataPtr,
  type MoeCommWorkspace,
  type MoeEpWorldInfo,
  type SendRecvDataInfo,
  type SendRecvDispls,
} from './moe-comm-structs.js';
import { barrierSync, load128, store128 } from './ptx-wrappers.js';

/** u64 elements of a 16-byte access. Source: trtllm_alltoall.cuh:364, :405. */
const EltPer16B = 2;

/** i32 words of a `GroupSharedBuffer`: the index buffer, then groupStartIndice and groupEndIndice. Source: :85-89. */
export const groupSharedBufferCount = (c: AllToAllConstants): number => c.GROUP_MAX_INDICE_COUNT + 2;

/**
 * `AllToAllChannelCommunicator<isSender>`: the threads of one group move the vectors for (or from) one peer rank through
 * one channel's FIFO. Source: trtllm_alltoall.cuh:262-498, lines beside the statements.
 *
 * A packet is 8 registers of each lane of a warp, stored as four 512-byte rows. The upper half of lanes 7, 15, 23 and 31
 * carries the flag `step + 1`, one in each 128-byte line, so that a receiver that sees the flag sees the line.
 *
 * Lanes of a last packet that lie beyond the vector store what their registers hold: data of an earlier packet or,
 * before any, undefined bytes.
 */
export class AllToAllChannelCommunicator {
  readonly t: Thread;
  readonly c: AllToAllConstants;
  readonly isSender: boolean;
  readonly tid: number;
  readonly nthreads: number;
  readonly wid: number;
  readonly warp: number;
  readonly worldInfo: MoeEpWorldInfo;
  readonly workspace: MoeCommWorkspace;
  readonly sendRecvDataInfo: SendRecvDataInfo;
  readonly dataDispls: SendRecvDispls;
  readonly peerRank: number;
  readonly flagThread: boolean;
  readonly group: number;
  readonly channel: number;
  readonly channelCount: number;

  fifoConnInfoPtr!: FifoConnInfoPointer;
  fifoBasePtr!: Pointer<'u64'>;
  step: bigint;
  tailStepCache: bigint;
  readonly regs: RegisterArray<'u64'>;
  readonly groupSharedBuffer: Pointer<'i32'>;

  groupStartIndice = 0;
  groupEndIndice = 0;

  sliceStartIndice = 0;
  sliceEndIndice = 0;

  stepFifoEntryPtr!: Pointer<'u64'>;

  constructor(
    t: Thread,
    c: AllToAllConstants,
    isSender: boolean,
    worldInfo: MoeEpWorldInfo,
    workspace: MoeCommWorkspace,
    sendRecvDataInfo: SendRecvDataInfo,
    dataDispls: SendRecvDispls,
    groupSharedBuffer: Pointer<'i32'>,
    channelCount: number,
  ) {
    this.t = t;
    this.c = c;
    this.isSender = isSender;
    this.worldInfo = worldInfo; // :303
    this.nthreads = t.blockDim.x; // :304
    this.tid = t.threadIdx.x; // :305
    this.workspace = workspace; // :306
    this.sendRecvDataInfo = sendRecvDataInfo; // :307
    this.dataDispls = dataDispls; // :308
    this.wid = t.threadIdx.x % WARP_SIZE; // :309
    this.warp = divI32(t.threadIdx.x, WARP_SIZE); // :310
    this.peerRank = t.blockIdx.x * c.GROUP_COUNT_PER_BLOCK + t.threadIdx.y; // :311
    this.group = t.threadIdx.y; // :312
    this.channel = t.blockIdx.y; // :313
    this.flagThread = t.threadIdx.x % 8 === 7; // :314
    this.step = 0n; // :317
    this.tailStepCache = 0n; // :318
    this.groupSharedBuffer = groupSharedBuffer; // :319
    this.channelCount = channelCount; // :320
    this.regs = t.registerArray('u64', c.U64_DATA_REG_PER_THREAD); // :283
  }

  getFlag(): bigint {
    return u64(this.step + 1n); // :295
  }

  *init(): DeviceFunction {
    const { t, c, isSender, worldInfo, workspace, peerRank, channel, channelCount } = this;
    this.fifoBasePtr = getFifoBasePtr(workspace, c, isSender, worldInfo.epRank, peerRank, channel, channelCount); // :323
    this.fifoConnInfoPtr = getFifoConnInfo(
      workspace,
      c,
      isSender,
      worldInfo.epRank,
      peerRank,
      channel,
      worldInfo.epSize,
      channelCount,
    ); // :325
    this.step = isSender
      ? yield* t.loadVolatile(this.fifoConnInfoPtr, CONN_INFO_HEAD) // :327
      : yield* t.loadVolatile(this.fifoConnInfoPtr, CONN_INFO_TAIL); // :327
    this.tailStepCache = isSender ? yield* t.loadVolatile(this.fifoConnInfoPtr, CONN_INFO_TAIL) : 0n; // :328
  }

  *computeGroupTransferRange(): DeviceFunction {
    const { c, dataDispls, channel, channelCount, groupSharedBuffer } = this;
    if (this.tid === 0) {
      const rankCount = getCount(dataDispls, this.peerRank); // :333
      const rankStart = getRankStart(dataDispls, this.peerRank); // :334
      const countPerChannel = divI32((rankCount + channelCount - 1) | 0, channelCount); // :335
      const groupEnd = Math.min((rankStart + mulI32(channel + 1, countPerChannel)) | 0, (rankStart + rankCount) | 0); // :336
      const groupStart = Math.min((rankStart + mulI32(channel, countPerChannel)) | 0, (rankStart + rankCount) | 0); // :337
      groupSharedBuffer.store(c.GROUP_MAX_INDICE_COUNT, groupStart); // :338
      groupSharedBuffer.store(c.GROUP_MAX_INDICE_COUNT + 1, groupEnd); // :339
    }
    yield* this.barrier(); // :341
    this.groupStartIndice = groupSharedBuffer.load(c.GROUP_MAX_INDICE_COUNT); // :342
    this.groupEndIndice = groupSharedBuffer.load(c.GROUP_MAX_INDICE_COUNT + 1); // :343
  }

  *loadTransferIndices(): DeviceFunction {
    const { c, dataDispls, sendRecvDataInfo, groupSharedBuffer } = this;
    this.sliceStartIndice = this.groupStartIndice; // :347
    this.sliceEndIndice = Math.min(
      (this.groupStartIndice + sendRecvDataInfo.vectorCountPerFifoEntry) | 0,
      this.groupEndIndice,
    ); // :348
    // :350
    for (
      let i = (this.groupStartIndice + this.tid) | 0;
      i < this.sliceEndIndice;
      i = (i + WARP_SIZE * c.WARP_PER_GROUP) | 0
    ) {
      groupSharedBuffer.store(i - this.groupStartIndice, getRealVectorIndice(dataDispls, i)); // :351
    }
    this.groupStartIndice = this.sliceEndIndice; // :354
    yield* this.barrier(); // :355
  }

  computeSlicePtr(): void {
    const { RECV_FIFO_ENTRY_U64, RECV_FIFO_DEPTH } = this.c;
    this.stepFifoEntryPtr = this.fifoBasePtr.add(
      u64(BigInt(RECV_FIFO_ENTRY_U64) * (this.step % BigInt(RECV_FIFO_DEPTH))),
    ); // :359
  }

  *sendSlice(): DeviceFunction {
    const { t, c, regs } = this;
    yield* this.waitSend(); // :363
    const eltN = this.sendRecvDataInfo.vectorSizeInU64; // :365
    // :366
    for (
      let vecId = (this.warp + this.sliceStartIndice) | 0;
      vecId < this.sliceEndIndice;
      vecId = (vecId + c.WARP_PER_GROUP) | 0
    ) {
      const idxInSlice = vecId - this.sliceStartIndice; // :367
      const vecRealIdx = this.groupSharedBuffer.load(idxInSlice); // :368
      const src = getVectorDataPtr(this.dataDispls, vecRealIdx); // :369
      const slicePtr = this.stepFifoEntryPtr
        .add(mulI32(mulI32(idxInSlice, this.sendRecvDataInfo.dataPacketCountPerVector), c.PACKET_SIZE_IN_U64))
        .add(2 * this.wid); // :370
      // :373
      for (let packetId = 0; packetId < this.sendRecvDataInfo.dataPacketCountPerVector; packetId++) {
        const vecOff = mulI32(packetId, c.DATA_PAYLOAD_SIZE_PER_PACKET_IN_U64); // :374
        // :376
        for (let g = 0; g < c.U64_DATA_REG_PER_THREAD / 2; g++) {
          const ix = g * WARP_SIZE - 4 * (g >> 1) + this.wid - (g % 2) * (this.wid >> 3); // :377
          yield* t.syncwarp(); // :378
          // :379
          if (!this.flagThread || g % 2 === 0) {
            // :380
            if (ix * EltPer16B + vecOff < eltN) {
              yield* load128(t, src, ix * EltPer16B + vecOff, regs.at(2 * g + 0), regs.at(2 * g + 1)); // :381
            }
          }
          yield* t.syncwarp(); // :384
        }
        // :387
        for (let g = 1; g < c.U64_DATA_REG_PER_THREAD / 2; g += 2) {
          if (this.flagThread) regs.at(2 * g).assign(regs.at(2 * g - 1)); // :388
        }

        const flag = this.getFlag(); // :391
        const packetPtr = slicePtr.add(mulI32(packetId, c.PACKET_SIZE_IN_U64)); // :392
        yield* t.syncwarp(); // :393
        // :395
        for (let u = 0; u < c.U64_DATA_REG_PER_THREAD; u += 2) {
          yield* store128(t, packetPtr, u * WARP_SIZE, regs.at(u), this.flagThread ? flag : regs.at(u + 1)); // :396
        }
      }
    }
    yield* this.updateSend(); // :400
  }

  *recvSlice(): DeviceFunction {
    const { t, c, regs } = this;
    const eltN = this.sendRecvDataInfo.vectorSizeInU64; // :406
    // :407
    for (
      let vecId = (this.warp + this.sliceStartIndice) | 0;
      vecId < this.sliceEndIndice;
      vecId = (vecId + c.WARP_PER_GROUP) | 0
    ) {
      const idxInSlice = vecId - this.sliceStartIndice; // :408
      const vecRealIdx = this.groupSharedBuffer.load(idxInSlice); // :409

      const dst = getVectorDataPtr(this.dataDispls, vecRealIdx); // :411
      const slicePtr = this.stepFifoEntryPtr
        .add(mulI32(mulI32(idxInSlice, this.sendRecvDataInfo.dataPacketCountPerVector), c.PACKET_SIZE_IN_U64))
        .add(2 * this.wid); // :412
      // :415
      for (let packetId = 0; packetId < this.sendRecvDataInfo.dataPacketCountPerVector; packetId++) {
        const packetPtr = slicePtr.add(mulI32(packetId, c.PACKET_SIZE_IN_U64)); // :416
        const vecOff = mulI32(packetId, c.DATA_PAYLOAD_SIZE_PER_PACKET_IN_U64); // :417

        let needReload: boolean; // :419
        const flag = this.getFlag(); // :420
        yield* t.syncwarp(); // :421
        // :422
        do {
          needReload = false; // :423
          // :425
          for (let u = 0; u < c.U64_DATA_REG_PER_THREAD; u += 2) {
            yield* load128(t, packetPtr, u * WARP_SIZE, regs.at(u), regs.at(u + 1)); // :426
            needReload = needReload || (this.flagThread && regs.at(u + 1).value !== flag); // :427
          }
        } while (yield* t.anySync(WARP_MASK, needReload)); // :429
        // :431
        for (let g = 1; g < c.U64_DATA_REG_PER_THREAD / 2; g += 2) {
          if (this.flagThread) regs.at(2 * g - 1).assign(regs.at(2 * g)); // :432
        }

        // :436
        for (let g = 0; g < c.U64_DATA_REG_PER_THREAD / 2; g++) {
          const ix = g * WARP_SIZE - 4 * (g >> 1) + this.wid - (g % 2) * (this.wid >> 3); // :437
          yield* t.syncwarp(); // :438
          // :439
          if (!this.flagThread || g % 2 === 0) {
            // :440
            if (ix * EltPer16B + vecOff < eltN) {
              yield* store128(t, dst, ix * EltPer16B + vecOff, regs.at(2 * g + 0), regs.at(2 * g + 1)); // :441
            }
          }
          yield* t.syncwarp(); // :445
        }
      }
    }
    yield* this.updateRecv(); // :449
  }

  *run(): DeviceFunction {
    // :453
    if (this.peerRank >= this.worldInfo.epSize) {
      return; // :454
    }
    yield* this.init(); // :456
    yield* this.computeGroupTransferRange(); // :457
    // :458
    while (this.groupStartIndice < this.groupEndIndice) {
      yield* this.loadTransferIndices(); // :459
      this.computeSlicePtr(); // :460
      // :461
      if (this.isSender) {
        yield* this.sendSlice(); // :462
      } else {
        yield* this.recvSlice(); // :464
      }
    }
  }

  barrier(): Operation<void> {
    return barrierSync(this.t, 15 - this.group, this.nthreads); // :471
  }

  *waitSend(): DeviceFunction {
    yield* this.barrier(); // :474
    // :475
    while (u64(this.tailStepCache + BigInt(this.c.RECV_FIFO_DEPTH)) < u64(this.step + 1n)) {
      this.tailStepCache = yield* this.t.loadVolatile(this.fifoConnInfoPtr, CONN_INFO_TAIL); // :476
    }
    yield* this.barrier(); // :478
  }

  *updateSend(): DeviceFunction {
    yield* this.barrier(); // :482
    // :483
    if (this.tid === 0) {
      yield* this.t.atomicAddSystem(this.fifoConnInfoPtr, CONN_INFO_HEAD, 1n); // :484
    }
    yield* this.barrier(); // :486
    this.step = u64(this.step + 1n); // :487
  }

  *updateRecv(): DeviceFunction {
    yield* this.barrier(); // :491
    // :492
    if (this.tid === 0) {
      yield* this.t.atomicAddSystem(this.fifoConnInfoPtr, CONN_INFO_TAIL, 1n); // :493
    }
    yield* this.barrier(); // :495
    this.step = u64(this.step + 1n); // :496
  }
}
