import ts from 'typescript';
import { changedRoots, passedNames } from './syntax.js';

/** Where sources come from. Paths are absolute or relative, with `/`; the compiler joins and compares them as text. */
export interface SourceProvider {
  /** The text of a file, or undefined if there is none. */
  read(path: string): string | undefined;
  /** Folder of the machine's own sources, `…/src/simt`: what lies in it is known to the compiler. */
  readonly libraryFolder: string;
  /** A path as programs and messages show it. */
  display(path: string): string;
}

/** Where an import leads. */
export type ImportTarget =
  | { readonly kind: 'module'; readonly path: string }
  | { readonly kind: 'library' }
  | { readonly kind: 'unknown'; readonly specifier: string };

export interface ImportedName {
  /** Name in the module that exports it; `*`: all of it. */
  readonly name: string;
  readonly target: ImportTarget;
}

type TypeDeclaration = ts.InterfaceDeclaration | ts.TypeAliasDeclaration | ts.ClassDeclaration;

/** A parsed file: what it declares, imports and exports. Nothing is evaluated. */
export interface ParsedModule {
  readonly path: string;
  readonly display: string;
  readonly file: ts.SourceFile;
  readonly isLibrary: boolean;
  readonly imports: ReadonlyMap<string, ImportedName>;
  readonly functions: ReadonlyMap<string, ts.FunctionDeclaration>;
  readonly classes: ReadonlyMap<string, ts.ClassDeclaration>;
  readonly variables: ReadonlyMap<string, ts.VariableDeclaration>;
  readonly types: ReadonlyMap<string, readonly TypeDeclaration[]>;
  /** Exported name to local name. */
  readonly exports: ReadonlyMap<string, string>;
  readonly reexports: ReadonlyMap<string, ImportedName>;
  readonly starExports: readonly ImportTarget[];
  /** Names of module level whose values change. */
  readonly changed: () => ReadonlySet<string>;
  /** Names that statements of module level pass to functions, which may change what they stand for. */
  readonly passed: () => ReadonlySet<string>;
}

export type Module = ParsedModule;

/** Parses files once and follows imports. */
export class ModuleLoader {
  readonly sources: SourceProvider;
  readonly #modules = new Map<string, ParsedModule | null>();

  constructor(sources: SourceProvider) {
    this.sources = sources;
  }

  /** The parsed file, or null if there is none. */
  load(path: string): ParsedModule | null {
    const known = this.#modules.get(path);
    if (known !== undefined) return known;
    const text = this.sources.read(path);
    const module = text === undefined ? null : this.#parse(path, text);
    this.#modules.set(path, module);
    return module;
  }

  /** The library's source of that name: `block-scan`, `tile`. */
  loadLibrary(name: string): ParsedModule {
    const module = this.load(`${this.sources.libraryFolder}/${name}.ts`);
    if (module === null) throw new Error(`[simtwin bug] ${this.sources.libraryFolder} has no ${name}.ts`);
    return module;
  }

  /** Where an exported name comes from in the end: a module and a local name, or a target that is no module. */
  findExport(module: ParsedModule, name: string): { module: ParsedModule; local: string } | ImportedName | null {
    const local = module.exports.get(name);
    if (local !== undefined) {
      const imported = module.imports.get(local);
      return imported === undefined ? { module, local } : this.findImport(imported);
    }
    const reexport = module.reexports.get(name);
    if (reexport !== undefined) return this.findImport(reexport);
    for (const target of module.starExports) {
      const found = this.findImport({ name, target });
      if (found !== null) return found;
    }
    return null;
  }

  /** What an import names. */
  findImport(imported: ImportedName): { module: ParsedModule; local: string } | ImportedName | null {
    if (imported.target.kind !== 'module') return imported;
    const module = this.load(imported.target.path);
    return module === null ? null : this.findExport(module, imported.name);
  }

