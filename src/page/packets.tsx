import { useState } from 'preact/hooks';
import type { ReportPacket, ReportPackets } from '../report/report-data.js';
import { useReport } from './cursor.js';
import { Scrolled } from './parts.js';
import { counted, formatCount } from './text.js';

/** A line of memory that is seen as a whole: 8 lanes of 16 bytes; the upper half of the last one is its flag. */
const LINE_BYTES = 128;
const WORD_BYTES = 8;
const WORDS_OF_ROW = 8;

/** The bytes of packets at the end of the run, with the flags marked. */
export function Packets({ packets: { packets, written } }: { packets: ReportPackets }) {
  const { data } = useReport();
  const [chosen, setChosen] = useState(0);
  const packet = packets[chosen];
  if (packet === undefined) return null;
  const offset = data.difference?.memory?.offsetBytes ?? -1;
  const isInIt = data.difference?.tensor === `r${packet.to}/out/workspace`;
  const wrong = isInIt ? offset - packet.offsetBytes : -1;
  return (
    <>
      <h3>A packet's bytes at the end of the run</h3>
      <div class="controls">
        <label>
          packet{' '}
          <select value={chosen} onChange={({ currentTarget }) => setChosen(Number(currentTarget.value))}>
            {packets.map((one, index) => (
              <option key={nameOf(one)} value={index}>
                {nameOf(one)}
              </option>
            ))}
          </select>
        </label>
        <span class="quiet">
          {written > packets.length
            ? `${counted(packets.length, 'packet')} of ${formatCount(written)} that have been written`
            : `all ${counted(written, 'packet')} that have been written`}
          ; flags are <mark>marked</mark>, <span class="mono">..</span> was never defined
        </span>
      </div>
      <Scrolled label="Bytes of the packet" style="bytes">
        {Array.from({ length: Math.ceil(packet.bytes.length / (WORD_BYTES * WORDS_OF_ROW)) }, (_, row) => (
          <div key={row}>
            <span class="offset">{(row * WORD_BYTES * WORDS_OF_ROW).toString(16).padStart(4, '0')} </span>
            {Array.from({ length: WORDS_OF_ROW }, (_, column) => (
              <Word key={column} packet={packet} at={(row * WORDS_OF_ROW + column) * WORD_BYTES} wrong={wrong} />
            ))}
          </div>
        ))}
      </Scrolled>
    </>
  );
}

/** Eight bytes in the order in which they lie in memory; a flag as the number that it is, behind them. */
function Word({ packet, at, wrong }: { packet: ReportPacket; at: number; wrong: number }) {
  const { bytes, defined } = packet;
  if (at >= bytes.length) return null;
  const isFlag = at % LINE_BYTES === LINE_BYTES - WORD_BYTES;
  const parts = Array.from({ length: WORD_BYTES }, (_, index) => {
    const byte = at + index;
    const isDefined = defined === null || ((defined[byte >> 3]! >> (byte & 7)) & 1) === 1;
    const text = isDefined ? bytes[byte]!.toString(16).padStart(2, '0') : '..';
    return byte === wrong ? (
      <span key={index} class="wrong">
        {text}
      </span>
    ) : (
      text
    );
  });
  return isFlag ? (
    <>
      {' '}
      <mark title={`flag of bytes ${at - LINE_BYTES + WORD_BYTES} to ${at - 1}`}>{parts}</mark>
    </>
  ) : (
    <> {parts}</>
  );
}

const nameOf = ({ from, to, channel, slot, packet }: ReportPacket): string =>
  `link ${from} → ${to}, channel ${channel}, slot ${slot}, packet ${packet}`;
