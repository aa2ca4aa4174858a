/** Everything matches. */
export const EXIT_MATCH = 0;
/** Some bytes differ, or it ended otherwise than on the GPU. */
export const EXIT_MISMATCH = 1;
/** The command line, a schedule or an input file is no good. */
export const EXIT_USAGE = 2;
/** The simulated program failed: an error, a deadlock, a limit, a check of its host code. */
export const EXIT_PROGRAM = 3;
/** simtwin itself failed. */
export const EXIT_BUG = 4;
/** SIGINT, as shells count it. */
export const EXIT_INTERRUPTED = 130;
/** SIGPIPE, as shells count it: the reader of the output has gone. */
export const EXIT_BROKEN_PIPE = 141;

/** For --help. */
export const EXIT_CODE_HELP = `Exit code:
  0  everything matches
  1  some bytes differ, or the call ended otherwise than on the GPU
  2  the command line or an input is no good: a bad option, schedule or file
  3  the simulated program failed: an error, a deadlock, a limit, a check of its host code
  4  simtwin itself failed, which is a bug
  When several apply, the highest number is the exit code. Ctrl-C gives 130, a reader that goes away 141.`;
