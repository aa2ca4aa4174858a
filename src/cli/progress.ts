import { formatCount, formatRate, printable, shorten } from './format.js';
import type { CliIo } from './io.js';

/** Least milliseconds between two updates. */
const INTERVAL_MS = 100;
const CLEAR_LINE = '\r\x1b[2K';

/** A line on stderr that is rewritten while something runs; nothing at all unless `active`. */
export class Progress {
  readonly #io: CliIo;
  readonly #active: boolean;
  #label = '';
  #startedAt = 0;
  #shownAt = Number.NEGATIVE_INFINITY;
  #isShown = false;

  constructor(io: CliIo, active: boolean) {
    this.#io = io;
    this.#active = active && io.stderr.isTTY;
  }

  /** What runs from now on: `[3/38] moe_comm ep2-f16x8`. */
  start(label: string): void {
    this.#label = printable(label);
    this.#startedAt = this.#io.now();
    if (this.#isDue()) this.#show(`${this.#label} …`);
  }

  /** Scheduler steps since `start`. */
  update(steps: number): void {
    if (!this.#isDue()) return;
    const elapsed = this.#io.now() - this.#startedAt;
    this.#show(`${this.#label}  ${formatCount(steps)} steps, ${formatRate(steps, elapsed)}`);
  }

  /** What is to be said now. */
  say(text: string): void {
    if (this.#isDue()) this.#show(`${this.#label}  ${text}`);
  }

  /** Removes the line, so that something else can be written. */
  clear(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#io.stderr.write(CLEAR_LINE);
  }

  #isDue(): boolean {
    return this.#active && this.#io.now() - this.#shownAt >= INTERVAL_MS;
  }

  #show(text: string): void {
    const { stderr, now } = this.#io;
    this.#isShown = true;
    this.#shownAt = now();
    stderr.write(`${CLEAR_LINE}${stderr.chalk.dim(shorten(text, (stderr.columns ?? 80) - 1))}`);
  }
}
