import type { Span } from './cursor.js';
import { formatCount } from './text.js';
import { colourNamed } from './use-canvas.js';

/** Pixels left of a picture over time that name its rows. */
export const MARGIN = 128;
/** Pixels above it for the steps. */
export const AXIS = 18;

/** A round number of steps between two marks. */
function tickOf(steps: number, marks: number): number {
  const least = steps / marks;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((tick) => tick >= least) ?? 10 * power);
}

/** Draws the steps of a span above a picture over time. */
export function drawAxis(context: CanvasRenderingContext2D, view: Span, width: number): void {
  const tick = tickOf(view.steps, (width - MARGIN) / 110);
  context.font = '11px sans-serif';
  context.textAlign = 'center';
  for (let step = Math.ceil(view.firstStep / tick) * tick; step <= view.firstStep + view.steps; step += tick) {
    const x = MARGIN + ((step - view.firstStep) / view.steps) * (width - MARGIN);
    context.fillStyle = colourNamed('line');
    context.fillRect(x, AXIS - 4, 1, 4);
    context.fillStyle = colourNamed('quiet');
    const text = formatCount(step);
    const half = context.measureText(text).width / 2;
    context.fillText(text, Math.max(MARGIN + half, Math.min(width - half, x)), AXIS - 6);
  }
  context.textAlign = 'left';
}
