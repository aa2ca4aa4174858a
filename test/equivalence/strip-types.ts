import ts from 'typescript';

/**
 * A module's text as JavaScript, by blanks where types stand: every line and column stays where it is. Imports become a
 * destructuring of `library`, and nothing is exported. Domain: what `print-kernel.ts` writes.
 */
export function stripTypes(source: string): string {
  const file = ts.createSourceFile('kernel.ts', source, ts.ScriptTarget.ES2022, true);
  const { parseDiagnostics: errors } = file as unknown as { readonly parseDiagnostics: readonly ts.Diagnostic[] };
  if (errors[0] !== undefined)
    throw new Error(
      `[test bug] the kernel does not parse: ${ts.flattenDiagnosticMessageText(errors[0].messageText, ' ')}\n${source}`,
    );
  const cuts: (readonly [start: number, end: number])[] = [];
  let imports = '';
  const visit = (node: ts.Node): void => {
    if (ts.isInterfaceDeclaration(node)) {
      cuts.push([node.getStart(), node.end]);
      return;
    }
    if (ts.isImportDeclaration(node)) {
      const bindings = node.importClause?.namedBindings;
      if (bindings !== undefined && ts.isNamedImports(bindings)) {
        const names = bindings.elements.filter(({ isTypeOnly }) => !isTypeOnly).map(({ name }) => name.text);
        imports += `const { ${names.join(', ')} } = library;`;
      }
      cuts.push([node.getStart(), node.end]);
      return;
    }
    if (node.kind === ts.SyntaxKind.ExportKeyword) cuts.push([node.getStart(), node.end]);
    if (ts.isAsExpression(node) || ts.isNonNullExpression(node)) cuts.push([node.expression.end, node.end]);
    if ('type' in node && node.type !== undefined && !ts.isAsExpression(node)) {
      const type = node.type as ts.TypeNode;
      cuts.push([type.pos - 1, type.end]);
    }
    ts.forEachChild(node, (child) => {
      if (!ts.isTypeNode(child)) visit(child);
    });
  };
  visit(file);
  let text = '';
  let at = 0;
  for (const [start, end] of cuts.sort(([a], [b]) => a - b)) {
    text += source.slice(at, start) + source.slice(start, end).replace(/[^\n]/g, ' ');
    at = end;
  }
  return imports + text + source.slice(at);
}
