import type { ChalkInstance } from 'chalk';
import { describeThread, type Explanation, formatExplanation, type LastWriter, type SourceFrame } from '../index.js';
import type { CaseReport, Difference, MemoryDifference } from './case-report.js';
import { counted, formatCount, formatHex, printable, shellWord, wrap } from './format.js';
import { originalLine } from './original-line.js';
import { readSourceLines } from './package-files.js';

/** Most lines of a problem's text that are shown; --json has them all. */
const MOST_PROBLEM_LINES = 24;
const LABEL_WIDTH = 11;

/** Adds lines with a label in front of the first. */
type AddField = (label: string, text: string) => void;

/**
 * What went wrong with a call, in lines: what differs and who wrote it, or what the machine says; how to do it again.
 * `width` is that of the terminal; null: nothing is wrapped.
 */
export function explain(report: CaseReport, chalk: ChalkInstance, width: number | null): string[] {
  const { file, name, op, shape, result, difference, problem, stack, comparedBytes, differingBytes } = report;
  const what = [op, shape].filter((part) => part !== null).join(', ');
  const lines = [
    `${chalk.red.bold(result)}: ${chalk.bold(printable(file ?? name))}${what === '' ? '' : `  (${what})`}`,
  ];
  const add = (label: string, text: string) => {
    for (const [index, part] of wrapTo(text, width, 2 + LABEL_WIDTH).entries()) {
      lines.push(`  ${chalk.dim((index === 0 ? label : '').padEnd(LABEL_WIDTH))}${part}`);
    }
  };
  if (stack !== null) {
    lines.push('  This is a bug of simtwin, not of the kernel or the capture.', ...indent(stack.split('\n')));
  } else if (difference !== null) {
    if (problem !== null && !/^\d+ bytes differ$/.test(problem)) add('problem', problem);
    if (difference.memory === null) explainValue(difference, add);
    else explainMemory(difference, difference.memory, chalk, add);
    if (difference.memory !== null) {
      add('differing', `${formatCount(differingBytes)} of ${counted(comparedBytes, 'compared byte')}`);
    }
  } else if (report.hang !== null) {
    const [first = ''] = (problem ?? '').split('\n');
    lines.push(...wrapLine(printable(first), width), ...hangLines(report.hang, width));
  } else {
    lines.push(...problemLines(report).flatMap((line) => wrapLine(line, width)));
  }
  if (report.hang !== null && file !== null) {
    lines.push(
      `  ${chalk.dim('debug'.padEnd(LABEL_WIDTH))}${chalk.cyan(`simtwin debug ${shellWord(file)}${report.schedule === 'rr' ? '' : ` --schedule ${report.schedule}`}`)}`,
    );
  }
  if (report.modeReason !== null) add('mode', `${report.mode}: ${report.modeReason}`);
  // Never wrapped, so that it can be copied.
  if (report.op !== null) lines.push(`  ${chalk.dim('replay'.padEnd(LABEL_WIDTH))}${chalk.cyan(report.reproduce)}`);
  return lines;
}

/** Why a call hangs, with the original's lines beside those of the ports. */
function hangLines(explanation: Explanation, width: number | null): string[] {
  const beside = ({ file, line }: SourceFrame): string => {
    const original = originalLine(file, line);
    return original === null ? '' : ` (${original})`;
  };
  return indent(formatExplanation(explanation, { beside, width: Math.max(78, (width ?? 120) - 2) }).split('\n')).map(
    (line) => line.trimEnd(),
  );
}

/** `text` in lines that fit behind an indentation. */
const wrapTo = (text: string, width: number | null, indentation: number): string[] =>
  width === null ? [text] : wrap(text, Math.max(20, width - indentation));

/** A line of a problem, indented; what does not fit follows further in. */
function wrapLine(line: string, width: number | null): string[] {
  const indentation = ' '.repeat(2 + line.length - line.trimStart().length);
  const [first = '', ...rest] = wrapTo(line.trimStart(), width, indentation.length + 4);
  return [indentation + first, ...rest.map((part) => `${indentation}    ${part.trimStart()}`)];
}

const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

function explainValue({ tensor, location, expected, got }: Difference, add: AddField) {
  add('value', `${tensor}: ${location}`);
  add('expected', formatCount(expected));
  add('got', formatCount(got));
}

