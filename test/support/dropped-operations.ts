import { dirname, join, relative, sep } from 'node:path';
import ts from 'typescript';
import { repositoryRoot } from './files.js';

/** One visible operation, or one run of a device function, that is made and never carried out. */
export interface DroppedOperation {
  /** Path from the repository root, with the line: `src/kernels/compact.ts:12`. */
  readonly site: string;
  /** What is wrong and what to write instead, one sentence. */
  readonly message: string;
}

/**
 * What a call hands back that does nothing until it is yielded: an operation of a thread, or the body of a device
 * function, which is a generator.
 */
type Pending = 'operation' | 'generator';

const OPERATION_TYPE_NAME = 'Operation';
const GENERATOR_TYPE_NAME = 'Generator';

/** The machine drives generators by hand, and has generators of its own that are no kernels. */
const MACHINE_FOLDER = 'src/simt/';

/**
 * Finds each call in the files at `paths` whose value is an `Operation` or a `Generator` and is not the operand of
 * `yield*`. It may also be returned from a function that is no generator, passed on as an argument, or put where the
 * declared type says that an operation or a generator is meant.
 *
 * A `yield*` over a type that this check does not know is found as well: there it would be blind.
 */
export function findDroppedOperations(program: ts.Program, paths: readonly string[]): DroppedOperation[] {
  const checker = program.getTypeChecker();
  const findings: DroppedOperation[] = [];
  for (const path of paths) {
    const file = program.getSourceFile(absolute(path));
    if (file === undefined) throw new Error(`${path} is not part of the program`);
    const report = (node: ts.Node, message: string): void => {
      const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
      findings.push({ site: `${path}:${line}`, message });
    };
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node)) {
        const pending = pendingOf(checker.getTypeAtLocation(node), checker);
        const problem = pending && problemOf(node, pending, path, checker);
        if (problem !== undefined) report(node, problem);
      } else if (ts.isYieldExpression(node) && node.asteriskToken !== undefined && node.expression !== undefined) {
        const type = checker.getTypeAtLocation(node.expression);
        if (!isKnownOperand(type, program, checker)) {
          report(
            node,
            `'${shorten(node.expression)}' has type '${checker.typeToString(type)}', which is no Operation and no Generator: the check for dropped operations cannot see calls of it`,
          );
        }
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return findings;
}

/** The names of all methods, in the files at `paths`, that hand back an operation. */
export function operationMethodNames(program: ts.Program, paths: readonly string[]): string[] {
  const checker = program.getTypeChecker();
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isMethodDeclaration(node) || ts.isMethodSignature(node)) {
      const signature = checker.getSignatureFromDeclaration(node);
      const hidden = ts.getCombinedModifierFlags(node) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected);
      if (
        signature !== undefined &&
        hidden === 0 &&
        ts.isIdentifier(node.name) &&
        pendingOf(signature.getReturnType(), checker) === 'operation'
      ) {
        names.add(node.name.text);
      }
    }
    ts.forEachChild(node, visit);
  };
  for (const path of paths) {
    const file = program.getSourceFile(absolute(path));
    if (file !== undefined) visit(file);
  }
  return [...names].sort();
}

/** Whether a value of this type does nothing until it is yielded. */
function pendingOf(type: ts.Type, checker: ts.TypeChecker): Pending | undefined {
  if (type.aliasSymbol?.name === OPERATION_TYPE_NAME && isIterable(type)) return 'operation';
  if (type.isUnionOrIntersection()) {
    return firstOf(type.types, (part) => pendingOf(part, checker));
  }
  if (type.flags & ts.TypeFlags.TypeParameter) {
    const constraint = checker.getBaseConstraintOfType(type);
    return constraint && constraint !== type ? pendingOf(constraint, checker) : undefined;
  }
  const symbol = type.getSymbol();
  if (symbol === undefined) return undefined;
  if (symbol.name === GENERATOR_TYPE_NAME) return 'generator';
  if (symbol.name === OPERATION_TYPE_NAME && isIterable(type)) return 'operation';
  const parents = (symbol.declarations ?? []).flatMap((declaration) =>
    ts.isClassLike(declaration) || ts.isInterfaceDeclaration(declaration)
      ? (declaration.heritageClauses ?? []).filter(isExtends).flatMap((clause) => [...clause.types])
      : [],
  );
  return firstOf(parents, (parent) => pendingOf(checker.getTypeAtLocation(parent), checker));
}

