import ts from 'typescript';
import { type Context, fail } from './context.js';
import type { Environment } from './environment.js';
import { mutableFieldsOf } from './syntax.js';
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
  return { kind: 'class', node, environment, module: environment.module, name, mutableFields: mutableFieldsOf(node) };
}

/** A member of a class of that name: `static` ones or those of instances. */
export function findMember(
  { node }: ClassValue,
  name: string,
  isStatic: boolean,
): ts.MethodDeclaration | ts.GetAccessorDeclaration | ts.PropertyDeclaration | null {
  for (const member of node.members) {
    if (ts.isConstructorDeclaration(member) || member.name === undefined || member.name.getText() !== name) continue;
    const modifiers = ts.canHaveModifiers(member) ? ts.getModifiers(member) : undefined;
    const hasStatic = modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) ?? false;
    if (hasStatic !== isStatic) continue;
    if (ts.isMethodDeclaration(member) || ts.isGetAccessorDeclaration(member) || ts.isPropertyDeclaration(member))
      return member;
  }
  return null;
}
