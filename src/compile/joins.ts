import type { Context } from './context.js';
import type { Block } from './hir.js';

/** Goes on where the given blocks come together; nowhere if there is none. */
export function joinBlocks(c: Context, blocks: readonly Block[]): void {
  if (blocks.length <= 1 || c.region.isStatic) {
    c.block = blocks[0] ?? null;
    return;
  }
  const target = c.code.newBlock();
  jumpAll(c, blocks, target);
  c.block = target;
}

/** Ends each block with a jump. */
export function jumpAll(c: Context, blocks: readonly Block[], target: Block): void {
  if (c.region.isStatic) return;
  const site = c.siteOf();
  for (const block of blocks) c.code.end(block, { op: 'jump', site, target });
}