  #parse(path: string, text: string): ParsedModule {
    const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
    const imports = new Map<string, ImportedName>();
    const functions = new Map<string, ts.FunctionDeclaration>();
    const classes = new Map<string, ts.ClassDeclaration>();
    const variables = new Map<string, ts.VariableDeclaration>();
    const types = new Map<string, TypeDeclaration[]>();
    const exports = new Map<string, string>();
    const reexports = new Map<string, ImportedName>();
    const starExports: ImportTarget[] = [];
    const declare = (name: string, node: ts.Statement) => {
      const modifiers = ts.canHaveModifiers(node) ? ts.getModifiers(node) : undefined;
      const has = (kind: ts.SyntaxKind) => modifiers?.some((modifier) => modifier.kind === kind) ?? false;
      if (has(ts.SyntaxKind.DefaultKeyword)) exports.set('default', name);
      else if (has(ts.SyntaxKind.ExportKeyword)) exports.set(name, name);
    };
    const declareType = (node: TypeDeclaration & { readonly name?: ts.Identifier }) => {
      const name = node.name?.text ?? 'default';
      types.set(name, [...(types.get(name) ?? []), node]);
      declare(name, node);
    };
    const declareNames = (name: ts.BindingName, declaration: ts.VariableDeclaration, statement: ts.Statement) => {
      if (ts.isIdentifier(name)) {
        variables.set(name.text, declaration);
        declare(name.text, statement);
      } else {
        for (const element of name.elements)
          if (ts.isBindingElement(element)) declareNames(element.name, declaration, statement);
      }
    };
    for (const statement of file.statements) {
      if (ts.isImportDeclaration(statement)) this.#import(path, statement, imports);
      else if (ts.isFunctionDeclaration(statement) && statement.body !== undefined) {
        const name = statement.name?.text ?? 'default';
        functions.set(name, statement);
        declare(name, statement);
      } else if (ts.isClassDeclaration(statement)) {
        classes.set(statement.name?.text ?? 'default', statement);
        declareType(statement);
      } else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) declareType(statement);
      else if (ts.isVariableStatement(statement)) {
        for (const declaration of statement.declarationList.declarations)
          declareNames(declaration.name, declaration, statement);
      } else if (ts.isExportDeclaration(statement)) {
        const specifier = statement.moduleSpecifier;
        const target =
          specifier !== undefined && ts.isStringLiteral(specifier) ? this.#resolve(path, specifier.text) : null;
        const clause = statement.exportClause;
        if (clause === undefined) {
          if (target !== null) starExports.push(target);
        } else if (ts.isNamedExports(clause)) {
          for (const { name, propertyName } of clause.elements) {
            const original = (propertyName ?? name).text;
            if (target === null) exports.set(name.text, original);
            else reexports.set(name.text, { name: original, target });
          }
        }
      }
    }
    return {
      path,
      display: this.sources.display(path),
      file,
      isLibrary: path.startsWith(`${this.sources.libraryFolder}/`),
      imports,
      functions,
      classes,
      variables,
      types,
      exports,
      reexports,
      starExports,
      changed: () => changedRoots(file),
      passed: () => passedNames(file),
    };
  }

  #import(path: string, { importClause, moduleSpecifier }: ts.ImportDeclaration, imports: Map<string, ImportedName>) {
    if (importClause === undefined || !ts.isStringLiteral(moduleSpecifier)) return;
    const target = this.#resolve(path, moduleSpecifier.text);
    if (importClause.name !== undefined) imports.set(importClause.name.text, { name: 'default', target });
    const bindings = importClause.namedBindings;
    if (bindings === undefined) return;
    if (ts.isNamespaceImport(bindings)) imports.set(bindings.name.text, { name: '*', target });
    else {
      for (const { name, propertyName } of bindings.elements)
        imports.set(name.text, { name: (propertyName ?? name).text, target });
    }
  }

  #resolve(from: string, specifier: string): ImportTarget {
    if (specifier === 'simtwin') return { kind: 'library' };
    if (!specifier.startsWith('.')) return { kind: 'unknown', specifier };
    const path = joinPath(from, specifier);
    const { libraryFolder } = this.sources;
    if (path.startsWith(`${libraryFolder}/`)) return { kind: 'library' };
    const packageIndex = joinPath(`${libraryFolder}/x`, '../index');
    if (path.replace(/\.[jt]s$/, '') === packageIndex) return { kind: 'library' };
    const candidates = [path.replace(/\.(m?)js$/, '.$1ts'), path, `${path}.ts`];
    // Not loaded yet: modules may import each other.
    const found = candidates.find((candidate) => this.sources.read(candidate) !== undefined);
    return found === undefined ? { kind: 'unknown', specifier } : { kind: 'module', path: found };
  }
}

/** `specifier` as seen from the file `from`. */
function joinPath(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}
