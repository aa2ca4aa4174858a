import ts from 'typescript';
import type { SourcePlace } from './compile-error.js';

// Questions about syntax alone.

/** Where V8 says that an expression is: the name of a called method, the start of everything else. */
export function positionOf(node: ts.Node): number {
  let at = node;
  for (;;) {
    if (ts.isYieldExpression(at) && at.expression !== undefined) at = at.expression;
    else if (isTransparent(at)) at = at.expression;
    else break;
  }
  if (ts.isCallExpression(at)) {
    const callee = withoutParentheses(at.expression);
    return ts.isPropertyAccessExpression(callee) ? callee.name.getStart() : callee.getStart();
  }
  return ts.isPropertyAccessExpression(at) ? at.name.getStart() : at.getStart();
}

/** Line and column of a node, for messages. */
export function placeOf(node: ts.Node, file: string): SourcePlace {
  const { line, character } = node.getSourceFile().getLineAndCharacterOfPosition(node.getStart());
  return { file, line: line + 1, column: character + 1 };
}

type Transparent =
  | ts.ParenthesizedExpression
  | ts.AsExpression
  | ts.SatisfiesExpression
  | ts.NonNullExpression
  | ts.TypeAssertion;

/** Whether an expression only wraps another: parentheses, type assertions. */
export const isTransparent = (node: ts.Node): node is Transparent =>
  ts.isParenthesizedExpression(node) ||
  ts.isAsExpression(node) ||
  ts.isSatisfiesExpression(node) ||
  ts.isNonNullExpression(node) ||
  ts.isTypeAssertionExpression(node);

/** The expression within parentheses and type assertions. */
export function withoutParentheses(node: ts.Expression): ts.Expression {
  let at = node;
  while (isTransparent(at)) at = at.expression;
  return at;
}

export const isGeneratorFunction = (node: ts.FunctionLikeDeclaration): boolean =>
  'asteriskToken' in node && node.asteriskToken !== undefined;

const ASSIGNMENTS = new Set<ts.SyntaxKind>();
for (let kind = ts.SyntaxKind.FirstAssignment; kind <= ts.SyntaxKind.LastAssignment; kind++) ASSIGNMENTS.add(kind);

export const isAssignment = (node: ts.Node): node is ts.BinaryExpression =>
  ts.isBinaryExpression(node) && ASSIGNMENTS.has(node.operatorToken.kind);

/** The target of an assignment, `++` or `--`; null if the node is none of them. */
function assignedBy(node: ts.Node): ts.Expression | null {
  if (isAssignment(node)) return node.left;
  if (ts.isPostfixUnaryExpression(node)) return node.operand;
  const isStep =
    ts.isPrefixUnaryExpression(node) &&
    (node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken);
  return isStep ? node.operand : null;
}

/** What a file changes: targets of assignments, and receivers of `push` and the like. */
interface Change {
  readonly node: ts.Node;
  readonly target: ts.Expression;
  readonly isAssignment: boolean;
}

const MUTATORS = new Set(['push', 'pop', 'shift', 'unshift', 'splice', 'sort', 'reverse', 'fill', 'copyWithin', 'set']);
const changes = new WeakMap<ts.SourceFile, readonly Change[]>();

