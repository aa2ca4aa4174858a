import { type ScalarType, scalarBytes } from '../../src/simt/index.js';
import { type Expr, SCRATCH_WORDS, type Stmt } from './kernel-ast.js';
import { elementType } from './print-context.js';
import { zero } from './print-expression.js';

// What the numbers and expressions of a statement stand for.

export const expr = (s: Stmt, at: number, type: Expr['type']): Expr => {
  const given = s.exprs[at];
  return given !== undefined && given.type === type ? given : zero(type);
};

export const number = (s: Stmt, at: number): number => s.n[at] ?? 0;

const SCALARS: readonly ScalarType[] = ['u32', 'i32', 'u64', 'i64', 'u8', 'i8', 'u16', 'i16', 'f32'];
export const scalar = (n: number): ScalarType => SCALARS[n % SCALARS.length]!;
const SCOPES = ["'block'", "'device'", "'system'"] as const;
export const memoryScope = (n: number): string => SCOPES[n % 3]!;

/** The statement's value for an element of that type. */
export function valueFor(s: Stmt, type: ScalarType) {
  const wanted = elementType(type);
  return s.exprs.find((e, at) => at > 0 && e.type === wanted) ?? zero(wanted);
}

/** Elements of a type in a thread's scratch memory. */
export const scratchElements = (type: ScalarType): number => (SCRATCH_WORDS * 4) / scalarBytes(type);
