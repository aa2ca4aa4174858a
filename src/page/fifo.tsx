import { useCallback, useMemo, useState } from 'preact/hooks';
import type { ReportData } from '../report/report-data.js';
import { useReport } from './cursor.js';
import { FifoModel, type SlotState } from './fifo-model.js';
import { Packets } from './packets.js';
import { Place, Section } from './parts.js';
import { counted, formatCount } from './text.js';
import { AXIS, drawAxis, MARGIN } from './time-axis.js';
import type { TimeModel } from './time-model.js';
import { colourNamed, useCanvas } from './use-canvas.js';

/** Most links whose rows are shown at a time. */
const MOST_ROWS = 48;
const MOST_EVENTS = 10;
const COLOURS: Readonly<Record<SlotState, string>> = {
  free: 'absent',
  filling: 'meeting',
  full: 'running',
  draining: 'barrier',
};

export function Fifos() {
  const { model, data } = useReport();
  if (model === null || model.timeline.fifos.length === 0) return null;
  return (
    <Section id="fifos" title="FIFOs">
      <FifosOf model={model} />
      {data.packets === null ? null : <Packets packets={data.packets} />}
    </Section>
  );
}

function FifosOf({ model }: { model: TimeModel }) {
  const { data, cursor } = useReport();
  const fifos = useMemo(() => new FifoModel(model.timeline), [model]);
  const all = model.timeline.fifos;
  const [filter, setFilter] = useState({ from: -1, to: -1, channel: -1 });
  const [selected, setSelected] = useState(() => firstFifo(data, model) ?? fifos.busiest);
  const rows = useMemo(
    () =>
      all.flatMap(({ from, to, channel }, fifo) =>
        (filter.from === -1 || filter.from === from) &&
        (filter.to === -1 || filter.to === to) &&
        (filter.channel === -1 || filter.channel === channel)
          ? [fifo]
          : [],
      ),
    [all, filter],
  );
  const chosen = rows.includes(selected) ? selected : (rows[0] ?? -1);
  return (
    <>
      <div class="controls">
        {(['from', 'to', 'channel'] as const).map((part) => (
          <label key={part}>
            {part}{' '}
            <select
              value={filter[part]}
              onChange={({ currentTarget }) => setFilter({ ...filter, [part]: Number(currentTarget.value) })}
            >
              <option value={-1}>all</option>
              {[...new Set(all.map((fifo) => fifo[part]))]
                .sort((a, b) => a - b)
                .map((value) => (
                  <option key={value} value={value}>
                    {value}
                  </option>
                ))}
            </select>
          </label>
        ))}
        <ul class="legend" aria-label="Slots">
          {(Object.keys(COLOURS) as SlotState[]).map((state) => (
            <li key={state}>
              <span class={`swatch ${COLOURS[state]}`} />
              {state}
            </li>
          ))}
        </ul>
      </div>
      <div class="panel scroll fifos">
        <table>
          <caption class="quiet">
            {rows.length > MOST_ROWS
              ? `The first ${MOST_ROWS} of ${counted(rows.length, 'FIFO')}, after ${counted(cursor.step, 'step')}`
              : `${counted(rows.length, 'FIFO')} after ${counted(cursor.step, 'step')}`}
          </caption>
          <thead>
            <tr>
              <th scope="col">link</th>
              <th scope="col" class="number">
                channel
              </th>
              <th scope="col" class="number">
                head
              </th>
              <th scope="col" class="number">
                tail
              </th>
              <th scope="col" class="number">
                in flight
              </th>
              <th scope="col">slots, packets published</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, MOST_ROWS).map((fifo) => (
              <FifoRow
                key={fifo}
                fifos={fifos}
                fifo={fifo}
                step={cursor.step}
                isChosen={fifo === chosen}
                choose={() => setSelected(fifo)}
              />
            ))}
          </tbody>
        </table>
      </div>
      {chosen === -1 ? null : <FifoChart fifos={fifos} fifo={chosen} model={model} />}
    </>
  );
}