/** `implements` does not count: a thread may well be the object that carries out its own operations, and is no operation. */
function isExtends(clause: ts.HeritageClause): boolean {
  return clause.token === ts.SyntaxKind.ExtendsKeyword;
}

/** A type named `Operation` that cannot be yielded is something else, an instruction of a compiled program for example. */
function isIterable(type: ts.Type): boolean {
  return type.getProperties().some(({ name }) => name.startsWith('__@iterator'));
}

function isKnownOperand(type: ts.Type, program: ts.Program, checker: ts.TypeChecker): boolean {
  if (pendingOf(type, checker) !== undefined) return true;
  // Arrays, sets, iterators: nothing that a thread could wait for.
  const declarations = type.getSymbol()?.declarations ?? [];
  return declarations.some((it) => program.isSourceFileDefaultLibrary(it.getSourceFile()));
}

/** What is wrong with the place that the value of `call` ends up in, or undefined if that place is fine. */
function problemOf(
  call: ts.CallExpression,
  pending: Pending,
  path: string,
  checker: ts.TypeChecker,
): string | undefined {
  const value = outermostWithSameValue(call);
  const { parent } = value;
  const text = shorten(call);
  const what = pending === 'operation' ? 'the operation itself, not its result' : 'a generator that has not run';
  const isPending = (type: ts.Type | undefined) => type !== undefined && pendingOf(type, checker) !== undefined;
  const hasPendingType = (annotation: ts.TypeNode | undefined) =>
    annotation !== undefined && isPending(checker.getTypeFromTypeNode(annotation));

  if (ts.isYieldExpression(parent)) {
    return parent.asteriskToken ? undefined : `'yield ${text}' hands out ${what}: write 'yield* ${text}'`;
  }
  if (ts.isExpressionStatement(parent) || ts.isVoidExpression(parent)) {
    return `'${text}' is called and dropped: write 'yield* ${text}'`;
  }
  if (ts.isReturnStatement(parent)) {
    return isInGenerator(parent)
      ? `'return ${text}' returns ${what}, from a generator: write 'return yield* ${text}'`
      : undefined;
  }
  if (ts.isArrowFunction(parent)) return undefined;
  if ((ts.isCallExpression(parent) || ts.isNewExpression(parent)) && parent.expression !== value) return undefined;
  if (ts.isVariableDeclaration(parent) || ts.isPropertyDeclaration(parent) || ts.isParameter(parent)) {
    if (hasPendingType(parent.type)) return undefined;
    const name = shorten(parent.name);
    return `'${name} = ${text}' holds ${what}: write '${name} = yield* ${text}', or declare the type of ${name} if that is meant`;
  }
  if (ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.EqualsToken) {
    if (hasPendingType(annotationOf(parent.left, checker))) return undefined;
  }
  if (ts.isPropertyAssignment(parent) || ts.isArrayLiteralExpression(parent)) {
    if (isPending(checker.getContextualType(value as ts.Expression))) return undefined;
  }
  if (pending === 'generator' && path.startsWith(MACHINE_FOLDER)) {
    if (ts.isForOfStatement(parent) || ts.isSpreadElement(parent) || ts.isPropertyAccessExpression(parent))
      return undefined;
  }
  return `the value of '${text}' is ${what}: write '(yield* ${text})'`;
}

