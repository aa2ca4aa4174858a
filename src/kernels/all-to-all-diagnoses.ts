import type { Diagnosis } from '../simt/index.js';
import { type FifoCall, type LinkCall, type RankLaunch, standsStill, trafficOf } from './all-to-all-traffic.js';
import type { WorkspaceShape } from './workspace-layout.js';

/** What the diagnoses need to know of the protocol. */
interface Calls {
  readonly shape: WorkspaceShape;
  /** The launch of each rank that is under way or, if none is, the last one; null: it has none. */
  readonly current: readonly (RankLaunch | null)[];
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** A vector of more packets than a FIFO entry holds: its slices stay empty, and its groups go round for ever. */
export function diagnoseVectors(protocol: Calls): Diagnosis[] {
  const { constants: c, epSize, channelCount } = protocol.shape;
  for (const own of currentOf(protocol)) {
    const { sendRecvDataInfo: info, worldInfo } = own.args;
    if (info.vectorCountPerFifoEntry > 0) continue;
    for (const isSender of [true, false]) {
      for (let peer = 0; peer < epSize; peer++) {
        const { ofLink } = trafficOf(own.args, isSender, peer, 0, channelCount);
        if (ofLink <= 0) continue;
        const rank = worldInfo.epRank;
        const [from, to] = isSender ? [rank, peer] : [peer, rank];
        const bytes = info.vectorSizeInU64 * 8;
        const most = c.PACKET_COUNT_PER_FIFO_ENTRY;
        return [
          {
            cause: 'vector too large',
            sentence:
              `a vector of ${bytes} bytes takes ${info.dataPacketCountPerVector} packets of ${c.DATA_PAYLOAD_SIZE_PER_PACKET} bytes, ` +
              `a FIFO entry holds ${most}: vectorCountPerFifoEntry is 0, so every slice is empty and rank ${rank} never gets past ` +
              `the first of its ${counted(ofLink, 'vector')} on link ${from} -> ${to}`,
            advice: `send vectors of at most ${most * c.DATA_PAYLOAD_SIZE_PER_PACKET} bytes, in parts if need be`,
            subject: { link: `${from} -> ${to}`, rank, bytes, packets: info.dataPacketCountPerVector, most },
          },
        ];
      }
    }
  }
  return [];
}

/** Ranks that do not agree about what a FIFO is. */
export function diagnoseShapes(protocol: Calls): Diagnosis[] {
  const [first, ...others] = currentOf(protocol);
  if (first === undefined) return [];
  const facts: readonly (readonly [string, (own: RankLaunch) => number | bigint])[] = [
    ['channels', ({ launch }) => launch.gridDim.y],
    ['ranks', ({ args }) => args.worldInfo.epSize],
    ['8-byte words in a vector', ({ args }) => args.sendRecvDataInfo.vectorSizeInU64],
    ['8-byte words between the workspaces of two ranks', ({ args }) => args.workspace.rankStrideInU64],
  ];
  for (const [what, factOf] of facts) {
    const other = others.find((own) => factOf(own) !== factOf(first));
    if (other === undefined) continue;
    const [a, b] = [first.args.worldInfo.epRank, other.args.worldInfo.epRank];
    return [
      {
        cause: 'counts disagree',
        sentence: `rank ${a} was launched with ${factOf(first)} ${what}, rank ${b} with ${factOf(other)}: link ${a} -> ${b} means two different FIFOs`,
        advice: 'launch all ranks with the same numbers of ranks and channels and the same vector size',
        subject: {
          link: `${a} -> ${b}`,
          what,
          [`rank ${a}`]: String(factOf(first)),
          [`rank ${b}`]: String(factOf(other)),
        },
      },
    ];
  }
  return [];
}

const currentOf = ({ current }: Calls): RankLaunch[] => current.filter((own) => own !== null);

/** What is wrong with links whose words are polled in vain: one diagnosis a link, with its first channel. */
export function diagnoseLink(protocol: Calls, calls: readonly LinkCall[]): Diagnosis[] {
  const found = new Map<string, { readonly diagnosis: Diagnosis; readonly channels: number[] }>();
  const sorted = [...calls].sort((a, b) => a.from - b.from || a.to - b.to || a.channel - b.channel);
  for (const call of sorted) {
    const diagnosis = diagnose(protocol, call);
    if (diagnosis === null) continue;
    const key = `${diagnosis.cause} ${call.from} ${call.to}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { diagnosis, channels: [call.channel] });
    else known.channels.push(call.channel);
  }
  return Array.from(found.values(), ({ diagnosis, channels }) =>
    channels.length === 1
      ? diagnosis
      : { ...diagnosis, sentence: `${diagnosis.sentence}; so it is in ${channels.length} channels of the link` },
  ).sort((a, b) => rankOf(a) - rankOf(b));
}

const rankOf = ({ cause }: Diagnosis): number => (cause === 'workspace not clean' ? 0 : 1);

function diagnose(protocol: Calls, call: LinkCall): Diagnosis | null {
  const { sender, receiver, sends, takes, found } = call;
  if (sender === null || receiver === null || sends === null || takes === null) return null;
  const perEntry = sender.args.sendRecvDataInfo.vectorCountPerFifoEntry;
  if (perEntry <= 0) return null;
  const { constants } = protocol.shape;
  const fifo: FifoCall = { ...found, sends: sends.vectors, takes: takes.vectors, perEntry };
  const clean = { ...fifo, head: 0n, tail: 0n, flags: fifo.flags.map(() => 0n) };
  if (standsStill(constants, clean)) return countsDisagree(protocol, call);
  return standsStill(constants, fifo) ? notClean(protocol, call) : null;
}

function countsDisagree(protocol: Calls, call: LinkCall): Diagnosis {
  const { from, to, channel } = call;
  const [sends, takes] = [call.sends!, call.takes!];
  const { RECV_FIFO_DEPTH } = protocol.shape.constants;
  const inChannel =
    protocol.shape.channelCount === 1 ? '' : ` (in channel ${channel}: ${sends.vectors} and ${takes.vectors})`;
  const consequence =
    takes.vectors > sends.vectors
      ? `rank ${to} waits for ${counted(takes.vectors - sends.vectors, 'vector')} that nobody sends`
      : `of the ${counted(sends.slices, 'slice')} to send rank ${to} takes ${takes.slices} and the FIFO holds ${RECV_FIFO_DEPTH}, ` +
        `so rank ${from} waits for ever with ${sends.slices - takes.slices - RECV_FIFO_DEPTH} left`;
  return {
    cause: 'counts disagree',
    sentence: `link ${from} -> ${to}: rank ${from} sends ${counted(sends.ofLink, 'vector')}, rank ${to} expects ${takes.ofLink}${inChannel}; ${consequence}`,
    advice: `make send_rank_cum_sum of rank ${from} and recv_rank_cum_sum of rank ${to} give the same count for link ${from} -> ${to}: prepare both from one routing`,
    subject: {
      link: `${from} -> ${to}`,
      channel,
      sends: sends.ofLink,
      expects: takes.ofLink,
      sendsInChannel: sends.vectors,
      expectsInChannel: takes.vectors,
    },
  };
}

function notClean(protocol: Calls, call: LinkCall): Diagnosis {
  const { from, to, channel, found } = call;
  const { head, tail } = found;
  const depth = BigInt(protocol.shape.constants.RECV_FIFO_DEPTH);
  const word = head === 0n ? 'tail' : 'head';
  const [value, other, otherWord] = word === 'head' ? [head, tail, 'tail'] : [tail, head, 'head'];
  const ahead = BigInt.asUintN(64, head - tail);
  const isAhead = ahead < 2n ** 63n;
  const effect =
    isAhead && ahead >= depth
      ? `the FIFO of ${depth} slots counts as full, so rank ${from} waits for a tail of at least ${head + 1n - depth} and rank ${to} for flag ${tail + 1n}`
      : `rank ${from} sends under flags from ${head + 1n} on, rank ${to} waits for flag ${tail + 1n}`;
  return {
    cause: 'workspace not clean',
    sentence: `${word} of link ${from} -> ${to}, channel ${channel} held ${value} when the call began, its ${otherWord} ${other}; an empty FIFO has both equal: ${effect}`,
    advice: 'zero the workspace before its first use and after every call that did not complete',
    subject: {
      link: `${from} -> ${to}`,
      channel,
      word,
      value: String(value),
      head: String(head),
      tail: String(tail),
    },
  };
}