/** The FIFO that a difference or a hang is about: its packets come first. Null: there is neither. */
function firstFifo({ difference, graph, packets }: ReportData, { timeline }: TimeModel): number | null {
  const packet = difference === null && graph === null ? undefined : packets?.packets[0];
  const found = timeline.fifos.findIndex(
    ({ from, to, channel }) => from === packet?.from && to === packet.to && channel === packet.channel,
  );
  return found < 0 ? null : found;
}

function FifoRow({
  fifos,
  fifo,
  step,
  isChosen,
  choose,
}: {
  fifos: FifoModel;
  fifo: number;
  step: number;
  isChosen: boolean;
  choose: () => void;
}) {
  const { from, to, channel } = fifos.timeline.fifos[fifo]!;
  const [head, tail] = [fifos.headAt(fifo, step), fifos.tailAt(fifo, step)];
  return (
    <tr class={isChosen ? 'here' : ''}>
      <th scope="row">
        <label>
          <input type="radio" name="fifo" checked={isChosen} onChange={choose} /> {from} → {to}
        </label>
      </th>
      <td class="number">{channel}</td>
      <td class="number">{formatCount(head)}</td>
      <td class="number">{formatCount(tail)}</td>
      <td class="number">{formatCount(head - tail)}</td>
      <td>
        <span class="slots">
          {fifos.slotsAt(fifo, step).map(({ slot, state, slice, published, consumed }) => (
            <span
              key={slot}
              class={`slot ${COLOURS[state]}`}
              role="img"
              aria-label={`slot ${slot}: ${state}`}
              title={`slot ${slot}: ${state}${slice < 0 ? '' : `, slice ${slice}: ${published} packets published, ${consumed} seen`}`}
            >
              {published === 0 || state === 'free' ? '' : published}
            </span>
          ))}
        </span>
      </td>
    </tr>
  );
}

function FifoChart({ fifos, fifo, model }: { fifos: FifoModel; fifo: number; model: TimeModel }) {
  const { cursor, move } = useReport();
  const { from, to, channel, depth } = fifos.timeline.fifos[fifo]!;
  const { span } = cursor;
  const draw = useCallback(
    (context: CanvasRenderingContext2D, width: number, height: number) =>
      drawFifo(context, fifos, fifo, span, width, height),
    [fifos, fifo, span],
  );
  const canvas = useCanvas(draw);
  const share = (cursor.step - span.firstStep) / span.steps;
  const go = (direction: 1 | -1): void => {
    const step = fifos.neighbour(fifo, cursor.step, direction);
    if (step !== null) move({ step });
  };
  return (
    <>
      <div class="controls">
        <h3>
          Link {from} → {to}, channel {channel}
        </h3>
        <button type="button" onClick={() => go(-1)} disabled={fifos.neighbour(fifo, cursor.step, -1) === null}>
          Event before
        </button>
        <button type="button" onClick={() => go(1)} disabled={fifos.neighbour(fifo, cursor.step, 1) === null}>
          Next event
        </button>
      </div>
      <div class="timeline">
        <canvas
          ref={canvas}
          class="fifo"
          style={{ height: `${AXIS + 70 + depth * 14}px` }}
          role="img"
          aria-label={`Head, tail and slots of link ${from} to ${to}, channel ${channel}, over time; the table below has its last events`}
          onClick={(event) => {
            const { width } = event.currentTarget.getBoundingClientRect();
            const step = span.firstStep + ((event.offsetX - MARGIN) / (width - MARGIN)) * span.steps;
            if (event.offsetX >= MARGIN) move({ step: Math.round(Math.max(0, Math.min(model.steps, step))) });
          }}
        />
        {share < 0 || share > 1 ? null : (
          <div class="over">
            <div class="cursor" style={{ left: `${share * 100}%` }} />
          </div>
        )}
      </div>
      <FifoEvents fifos={fifos} fifo={fifo} model={model} />
    </>
  );
}

const EVENT_NAMES = ['head', 'tail', 'flag stored', 'flag seen'] as const;

