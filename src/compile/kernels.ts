import ts from 'typescript';
import type { Program } from '../program/program.js';
import { argumentOf, kernelArgsType, type TypeIn } from './argument-types.js';
import { CompileError } from './compile-error.js';
import { fail, NotStatic, Restart } from './context.js';
import { inlineBody } from './inline.js';
import { type Discoveries, Interpreter } from './interpreter.js';
import { lowerProgram } from './lower.js';
import type { ModuleLoader, ParsedModule } from './modules.js';
import { dropped } from './operations.js';
import { isGeneratorFunction } from './syntax.js';
import { describeValue, type FunctionValue, type Value } from './values.js';

/** Attempts until every field that changes is a variable. */
const MOST_ATTEMPTS = 20;

/** Compiles a kernel that is the value of an export, or of a field of it. @throws CompileError */
export function compileKernel(loader: ModuleLoader, module: ParsedModule, name: string, key: string | null): Program {
  const discoveries: Discoveries = { mutableFields: new Map(), unrolled: new Set() };
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const interpreter = new Interpreter(loader, module.file, discoveries);
    try {
      const callee = kernelFunction(interpreter, interpreter.exportedValue(module, name, key), key ?? name);
      run(interpreter, callee);
      if (!interpreter.mustRestart) return lowerProgram(interpreter, callee.name === '' ? (key ?? name) : callee.name);
    } catch (error) {
      if (error instanceof NotStatic)
        return fail(
          interpreter,
          'a value that is not known when the kernel is compiled',
          'compute it in the kernel',
          error.node,
        );
      const isKnownLater = error instanceof Restart || (error instanceof CompileError && interpreter.mustRestart);
      if (!isKnownLater) throw error;
    }
  }
  throw new Error(`[simtwin bug] ${name} of ${module.display} does not settle`);
}

function kernelFunction(interpreter: Interpreter, value: Value, name: string): FunctionValue {
  if (value.kind === 'function') return value;
  if (value.kind === 'poison') return fail(interpreter, value.construct, value.advice);
  return fail(
    interpreter,
    `'${name}', ${describeValue(value)},`,
    'a kernel is a function of the thread and its arguments',
  );
}

function run(c: Interpreter, callee: FunctionValue): void {
  const { node, module } = callee;
  c.region = { id: 0, isStatic: false };
  c.region = c.newRegion();
  c.block = c.code.entry;
  c.node = node;
  const second = node.parameters[1];
  const type = second?.type === undefined ? contextualArgs(c, node, module) : { node: second.type, module };
  const args: Value[] = [{ kind: 'thread' }];
  if (second !== undefined) args.push(argumentOf(c, type));
  const performIn = isGeneratorFunction(node) ? null : { scope: c.scope, site: -1 };
  inlineBody(c, callee, args, null, node, performIn, -1, true);
  if (c.pending !== null) dropped(c, c.pending);
}

/** The arguments' type of a kernel whose parameters have none: from the type of the variable or the result that it is. */
function contextualArgs(c: Interpreter, node: ts.FunctionLikeDeclaration, module: ParsedModule): TypeIn | null {
  const type = contextualType(node);
  return type === null ? null : kernelArgsType(c, { node: type, module });
}

function contextualType(node: ts.Node): ts.TypeNode | null {
  const { parent } = node;
  if (ts.isParenthesizedExpression(parent)) return contextualType(parent);
  if (ts.isSatisfiesExpression(parent) || ts.isAsExpression(parent)) return parent.type;
  if (ts.isVariableDeclaration(parent) || ts.isPropertyDeclaration(parent)) return parent.type ?? null;
  if (ts.isArrowFunction(parent)) return parent.body === node ? (parent.type ?? null) : null;
  if (ts.isReturnStatement(parent)) {
    let at: ts.Node = parent;
    while (!ts.isFunctionLike(at) && !ts.isSourceFile(at)) at = at.parent;
    return ts.isFunctionLike(at) ? (at.type ?? null) : null;
  }
  return null;
}

/** Names of a module's exported kernels, in the order of the source. */
export function kernelNames(module: ParsedModule): string[] {
  const names: string[] = [];
  for (const [exported, local] of module.exports) {
    const declaration = module.functions.get(local) ?? functionOf(module.variables.get(local));
    if (declaration !== null && isKernel(declaration, module)) names.push(exported);
  }
  return names;
}

function functionOf(
  declaration: ts.VariableDeclaration | undefined,
): ts.FunctionLikeDeclaration | ts.VariableDeclaration | null {
  if (declaration?.initializer === undefined) return null;
  if (isKernelType(declaration.type)) return declaration;
  const { initializer } = declaration;
  return ts.isArrowFunction(initializer) || ts.isFunctionExpression(initializer) ? initializer : null;
}

const isKernelType = (type: ts.TypeNode | undefined): boolean =>
  type !== undefined && ts.isTypeReferenceNode(type) && type.typeName.getText() === 'Kernel';

/** Whether a function takes a thread and arguments and gives a kernel's body. */
function isKernel(node: ts.FunctionLikeDeclaration | ts.VariableDeclaration, module: ParsedModule): boolean {
  if (ts.isVariableDeclaration(node)) return true;
  const [first] = node.parameters;
  if (first?.type === undefined || node.parameters.length > 2) return false;
  if (!ts.isTypeReferenceNode(first.type) || first.type.typeName.getText() !== 'Thread') return false;
  if (module.imports.get('Thread')?.target.kind !== 'library') return false;
  const result = node.type;
  if (result === undefined) return isGeneratorFunction(node);
  return ts.isTypeReferenceNode(result) && result.typeName.getText() === 'KernelBody';
}
