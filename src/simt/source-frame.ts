/** A position in the source of a kernel. Lines and columns count from 1. */
export interface SourceFrame {
  readonly functionName: string;
  /** Path relative to the folder that holds `src/` or `dist/`, where it lies below; otherwise as the runtime names it. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

const machineFolder = new URL('.', import.meta.url).href;
const packageFolder = new URL('../..', import.meta.url).href;
const machineSourceFolder = `${packageFolder}src/simt/`;

/**
 * The kernel's frames of a JavaScript stack, innermost first. Frames of the machine are dropped: those of the operation,
 * of device functions of the machine itself (`BlockScan`), and everything from the machine's loop outwards.
 */
export function kernelFrames(stack: string | undefined): readonly SourceFrame[] {
  const frames: SourceFrame[] = [];
  for (const text of (stack ?? '').split('\n')) {
    const match = /^\s*at (?:(.*?) \()?((?:file:|https?:|blob:|\/|[A-Za-z]:\\).*?):(\d+):(\d+)\)?$/.exec(text);
    if (match === null) continue;
    const [, functionName = '', location = '', line = '0', column = '0'] = match;
    const url = location.startsWith('/') ? `file://${location}` : location;
    if (url.startsWith(machineFolder) || url.startsWith(machineSourceFolder)) {
      if (frames.length > 0) break;
      continue;
    }
    frames.push({
      functionName: functionName.replace(/\.next$/, '').replace(/^(?:async |new )/, ''),
      file: url.startsWith(packageFolder) ? url.slice(packageFolder.length) : url.replace(/^file:\/\//, ''),
      line: Number(line),
      column: Number(column),
    });
  }
  return frames;
}
