import type { ChalkInstance } from 'chalk';

/** A stream that text is written to. */
export interface TextStream {
  write(text: string): void;
  readonly isTTY: boolean;
  /** Width of the terminal; null if it is not known or there is none. */
  readonly columns: number | null;
  readonly chalk: ChalkInstance;
}

/** A thread beside this one, which answers messages. */
export interface WorkerThread {
  /** Sends a copy. */
  post(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** It has ended by itself: no message is answered any more. */
  onFailure(listener: (error: Error) => void): void;
  terminate(): void;
}

/** Everything of the process that the command line uses, so that tests can give their own. */
export interface CliIo {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  /** Milliseconds from some moment on. */
  readonly now: () => number;
  /** Aborted when the user wants it to end (SIGINT). */
  readonly signal: AbortSignal;
  /**
   * Computes something that may take seconds without a look at `signal`, and leaves nothing half done if it ends early.
   * @throws Interrupted as soon as the user wants it to end.
   */
  readonly interruptible: <T>(part: () => T) => T;
  /** The environment's variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Starts a thread that runs schedules: `explore-worker.ts`. */
  readonly startWorker: () => WorkerThread;
}
