import ts from 'typescript';
import type { Param } from '../program/program.js';
import type { Context } from './context.js';
import { dynamic, pointer } from './emit.js';
import { constantCell } from './environment.js';
import type { Operand } from './hir.js';
import type { ParsedModule } from './modules.js';
import { isScalarType, type ObjectValue, type Value } from './values.js';

// Arguments of a kernel: what their declared type says, by syntax alone.

/** A type and the module that its names mean something in. `bindings`: type parameters. */
export interface TypeIn {
  readonly node: ts.TypeNode;
  readonly module: ParsedModule;
  readonly bindings?: ReadonlyMap<string, TypeIn>;
}

const MAX_DEPTH = 20;
const SUPPORTED =
  "numbers, bigints, booleans, Pointer<'…'>, Pointer<'…'> | null, and structures of them, declared with interface or type";

const poison = (path: readonly string[], what: string, advice = `use ${SUPPORTED}`): Value => ({
  kind: 'poison',
  construct: `the argument '${path.join('.')}', ${what},`,
  advice,
});

/** The value of a kernel's argument of that type: its leaves are parameters of the program. */
export function argumentOf(c: Context, type: TypeIn | null, path: readonly string[] = [], depth = 0): Value {
  if (type === null) return poison(path, 'whose type is not declared', `declare its type: ${SUPPORTED}`);
  if (depth > MAX_DEPTH) return poison(path, 'whose type contains itself');
  const { node } = type;
  const again = (inner: ts.TypeNode) => argumentOf(c, { ...type, node: inner }, path, depth + 1);
  if (ts.isParenthesizedTypeNode(node)) return again(node.type);
  if (ts.isTypeOperatorNode(node) && node.operator === ts.SyntaxKind.ReadonlyKeyword) return again(node.type);
  switch (node.kind) {
    case ts.SyntaxKind.NumberKeyword:
      return dynamic(parameter(c, { path, type: 'i32' }));
    case ts.SyntaxKind.BigIntKeyword:
      return dynamic(parameter(c, { path, type: 'u64' }));
    case ts.SyntaxKind.BooleanKeyword:
      return dynamic(parameter(c, { path, type: 'pred' }));
    case ts.SyntaxKind.StringKeyword:
      return poison(path, 'a string');
  }
  if (ts.isLiteralTypeNode(node)) return literal(c, node.literal, path);
  if (ts.isFunctionTypeNode(node)) return poison(path, 'a function');
  if (ts.isArrayTypeNode(node) || ts.isTupleTypeNode(node))
    return poison(path, 'an array', "pass a Pointer<'…'> and a count");
  if (ts.isUnionTypeNode(node)) return union(c, type, node, path, depth);
  if (ts.isTypeLiteralNode(node)) return structure(c, [{ members: node.members, type }], path, depth);
  if (ts.isIntersectionTypeNode(node)) {
    const members = node.types.map((inner) => membersOf(c, { ...type, node: inner }, depth));
    if (members.every((list) => list !== null)) return structure(c, members.flat(), path, depth);
    return poison(path, 'of a type that is not understood');
  }
  if (ts.isTypeReferenceNode(node)) return reference(c, type, node, path, depth);
  return poison(path, `of type ${node.getText()}`);
}

function parameter(c: Context, param: Param): Operand {
  const kind = param.type === 'pred' ? 'bool' : param.type === 'u64' ? 'big' : param.type === 'ptr' ? 'ptr' : 'num';
  return { op: 'param', index: c.code.paramOf(param), kind };
}

function literal(c: Context, node: ts.LiteralTypeNode['literal'], path: readonly string[]): Value {
  const inner = ts.isPrefixUnaryExpression(node) ? node.operand : node;
  if (ts.isNumericLiteral(inner)) return dynamic(parameter(c, { path, type: 'i32' }));
  if (ts.isBigIntLiteral(inner)) return dynamic(parameter(c, { path, type: 'u64' }));
  if (inner.kind === ts.SyntaxKind.TrueKeyword || inner.kind === ts.SyntaxKind.FalseKeyword)
    return dynamic(parameter(c, { path, type: 'pred' }));
  return poison(path, ts.isStringLiteral(inner) ? 'a string' : `of type ${node.getText()}`);
}

function union(c: Context, type: TypeIn, node: ts.UnionTypeNode, path: readonly string[], depth: number): Value {
  const isNull = (member: ts.TypeNode) =>
    ts.isLiteralTypeNode(member) && member.literal.kind === ts.SyntaxKind.NullKeyword;
  const members = node.types
    .filter((member) => !isNull(member))
    .map((member) => argumentOf(c, { ...type, node: member }, path, depth + 1));
  const [first] = members;
  if (first === undefined || first.kind === 'poison') return first ?? poison(path, 'null');
  const isNullable = members.length < node.types.length;
  if (first.kind === 'pointer' && members.length === 1) return isNullable ? { ...first, isNullable } : first;
  const isOneType = members.every(
    (member) => member.kind === 'dynamic' && first.kind === 'dynamic' && member.type === first.type,
  );
  if (isOneType && !isNullable) return first;
  return poison(path, `of type ${node.getText()}`);
}

