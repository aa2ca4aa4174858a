import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { type Command, Option } from 'commander';
import type { Compiled, CompileError, createCompiler, SourceProvider } from '../compile/index.js';
import { compiledKernelOf } from '../fast/index.js';
import { type Program, programTexts } from '../index.js';
import { formatProgram } from '../program/format.js';
import { breathe } from './drive.js';
import { EXIT_MATCH, EXIT_USAGE } from './exit-code.js';
import { isFolder } from './find-inputs.js';
import { counted, formatCount, printable } from './format.js';
import type { CliIo } from './io.js';
import { requireFileTarget } from './output-plan.js';
import { UsageError } from './usage-error.js';

const HELP = `
Compiles the kernels that a file exports: functions of a Thread that give a KernelBody. Compiled kernels run in the
modes 'fast' and 'step', all others in 'ref'. What is not in the kernel subset of TypeScript is named with its line, and
with what to write instead.

OUT is a JavaScript module (.js, .mjs) or JSON (.json). A program uses it so:

  import { loadPrograms, registerProgram } from 'simtwin';
  import { PROGRAMS } from './compact.programs.js';
  const programs = loadPrograms(PROGRAMS, (path) => readFileSync(path, 'utf8'));
  registerProgram(compactNonZero, programs.get('compactNonZero'));

'simtwin/compile' does the same without a file: compileFile('compact.ts').programs.

Examples:
  simtwin compile examples/compact-non-zero.ts
  simtwin compile examples/compact-non-zero.ts -o compact.programs.js
  simtwin compile examples/compact-non-zero.ts --kernel compactNonZero --print

Exit code:
  0  every kernel compiles
  2  the command line or the file is no good, or some kernel does not compile; nothing is written`;

interface CompileOptions {
  readonly out?: string;
  readonly print?: boolean;
  readonly kernel?: readonly string[];
}

/** Adds `compile`. `done` takes the exit code. */
export function addCompileCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('compile')
    .showHelpAfterError("(see 'simtwin compile --help')")
    .summary('compile the kernels of a file')
    .description('Compile the kernels that a TypeScript file exports.')
    .argument('<file>', 'TypeScript source')
    .addOption(new Option('-o, --out <out>', 'write the programs: a .js module or a .json file'))
    .addOption(new Option('--print', 'print the programs in a readable form'))
    .addOption(
      new Option('--kernel <name>', 'only this kernel; may be repeated').argParser((name, names?: string[]) => [
        ...(names ?? []),
        name,
      ]),
    )
    .addHelpText('after', HELP)
    .action(async (file: string, options: CompileOptions) => done(await compile(file, options, io)));
}

async function compile(
  file: string,
  { out, print = false, kernel: names }: CompileOptions,
  io: CliIo,
): Promise<number> {
  if (out !== undefined) requireTarget(out, file);
  if (!existsSync(file)) throw new UsageError(`there is no file ${file}`);
  if (isFolder(file)) throw new UsageError(`${file} must be a TypeScript file, but is a folder`);
  await breathe(io);
  // The compiler of TypeScript takes a while to load: nobody else is to wait for it.
  const { compileKernels, createCompiler, nodeSources } = await import('../compile/index.js');
  const sources = sourcesSeenFrom(process.cwd(), nodeSources());
  const path = pathOf(resolve(file));
  const { programs, errors } =
    names === undefined ? compileKernels(sources, path) : compileNamed(createCompiler(sources), path, names);
  if (programs.size + errors.length === 0) {
    throw new UsageError(`${file} exports no kernel: a function of a Thread that gives a KernelBody, or a Kernel<…>`);
  }
  const lines = print ? [...programs.values()].map(formatProgram) : programs.size > 0 ? table(programs, io) : [];
  if (lines.length > 0) io.stdout.write(`${lines.join('\n')}\n`);
  for (const error of errors) io.stderr.write(`${describe(error, sources, io)}\n`);
  if (errors.length > 0) {
    const what = `${errors.length} of ${counted(programs.size + errors.length, 'kernel')} did not compile`;
    io.stderr.write(
      `${io.stderr.chalk.red.bold('simtwin:')} ${what}${out === undefined ? '' : '; nothing is written'}\n`,
    );
    return EXIT_USAGE;
  }
  if (out !== undefined) write(out, file, programs);
  if (!print) {
    const done = `${counted(programs.size, 'kernel')} compiled`;
    io.stdout.write(`\n${io.stdout.chalk.green(done)}${out === undefined ? '' : `, written to ${printable(out)}`}\n`);
  }
  return EXIT_MATCH;
}

function requireTarget(out: string, file: string): void {
  if (!/\.(?:m?js|json)$/.test(out)) throw new UsageError(`--out ${out} must end in .js, .mjs or .json`);
  if (resolve(out) === resolve(file)) throw new UsageError(`--out ${out} would overwrite the source`);
  requireFileTarget(out);
}

