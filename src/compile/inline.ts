import ts from 'typescript';
import { makeVariable, nameValue, newCell, noteMutableField, readCell, writeCell } from './cells.js';
import { type Activation, type Context, fail, NotStatic, Unreachable } from './context.js';
import { constantCell, Environment } from './environment.js';
import { isStaticMember } from './functions.js';
import { addField } from './literals.js';
import { mergeArms } from './merge.js';
import { performValue } from './operations.js';
import { assignedNames, isGeneratorFunction, memberName, parameterProperties } from './syntax.js';
import { type ClassValue, type FunctionValue, type ObjectValue, UNDEFINED, type Value } from './values.js';

const MAX_STATIC_DEPTH = 100;
/** Steps that a call with constant arguments may take at compile time. */
const SPECULATIVE_STEPS = 20_000;

/** Where what a function returns is performed: in its caller, at the `yield*`. */
export type PerformIn = Activation['performIn'];

/** Calls a function. A generator function gives a generator, unless it is to be performed. */
export function callFunction(
  c: Context,
  callee: FunctionValue,
  args: readonly Value[],
  node: ts.Node,
  receiver: Value | null,
  performIn: PerformIn,
): Value {
  if (callee.node.body === undefined)
    return fail(c, `a call of ${callee.name}, which has no body`, 'write its body', node);
  if (isGeneratorFunction(callee.node)) {
    const generator: Value = { kind: 'generator', node, callee, args, receiver, region: c.region, isStarted: false };
    return performIn === null ? generator : performValue(c, generator, performIn, node);
  }
  if (performIn === null && receiver === null && !c.region.isStatic && args.every(({ kind }) => kind === 'static')) {
    const known = callStatically(c, callee, args, node);
    if (known !== null) return known;
  }
  return inlineBody(c, callee, args, receiver, node, performIn, c.region.isStatic ? 0 : c.siteOf(node));
}

/** Computes a call at compile time; null if it needs a thread, or too long. */
function callStatically(c: Context, callee: FunctionValue, args: readonly Value[], node: ts.Node): Value | null {
  const { region, block, staticSteps, scope, hint } = c;
  c.region = { id: -1, isStatic: true };
  c.block = c.code.newBlock();
  c.staticSteps = SPECULATIVE_STEPS;
  try {
    const value = inlineBody(c, callee, args, null, node, null, 0);
    return value.kind === 'static' ? value : null;
  } catch (error) {
    if (error instanceof NotStatic) return null;
    throw error;
  } finally {
    c.region = region;
    c.block = block;
    c.staticSteps = staticSteps;
    c.scope = scope;
    c.hint = hint;
  }
}

/** The body of a function in place of its call. `callSite`: where the program's frame says it was called. */
export function inlineBody(
  c: Context,
  callee: FunctionValue,
  args: readonly Value[],
  receiver: Value | null,
  node: ts.Node,
  performIn: PerformIn,
  callSite: number,
  isKernel = false,
): Value {
  const { scope, activation, targets, region, node: outerNode } = c;
  if (c.region.isStatic) {
    if (c.stack.length > MAX_STATIC_DEPTH) throw new NotStatic(node);
  } else if (c.stack.some((outer) => outer.node === callee.node)) {
    fail(c, `a recursive call of ${callee.name}`, 'write a loop', node);
  }
  if (c.block === null) throw new Unreachable();
  c.stack.push(callee);
  c.activation = {
    callee,
    returns: [],
    performIn,
    isKernel,
    isGenerator: isGeneratorFunction(callee.node),
  };
  c.targets = [];
  try {
    if (!region.isStatic) c.scope = c.code.newScope(c.code.newFrame(callee.name, callee.module, callSite), -1);
    const environment = new Environment(callee.environment, callee.module);
    if (!ts.isArrowFunction(callee.node)) environment.declare(constantCell('this', receiver ?? UNDEFINED, region));
    if (ts.isFunctionExpression(callee.node) && callee.node.name !== undefined)
      environment.declare(constantCell(callee.node.name.text, callee, region));
    const fallThrough = runBody(c, callee.node, args, environment);
    c.node = node;
    c.region = region;
    return joinReturns(c, c.activation, fallThrough, node, isKernel);
  } finally {
    c.stack.pop();
    c.scope = scope;
    c.activation = activation;
    c.targets = targets;
    c.region = region;
    c.node = outerNode;
  }
}

/** Runs a body; the value at its end, or null if control never gets there. */
function runBody(
  c: Context,
  node: ts.FunctionLikeDeclaration,
  args: readonly Value[],
  environment: Environment,
): Value | null {
  const body = node.body!;
  try {
    bindParameters(c, node, args, environment);
    if (!ts.isBlock(body)) {
      const value = evaluateReturned(c, body, environment);
      return c.block === null ? null : value;
    }
    c.execute(body, environment);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    c.block = null;
  }
  return c.block === null ? null : UNDEFINED;
}

/** What a function returns. What a plain function returns to a `yield*` is performed in its caller. */
export function evaluateReturned(c: Context, node: ts.Expression, environment: Environment): Value {
  const { performIn, isGenerator } = c.activation;
  return performIn === null || isGenerator ? c.evaluate(node, environment) : c.performIn(node, environment, performIn);
}

