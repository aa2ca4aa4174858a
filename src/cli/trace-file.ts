import { createWriteStream, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type CallOptions, type Outcome, perfettoTrace, TimelineRecorder } from '../index.js';
import type { CliIo } from './io.js';
import { originalLine } from './original-line.js';
import { simtwinVersion } from './package-files.js';
import { requireTextTarget } from './text-target.js';
import { Interrupted, UsageError } from './usage-error.js';

/** For help texts: what `--trace` is. */
export const TRACE_HELP = 'write what happens as a trace for ui.perfetto.dev (JSON; *.gz is compressed); runs in step';

/** Why a run that is traced is not in mode `fast`. */
export const TRACE_REASON = "a trace tells of the steps of 'step'";

/**
 * Refuses a trace that cannot be written, or would overwrite something. `input`: the capture; `out`: what else is written.
 * @throws UsageError
 */
export function requireTraceTarget(trace: string, input: string, out: string | null = null): void {
  requireTextTarget('--trace', trace, input);
  if (out !== null && resolve(out) === resolve(trace))
    throw new UsageError(`--trace ${trace} is what --out writes; give another name`);
}

/** A run that is written down, and the file that it goes to. */
export class TraceFile {
  readonly path: string;
  #recorder = new TimelineRecorder();

  constructor(path: string) {
    this.path = path;
  }

  /** Options for a call that is about to be set up. The last one is the one that is traced. */
  optionsFrom(options: CallOptions): CallOptions {
    this.#recorder = new TimelineRecorder();
    return { ...options, step: { ...options.step, observer: this.#recorder } };
  }

  /** Writes the trace piece by piece. `call`: what was run. @throws UsageError, Interrupted; no file is left then */
  async write(outcome: Outcome, call: string, { signal }: CliIo): Promise<void> {
    const about = { simtwin: simtwinVersion(), call };
    const text = Readable.from(perfettoTrace(this.#recorder.timeline(outcome), { originalLine, about }));
    const file = createWriteStream(this.path);
    try {
      if (this.path.endsWith('.gz')) await pipeline(text, createGzip(), file, { signal });
      else await pipeline(text, file, { signal });
    } catch (error) {
      rmSync(this.path, { force: true });
      if (signal.aborted) throw new Interrupted();
      if (!(error instanceof Error && 'code' in error)) throw error;
      throw new UsageError(`--trace ${this.path} cannot be written (${String(error.code)})`);
    }
  }
}
