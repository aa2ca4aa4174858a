import { checkProgram } from './check-program.js';
import { digestOf, type Program } from './program.js';
import { parseProgram, serializeProgram } from './serialize.js';

/** Gives the text of a source file by the path that a program names it by; undefined: it is not there. */
export type ReadSource = (path: string) => string | undefined;

/** A source file that is not what it was when a program was made of it. */
export interface StaleFile {
  readonly path: string;
  /** Name of the program. */
  readonly kernel: string;
}

/** The source files of `programs` that have changed since. One that is not there cannot have changed. */
export function staleFiles(programs: Iterable<Program>, readSource: ReadSource): StaleFile[] {
  const digests = new Map<string, string | null>();
  const digestNow = (path: string): string | null => {
    const known = digests.get(path);
    if (known !== undefined) return known;
    const text = readSource(path);
    const digest = text === undefined ? null : digestOf(text);
    digests.set(path, digest);
    return digest;
  };
  return Array.from(programs).flatMap(({ name, files }) =>
    files.flatMap(({ path, digest }) => {
      const now = digestNow(path);
      return now === null || now === digest ? [] : [{ path, kernel: name }];
    }),
  );
}

/** Programs by the names under which their file exports the kernels: what {@link loadPrograms} takes. */
export type ProgramTexts = Readonly<Record<string, string>>;

/** The text of each program. */
export const programTexts = (programs: ReadonlyMap<string, Program>): ProgramTexts =>
  Object.fromEntries(Array.from(programs, ([name, program]) => [name, serializeProgram(program)]));

/** Code that is made ahead is run as it is: it is taken from this package's own build, and from nobody else. */
function withoutCode({ emitted, ...program }: Program): Program {
  return program;
}

/**
 * The programs of a file that `simtwin compile` has written: what its module exports as `PROGRAMS`, or what JSON.parse
 * gives. `readSource` finds the sources, to see whether they have changed.
 * @throws RangeError if a source file has changed since, the file is of another version, or it is no sound program.
 */
export function loadPrograms(texts: ProgramTexts, readSource: ReadSource): ReadonlyMap<string, Program> {
  if (typeof texts !== 'object' || texts === null) throw new RangeError('no programs: expected their texts by name');
  const programs = new Map(Object.entries(texts).map(([name, text]) => [name, withoutCode(parseProgram(text))]));
  for (const [name, program] of programs) {
    const [problem] = checkProgram(program);
    if (problem !== undefined) throw new RangeError(`the program of ${name} is not sound: ${problem}`);
  }
  for (const { path, kernel } of staleFiles(programs.values(), readSource)) {
    const { files, frames } = [...programs.values()].find(({ name }) => name === kernel)!;
    const file = files[frames[0]!.file]!.path;
    throw new RangeError(
      `${path} has changed since ${kernel} was compiled; compile it again: simtwin compile ${file} -o FILE`,
    );
  }
  return programs;
}
