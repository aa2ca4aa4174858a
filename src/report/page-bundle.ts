/** The page of a report, bundled: what an HTML file has in its `script` and `style`, and their digests (`sha256-…`). */
export interface PageBundle {
  readonly script: string;
  readonly style: string;
  readonly scriptDigest: string;
  readonly styleDigest: string;
}

/**
 * Null in this file: the build puts the bundle in its place in `dist` (`scripts/bundle-page.mjs`), vitest does the same
 * (`test/support/page-bundle.ts`).
 */
export const PAGE: PageBundle | null = null;
