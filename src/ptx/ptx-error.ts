/** A place in PTX text. Both count from 1. */
export interface PtxPlace {
  readonly line: number;
  readonly column: number;
}

/** Text that is no PTX, or PTX that means nothing. `message` begins with the place: "12:7: expected ';', found 'add'". */
export class PtxError extends Error {
  override readonly name = 'PtxError';
  readonly line: number;
  readonly column: number;
  /** The message without the place. */
  readonly problem: string;

  constructor({ line, column }: PtxPlace, problem: string) {
    super(`${line}:${column}: ${problem}`);
    this.line = line;
    this.column = column;
    this.problem = problem;
  }
}