function bindParameters(
  c: Context,
  node: ts.FunctionLikeDeclaration,
  args: readonly Value[],
  environment: Environment,
): void {
  const assigned = assignedNames(node);
  node.parameters.forEach((parameter, at) => {
    if (ts.isIdentifier(parameter.name) && parameter.name.text === 'this') return;
    c.node = parameter;
    const rest: Value[] = args.slice(at) as Value[];
    let value: Value =
      parameter.dotDotDotToken === undefined
        ? (args[at] ?? UNDEFINED)
        : { kind: 'list', items: rest, origin: parameter, region: c.region, isFrozen: false };
    if (parameter.initializer !== undefined && value.kind === 'static' && value.value === undefined)
      value = c.evaluate(parameter.initializer, environment);
    c.bind(parameter.name, value, environment, assigned);
  });
  assignParameterProperties(c, node, environment);
}

/** Fields that are parameters of the constructor are assigned before its body begins. */
function assignParameterProperties(c: Context, node: ts.FunctionLikeDeclaration, environment: Environment): void {
  const object = environment.lookup('this')?.value;
  if (!ts.isConstructorDeclaration(node) || object?.kind !== 'object') return;
  for (const name of parameterProperties(node)) {
    const cell = object.cells.get(name)!;
    const value = readCell(c, environment.lookup(name)!);
    writeCell(c, cell, value, () => {
      noteMutableField(c, object.classValue!.node, name);
      cell.value = value;
    });
    nameValue(c, `${object.name}.${name}`, value, object.scope);
  }
}

/** The value of a call after all of its returns have come together. */
function joinReturns(
  c: Context,
  { returns }: Activation,
  fallThrough: Value | null,
  node: ts.Node,
  isKernel: boolean,
): Value {
  const arms = returns.map(({ block, value }) => ({ block, value }));
  if (fallThrough !== null && c.block !== null) arms.push({ block: c.block, value: fallThrough });
  if (isKernel) {
    const site = c.siteOf(node);
    for (const { block } of arms) c.code.end(block, { op: 'exit', site });
    c.block = null;
    return UNDEFINED;
  }
  const [only] = arms;
  if (only === undefined) {
    if (c.region.isStatic) throw new NotStatic(node);
    throw new Unreachable();
  }
  if (arms.length === 1 || c.region.isStatic) {
    c.block = only.block;
    return only.value;
  }
  return mergeArms(c, arms, c.code.newBlock());
}

/** `new C(…)` of a class of the source. */
export function instantiate(c: Context, classValue: ClassValue, args: readonly Value[], node: ts.Node): Value {
  const name = c.hint ?? classValue.name.charAt(0).toLowerCase() + classValue.name.slice(1);
  c.hint = null;
  const object: ObjectValue = {
    kind: 'object',
    cells: new Map(),
    classValue,
    name,
    origin: classValue.node,
    region: c.region,
    scope: c.scope,
    isFrozen: false,
  };
  const environment = new Environment(classValue.environment, classValue.module);
  environment.declare(constantCell('this', object, c.region));
  const maker = classValue.node.members.find(
    (member): member is ts.ConstructorDeclaration => ts.isConstructorDeclaration(member) && member.body !== undefined,
  );
  const declareField = (field: string, declaration: ts.PropertyDeclaration | ts.ParameterDeclaration) => {
    const cell = newCell(c, field, null, false);
    object.cells.set(field, cell);
    const isMutable = classValue.mutableFields.has(field) || c.mutableFields.get(classValue.node)?.has(field) === true;
    if (isMutable && !c.region.isStatic && mayBeScalar(declaration))
      makeVariable(c, cell, `${name}.${field}`, object.scope);
  };
  for (const parameter of maker?.parameters ?? [])
    if (ts.isParameterPropertyDeclaration(parameter, maker!)) declareField(parameter.name.getText(), parameter);
  for (const member of classValue.node.members) {
    if (!ts.isPropertyDeclaration(member) || isStaticMember(member)) continue;
    const field = memberName(member.name);
    const { initializer } = member;
    if (initializer === undefined) declareField(field, member);
    else addField(c, object, field, c.evaluate(initializer, environment));
  }
  if (maker !== undefined) {
    const callee: FunctionValue = {
      kind: 'function',
      node: maker,
      environment: classValue.environment,
      module: classValue.module,
      name: classValue.name,
    };
    inlineBody(c, callee, args, object, node, null, c.region.isStatic ? 0 : c.siteOf(node));
  } else if (args.length > 0)
    fail(c, `arguments for ${classValue.name}, which has no constructor`, 'leave them out', node);
  return object;
}

/** Whether a field's declared type may be that of a scalar: everything but what is known to be none. */
const mayBeScalar = ({ type }: ts.PropertyDeclaration | ts.ParameterDeclaration): boolean =>
  type === undefined || !/^(Register|RegisterArray|Thread|Tile|BlockScan)\b/.test(type.getText());

/** The function value of a class's method or accessor. */
export function methodOf(
  classValue: ClassValue,
  node: ts.MethodDeclaration | ts.GetAccessorDeclaration,
): FunctionValue {
  const own = memberName(node.name);
  // As V8 prints them.
  const name = `${classValue.name}.${ts.isGetAccessorDeclaration(node) ? `get ${own} [as ${own}]` : own}`;
  return { kind: 'function', node, environment: classValue.environment, module: classValue.module, name };
}
