/** Thrown while an instruction is lowered: it is PTX, but simtwin does not model it. `message` says what and why. */
export class NotModelled extends Error {
  override readonly name = 'NotModelled';
}

/** An instruction that is not modelled, with its place. */
export interface Missing {
  /** The opcode as it is written. */
  readonly form: string;
  readonly reason: string;
  readonly entry: string;
  /** In the PTX text. */
  readonly line: number;
  readonly column: number;
}
