import type { SourceFrame } from '../simt/index.js';
import type { Program } from './program.js';

/** Source frames of a site, innermost first; those of the machine's own library are left out. */
export function framesOf(program: Program, site: number): SourceFrame[] {
  const frames: SourceFrame[] = [];
  for (let at = site; at >= 0; ) {
    const { scope, line, column } = program.sites[at]!;
    const { functionName, file, callSite, isLibrary } = program.frames[program.scopes[scope]!.frame]!;
    if (!isLibrary) frames.push({ functionName, file: program.files[file]!.path, line, column });
    at = callSite;
  }
  return frames;
}