function explainMemory(
  { tensor, location, expected, got }: Difference,
  { offsetBytes, address, element, window, lastWriter, search }: MemoryDifference,
  chalk: ChalkInstance,
  add: AddField,
): void {
  add('tensor', `${tensor}, byte ${formatCount(offsetBytes)} (address ${formatHex(address)})`);
  add('location', location);
  const number = (bits: number) => (element === null ? '' : `  ${describeElement(element.type, bits)}`);
  add('expected', `${chalk.green(formatHex(expected, 2))}${number(element?.expected ?? 0)}`);
  add('got', `${chalk.red(formatHex(got, 2))}${number(element?.got ?? 0)}`);
  const end = window.offsetBytes + window.expected.length - 1;
  add('bytes', `${window.offsetBytes}..${end}`);
  const marked = offsetBytes - window.offsetBytes;
  add('  expected', hexLine(window.expected, marked, chalk.green));
  add('  got', hexLine(window.got, marked, chalk.red));
  if (lastWriter === null) add('written by', 'no thread: the byte is as it was before the call');
  else explainWriter(lastWriter, search, add);
  if (search.byte === got) return;
  const now = search.byte === expected ? `${formatHex(search.byte, 2)}, as expected` : formatHex(search.byte, 2);
  add('', `but in that run the byte is ${now}: it depends on the order of the steps, which is another in each mode`);
}

function explainWriter({ step, site }: LastWriter, { mode }: MemoryDifference['search'], add: AddField): void {
  add('written by', describeThread(site));
  add(
    '',
    `in step ${formatCount(step)} of a run in mode ${mode}, ${site.kernel}${site.operation === '' ? '' : `: ${site.operation}`}`,
  );
  for (const [index, { file, line }] of site.frames.entries()) {
    const original = originalLine(file, line);
    add(index === 0 ? 'source' : '', original === null ? `${file}:${line}` : `${file}:${line}  ${original}`);
    const code =
      index === 0
        ? readSourceLines(file)
            ?.[line - 1]?.replace(/\/\/.*$/, '')
            .trim()
        : undefined;
    if (code !== undefined) add('', `  ${code}`);
  }
}

/** A number of four bytes: `of int32 7`, `of float 0.5 (0x3f000000)`. */
export function describeElement(type: 'i32' | 'f32', bits: number): string {
  if (type === 'i32') return `of int32 ${bits}`;
  const view = new DataView(new ArrayBuffer(4));
  view.setInt32(0, bits);
  return `of float ${view.getFloat32(0)} (${formatHex(bits >>> 0, 8)})`;
}

/** `00 01[02]03`: hex bytes, one of them marked, `..` for an undefined one. */
function hexLine(bytes: readonly (number | null)[], marked: number, colour: (text: string) => string): string {
  let line = '';
  for (const [index, byte] of bytes.entries()) {
    const hex = byte === null ? '..' : byte.toString(16).padStart(2, '0');
    const before = index === marked ? '[' : index === marked + 1 ? ']' : ' ';
    line += before + (index === marked ? colour(hex) : hex);
  }
  return marked === bytes.length - 1 ? `${line}]` : line;
}

/** The problem's text, with the original's lines beside those of the ports. */
function problemLines({ problem, verdict }: CaseReport): string[] {
  const lines = (problem ?? '').split('\n').map(printable).flatMap(withOriginals);
  const shown = lines.slice(0, MOST_PROBLEM_LINES);
  if (lines.length > shown.length)
    shown.push(`  … and ${lines.length - shown.length} more lines (--json has them all)`);
  if (verdict === 'budget') shown.push('the limits are set by --max-steps, --max-idle-steps and --max-counter-steps');
  return shown;
}

/** `  source: a.ts:1 < b.ts:2` becomes a line a frame; any other position gets the original's line in parentheses. */
function withOriginals(line: string): string[] {
  const chain = /^(\s*(?:\w+ )?source: )(.*)$/.exec(line);
  if (chain === null) return [annotate(line, (original) => ` (${original})`)];
  const [, label = '', frames = ''] = chain;
  return frames
    .split(' < ')
    .map((frame, index) => (index === 0 ? label : ' '.repeat(label.length)) + annotate(frame, (text) => `  ${text}`));
}

function annotate(text: string, format: (original: string) => string): string {
  return text.replace(/\bsrc\/[\w./-]+\.ts:(\d+)/g, (position, line: string) => {
    const original = originalLine(position.slice(0, -line.length - 1), Number(line));
    return original === null ? position : position + format(original);
  });
}
