import type { ClassAst, Expr, FunctionAst, KernelCase, Stmt } from './kernel-ast.js';
import { printKernel } from './print-kernel.js';

/**
 * Smaller kernels, the smallest first: without functions, without statements, with bodies in place of what holds them,
 * with simpler expressions and numbers. Those that read the same as the kernel are left out.
 */
export function* shrinkKernel(kernel: KernelCase): Generator<KernelCase, void, undefined> {
  const { source } = printKernel(kernel);
  for (const smaller of candidates(kernel)) {
    const isSameLaunch =
      smaller.block === kernel.block &&
      smaller.grid === kernel.grid &&
      smaller.schedule === kernel.schedule &&
      smaller.seed === kernel.seed &&
      smaller.isExtraNull === kernel.isExtraNull &&
      smaller.devices === kernel.devices;
    if (!isSameLaunch || printKernel(smaller).source !== source) yield smaller;
  }
}

function* candidates(kernel: KernelCase): Generator<KernelCase, void, undefined> {
  for (const body of shrinkBody(kernel.body, false)) yield { ...kernel, body };
  for (const functions of without(kernel.functions)) yield { ...kernel, functions };
  for (const classes of without(kernel.classes)) yield { ...kernel, classes };
  if (kernel.devices !== 1) yield { ...kernel, devices: 1 };
  if (kernel.schedule !== 'rr') yield { ...kernel, schedule: 'rr' };
  for (const grid of smallerNumbers(kernel.grid)) yield { ...kernel, grid };
  for (const block of smallerNumbers(kernel.block)) yield { ...kernel, block };
  for (const functions of shrinkOne(kernel.functions, shrinkFunction)) yield { ...kernel, functions };
  for (const classes of shrinkOne(kernel.classes, shrinkClass)) yield { ...kernel, classes };
  for (const body of shrinkBody(kernel.body, true)) yield { ...kernel, body };
  const { fault } = kernel;
  if (fault !== null) {
    for (const at of smallerNumbers(fault.at)) yield { ...kernel, fault: { ...fault, at } };
    for (const thread of smallerNumbers(fault.thread)) yield { ...kernel, fault: { ...fault, thread } };
  }
  if (kernel.seed !== 0) yield { ...kernel, seed: 0 };
}

/** The list without a part of it: without all, halves, quarters, single ones. */
function* without<T>(items: readonly T[]): Generator<T[], void, undefined> {
  for (let size = items.length; size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let first = 0; first < items.length; first += size)
      yield [...items.slice(0, first), ...items.slice(first + size)];
  }
}

function* shrinkOne<T>(items: readonly T[], shrink: (item: T) => Iterable<T>): Generator<T[], void, undefined> {
  for (const [at, item] of items.entries()) {
    for (const smaller of shrink(item)) yield items.map((other, place) => (place === at ? smaller : other));
  }
}

/** `inDetail`: expressions and numbers; else statements. */
function* shrinkBody(body: readonly Stmt[], inDetail: boolean): Generator<Stmt[], void, undefined> {
  if (!inDetail) {
    yield* without(body);
    for (const [at, { bodies }] of body.entries()) {
      for (const hoisted of bodies) {
        if (hoisted.length > 0) yield [...body.slice(0, at), ...hoisted, ...body.slice(at + 1)];
      }
    }
  }
  yield* shrinkOne(body, (s) => shrinkStatement(s, inDetail));
}

function* shrinkStatement(s: Stmt, inDetail: boolean): Generator<Stmt, void, undefined> {
  for (const bodies of shrinkOne(s.bodies, (body) => shrinkBody(body, inDetail))) yield { ...s, bodies };
  if (!inDetail) return;
  // Of a statement whose expression is what matters, the expression.
  if (s.op !== 'let')
    for (const e of s.exprs) if (e.op !== 'literal') yield { op: 'let', n: [1], exprs: [e], bodies: [] };
  for (const exprs of shrinkOne(s.exprs, shrinkExpr)) yield { ...s, exprs };
  for (const n of shrinkOne(s.n, smallerNumbers)) yield { ...s, n };
}

function* shrinkExpr(e: Expr): Generator<Expr, void, undefined> {
  if (e.op !== 'literal') {
    for (const n of [0, 1, -1]) yield { op: 'literal', type: e.type, n, args: [] };
    yield* descendants(e, e.type);
    if (e.op !== 'variable') yield { op: 'variable', type: e.type, n: 0, args: [] };
  }
  for (const args of shrinkOne(e.args, shrinkExpr)) yield { ...e, args };
  for (const n of smallerNumbers(e.n)) yield { ...e, n };
}

/** Parts of an expression that have a type, outermost first. */
function* descendants(e: Expr, type: Expr['type']): Generator<Expr, void, undefined> {
  for (const arg of e.args) {
    if (arg.type === type) yield arg;
    else yield* descendants(arg, type);
  }
}

function* smallerNumbers(n: number): Generator<number, void, undefined> {
  if (n === 0) return;
  yield 0;
  if (Math.abs(n) > 1) yield 1;
  if (Math.abs(n) > 3) yield Math.trunc(n / 2);
}

function* shrinkFunction(f: FunctionAst): Generator<FunctionAst, void, undefined> {
  for (const body of shrinkBody(f.body, false)) yield { ...f, body };
  for (const result of shrinkExpr(f.result)) yield { ...f, result };
  for (const params of without(f.params)) yield { ...f, params };
  for (const body of shrinkBody(f.body, true)) yield { ...f, body };
}

function* shrinkClass(c: ClassAst): Generator<ClassAst, void, undefined> {
  for (const methods of without(c.methods)) yield { ...c, methods };
  for (const methods of shrinkOne(c.methods, shrinkFunction)) yield { ...c, methods };
  for (const fields of without(c.fields)) if (fields.length > 0) yield { ...c, fields };
}
