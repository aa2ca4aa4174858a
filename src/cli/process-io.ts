import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { Chalk, type ColorSupportLevel, default as chalk, chalkStderr } from 'chalk';
import { EXIT_BROKEN_PIPE, EXIT_INTERRUPTED, EXIT_USAGE } from './exit-code.js';
import type { CliIo, TextStream, WorkerThread } from './io.js';
import { Interrupted } from './usage-error.js';

/** The process's own streams, clock and SIGINT. The first SIGINT asks it to end, the second ends it at once. */
export function processIo(): CliIo {
  const controller = new AbortController();
  process.on('SIGINT', () => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
    controller.abort();
  });
  return {
    stdout: streamOf(process.stdout, chalk.level),
    stderr: streamOf(process.stderr, chalkStderr.level),
    now: () => performance.now(),
    signal: controller.signal,
    interruptible,
    env: process.env,
    startWorker,
  };
}

/**
 * No listener is called while `part` runs; only Node's `vm` looks for a SIGINT beside what it runs. It takes the listeners
 * away meanwhile, and a SIGINT that has come but was not looked at is lost: not for parts that follow upon each other.
 */
function interruptible<T>(part: () => T): T {
  try {
    return runInNewContext('part()', { part }, { breakOnSigint: true, displayErrors: false }) as T;
  } catch (error) {
    // It is an Error of the other context, thus no instance of this one's.
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
    throw code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED' ? new Interrupted() : error;
  }
}

function startWorker(): WorkerThread {
  const worker = new Worker(new URL('./explore-worker.js', import.meta.url));
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (listener) => worker.on('message', listener),
    onFailure: (listener) => {
      worker.on('error', listener);
      worker.on('exit', (code) => {
        if (code !== 0) listener(new Error(`a thread has ended with exit code ${code}`));
      });
    },
    terminate: () => void worker.terminate(),
  };
}

function streamOf(stream: NodeJS.WriteStream, level: ColorSupportLevel): TextStream {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT_BROKEN_PIPE);
    if (stream !== process.stderr) process.stderr.write(`simtwin: the output cannot be written (${error.code})\n`);
    process.exit(EXIT_USAGE);
  });
  // chalk knows FORCE_COLOR, but not NO_COLOR (no-color.org).
  const isForbidden = (process.env.NO_COLOR ?? '') !== '' && process.env.FORCE_COLOR === undefined;
  return {
    write: (text) => stream.write(text),
    isTTY: stream.isTTY === true,
    get columns() {
      return stream.isTTY === true && stream.columns > 0 ? stream.columns : null;
    },
    chalk: new Chalk({ level: isForbidden ? 0 : level }),
  };
}
