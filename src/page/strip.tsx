import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useReport } from './cursor.js';
import { Place, Section } from './parts.js';
import { crowdOf, drawStrip, type StripView } from './strip-image.js';
import { counted, formatCount } from './text.js';
import { AXIS, drawAxis, MARGIN } from './time-axis.js';
import { ABSENT, BARRIER, EXITED, MEETING, POLLING, RUNNING, STATES, type TimeModel } from './time-model.js';
import { colourNamed, colourParts, putImage, useCanvas } from './use-canvas.js';

const LEAST_ROWS = 4;
const LEAST_STEPS = 8;
/** From the bottom of the crowd to its top. */
const STACK = [EXITED, BARRIER, MEETING, POLLING, RUNNING] as const;

export function Strip() {
  const { model, data } = useReport();
  return (
    <Section id="time" title="Time strip">
      {model === null ? <p>{data.timelineReason}</p> : <StripOf model={model} />}
    </Section>
  );
}

function StripOf({ model }: { model: TimeModel }) {
  const { cursor, move } = useReport();
  const ranks = useMemo(
    () => [...new Set(model.timeline.launches.map(({ rank }) => rank))].sort((a, b) => a - b),
    [model],
  );
  const waiting = useMemo(() => model.rows.filter((warp) => model.hasWaits(warp)), [model]);
  const [filter, setFilter] = useState({
    rank: -1,
    isWaiting: waiting.length > 0 && waiting.length < model.rows.length / 2,
  });
  const rowsOf = ({ rank, isWaiting }: typeof filter): Int32Array => {
    const rows = isWaiting ? waiting : model.rows;
    return rank === -1 ? rows : rows.filter((warp) => model.rankOf(warp) === rank);
  };
  // Whatever else it depends on changes with the model alone.
  const rows = useMemo(() => rowsOf(filter), [model, filter]);
  const choose = (change: Partial<typeof filter>): void => {
    const next = { ...filter, ...change };
    const count = rowsOf(next).length;
    setFilter(next);
    set({ ...whole, ...span, rows: count }, count);
  };
  const whole: StripView = {
    firstStep: 0,
    steps: Math.max(1, model.steps),
    firstRow: 0,
    rows: Math.max(1, rows.length),
  };
  const [shown, setShown] = useState({ firstRow: 0, rows: whole.rows });
  const { span } = cursor;
  const view = useMemo(() => ({ ...span, ...shown }), [span, shown]);
  const set = (next: StripView, mostRows = rows.length): void => {
    const { firstStep, steps, firstRow, rows: height } = clamped(next, model.steps, mostRows);
    setShown({ firstRow, rows: height });
    if (firstStep !== span.firstStep || steps !== span.steps) move({ span: { firstStep, steps } });
  };
  const selected = cursor.warp === null ? -1 : rows.indexOf(cursor.warp);

  const zoom = (
    time: number,
    vertical: number,
    atStep = cursor.step,
    atRow = selected < 0 ? view.firstRow + view.rows / 2 : selected,
  ): void => {
    const inside = atStep >= view.firstStep && atStep <= view.firstStep + view.steps;
    const centre = inside ? atStep : view.firstStep + view.steps / 2;
    set({
      steps: view.steps * time,
      firstStep: centre - (centre - view.firstStep) * time,
      rows: view.rows * vertical,
      firstRow: atRow - (atRow - view.firstRow) * vertical,
    });
  };
  /** Moves the cursor, and the view with it if it would leave. */
  const go = (step: number, row: number): void => {
    const toStep = Math.max(0, Math.min(model.steps, Math.round(step)));
    const toRow = Math.max(0, Math.min(rows.length - 1, row));
    move({ step: toStep, ...(row < 0 ? {} : { warp: rows[toRow] ?? null }) });
    const { firstStep, steps, firstRow, rows: height } = view;
    const isOut = toStep < firstStep || toStep > firstStep + steps;
    const isBeside = row >= 0 && (toRow < firstRow || toRow >= firstRow + height);
    if (isOut || isBeside) {
      set({
        ...view,
        firstStep: isOut ? toStep - steps / 2 : firstStep,
        firstRow: isBeside ? toRow - height / 2 : firstRow,
      });
    }
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const row = Math.max(0, selected);
    const some = Math.max(1, Math.round(view.steps / 100));
    const warp = rows[row];
    const actions: Readonly<Record<string, () => void>> = {
      ArrowLeft: () =>
        go(event.shiftKey && warp !== undefined ? model.changeOf(warp, cursor.step, -1) : cursor.step - some, selected),
      ArrowRight: () =>
        go(event.shiftKey && warp !== undefined ? model.changeOf(warp, cursor.step, 1) : cursor.step + some, selected),
      ArrowUp: () => go(cursor.step, Math.max(0, row - 1)),
      ArrowDown: () => go(cursor.step, selected < 0 ? 0 : row + 1),
      PageUp: () => go(cursor.step, Math.max(0, row - Math.ceil(view.rows / 4))),
      PageDown: () => go(cursor.step, row + Math.ceil(view.rows / 4)),
      Home: () => go(0, selected),
      End: () => go(model.steps, selected),
      '+': () => zoom(0.5, 1),
      '=': () => zoom(0.5, 1),
      '-': () => zoom(2, 1),
      ']': () => zoom(1, 0.5),
      '[': () => zoom(1, 2),
      '0': () => set(whole),
    };
    const action = event.ctrlKey || event.altKey || event.metaKey ? undefined : actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  };

  const draw = useCallback(
    (context: CanvasRenderingContext2D, width: number, height: number) => {
      context.clearRect(0, 0, width, height);
      const image = new ImageData(Math.max(1, width - MARGIN), Math.max(1, height - AXIS));
      drawStrip(
        model,
        rows,
        view,
        image,
        STATES.map(({ style }) => colourParts(style)),
      );
      putImage(context, image, MARGIN, AXIS);
      drawAxis(context, view, width);
      drawRowNames(context, model, rows, view, height);
    },
    [model, rows, view],
  );
  const canvas = useCanvas(draw);
  const drawCrowd = useCallback(
    (context: CanvasRenderingContext2D, width: number, height: number) => {
      context.clearRect(0, 0, width, height);
      const columns = Math.max(1, width - MARGIN);
      const counts = crowdOf(model, rows, view, columns);
      for (let x = 0; x < columns; x++) {
        let y = height;
        for (const state of STACK) {
          const part = (counts[state * columns + x]! / rows.length) * height;
          context.fillStyle = colourOf(state);
          context.fillRect(MARGIN + x, y - part, 1, part);
          y -= part;
        }
      }
      context.fillStyle = colourNamed('quiet');
      context.font = '11px sans-serif';
      context.fillText(counted(rows.length, 'warp'), 0, 12);
    },
    [model, rows, view],
  );
  const crowd = useCanvas(drawCrowd);

  const place = (event: { offsetX: number; offsetY: number }): { step: number; row: number } => {
    const box = canvas.current!.getBoundingClientRect();
    return {
      step: view.firstStep + ((event.offsetX - MARGIN) / (box.width - MARGIN)) * view.steps,
      row: Math.floor(view.firstRow + ((event.offsetY - AXIS) / (box.height - AXIS)) * view.rows),
    };
  };
  const dragged = useRef<{ x: number; y: number; view: StripView; moved: boolean } | null>(null);
  const onPointerMove = (event: PointerEvent): void => {
    const from = dragged.current;
    if (from === null) return;
    const [dx, dy] = [event.offsetX - from.x, event.offsetY - from.y];
    if (!from.moved && Math.abs(dx) + Math.abs(dy) < 4) return;
    from.moved = true;
    const box = canvas.current!.getBoundingClientRect();
    set({
      ...from.view,
      firstStep: from.view.firstStep - (dx / (box.width - MARGIN)) * from.view.steps,
      firstRow: from.view.firstRow - (dy / (box.height - AXIS)) * from.view.rows,
    });
  };
  const onPointerUp = (event: PointerEvent): void => {
    const from = dragged.current;
    dragged.current = null;
    if (from === null || from.moved || event.offsetX < MARGIN) return;
    const { step, row } = place(event);
    go(step, Math.max(0, row));
  };
  // A listener of its own: the page must not scroll when the wheel zooms.
  const wheel = useRef<(event: WheelEvent) => void>(() => {});
  wheel.current = (event) => {
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    const { step, row } = place(event);
    const factor = (event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8;
    if (event.shiftKey) zoom(1, factor, step, row);
    else zoom(factor, 1, step, row);
  };
  useEffect(() => {
    const listener = (event: WheelEvent): void => wheel.current(event);
    const element = canvas.current;
    element?.addEventListener('wheel', listener, { passive: false });
    return () => element?.removeEventListener('wheel', listener);
  }, [canvas]);

  const counts = model.countsAt(cursor.step, rows);
  const share = (cursor.step - view.firstStep) / view.steps;
  return (
    <>
      <div class="controls">
        <label>
          ranks{' '}
          <select value={filter.rank} onChange={({ currentTarget }) => choose({ rank: Number(currentTarget.value) })}>
            <option value={-1}>all</option>
            {ranks.map((one) => (
              <option key={one} value={one}>
                rank {one}
              </option>
            ))}
          </select>
        </label>
        {waiting.length === 0 || waiting.length === model.rows.length ? null : (
          <label>
            <input
              type="checkbox"
              checked={filter.isWaiting}
              onChange={({ currentTarget }) => choose({ isWaiting: currentTarget.checked })}
            />{' '}
            without the {formatCount(model.rows.length - waiting.length)} that never wait
          </label>
        )}
        <fieldset aria-label="Zoom of time">
          time{' '}
          <button type="button" aria-label="Zoom in on time" onClick={() => zoom(0.5, 1)}>
            +
          </button>{' '}
          <button type="button" aria-label="Zoom out of time" onClick={() => zoom(2, 1)}>
            −
          </button>
        </fieldset>
        <fieldset aria-label="Zoom of warps">
          warps{' '}
          <button type="button" aria-label="Zoom in on warps" onClick={() => zoom(1, 0.5)}>
            +
          </button>{' '}
          <button type="button" aria-label="Zoom out of warps" onClick={() => zoom(1, 2)}>
            −
          </button>
        </fieldset>
        <button type="button" onClick={() => set(whole)}>
          Show all
        </button>
        <ul class="legend" aria-label={`Warps at step ${cursor.step}`}>
          {[RUNNING, POLLING, BARRIER, MEETING, EXITED, ABSENT]
            .filter((state) => state !== ABSENT || counts[ABSENT]! > 0)
            .map((state) => (
              <li key={state}>
                <span class={`swatch ${STATES[state]!.style}`} />
                {STATES[state]!.label} <strong>{formatCount(counts[state]!)}</strong>
              </li>
            ))}
        </ul>
      </div>
      <div class="timeline">
        <canvas
          ref={crowd}
          class="crowd"
          role="img"
          aria-label={`How many warps are in each state over steps ${Math.round(view.firstStep)} to ${Math.round(view.firstStep + view.steps)}`}
        />
        <div
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it takes keys, as its role says
          tabIndex={0}
          role="application"
          aria-label="States of warps over time"
          aria-describedby="strip-keys"
          onKeyDown={onKeyDown}
        >
          <canvas
            ref={canvas}
            class="strip"
            onPointerDown={(event) => {
              dragged.current = { x: event.offsetX, y: event.offsetY, view, moved: false };
              event.currentTarget.setPointerCapture(event.pointerId);
            }}
            onPointerMove={onPointerMove}
            onPointerUp={onPointerUp}
          />
        </div>
        {share < 0 || share > 1 ? null : (
          <div class="over">
            <div class="cursor" style={{ left: `${share * 100}%` }} />
          </div>
        )}
        {selected < view.firstRow || selected >= view.firstRow + view.rows ? null : (
          <div class="over rows">
            <div
              class="row"
              style={{
                top: `${((selected - view.firstRow) / view.rows) * 100}%`,
                height: `max(2px, ${100 / view.rows}%)`,
              }}
            />
          </div>
        )}
      </div>
      <p class="readout" aria-live="polite">
        {cursor.warp === null ? (
          <span class="quiet">Choose a warp: click on it, or go there with the arrow keys.</span>
        ) : (
          <WarpNow model={model} warp={cursor.warp} step={cursor.step} />
        )}
      </p>
      <p id="strip-keys" class="quiet">
        In the strip: <kbd>←</kbd> <kbd>→</kbd> move in time, with <kbd>Shift</kbd> to the next change of the warp;{' '}
        <kbd>↑</kbd> <kbd>↓</kbd> choose a warp; <kbd>+</kbd> <kbd>−</kbd> zoom time, <kbd>]</kbd> <kbd>[</kbd> warps,{' '}
        <kbd>0</kbd> shows all. Mouse: drag; wheel with <kbd>Ctrl</kbd> or <kbd>Shift</kbd>.
        {view.rows > 300 ? ' Zoomed out, a pixel shows up to four of its warps at one step of its own.' : ''}
      </p>
      <Losses model={model} />
    </>
  );
}

function WarpNow({ model, warp, step }: { model: TimeModel; warp: number; step: number }) {
  const { kernel, rank, block, warp: number, group } = model.nameOf(warp);
  const wait = model.waitAt(warp, step);
  const state = model.stateAt(warp, step);
  const until = wait < 0 ? 0 : model.waitEnd[wait]!;
  const place = wait < 0 ? null : model.placeOf(model.timeline.waits.site[wait]!);
  return (
    <>
      <strong>
        rank {rank} block {block} warp {number}
      </strong>{' '}
      {group === null ? '' : `${group} `}
      <span class="quiet">{kernel}</span>
      <br />
      step {formatCount(step)}: {wait < 0 ? STATES[state]!.label : model.describeWait(wait)}
      {wait < 0
        ? ''
        : `, from step ${formatCount(model.timeline.waits.startStep[wait]!)} ${Number.isFinite(until) ? `to ${formatCount(until)}` : 'to the end of the run'}`}
      {place === null ? null : (
        <>
          {' '}
          at <Place file={place.file} line={place.line} />
        </>
      )}
    </>
  );
}

/** What the timeline leaves out, if anything. */
function Losses({ model }: { model: TimeModel }) {
  const { waitSteps, fifoSteps, flows, barriers } = model.timeline.losses;
  const parts = [
    ...(waitSteps > 0 ? [`waits and gaps shorter than ${counted(waitSteps, 'step')}`] : []),
    ...(fifoSteps > 0 ? [`events of a FIFO but the last in ${counted(fifoSteps, 'step')}`] : []),
    ...(flows > 0 ? [counted(flows, 'flow')] : []),
    ...(barriers > 0 ? [counted(barriers, 'barrier phase')] : []),
  ];
  return parts.length === 0 ? null : (
    <p class="warn">Left out of the timeline, to keep it small: {parts.join('; ')}.</p>
  );
}

function clamped({ firstStep, steps, firstRow, rows }: StripView, mostSteps: number, mostRows: number): StripView {
  const span = Math.max(Math.min(LEAST_STEPS, Math.max(1, mostSteps)), Math.min(Math.max(1, mostSteps), steps));
  const height = Math.max(Math.min(LEAST_ROWS, Math.max(1, mostRows)), Math.min(Math.max(1, mostRows), rows));
  return {
    steps: span,
    rows: height,
    firstStep: Math.max(0, Math.min(Math.max(1, mostSteps) - span, firstStep)),
    firstRow: Math.max(0, Math.min(Math.max(1, mostRows) - height, firstRow)),
  };
}

const colourOf = (state: number): string => colourNamed(STATES[state]!.style);

/** Names the ranks, and the blocks and warps where there is room. */
function drawRowNames(
  context: CanvasRenderingContext2D,
  model: TimeModel,
  rows: Int32Array,
  view: StripView,
  height: number,
): void {
  const { warps } = model.timeline;
  const scale = (height - AXIS) / view.rows;
  const last = Math.min(rows.length, Math.ceil(view.firstRow + view.rows));
  context.font = '11px sans-serif';
  let named = Number.NEGATIVE_INFINITY;
  for (let row = Math.floor(view.firstRow); row < last; ) {
    const warp = rows[row]!;
    const block = warps.block[warp]!;
    const rank = model.rankOf(warp);
    let end = row + 1;
    const isSame = (other: number): boolean =>
      scale * 16 >= 12 ? warps.block[other] === block : model.rankOf(other) === rank;
    while (end < last && isSame(rows[end]!)) end++;
    const top = AXIS + (Math.max(row, view.firstRow) - view.firstRow) * scale;
    const isNewRank = row === 0 || model.rankOf(rows[row - 1]!) !== rank;
    context.fillStyle = colourNamed(isNewRank ? 'quiet' : 'line');
    context.fillRect(isNewRank ? 0 : 44, top, MARGIN - (isNewRank ? 0 : 44), 1);
    if (top + 11 >= named + 13 && top + 12 <= height) {
      const text = scale * 16 < 12 ? `rank ${rank}` : `rank ${rank} ${model.nameOf(warp).block}`;
      context.fillStyle = colourNamed('ink');
      context.fillText(text, 0, top + 12, MARGIN - 26);
      named = top + 12;
    }
    if (scale >= 11) {
      context.fillStyle = colourNamed('quiet');
      context.textAlign = 'right';
      for (let at = row; at < end; at++) {
        const y = AXIS + (at + 0.5 - view.firstRow) * scale + 4;
        if (y > AXIS + 8) context.fillText(String(model.nameOf(rows[at]!).warp), MARGIN - 6, y);
      }
      context.textAlign = 'left';
    }
    row = end;
  }
}
