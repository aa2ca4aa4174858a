import type { Tensor } from '../capture/safetensors.js';
import type { ForeignCall, SourcedTensor } from './call.js';
import { type DumpedTensor, type RecordedCall, readDump } from './flight-recorder.js';
import { quoted, refusal } from './refusal.js';

/**
 * The call that dumps of the flight recorder make up: one dump, or of an all-to-all one of each rank, in any order.
 * @throws CaptureError if they do not go together
 */
export function readRecordedCall(folders: readonly string[]): ForeignCall {
  const dumps = folders.map(readDump);
  const [first] = dumps as [RecordedCall];
  if (first.op === 'moe_comm') return allToAll(dumps);
  if (dumps.length > 1) {
    throw refusal(dumps[1]!.folder, {
      found: `a second dump, of ${dumps[1]!.op}`,
      expected: `one dump: ${first.op} is a call of one rank`,
      wayOut: 'convert each dump by itself',
    });
  }
  const tensors = new Map<string, SourcedTensor>();
  for (const [name, dumped] of first.tensors) tensors.set(`in/${name}`, read(dumped));
  for (const [index, dumped] of (first.results ?? []).entries()) {
    tensors.set(`out/${first.python.results[index]!}`, read(dumped));
  }
  return { op: first.op, args: first.scalars, tensors, metadata: metadataOf(first) };
}

function allToAll(dumps: readonly RecordedCall[]): ForeignCall {
  const epSize = dumps[0]!.scalars.get('ep_size');
  const tensors = new Map<string, SourcedTensor>();
  const ranks = new Set<unknown>();
  for (const { folder, op, scalars, tensors: own } of dumps) {
    const rank = scalars.get('ep_rank');
    const isRank = Number.isSafeInteger(rank) && Number(rank) >= 0 && Number(rank) < Number(epSize);
    if (op !== 'moe_comm' || scalars.get('ep_size') !== epSize || !isRank || ranks.has(rank)) {
      throw refusal(folder, {
        found: `${op} of rank ${String(rank)} of ${String(scalars.get('ep_size'))}`,
        expected: `a call of moe_comm of another rank of ${String(epSize)} than the dumps before it`,
        wayOut: 'name the dumps of one all-to-all, one a rank',
      });
    }
    ranks.add(rank);
    for (const [name, dumped] of own) {
      const sourced = read(dumped);
      if (name === 'all_workspaces') tensors.set(`r${rank}/in/workspace`, partOf(sourced, Number(rank), folder));
      else tensors.set(`r${rank}/in/${name}`, sourced);
    }
  }
  if (dumps.length !== epSize) {
    throw refusal(dumps[0]!.folder, {
      found: `the dumps of ${dumps.length} of ${String(epSize)} ranks`,
      expected: 'those of all ranks: simtwin runs them together',
      wayOut: `convert them together: simtwin convert DUMP... --args '{"max_usable_sm_count": 132}' -o FILE.safetensors`,
    });
  }
  return { op: 'moe_comm', args: new Map([['ep_size', epSize]]), tensors, metadata: metadataOf(dumps[0]!) };
}

/** One rank's part of the workspace of all: a row. */
function partOf({ tensor, from }: SourcedTensor, rank: number, folder: string): SourcedTensor {
  const [rows, columns] = tensor.shape;
  if (tensor.shape.length !== 2 || rank >= rows!) {
    throw refusal(folder, {
      found: `workspaces of shape [${tensor.shape.join(', ')}], ${quoted('all_workspaces')}`,
      expected: 'one row a rank',
      wayOut: 'record the call with the workspaces of all ranks',
    });
  }
  const rowBytes = tensor.bytes.length / rows!;
  const bytes = tensor.bytes.subarray(rank * rowBytes, (rank + 1) * rowBytes);
  const part: Tensor = { dtype: tensor.dtype, shape: [columns!], bytes };
  return { tensor: part, from: `row ${rank} of ${from}` };
}

const read = ({ read: readTensor, from }: DumpedTensor): SourcedTensor => ({ tensor: readTensor(), from });

const metadataOf = ({ version }: RecordedCall): ReadonlyMap<string, string> =>
  new Map([['producer', `flight recorder of FlashInfer ${version ?? '(unknown version)'}`]]);
