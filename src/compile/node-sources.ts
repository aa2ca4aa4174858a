import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { SourceProvider } from './modules.js';

/** The package's folder: it holds `src`, also where this runs from `dist`. */
const packageFolder = fileURLToPath(new URL('../..', import.meta.url))
  .replaceAll('\\', '/')
  .replace(/\/$/, '');

/** Sources from disk. Paths below the package's folder are shown relative to it, others as they are. */
export function nodeSources(): SourceProvider {
  return {
    read: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
    libraryFolder: `${packageFolder}/src/simt`,
    display: (path) => (path.startsWith(`${packageFolder}/`) ? path.slice(packageFolder.length + 1) : path),
  };
}
