import type { AccessPair, AccessSite, SearchResult } from '../index.js';
import { originalLine } from './original-line.js';

/** A place, as `--json` tells it. */
interface SiteJson {
  readonly kernel: string;
  readonly operation: AccessSite['operation'];
  /** `src/kernels/x.ts:12`; null: not known. */
  readonly line: string | null;
  /** `trtllm_alltoall.cuh:396`; null: not known. */
  readonly original: string | null;
  /** Who has called it, innermost first: `f src/kernels/x.ts:40`. */
  readonly callers: readonly string[];
}

/** What of the conflicting accesses a search has seen. */
export interface CoverageJson {
  readonly pairs: number;
  readonly bothOrders: number;
  /** Of the others, those that something orders whenever they occur. */
  readonly alwaysOrdered: number;
  readonly oneOrder: readonly {
    readonly before: SiteJson;
    readonly after: SiteJson;
    readonly isAlwaysOrdered: boolean;
  }[];
}

/** What pairs of accesses, in the order in which they are to be told, come to. */
export function coverageOf(pairs: readonly AccessPair[]): CoverageJson {
  const oneOrder = pairs
    .filter(({ isForward, isBackward }) => !(isForward && isBackward))
    .map(({ first, second, isForward, isFree }) => {
      const [before, after] = (isForward ? [first, second] : [second, first]).map(siteOf) as [SiteJson, SiteJson];
      return { before, after, isAlwaysOrdered: !isFree };
    });
  return {
    pairs: pairs.length,
    bothOrders: pairs.length - oneOrder.length,
    alwaysOrdered: oneOrder.filter(({ isAlwaysOrdered }) => isAlwaysOrdered).length,
    oneOrder,
  };
}

function siteOf({ kernel, operation, frames }: AccessSite): SiteJson {
  const [frame] = frames;
  return {
    kernel,
    operation,
    line: frame === undefined ? null : `${frame.file}:${frame.line}`,
    original: frame === undefined ? null : originalLine(frame.file, frame.line),
    callers: frames.slice(1).map(({ functionName, file, line }) => `${functionName} ${file}:${line}`),
  };
}

/** `coverage: 37 of 52 conflicting pairs seen in both orders; something orders 12 of the others`. */
export function coverageText({ pairs }: SearchResult): string {
  const all = [...pairs.values()];
  if (all.length === 0) return 'coverage: no two threads conflict';
  const rest = all.filter(({ isForward, isBackward }) => !(isForward && isBackward));
  const ordered = rest.filter(({ isFree }) => !isFree).length;
  return [
    `coverage: ${all.length - rest.length} of ${all.length} conflicting pairs seen in both orders`,
    ...(ordered === 0 ? [] : [`of the others, ${ordered} always ordered by the program`]),
  ].join('; ');
}
