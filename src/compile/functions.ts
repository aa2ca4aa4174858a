import ts from 'typescript';
import { type Context, fail } from './context.js';
import type { Environment } from './environment.js';
import { memberName, mutableFieldsOf } from './syntax.js';
import type { ClassValue } from './values.js';

/** The name that JavaScript gives to a function that stands there; '' if it has none. */
export function functionName(c: Context, node: ts.FunctionLikeDeclaration): string {
  if (node.name !== undefined && ts.isIdentifier(node.name)) return node.name.text;
  let parent: ts.Node = node.parent;
  while (ts.isParenthesizedExpression(parent) || ts.isAsExpression(parent) || ts.isSatisfiesExpression(parent))
    parent = parent.parent;
  if (ts.isVariableDeclaration(parent) && ts.isIdentifier(parent.name)) return parent.name.text;
  if (ts.isPropertyAssignment(parent) && !ts.isComputedPropertyName(parent.name)) return parent.name.text;
  return ts.isPropertyAssignment(parent) ? (c.hint ?? '') : '';
}

export function makeClass(c: Context, node: ts.ClassLikeDeclaration, environment: Environment): ClassValue {
  const name = node.name?.text ?? c.hint ?? '';
  if (node.heritageClauses?.some(({ token }) => token === ts.SyntaxKind.ExtendsKeyword) === true)
    fail(c, `the class ${name}, which extends another,`, 'hold the other in a field', node);
  refuseDecorators(c, node);
  for (const member of node.members) checkMember(c, member);
  return { kind: 'class', node, environment, module: environment.module, name, mutableFields: mutableFieldsOf(node) };
}

/** Refuses what is not looked at later on. */
function checkMember(c: Context, member: ts.ClassElement): void {
  if (ts.isClassStaticBlockDeclaration(member))
    fail(c, "'static { … }'", "write the static fields' values where they are declared", member);
  const { name } = member;
  if (name !== undefined && ts.isComputedPropertyName(name))
    fail(c, 'a member of a class whose name is in brackets', 'write the name itself', name);
  if ((ts.isGetAccessorDeclaration(member) || ts.isSetAccessorDeclaration(member)) && isStaticMember(member))
    fail(c, `a static ${ts.isGetAccessorDeclaration(member) ? 'getter' : 'setter'}`, 'write a static method', member);
  refuseDecorators(c, member);
}

function refuseDecorators(c: Context, node: ts.ClassLikeDeclaration | ts.ClassElement): void {
  const [decorator] = (ts.canHaveDecorators(node) && ts.getDecorators(node)) || [];
  if (decorator !== undefined) fail(c, 'a decorator', 'call functions where their values are needed', decorator);
}

/** Whether a member is the class's own and not one of its instances'. */
export const isStaticMember = (member: ts.ClassElement): boolean =>
  ts.canHaveModifiers(member) &&
  ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) === true;

/** A member of a class of that name: `static` ones or those of instances. */
export function findMember(
  { node }: ClassValue,
  name: string,
  isStatic: boolean,
): ts.MethodDeclaration | ts.GetAccessorDeclaration | ts.PropertyDeclaration | null {
  for (const member of node.members) {
    if (ts.isConstructorDeclaration(member) || member.name === undefined || memberName(member.name) !== name) continue;
    if (isStaticMember(member) !== isStatic) continue;
    if (ts.isMethodDeclaration(member) || ts.isGetAccessorDeclaration(member) || ts.isPropertyDeclaration(member))
      return member;
  }
  return null;
}
