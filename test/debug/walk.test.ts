import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { writeCapture } from '../../src/index.js';
import { simtwin, useTemporaryFolder } from '../cli/support.js';
import { maskedSession } from './masked.js';
import { receiverExpectsOneMore } from './one-more.js';

const folder = useTemporaryFolder();

const SCRIPT = `# where it hangs
continue
backtrace
info fifo
# the receiver is at its last slice: how far does it mean to go?
print this.sliceStartIndice
print this.groupEndIndice
# since when?
when this.groupEndIndice == 4
goto found
backtrace
# the barrier before has made that number known to all threads of the group: thread 0 had put it there
break computeGroupTransferRange if rank == 1 && !isSender && threadIdx.x == 0 && threadIdx.y == 0
reverse-continue
list :333
print groupSharedBuffer[constants.GROUP_MAX_INDICE_COUNT + 1]
# it is the count that the call was given
print recvDispls.rankCountCumSum[0]
last-write i32[recvDispls.rankCountCumSum]
# the sender has been given another one
focus rank 0 block 0,0,0 thread 0,1,0
print sendDispls.rankCountCumSum[1] - sendDispls.rankCountCumSum[0]
`;

const capture = () => join(folder(), 'receiver-expects-one-more.safetensors');

beforeAll(() => writeCapture(capture(), receiverExpectsOneMore()));

async function session(script: string) {
  const path = join(folder(), 'walk.txt');
  writeFileSync(path, script);
  return simtwin(['debug', capture(), '--script', path]);
}

test('from the hang back to the decision that caused it', async () => {
  const first = await session(SCRIPT);
  expect({ exitCode: first.exitCode, stderr: first.stderr }).toEqual({ exitCode: 0, stderr: '' });
  await expect(maskedSession(first.stdout, folder())).toMatchFileSnapshot('walk.txt');
  expect(await session(SCRIPT)).toEqual(first);
});

test('why tells the cause at the hang, and who waits for what before', async () => {
  const { stdout } = await session('why\ncontinue\nwhy\n');
  const [, before, atTheHang] = stdout.split('(simtwin) why\n');
  expect(before).toContain('who waits for what');
  expect(atTheHang).toContain('link 0 -> 1');
});