function write(out: string, file: string, programs: ReadonlyMap<string, Program>): void {
  const texts = JSON.stringify(programTexts(programs), null, 2);
  const text = out.endsWith('.json')
    ? texts
    : `// Made by simtwin compile ${file.replaceAll(/[\r\n]/g, ' ')}\nexport const PROGRAMS = ${texts};`;
  try {
    writeFileSync(out, `${text}\n`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`--out ${out} cannot be written (${code})`);
  }
}

/** Only the kernels of these names. */
function compileNamed(compiler: Compiler, path: string, names: readonly string[]): Compiled {
  const programs = new Map<string, Program>();
  const errors: CompileError[] = [];
  for (const name of names) {
    try {
      programs.set(name, compiler.compile(path, name));
    } catch (error) {
      if (error instanceof RangeError) throw new UsageError(error.message);
      if (!(error instanceof Error && error.name === 'CompileError')) throw error;
      errors.push(error as CompileError);
    }
  }
  return { programs, errors };
}

type Compiler = ReturnType<typeof createCompiler>;

const COLUMNS: readonly { readonly name: string; readonly text: (program: Program) => string }[] = [
  { name: 'blocks', text: ({ blocks }) => formatCount(blocks.length) },
  {
    name: 'instructions',
    text: ({ blocks }) => formatCount(blocks.reduce((sum, { instructions }) => sum + instructions.length + 1, 0)),
  },
  { name: 'variables', text: ({ variables }) => formatCount(variables.length) },
  { name: 'registers', text: registersOf },
  { name: 'in fast', text: (program) => (isConverged(program) ? 'whole warps' : 'lanes part') },
];

function table(programs: ReadonlyMap<string, Program>, { stdout: { chalk } }: CliIo): string[] {
  const rows = Array.from(programs, ([name, program]) => [name, ...COLUMNS.map(({ text }) => text(program))]);
  const heading = ['kernel', ...COLUMNS.map(({ name }) => name)];
  const widths = heading.map((_, column) => Math.max(...[heading, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, column) => (column === 0 || column === row.length - 1 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ')}`.trimEnd();
  return [chalk.dim(line(heading)), ...rows.map(line)];
}

/** Elements of register arrays: `16`; `16 and more` if some have as many as the launch says. */
function registersOf({ arrays }: Program): string {
  const fixed = arrays.reduce((sum, { count }) => sum + (count.kind === 'constant' ? Number(count.value) : 0), 0);
  return arrays.some(({ count }) => count.kind === 'param') ? `${fixed} and more` : `${fixed}`;
}

function isConverged(program: Program): boolean {
  const counts = program.arrays.map(({ count }) => (count.kind === 'constant' ? Number(count.value) : 1));
  return compiledKernelOf(program, { hasWholeRows: true, trace: false }, counts).isConverged;
}

/** The error as compilers print it: place and reason, the line, a caret below the place. */
function describe({ file, line, column, message }: CompileError, sources: ShownSources, { stderr }: CliIo): string {
  const { chalk } = stderr;
  const place = `${file}:${line}:${column}:`;
  const reason = message.startsWith(place) ? message.slice(place.length).trimStart() : message;
  const code = sources.textShownAs(file)?.split('\n')[line - 1];
  const shown = `${chalk.bold(printable(place))} ${chalk.red('error:')} ${printable(reason)}`;
  if (code === undefined) return shown;
  const number = String(line).padStart(5);
  // Tabs stay tabs, so that the caret is below its place however wide they are.
  const indent = code.slice(0, column - 1).replace(/[^\t]/g, ' ');
  const gutter = chalk.dim(`${' '.repeat(number.length)} |`);
  return `${shown}\n${chalk.dim(`${number} |`)} ${code.replace(/\r$/, '')}\n${gutter} ${indent}${chalk.red('^')}`;
}

interface ShownSources extends SourceProvider {
  /** The text of a file that was read, by the path that messages show. */
  textShownAs(path: string): string | undefined;
}

/** Sources whose paths are shown as they are seen from a folder; those of the package as its own. */
function sourcesSeenFrom(folder: string, sources: SourceProvider): ShownSources {
  const texts = new Map<string, string>();
  const display = (path: string) => {
    if (path.startsWith(`${sources.libraryFolder}/`)) return sources.display(path);
    const seen = pathOf(relative(folder, path));
    return seen.startsWith('../') || seen === '' ? path : seen;
  };
  return {
    libraryFolder: sources.libraryFolder,
    display,
    read(path) {
      // A folder may have the name of a file that an import leads to.
      let text: string | undefined;
      try {
        text = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
      } catch {
        return undefined;
      }
      if (text !== undefined) texts.set(display(path), text);
      return text;
    },
    textShownAs: (path) => texts.get(path),
  };
}

const pathOf = (path: string): string => path.split(sep).join('/');