/** All changes of a file, found in one walk. */
function changesOf(file: ts.SourceFile): readonly Change[] {
  const known = changes.get(file);
  if (known !== undefined) return known;
  const found: Change[] = [];
  const visit = (node: ts.Node): void => {
    switch (node.kind) {
      case ts.SyntaxKind.BinaryExpression:
      case ts.SyntaxKind.PostfixUnaryExpression:
      case ts.SyntaxKind.PrefixUnaryExpression: {
        const target = assignedBy(node);
        if (target !== null) found.push({ node, target, isAssignment: true });
        break;
      }
      case ts.SyntaxKind.ForOfStatement:
      case ts.SyntaxKind.ForInStatement: {
        const { initializer } = node as ts.ForInOrOfStatement;
        if (!ts.isVariableDeclarationList(initializer)) found.push({ node, target: initializer, isAssignment: true });
        break;
      }
      case ts.SyntaxKind.DeleteExpression:
        found.push({ node, target: (node as ts.DeleteExpression).expression, isAssignment: false });
        break;
      case ts.SyntaxKind.CallExpression: {
        const callee = (node as ts.CallExpression).expression;
        if (ts.isPropertyAccessExpression(callee) && MUTATORS.has(callee.name.text))
          found.push({ node, target: callee.expression, isAssignment: false });
        break;
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  changes.set(file, found);
  return found;
}

const assigned = new WeakMap<ts.Node, ReadonlySet<string>>();

/** Names of variables that are assigned somewhere in a node, other than by their declaration. */
export function assignedNames(root: ts.Node): ReadonlySet<string> {
  const known = assigned.get(root);
  if (known !== undefined) return known;
  const names = new Set<string>();
  const collect = (target: ts.Expression): void => {
    const inner = withoutParentheses(target);
    if (ts.isIdentifier(inner)) names.add(inner.text);
    else if (ts.isArrayLiteralExpression(inner)) inner.elements.forEach(collect);
    else if (ts.isObjectLiteralExpression(inner)) {
      for (const property of inner.properties) {
        if (ts.isShorthandPropertyAssignment(property)) names.add(property.name.text);
        else if (ts.isPropertyAssignment(property)) collect(property.initializer);
        else if (ts.isSpreadAssignment(property)) collect(property.expression);
      }
    } else if (isAssignment(inner)) collect(inner.left);
    else if (ts.isSpreadElement(inner)) collect(inner.expression);
  };
  for (const { node, target, isAssignment: isIt } of changesOf(root.getSourceFile()))
    if (isIt && node.pos >= root.pos && node.end <= root.end) collect(target);
  assigned.set(root, names);
  return names;
}

/** The name of a class's member. Domain: it is not computed. */
export const memberName = (name: ts.PropertyName): string => (ts.isComputedPropertyName(name) ? '' : name.text);

/** Names of the fields that a constructor's parameters are: `constructor(readonly n: number)`. */
export const parameterProperties = (node: ts.FunctionLikeDeclaration): string[] =>
  node.parameters.flatMap((parameter) =>
    ts.isParameterPropertyDeclaration(parameter, node) && ts.isIdentifier(parameter.name) ? [parameter.name.text] : [],
  );

/** The function, or the file, that a node is directly part of. */
export function enclosingFunction(node: ts.Node): ts.Node {
  let at = node.parent;
  while (!ts.isFunctionLike(at) && !ts.isSourceFile(at) && !ts.isPropertyDeclaration(at)) at = at.parent;
  return at;
}

/**
 * Fields of a class that are assigned outside of the straight line of its constructor, or twice, from within the class.
 */
export function mutableFieldsOf(node: ts.ClassLikeDeclaration): ReadonlySet<string> {
  const fields = new Set<string>();
  const once = new Set<string>();
  const visit = (at: ts.Node): void => {
    const target = assignedBy(at);
    const inner = target === null ? null : withoutParentheses(target);
    if (inner !== null && ts.isPropertyAccessExpression(inner) && inner.expression.kind === ts.SyntaxKind.ThisKeyword) {
      const name = inner.name.text;
      const isInitialisation =
        isAssignment(at) &&
        at.operatorToken.kind === ts.SyntaxKind.EqualsToken &&
        ts.isExpressionStatement(at.parent) &&
        ts.isBlock(at.parent.parent) &&
        ts.isConstructorDeclaration(at.parent.parent.parent);
      if (!isInitialisation || once.has(name)) fields.add(name);
      once.add(name);
    }
    ts.forEachChild(at, visit);
  };
  for (const member of node.members) {
    if (ts.isPropertyDeclaration(member) && member.initializer !== undefined) once.add(memberName(member.name));
    if (ts.isConstructorDeclaration(member)) for (const name of parameterProperties(member)) once.add(name);
  }
  visit(node);
  return fields;
}

const rootOf = (node: ts.Expression): ts.Identifier | null => {
  let at = withoutParentheses(node);
  while (ts.isPropertyAccessExpression(at) || ts.isElementAccessExpression(at)) at = withoutParentheses(at.expression);
  return ts.isIdentifier(at) ? at : null;
};

const changed = new WeakMap<ts.SourceFile, ReadonlySet<string>>();

/** Names of a file whose objects change: roots of assignment targets, receivers of `push` and the like. */
export function changedRoots(file: ts.SourceFile): ReadonlySet<string> {
  const known = changed.get(file);
  if (known !== undefined) return known;
  const names = new Set(assignedNames(file));
  for (const { target } of changesOf(file)) {
    const root = rootOf(target);
    if (root !== null) names.add(root.text);
  }
  changed.set(file, names);
  return names;
}

/** Names that statements of module level pass to functions, at once and not within functions of their own. */
export function passedNames(file: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) return;
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      for (const argument of node.arguments ?? []) {
        const root = rootOf(argument);
        if (root !== null) names.add(root.text);
      }
    }
    ts.forEachChild(node, visit);
  };
  for (const statement of file.statements) if (ts.isExpressionStatement(statement)) visit(statement);
  return names;
}
