// A kernel of a TypeScript file: its function for mode ref, with its compiled program registered for the others.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as simtwin from 'simtwin';
import { registerProgram } from 'simtwin';
import { compileFile } from 'simtwin/compile';
import ts from 'typescript';

/** @param {string} file relative to this folder */
export function kernelOf(file, name) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { programs, errors } = compileFile(path);
  for (const error of errors) throw error;
  const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS },
  });
  const exported = {};
  new Function('require', 'exports', outputText)(() => simtwin, exported);
  registerProgram(exported[name], programs.get(name));
  return exported[name];
}
