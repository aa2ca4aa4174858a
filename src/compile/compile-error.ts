/** Where something stands in a source. Lines and columns count from 1. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A construct of a kernel's source that the compiler does not translate. `message` is the whole line. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What stands there: "a call of Math.sin". */
  readonly construct: string;
  /** What to write instead. */
  readonly advice: string;

  constructor({ file, line, column }: SourcePlace, construct: string, advice: string) {
    super(`${file}:${line}:${column}: ${construct} is not in the kernel subset: ${advice}`);
    this.file = file;
    this.line = line;
    this.column = column;
    this.construct = construct;
    this.advice = advice;
  }
}
