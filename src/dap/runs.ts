import type { Running } from '../debug/index.js';
import { DapError, type DapHost } from './host.js';

/** Time that may go by without a look at the client's messages. */
const SLICE_MS = 20;
/** A run that goes on for longer than this shows how far it is. */
const QUIET_MS = 500;

/** Tells the client that something takes long. */
export interface ProgressView {
  progressStart(): void;
  progressUpdate(position: number): void;
  progressEnd(): void;
}

/** Drives what takes long, in slices, so that messages come in meanwhile. One thing runs at a time. */
export class Runs {
  readonly #host: DapHost;
  readonly #progress: ProgressView;
  #isRunning = false;
  #isLeft = false;
  /** What has to wait until nothing runs; and whether what runs may be left and begun again for it. */
  #waiting: (() => void)[] = [];
  #mayBeLeft = false;
  #slicedAt = 0;
  #begunAt = 0;
  #shownAt = 0;

  constructor(host: DapHost, progress: ProgressView) {
    this.#host = host;
    this.#progress = progress;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Ends what runs, as soon as it looks. */
  leave(): void {
    this.#isLeft = true;
  }

  /** Something begins. @throws DapError if something runs */
  begin(): void {
    if (this.#isRunning) throw new DapError('it runs: pause it first');
    this.#isRunning = true;
    this.#isLeft = false;
    this.#mayBeLeft = false;
    this.#begunAt = this.#slicedAt = this.#host.now();
    this.#shownAt = 0;
  }

  end(): void {
    this.#isRunning = false;
    if (this.#shownAt !== 0) this.#progress.progressEnd();
    this.#waiting.splice(0).forEach((part) => {
      part();
    });
  }

  /** Does something at once if nothing runs, else as soon as that is so or what runs can be left for it. */
  whenStill<T>(part: () => T): T | Promise<T> {
    if (!this.#isRunning) return part();
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(part());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /**
   * Drives a computation to its end; null: it has been left. `isRepeatable`: it does not matter whether it is left between
   * two steps and begun again.
   */
  async drive<T>(begin: () => Running<T>, isRepeatable: boolean): Promise<T | null> {
    this.#mayBeLeft = isRepeatable;
    for (let running = begin(); ; ) {
      const { done, value } = running.next();
      if (done === true) return value;
      const isLeft = await this.breathe(value);
      if (!isLeft && !(this.#mayBeLeft && this.#waiting.length > 0)) continue;
      running.return(undefined as never);
      if (isLeft) return null;
      this.#waiting.splice(0).forEach((part) => {
        part();
      });
      running = begin();
    }
  }

  /** Lets messages come in, if it is time. Result: whether the run is to be left. */
  async breathe(position: number): Promise<boolean> {
    const now = this.#host.now();
    if (now - this.#slicedAt >= SLICE_MS) {
      await this.#host.breathe();
      this.#slicedAt = this.#host.now();
    }
    if (now - this.#begunAt > QUIET_MS && now - this.#shownAt > QUIET_MS) {
      if (this.#shownAt === 0) this.#progress.progressStart();
      this.#progress.progressUpdate(position);
      this.#shownAt = now;
    }
    return this.#isLeft;
  }
}
