import type { Plugin } from 'vitest/config';
import { bundlePage } from '../../scripts/bundle-page.mjs';

/** Serves `src/report/page-bundle.ts` as the build makes it: with the page of reports, bundled. */
export function bundledPage(): Plugin {
  return {
    name: 'simtwin:bundled-page',
    enforce: 'pre',
    load: (id) => (/\/src\/report\/page-bundle\.ts$/.test(id.replaceAll('\\', '/')) ? bundlePage() : null),
  };
}
