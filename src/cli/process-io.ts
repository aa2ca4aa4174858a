import { Chalk, type ColorSupportLevel, default as chalk, chalkStderr } from 'chalk';
import { EXIT_USAGE } from './exit-code.js';
import type { CliIo, TextStream } from './io.js';

/** 128 + SIGPIPE, as shells count a program whose reader has gone. */
const EXIT_BROKEN_PIPE = 141;

/** The process's own streams, clock and SIGINT. */
export function processIo(): CliIo {
  const controller = new AbortController();
  process.on('SIGINT', () => controller.abort());
  return {
    stdout: streamOf(process.stdout, chalk.level),
    stderr: streamOf(process.stderr, chalkStderr.level),
    now: () => performance.now(),
    signal: controller.signal,
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