function FifoEvents({ fifos, fifo, model }: { fifos: FifoModel; fifo: number; model: TimeModel }) {
  const { cursor, move } = useReport();
  const { fifoEvents } = fifos.timeline;
  const rows = fifos.eventsBefore(fifo, cursor.step, MOST_EVENTS);
  if (rows.length === 0) return <p class="quiet">Nothing has happened to it up to here.</p>;
  return (
    <div class="scroll">
      <table>
        <caption class="quiet">The last events up to step {formatCount(cursor.step)}, the latest first</caption>
        <thead>
          <tr>
            <th scope="col" class="number">
              step
            </th>
            <th scope="col">event</th>
            <th scope="col" class="number">
              value
            </th>
            <th scope="col" class="number">
              slot
            </th>
            <th scope="col" class="number">
              packet
            </th>
            <th scope="col">thread</th>
            <th scope="col">line</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const thread = fifoEvents.thread[row]!;
            const place = model.placeOf(fifoEvents.site[row]!);
            return (
              <tr key={row}>
                <td class="number">
                  <button
                    type="button"
                    class="plain"
                    onClick={() => move({ step: fifoEvents.step[row]!, warp: thread < 0 ? cursor.warp : thread >> 5 })}
                  >
                    {formatCount(fifoEvents.step[row]!)}
                  </button>
                </td>
                <td>{EVENT_NAMES[fifoEvents.kind[row]!]}</td>
                <td class="number">{formatCount(fifoEvents.value[row]!)}</td>
                <td class="number">{fifoEvents.slot[row]! < 0 ? '' : fifoEvents.slot[row]}</td>
                <td class="number">{fifoEvents.packet[row]! < 0 ? '' : fifoEvents.packet[row]}</td>
                <td>{threadText(model, thread)}</td>
                <td>{place === null ? '' : <Place file={place.file} line={place.line} />}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function threadText(model: TimeModel, thread: number): string {
  if (thread < 0) return 'the host';
  const { rank, block, warp } = model.nameOf(thread >> 5);
  return `rank ${rank} block ${block} warp ${warp} lane ${thread & 31}`;
}

/** Head and tail as lines, slots as bars. */
function drawFifo(
  context: CanvasRenderingContext2D,
  fifos: FifoModel,
  fifo: number,
  span: { readonly firstStep: number; readonly steps: number },
  width: number,
  height: number,
): void {
  context.clearRect(0, 0, width, height);
  drawAxis(context, span, width);
  const { depth } = fifos.timeline.fifos[fifo]!;
  const columns = Math.max(1, width - MARGIN);
  const stepOf = (x: number): number => span.firstStep + ((x + 0.5) / columns) * span.steps;
  const low = fifos.tailAt(fifo, stepOf(-0.5));
  const high = Math.max(low + 1, fifos.headAt(fifo, stepOf(columns - 0.5)));
  const chart = 60;
  const yOf = (value: number): number => AXIS + chart - ((value - low) / (high - low)) * (chart - 4);
  context.font = '11px sans-serif';
  context.fillStyle = colourNamed('quiet');
  context.fillText(`head, tail: ${low} … ${high}`, 0, AXIS + 12, MARGIN - 8);
  for (const [name, valueAt] of [
    ['running', (step: number) => fifos.headAt(fifo, step)],
    ['barrier', (step: number) => fifos.tailAt(fifo, step)],
  ] as const) {
    context.strokeStyle = colourNamed(name);
    context.lineWidth = 2;
    context.beginPath();
    for (let x = 0; x < columns; x++) {
      const y = yOf(valueAt(stepOf(x)));
      if (x === 0) context.moveTo(MARGIN, y);
      else context.lineTo(MARGIN + x, y);
    }
    context.stroke();
  }
  const top = AXIS + chart + 8;
  for (let slot = 0; slot < depth; slot++) {
    context.fillStyle = colourNamed('quiet');
    context.fillText(`slot ${slot}`, 0, top + slot * 14 + 11);
  }
  for (let x = 0; x < columns; x++) {
    for (const { slot, state } of fifos.slotsAt(fifo, stepOf(x))) {
      context.fillStyle = colourNamed(COLOURS[state]);
      context.fillRect(MARGIN + x, top + slot * 14 + 1, 1, 12);
    }
  }
}
