import { createHash } from 'node:crypto';
import {
  type CaptureOp,
  computeSendRecvIndicesKernel,
  computeSendRecvRankCountKernel,
  digestOf,
  encodeCapture,
  inplaceSendRecvRankCumSumKernel,
  type Kernel,
  moeAllToAllKernel,
  moeLocalGatherDevice,
  programOf,
  programTexts,
} from '../index.js';
import type { SearchSettings } from './explore-options.js';
import type { ExploreTarget } from './explore-target.js';
import { simtwinVersion } from './package-files.js';

const KERNELS: Readonly<Record<CaptureOp, readonly Kernel<never>[]>> = {
  moe_comm_prepare_indices: [
    computeSendRecvRankCountKernel,
    inplaceSendRecvRankCumSumKernel,
    computeSendRecvIndicesKernel,
  ],
  moe_local_gather: [moeLocalGatherDevice],
  moe_comm: [moeAllToAllKernel],
};

/** What the result of a schedule depends on. Parts of a search belong together if they agree in all of it. */
export interface SearchIdentity {
  /** Version of simtwin. */
  readonly version: string;
  readonly op: CaptureOp;
  /** SHA-256 of the capture, with all inputs and outputs. */
  readonly capture: string;
  /** Digest of the compiled kernels that the operation launches. */
  readonly kernels: string;
}

/** What is compared, in the order in which it is said, and its name. */
const IDENTITY_NAMES: Readonly<Record<keyof SearchIdentity, string>> = {
  version: 'version of simtwin',
  op: 'operation',
  capture: 'target (its content, SHA-256)',
  kernels: 'kernels (digest of their programs)',
};
type ComparedSetting =
  | 'seed'
  | 'schedule'
  | 'granule'
  | 'residentBlocks'
  | 'delay'
  | 'schedules'
  | 'time'
  | 'minimise'
  | 'shrink';
const SETTING_NAMES: Readonly<Record<ComparedSetting, string>> = {
  seed: '--seed',
  schedule: '--schedule',
  granule: '--granule',
  residentBlocks: '--resident-blocks',
  delay: '--delay',
  schedules: '--schedules',
  time: '--time',
  minimise: '--minimise',
  shrink: '--shrink',
};

/** The kernels that a call launches. */
export const kernelsOf = ({ description }: ExploreTarget): readonly Kernel<never>[] => KERNELS[description.op];

export function identityOf(target: ExploreTarget): SearchIdentity {
  const { capture, description } = target;
  const programs = kernelsOf(target).flatMap((kernel) => {
    const program = programOf(kernel);
    return program === null ? [] : [[program.name, program] as const];
  });
  return {
    version: simtwinVersion(),
    op: description.op,
    capture: createHash('sha256').update(encodeCapture(capture)).digest('hex'),
    kernels: digestOf(JSON.stringify(programTexts(new Map(programs)))),
  };
}

/** The first thing in which two identities differ, with both values; null: they are equal. */
export const differenceOfIdentities = (a: SearchIdentity, b: SearchIdentity): Difference | null =>
  differenceIn(a, b, IDENTITY_NAMES);

/** The same of settings. `ignored`: in these they may differ. */
export function differenceOfSettings(
  a: SearchSettings,
  b: SearchSettings,
  ignored: readonly ComparedSetting[] = [],
): Difference | null {
  const names = Object.entries(SETTING_NAMES).filter(([name]) => !ignored.includes(name as ComparedSetting));
  return differenceIn(a, b, Object.fromEntries(names));
}

export interface Difference {
  readonly what: string;
  readonly a: string;
  readonly b: string;
}

function differenceIn<T extends object>(
  a: T,
  b: T,
  names: Readonly<Partial<Record<keyof T, string>>>,
): Difference | null {
  for (const [key, what] of Object.entries(names) as [keyof T, string][]) {
    if (a[key] !== b[key]) return { what, a: valueText(a[key]), b: valueText(b[key]) };
  }
  return null;
}

/** A digest is told apart by its first figures. */
const valueText = (value: unknown): string =>
  value === null
    ? 'none'
    : typeof value === 'string' && /^[\da-f]{40,}$/.test(value)
      ? `${value.slice(0, 12)}…`
      : String(value);
