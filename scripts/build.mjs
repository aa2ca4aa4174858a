// @ts-check
/**
 * Builds `dist` from `src`, and does next to nothing if `dist` is what `src` would give.
 *
 * `tsc --build` trusts its own record of the last build, dist/.tsbuildinfo. It does not see that an output was deleted, and
 * keeps the outputs of a source that is gone. So: with an output missing the record is dropped first, and outputs
 * without a source are removed. Then the report's page is bundled (bundle-page.mjs) and the
 * kernels are compiled (compile-kernels.mjs).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writePageBundle } from './bundle-page.mjs';
import { compileKernels } from './compile-kernels.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const outputEndings = ['.js', '.js.map', '.d.ts'];

const expected = new Set(
  filesUnder('src')
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !name.startsWith('page/'))
    .flatMap((name) => outputEndings.map((ending) => name.slice(0, -'.ts'.length) + ending)),
);
for (const name of filesUnder('dist')) {
  if (outputEndings.some((ending) => name.endsWith(ending)) && !expected.has(name)) rmSync(join(root, 'dist', name));
}
if ([...expected].some((name) => !existsSync(join(root, 'dist', name)))) {
  rmSync(join(root, 'dist/.tsbuildinfo'), { force: true });
}

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '--build', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
if (status === 0) {
  await writePageBundle();
  if (!(await compileKernels())) process.exitCode = 1;
}

/**
 * @param {string} folder
 * @returns {string[]} paths within the folder, with `/`; none if there is no such folder
 */
function filesUnder(folder) {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => name.split(sep).join('/'));
}
