import type { Command } from 'commander';
import { CAPTURE_OPS, GENERATE_ARGS, type GenerateArg, KERNEL_CATALOG } from '../index.js';
import { SHORT_OP_NAMES } from './describe-capture.js';
import { EXIT_MATCH } from './exit-code.js';
import { wrap } from './format.js';
import type { CliIo } from './io.js';

const HELP = `
Names every kernel with its template parameters, parameters, launch shape, and lines of original and port, and every
operation with the arguments that 'simtwin run' takes.

Examples:
  simtwin list
  simtwin list --json | jq '.kernels[].name'`;

/** Adds `list`. `done` takes the exit code. */
export function addListCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('list')
    .showHelpAfterError("(see 'simtwin list --help')")
    .summary('name the kernels and the operations')
    .description('Name the kernels and the operations.')
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', HELP)
    .action(({ json = false }: { readonly json?: boolean }) => {
      io.stdout.write(json ? listJson() : listText(io));
      done(EXIT_MATCH);
    });
}

/** Where less is left beside an argument's domain, its meaning goes below. */
const LEAST_MEANING_WIDTH = 40;

function listJson(): string {
  const operations = CAPTURE_OPS.map((op) => ({ name: op, shortName: SHORT_OP_NAMES[op], args: GENERATE_ARGS[op] }));
  return `${JSON.stringify({ kernels: KERNEL_CATALOG, operations }, null, 2)}\n`;
}

function listText({ stdout: { chalk, columns } }: CliIo): string {
  const width = columns ?? 120;
  const lines: string[] = [];
  const field = (label: string, text: string) => {
    const [first = '', ...rest] = wrap(text, Math.max(40, width - 14));
    lines.push(`  ${chalk.dim(label.padEnd(12))}${first}`, ...rest.map((line) => ' '.repeat(14) + line));
  };
  for (const { name, templates, parameters, launch, originalLines, port, operation } of KERNEL_CATALOG) {
    lines.push(chalk.bold(name));
    if (templates.length > 0) field('template', templates.join(', '));
    field('parameters', parameters.join(', '));
    field('launch', `<<<${launch.replace(/ x (?=[^x]*$)/, ', ')}>>>`);
    field('original', `trtllm_alltoall.cuh:${originalLines}`);
    field('port', port);
    field('operation', operation);
    lines.push('');
  }
  for (const op of CAPTURE_OPS) {
    lines.push(`${chalk.bold(op)}  ${chalk.dim(`simtwin run ${SHORT_OP_NAMES[op]} --args '{…}'`)}`);
    const args = Object.entries<GenerateArg>(GENERATE_ARGS[op]);
    const nameWidth = Math.max(...args.map(([name]) => name.length));
    const domainWidth = Math.max(...args.map(([, arg]) => domainOf(arg).length));
    const beside = 2 + nameWidth + 2 + domainWidth + 2;
    const isBeside = width - beside >= LEAST_MEANING_WIDTH;
    const indentation = isBeside ? beside : 2 + nameWidth + 2;
    for (const [name, arg] of args) {
      const meaning = wrap(arg.meaning, Math.max(LEAST_MEANING_WIDTH, width - indentation));
      const first = `  ${name.padEnd(nameWidth)}  ${chalk.dim(domainOf(arg).padEnd(isBeside ? domainWidth : 0))}`;
      lines.push(isBeside ? `${first}  ${meaning.shift() ?? ''}` : first);
      lines.push(...meaning.map((line) => ' '.repeat(indentation) + line));
    }
    lines.push('');
  }
  return `${lines.slice(0, -1).join('\n')}\n`;
}

/** `1..1024, default 4`. */
function domainOf(arg: GenerateArg): string {
  const domain =
    arg.kind === 'boolean'
      ? 'true|false'
      : `${arg.least}..${arg.most}${arg.multipleOf === undefined ? '' : ` by ${arg.multipleOf}`}`;
  return `${domain}, default ${arg.default}`;
}
