import { decodeSafetensors, encodeCapture, type MoeCommCapture, type SafetensorsFile } from '../../src/index.js';

/** What is other about a rank's part than in the capture. */
export interface PartChange {
  readonly isAbsent?: boolean;
  readonly args?: Readonly<Record<string, number>>;
  /** Changes I32 tensors in place. */
  readonly tensors?: Readonly<Record<string, (words: Int32Array) => void>>;
  readonly rename?: readonly [from: string, to: string];
  /** Rows of the output so far apart. */
  readonly outputStride?: number;
  /** The part is there once more under this name. */
  readonly copy?: string;
  readonly copyArgs?: Readonly<Record<string, number>>;
}

/** The parts that simtwin_capture would have written of a call, by file name. */
export function partFiles(
  capture: MoeCommCapture,
  changes: Readonly<Record<number, PartChange>>,
): [name: string, file: SafetensorsFile][] {
  const { metadata, tensors } = decodeSafetensors(encodeCapture(capture), 'capture');
  const { launched_ranks: _ranks, one_stream: _stream, ...args } = JSON.parse(metadata.args!);
  return capture.ranks.flatMap((_, rank) => {
    const change = changes[rank] ?? {};
    if (change.isAbsent === true) return [];
    const own = new Map(
      [...tensors]
        .filter(([name]) => name.startsWith(`r${rank}/`))
        .map(([name, tensor]) => [name === change.rename?.[0] ? change.rename[1] : name, { ...tensor }]),
    );
    for (const [name, alter] of Object.entries(change.tensors ?? {})) {
      const bytes = own.get(name)!.bytes.slice();
      alter(new Int32Array(bytes.buffer));
      own.set(name, { ...own.get(name)!, bytes });
    }
    const stride = change.outputStride;
    for (const [name, { dtype, shape, bytes }] of stride === undefined ? [] : own) {
      if (!name.endsWith('/output')) continue;
      const wide = new Uint8Array(shape[0]! * stride!);
      for (let row = 0; row < shape[0]!; row++)
        wide.set(bytes.subarray(row * shape[1]!, (row + 1) * shape[1]!), row * stride!);
      own.set(name, { dtype, shape: [shape[0]!, stride!], bytes: wide });
    }
    const ownArgs = {
      ...args,
      ep_rank: rank,
      in_synchronised: true,
      out_synchronised: true,
      ...(stride === undefined ? {} : { output_row_stride_bytes: stride }),
      ...change.args,
    };
    const fileOf = (given: object): SafetensorsFile => ({
      metadata: { ...metadata, format: 'simt-capture-part/1', state: 'finished', args: JSON.stringify(given) },
      tensors: own,
    });
    const files: [string, SafetensorsFile][] = [[`rank000${rank}.part.safetensors`, fileOf(ownArgs)]];
    if (change.copy !== undefined) files.push([change.copy, fileOf({ ...ownArgs, ...change.copyArgs })]);
    return files;
  });
}
