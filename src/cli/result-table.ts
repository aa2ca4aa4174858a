import type { ChalkInstance } from 'chalk';
import { DEFAULT_MODE } from '../index.js';
import type { CaseReport } from './case-report.js';
import { formatBytes, formatCount, formatSeconds, printable, shorten, wrap } from './format.js';

/** Width where there is no terminal to ask. */
const DEFAULT_WIDTH = 120;
const MARGIN = '  ';
const LEAST_NAME_WIDTH = 20;

type ColumnName = 'shape' | 'result' | 'verdict' | 'compared' | 'undefined' | 'steps' | 'time';

interface Column {
  readonly name: ColumnName;
  readonly width: number;
  readonly alignRight: boolean;
  readonly text: (report: CaseReport) => string;
}

const COLUMNS: readonly Column[] = [
  { name: 'shape', width: 19, alignRight: false, text: ({ shape }) => shape ?? '-' },
  { name: 'result', width: 8, alignRight: false, text: ({ result }) => result },
  { name: 'verdict', width: 9, alignRight: false, text: ({ verdict }) => verdict ?? '-' },
  { name: 'compared', width: 8, alignRight: true, text: ({ comparedBytes }) => bytesOrDash(comparedBytes) },
  { name: 'undefined', width: 9, alignRight: true, text: ({ undefinedBytes }) => bytesOrDash(undefinedBytes) },
  { name: 'steps', width: 10, alignRight: true, text: ({ steps }) => (steps === 0 ? '-' : formatCount(steps)) },
  { name: 'time', width: 6, alignRight: true, text: ({ wallMs }) => formatSeconds(wallMs) },
];

/** What a narrow terminal does without, in this order; before the last two, names are shortened. */
const DISPENSABLE: readonly ColumnName[] = ['undefined', 'verdict', 'compared'];
const LAST_TO_GO: readonly ColumnName[] = ['steps', 'shape'];

/** What mode the rows below are of. */
const modeNote = ({ mode, modeReason }: CaseReport): string =>
  printable(modeReason === null ? `mode ${mode}` : `mode ${mode}: ${modeReason}`);

const bytesOrDash = (bytes: number): string => (bytes === 0 ? '-' : formatBytes(bytes));

/** The table of results, a line at a time, so that each is seen when it is known: widths follow from the names alone. */
export class ResultTable {
  readonly #chalk: ChalkInstance;
  readonly #shownNames: ReadonlyMap<string, string>;
  readonly #columns: readonly Column[];
  readonly #nameWidth: number;
  /** Null: there is no terminal. */
  readonly #room: number | null;
  #heading: string | null = null;
  #modeNote = `mode ${DEFAULT_MODE}`;

  /** `names` are all that will come, `width` is that of the terminal. */
  constructor(names: readonly string[], width: number | null, chalk: ChalkInstance) {
    this.#chalk = chalk;
    this.#shownNames = shownNames(names);
    const longest = Math.max('file'.length, ...[...this.#shownNames.values()].map(({ length }) => length));
    const room = (width ?? DEFAULT_WIDTH) - MARGIN.length;
    let columns = COLUMNS;
    const widthOf = () => columns.reduce((sum, column) => sum + MARGIN.length + column.width, 0);
    const drop = (dropped: readonly ColumnName[], nameWidth: number) => {
      for (const name of dropped) {
        if (nameWidth + widthOf() > room) columns = columns.filter((column) => column.name !== name);
      }
    };
    drop(DISPENSABLE, longest);
    drop(LAST_TO_GO, Math.min(longest, LEAST_NAME_WIDTH));
    this.#columns = columns;
    this.#room = width === null ? null : room;
    this.#nameWidth = Math.max(1, Math.min(longest, room - widthOf()));
  }

  /** The first line. */
  header(): string {
    const cells = this.#columns.map(({ name, width, alignRight }) => pad(name, width, alignRight));
    return this.#chalk.dim(this.#line('file', cells));
  }

  /** A line for a report, below lines for its folder, operation and mode where they change. */
  row(report: CaseReport): string[] {
    const slash = report.name.lastIndexOf('/') + 1;
    const heading = [printable(report.name.slice(0, slash)), report.op ?? '']
      .filter((part) => part !== '')
      .join(MARGIN);
    const lines: string[] = [];
    if (heading !== this.#heading && heading !== '') lines.push(this.#chalk.bold(heading));
    this.#heading = heading;
    const note = report.mode === null ? this.#modeNote : modeNote(report);
    if (note !== this.#modeNote) {
      lines.push(
        ...(this.#room === null ? [note] : wrap(note, this.#room)).map((line) => `${MARGIN}${this.#chalk.dim(line)}`),
      );
    }
    this.#modeNote = note;
    const cells = this.#columns.map((column) => this.#cell(column, report));
    lines.push(this.#line(this.#shownNames.get(report.name) ?? printable(report.name), cells));
    return lines;
  }

  #line(name: string, cells: readonly string[]): string {
    return `${MARGIN}${[shorten(name, this.#nameWidth).padEnd(this.#nameWidth), ...cells].join(MARGIN)}`.trimEnd();
  }

  #cell({ name, width, alignRight, text }: Column, report: CaseReport): string {
    const cell = pad(text(report), width, alignRight);
    if (name === 'result') return report.result === 'match' ? this.#chalk.green(cell) : this.#chalk.red(cell);
    return name === 'shape' || name === 'steps' || name === 'compared' ? cell : this.#chalk.dim(cell);
  }
}

const pad = (text: string, width: number, alignRight: boolean): string =>
  alignRight ? text.padStart(width) : text.padEnd(width);

/** Names without folder and ending, unless that makes two of a folder the same. */
function shownNames(names: readonly string[]): ReadonlyMap<string, string> {
  const bare = (name: string) => name.replace(/\.(?:safetensors(?:\.br|\.gz)?|json)$/, '');
  const counts = new Map<string, number>();
  for (const name of names) counts.set(bare(name), (counts.get(bare(name)) ?? 0) + 1);
  return new Map(
    names.map((name) => {
      const shown = counts.get(bare(name)) === 1 ? bare(name) : name;
      return [name, printable(shown.slice(shown.lastIndexOf('/') + 1))];
    }),
  );
}