/** Climbs from `node` to the largest expression that has its value: out of parentheses, casts, `? :`, `??`, `||`, `&&`. */
function outermostWithSameValue(node: ts.Node): ts.Node {
  const { parent } = node;
  const same =
    ts.isParenthesizedExpression(parent) ||
    ts.isAsExpression(parent) ||
    ts.isSatisfiesExpression(parent) ||
    ts.isNonNullExpression(parent) ||
    (ts.isConditionalExpression(parent) && parent.condition !== node) ||
    (ts.isBinaryExpression(parent) && passesOn(parent, node));
  return same ? outermostWithSameValue(parent) : node;
}

function passesOn({ operatorToken, right, left }: ts.BinaryExpression, operand: ts.Node): boolean {
  switch (operatorToken.kind) {
    case ts.SyntaxKind.CommaToken:
    case ts.SyntaxKind.AmpersandAmpersandToken:
    case ts.SyntaxKind.BarBarToken:
      return right === operand;
    case ts.SyntaxKind.QuestionQuestionToken:
      return right === operand || left === operand;
    default:
      return false;
  }
}

function isInGenerator(node: ts.Node): boolean {
  const owner = ts.findAncestor(node, ts.isFunctionLike);
  return owner !== undefined && 'asteriskToken' in owner && owner.asteriskToken !== undefined;
}

/** The type that was written where the target of an assignment is declared. */
function annotationOf(target: ts.Expression, checker: ts.TypeChecker): ts.TypeNode | undefined {
  const declaration = checker.getSymbolAtLocation(target)?.valueDeclaration;
  const typed =
    declaration !== undefined &&
    (ts.isVariableDeclaration(declaration) ||
      ts.isParameter(declaration) ||
      ts.isPropertyDeclaration(declaration) ||
      ts.isPropertySignature(declaration));
  return typed ? declaration.type : undefined;
}

/** The text of `node` on one line; arguments of a call that make it long are left out. */
function shorten(node: ts.Node): string {
  const text = node.getText().replace(/\s+/g, ' ');
  if (text.length <= 60) return text;
  return ts.isCallExpression(node)
    ? `${node.expression.getText().replace(/\s+/g, ' ')}(...)`
    : `${text.slice(0, 57)}...`;
}

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function absolute(path: string): string {
  return join(repositoryRoot, path).split(sep).join('/');
}

/** A program of the files at `paths` and what they import, with the options of `tsconfig.json`. */
export function programOfRepository(paths: readonly string[]): ts.Program {
  return ts.createProgram(paths.map(absolute), compilerOptions());
}

/** A program of sources that exist only in memory, by path from the repository root; libraries come from disk. */
export function programInMemory(sources: ReadonlyMap<string, string>): ts.Program {
  const options = compilerOptions();
  const disk = ts.createCompilerHost(options, true);
  const textOf = (fileName: string) => sources.get(relative(repositoryRoot, fileName).split(sep).join('/'));
  const folders = new Set([...sources.keys()].map((path) => dirname(absolute(path))));
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (fileName) => textOf(fileName) !== undefined || disk.fileExists(fileName),
    readFile: (fileName) => textOf(fileName) ?? disk.readFile(fileName),
    directoryExists: (folder) => folders.has(folder) || (disk.directoryExists?.(folder) ?? true),
    getSourceFile: (fileName, languageVersion, ...rest) => {
      const text = textOf(fileName);
      return text === undefined
        ? disk.getSourceFile(fileName, languageVersion, ...rest)
        : ts.createSourceFile(fileName, text, languageVersion, true);
    },
  };
  return ts.createProgram([...sources.keys()].map(absolute), options, host);
}

function compilerOptions(): ts.CompilerOptions {
  const path = join(repositoryRoot, 'tsconfig.json');
  const { config, error } = ts.readConfigFile(path, ts.sys.readFile);
  if (error !== undefined) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, '\n'));
  return ts.parseJsonConfigFileContent(config, { ...ts.sys, readDirectory: () => [] }, repositoryRoot).options;
}