interface Members {
  readonly members: ts.NodeArray<ts.TypeElement>;
  readonly type: TypeIn;
  readonly omitted?: ReadonlySet<string>;
  readonly picked?: ReadonlySet<string>;
}

function structure(c: Context, lists: readonly Members[], path: readonly string[], depth: number): Value {
  const cells: ObjectValue['cells'] = new Map();
  for (const { members, type, omitted, picked } of lists) {
    for (const member of members) {
      if (member.name === undefined) continue;
      const name = ts.isIdentifier(member.name) || ts.isStringLiteral(member.name) ? member.name.text : null;
      if (name === null || omitted?.has(name) || (picked !== undefined && !picked.has(name))) continue;
      const field = [...path, name];
      let value: Value;
      if (!ts.isPropertySignature(member)) value = poison(field, 'a function');
      else if (member.questionToken !== undefined)
        value = poison(field, 'which is optional', 'make it required: null stands for no pointer');
      else {
        value = argumentOf(c, member.type === undefined ? null : { ...type, node: member.type }, field, depth + 1);
      }
      cells.set(name, constantCell(name, value, c.region));
    }
  }
  return {
    kind: 'object',
    cells,
    classValue: null,
    name: null,
    origin: null,
    region: c.region,
    scope: c.scope,
    isFrozen: true,
  };
}

function reference(
  c: Context,
  type: TypeIn,
  node: ts.TypeReferenceNode,
  path: readonly string[],
  depth: number,
): Value {
  const name = node.typeName.getText();
  const bound = type.bindings?.get(name);
  if (bound !== undefined) return argumentOf(c, bound, path, depth + 1);
  const [first] = node.typeArguments ?? [];
  if (name === 'Readonly' && first !== undefined) return argumentOf(c, { ...type, node: first }, path, depth + 1);
  const declared = findType(c, name, type.module);
  if (declared === 'library') return libraryType(c, name, first, type, path);
  const members = membersOf(c, type, depth);
  if (members !== null) return structure(c, members, path, depth);
  if (declared !== null) {
    const alias = declared.declarations.find(ts.isTypeAliasDeclaration);
    if (alias !== undefined) {
      return argumentOf(
        c,
        { node: alias.type, module: declared.module, bindings: bindingsOf(type, node, alias.typeParameters) },
        path,
        depth + 1,
      );
    }
    if (declared.declarations.some(ts.isClassDeclaration)) return poison(path, `an instance of ${name}`);
  }
  return poison(path, `of the unknown type ${name}`, `declare it where the compiler sees it: ${SUPPORTED}`);
}

function libraryType(
  c: Context,
  name: string,
  argument: ts.TypeNode | undefined,
  type: TypeIn,
  path: readonly string[],
): Value {
  switch (name) {
    case 'Pointer': {
      const element = argument === undefined ? null : literalText(c, { ...type, node: argument });
      if (!isScalarType(element)) return poison(path, 'a pointer to no known type', "write Pointer<'u32'> or the like");
      return pointer(parameter(c, { path, type: 'ptr', elementType: element }), element);
    }
    case 'TileSize':
    case 'F32':
      return dynamic(parameter(c, { path, type: 'i32' }));
    case 'Scope':
    case 'ScalarType':
      return poison(path, 'a string', 'write a kernel for each value: it must be known when the kernel is compiled');
    case 'Dim3':
      return {
        kind: 'object',
        cells: new Map(
          ['x', 'y', 'z'].map((axis) => [
            axis,
            constantCell(axis, dynamic(parameter(c, { path: [...path, axis], type: 'i32' })), c.region),
          ]),
        ),
        classValue: null,
        name: null,
        origin: null,
        region: c.region,
        scope: c.scope,
        isFrozen: true,
      };
    default:
      return poison(path, `of type ${name}`);
  }
}

/** The string that a literal type names, through aliases. */
function literalText(c: Context, type: TypeIn, depth = 0): string | null {
  const { node } = type;
  if (ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal)) return node.literal.text;
  if (!ts.isTypeReferenceNode(node) || depth > MAX_DEPTH) return null;
  const name = node.typeName.getText();
  const bound = type.bindings?.get(name);
  if (bound !== undefined) return literalText(c, bound, depth + 1);
  const declared = findType(c, name, type.module);
  if (declared === null || declared === 'library') return null;
  const alias = declared.declarations.find(ts.isTypeAliasDeclaration);
  return alias === undefined ? null : literalText(c, { node: alias.type, module: declared.module }, depth + 1);
}

