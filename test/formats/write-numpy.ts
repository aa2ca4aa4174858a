import { zipSync } from 'fflate';
import type { Dtype, Tensor } from '../../src/capture/index.js';

const DESCRS: Partial<Record<Dtype, string>> = { U8: '|u1', I32: '<i4', I64: '<i8', F32: '<f4' };

/** An array of numpy.save, version 1.0, with the header given or the right one. */
export function npyFile({ dtype, shape, bytes }: Tensor, header?: string): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = header ?? `{'descr': '${DESCRS[dtype]}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const head = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8];
  return Uint8Array.from([...head, ...new TextEncoder().encode(padded), ...bytes]);
}

/** An archive of numpy.savez, or of savez_compressed. */
export const npzFile = (tensors: ReadonlyMap<string, Tensor>, isCompressed = false): Uint8Array =>
  zipSync(Object.fromEntries([...tensors].map(([name, tensor]) => [`${name}.npy`, npyFile(tensor)])), {
    level: isCompressed ? 6 : 0,
  });
