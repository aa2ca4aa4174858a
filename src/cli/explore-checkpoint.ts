import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { EMPTY_RESULT, type PlainResult, plainResult, resultOfPlain } from '../index.js';
import { differenceOfIdentities, differenceOfSettings, type SearchIdentity } from './explore-identity.js';
import type { ExploreSettings, SearchSettings } from './explore-options.js';
import { type SearchState, schedulesToRun } from './explore-search.js';
import { shardText } from './explore-shard.js';
import { printable } from './format.js';
import type { CliIo } from './io.js';
import { requireTextTarget } from './text-target.js';
import { UsageError } from './usage-error.js';

const FORMAT = 'simtwin-explore-checkpoint/1';
/** Least milliseconds between two writes. */
const INTERVAL_MS = 5000;

/** What the file holds. */
interface CheckpointFile {
  readonly format: typeof FORMAT;
  readonly identity: SearchIdentity;
  readonly settings: SearchSettings;
  readonly shard: string;
  readonly next: number;
  readonly result: PlainResult;
}

/** A file that keeps what a search has done. */
export class Checkpoint {
  readonly #path: string;
  readonly #identity: SearchIdentity;
  readonly #settings: ExploreSettings;
  readonly #io: CliIo;
  #state: SearchState;
  #writtenAt: number;
  #hasFailed = false;
  /** Where the search goes on. */
  readonly begun: SearchState;

  /** `input`: a file that must not be written over. @throws UsageError if the file is of another search, or cannot be written. */
  constructor(path: string, input: string, identity: SearchIdentity, settings: ExploreSettings, io: CliIo) {
    requireTextTarget('--checkpoint', path, input);
    this.#path = path;
    this.#identity = identity;
    this.#settings = settings;
    this.#io = io;
    this.begun = existsSync(path) ? this.#read() : { next: 0, result: EMPTY_RESULT };
    this.#state = this.begun;
    this.#writtenAt = io.now();
  }

  /** How far the search is. */
  get state(): SearchState {
    return this.#state;
  }

  /** Takes note of a state, and writes it if the last one is old. */
  keep(state: SearchState): void {
    this.#state = state;
    if (this.#io.now() - this.#writtenAt >= INTERVAL_MS) this.write();
  }

  /** Writes the last state. That it cannot be written is said once, and ends nothing. Whether it was written. */
  write(): boolean {
    const { next, result } = this.#state;
    const file: CheckpointFile = {
      format: FORMAT,
      identity: this.#identity,
      settings: this.#settings.search,
      shard: shardText(this.#settings.part),
      next,
      result: plainResult(result),
    };
    this.#writtenAt = this.#io.now();
    // In one go: at every moment the file is whole.
    const temporary = `${this.#path}.${process.pid}.tmp`;
    try {
      writeFileSync(temporary, `${JSON.stringify(file)}\n`);
      renameSync(temporary, this.#path);
      return true;
    } catch (error) {
      rmSync(temporary, { force: true });
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      if (!this.#hasFailed)
        this.#io.stderr.write(
          `simtwin: --checkpoint ${printable(this.#path)}: it cannot be written (${code}); the search goes on without\n`,
        );
      this.#hasFailed = true;
      return false;
    }
  }

  #read(): SearchState {
    const refuse = (what: string): never => {
      throw new UsageError(`--checkpoint ${this.#path}: ${what}`);
    };
    const another = 'or give another file';
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      return refuse(`it cannot be read (${code})`);
    }
    const file = parseCheckpoint(text);
    if (file === null)
      return refuse('it is there, but is no checkpoint of this version; delete it, or give another file');
    const identity = differenceOfIdentities(file.identity, this.#identity);
    if (identity !== null)
      return refuse(
        `it is of another search: the ${identity.what} was ${identity.a}, and is ${identity.b}; delete it, ${another}`,
      );
    // More schedules, more time and more threads go on where fewer have ended.
    const settings = differenceOfSettings(file.settings, this.#settings.search, [
      'schedules',
      'time',
      'minimise',
      'shrink',
    ]);
    if (settings !== null)
      return refuse(`it was begun with ${settings.what} ${settings.a}, not ${settings.b}; give the same, ${another}`);
    const shard = shardText(this.#settings.part);
    if (file.shard !== shard) return refuse(`it is of shard ${file.shard}, not ${shard}; give the same, ${another}`);
    const total = schedulesToRun(this.#settings);
    if (file.next > total)
      return refuse(
        `it has ${file.next} schedules, more than the ${total} that are asked for; give more --schedules, ${another}`,
      );
    return { next: file.next, result: resultOfPlain(file.result) };
  }
}

function parseCheckpoint(text: string): CheckpointFile | null {
  try {
    const file = JSON.parse(text) as Partial<CheckpointFile> | null;
    if (file?.format !== FORMAT) return null;
    const { identity, settings, shard, next, result } = file;
    const isWhole =
      typeof identity === 'object' &&
      typeof settings === 'object' &&
      typeof shard === 'string' &&
      Number.isSafeInteger(next) &&
      Array.isArray(result?.outputs) &&
      Array.isArray(result?.discoveries) &&
      Array.isArray(result?.pairs);
    return isWhole ? (file as CheckpointFile) : null;
  } catch {
    return null;
  }
}