function bindingsOf(
  type: TypeIn,
  node: ts.TypeReferenceNode | ts.ExpressionWithTypeArguments,
  parameters: ts.NodeArray<ts.TypeParameterDeclaration> | undefined,
): ReadonlyMap<string, TypeIn> {
  const bindings = new Map<string, TypeIn>();
  parameters?.forEach(({ name, default: fallback }, at) => {
    const argument = node.typeArguments?.[at];
    if (argument !== undefined) bindings.set(name.text, { ...type, node: argument });
    else if (fallback !== undefined) bindings.set(name.text, { ...type, node: fallback });
  });
  return bindings;
}

/** The members of a structure type, own and inherited; null if it is no structure. */
function membersOf(c: Context, type: TypeIn, depth: number): Members[] | null {
  const { node } = type;
  if (depth > MAX_DEPTH) return null;
  if (ts.isTypeLiteralNode(node)) return [{ members: node.members, type }];
  if (!ts.isTypeReferenceNode(node) && !ts.isExpressionWithTypeArguments(node)) return null;
  const name = (ts.isTypeReferenceNode(node) ? node.typeName : node.expression).getText();
  const [first, second] = node.typeArguments ?? [];
  if (name === 'Readonly' && first !== undefined) return membersOf(c, { ...type, node: first }, depth + 1);
  if ((name === 'Omit' || name === 'Pick') && first !== undefined && second !== undefined) {
    const names = new Set(
      (ts.isUnionTypeNode(second) ? [...second.types] : [second]).map((member) =>
        ts.isLiteralTypeNode(member) && ts.isStringLiteral(member.literal) ? member.literal.text : '',
      ),
    );
    const members = membersOf(c, { ...type, node: first }, depth + 1);
    return (
      members?.map((list) =>
        name === 'Omit'
          ? { ...list, omitted: new Set([...(list.omitted ?? []), ...names]) }
          : { ...list, picked: names },
      ) ?? null
    );
  }
  const declared = findType(c, name, type.module);
  if (declared === null || declared === 'library') return null;
  const { module } = declared;
  const lists: Members[] = [];
  for (const declaration of declared.declarations) {
    if (ts.isTypeAliasDeclaration(declaration)) {
      const bindings = bindingsOf(type, node, declaration.typeParameters);
      return membersOf(c, { node: declaration.type, module, bindings }, depth + 1);
    }
    if (!ts.isInterfaceDeclaration(declaration)) return null;
    const inner = { module, bindings: bindingsOf(type, node, declaration.typeParameters) };
    for (const clause of declaration.heritageClauses ?? []) {
      for (const base of clause.types) {
        const members = membersOf(c, { ...inner, node: base as unknown as ts.TypeNode }, depth + 1);
        if (members === null) return null;
        lists.push(...members);
      }
    }
    lists.push({ members: declaration.members, type: { ...inner, node: node as ts.TypeNode } });
  }
  return lists;
}

/** Where a type of that name is declared; null if nowhere that is seen. */
function findType(
  c: Context,
  name: string,
  module: ParsedModule,
): { readonly module: ParsedModule; readonly declarations: readonly ts.Declaration[] } | 'library' | null {
  const own = module.types.get(name);
  if (own !== undefined) return { module, declarations: own };
  const imported = module.imports.get(name);
  if (imported === undefined) return module.isLibrary ? 'library' : null;
  if (imported.target.kind === 'library') return 'library';
  const found = c.loader.findImport(imported);
  if (found === null) return null;
  if (!('local' in found)) return found.target.kind === 'library' ? 'library' : null;
  return findType(c, found.local, found.module);
}

/** The type of a kernel's arguments that a function type such as `Kernel<Args>`, or an alias of it, names. */
export function kernelArgsType(c: Context, type: TypeIn, depth = 0): TypeIn | null {
  const { node, module } = type;
  if (depth > MAX_DEPTH) return null;
  if (ts.isParenthesizedTypeNode(node)) return kernelArgsType(c, { ...type, node: node.type }, depth + 1);
  if (ts.isFunctionTypeNode(node)) {
    const second = node.parameters[1]?.type;
    return second === undefined ? null : { ...type, node: second };
  }
  if (!ts.isTypeReferenceNode(node)) return null;
  const name = node.typeName.getText();
  const bound = type.bindings?.get(name);
  if (bound !== undefined) return kernelArgsType(c, bound, depth + 1);
  const [argument] = node.typeArguments ?? [];
  const declared = findType(c, name, module);
  if (declared === 'library') return name === 'Kernel' && argument !== undefined ? { ...type, node: argument } : null;
  const alias = declared?.declarations.find(ts.isTypeAliasDeclaration);
  if (declared === null || alias === undefined) return null;
  return kernelArgsType(
    c,
    { node: alias.type, module: declared.module, bindings: bindingsOf(type, node, alias.typeParameters) },
    depth + 1,
  );
}
