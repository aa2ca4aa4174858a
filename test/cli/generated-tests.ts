import { join } from 'node:path';
import ts from 'typescript';
import { expect } from 'vitest';
import * as api from '../../src/index.js';
import { repositoryRoot } from '../support/files.js';

/** Runs the tests of a text: gives what the first that fails has thrown, or null. */
export function failureOf(text: string): unknown {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  let count = 0;
  let failure: unknown = null;
  const run = (_name: string, body: () => void): void => {
    count++;
    try {
      body();
    } catch (error) {
      failure ??= error;
    }
  };
  const modules: Record<string, unknown> = { simtwin: api, vitest: { expect, test: run } };
  new Function('require', 'exports', outputText)((name: string) => modules[name], {});
  expect(count).toBe(1);
  return failure;
}

/** What tests use of vitest: all of it takes seconds. */
const VITEST = `
  interface Matchers { toBe(value: unknown): void; toEqual(value: unknown): void; toBeNull(): void; readonly not: Matchers }
  export declare function expect(value: unknown): Matchers;
  export declare function test(name: string, body: () => void): void;
`;
/** What the compiler says of texts that stand where the package's examples do. */
export function typeErrorsIn(texts: readonly string[]): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    paths: { simtwin: [join(repositoryRoot, 'src/index.ts')], vitest: [join(repositoryRoot, 'examples/vitest.d.ts')] },
    types: [],
    strict: true,
    skipLibCheck: true,
    noEmit: true,
  };
  const names = texts.map((_, at) => join(repositoryRoot, `examples/generated-${at}.test.ts`).replaceAll('\\', '/'));
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  const textOf = (path: string): string | undefined =>
    path.endsWith('examples/vitest.d.ts') ? VITEST : texts[names.indexOf(path)];
  host.fileExists = (path) => textOf(path) !== undefined || fileExists(path);
  host.readFile = (path) => textOf(path) ?? readFile(path);
  host.getSourceFile = (path, target, ...rest) => {
    const text = textOf(path);
    return text === undefined ? getSourceFile(path, target, ...rest) : ts.createSourceFile(path, text, target);
  };
  const program = ts.createProgram(names, options, host);
  return names.flatMap((name) => {
    const file = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      ({ messageText }) => `${name}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    );
  });
}
