import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fixtures } from '../cli/support.js';
import { COMMUNICATOR, INDICES, lineOf, useCalls } from './calls.js';
import { type Client, useServer } from './support.js';

const server = useServer();
const call = useCalls();

const RECEIVED = lineOf('anySync(WARP_MASK, needReload)');
const SEND = lineOf('yield* store128(t, packetPtr');

async function position(client: Client): Promise<number> {
  return Number(await client.value('position'));
}

/** Stopped before the first step. */
async function atStart(name: Parameters<typeof call>[0], more: object = {}): Promise<Client> {
  const client = await server.connect();
  await client.begin(call(name), { stopOnEntry: true, ...more });
  expect(await client.stopped()).toMatchObject({ reason: 'entry' });
  return client;
}

async function go(client: Client, command = 'continue', more: object = {}) {
  await client.send(command, { threadId: 1, ...more });
  return client.stopped();
}

const named = (variables: readonly { readonly name: string }[], name: string) =>
  variables.find((variable) => variable.name === name) as {
    readonly name: string;
    readonly value: string;
    readonly variablesReference: number;
    readonly memoryReference: string;
  };

describe('breakpoints', () => {
  test('on a line: verified, hit there, with the values of that place', async () => {
    const client = await server.connect();
    let bound: unknown;
    await client.begin(call('small'), {}, async () => {
      bound = await client.breakAt(COMMUNICATOR, [{ line: RECEIVED }]);
    });
    expect(bound).toEqual([
      expect.objectContaining({
        verified: true,
        line: RECEIVED,
        source: expect.objectContaining({ path: COMMUNICATOR }),
      }),
    ]);
    const [{ id }] = bound as [{ id: number }];
    expect(await client.stopped()).toMatchObject({
      reason: 'breakpoint',
      hitBreakpointIds: [id],
      allThreadsStopped: true,
    });
    const frames = await client.frames();
    expect(frames[0]).toMatchObject({ line: RECEIVED, source: { path: COMMUNICATOR } });
    expect(frames[0]!.name).toMatch(/^AllToAllChannelCommunicator\.recvSlice \(trtllm_alltoall\.cuh:/);
    expect(frames[1]!.name).toContain('AllToAllChannelCommunicator.run');
    const locals = await client.scope('Locals');
    expect(named(locals, 'packetId').value).toBe('0');
    expect(named(locals, 'flag').value).toBe('1');
    expect(named(locals, 'packetPtr').value).toMatch(
      /^0x7f\w+ {2}\(.* of link \d -> \d, channel 0, slot 0, packet 0\)$/,
    );
    expect(await client.value('packetId == 0 && flag == 1')).toBe('true');
    expect(named(await client.scope('Arguments'), 'worldInfo.epSize').value).toBe('2');
    expect(named(await client.scope('Thread'), 'lane').value).toBe('0');
    expect(await client.children(named(await client.scope('Registers'), 'comm.regs'))).toHaveLength(8);
    expect((await client.threadsRequest()).body.threads[0]).toMatchObject({ id: 1 });
    // A pointer's memory can be read, as its elements can.
    const pointer = named(await client.scope('Arguments'), 'sendDispls.rankCountCumSum');
    const elements = await client.children(pointer);
    expect(elements.map(({ name }) => name)).toEqual(['[0]', '[1]']);
    const { body: memory } = await client.send('readMemory', { memoryReference: pointer.memoryReference, count: 8 });
    const words = new Int32Array(Uint8Array.from(Buffer.from(memory.data, 'base64')).buffer);
    expect(elements.map(({ value }) => Number(value))).toEqual([...words]);
    const page = await client.send('variables', { ...pointer, filter: 'indexed', start: 1, count: 1 });
    expect(page.body.variables).toEqual([expect.objectContaining({ name: '[1]', value: String(words[1]) })]);
    // A caller's frame has variables of its own.
    const { scopes } = (await client.scopesRequest({ frameId: frames[1]!.id })).body;
    expect(named(await client.children(scopes[0]!), 'packetId')).toBeUndefined();
  });

  test('move to the nearest line with code, or say why there is none', async () => {
    const client = await atStart('small');
    const blank = lineOf('*loadTransferIndices') - 1;
    const bound = await client.breakAt(COMMUNICATOR, [{ line: RECEIVED - 1 }, { line: blank }, { line: 1 }]);
    expect(bound[0]!.line).toBeLessThanOrEqual(RECEIVED);
    expect(bound[1]).toMatchObject({
      verified: true,
      line: lineOf('yield* this.barrier(); // :355'),
      message: expect.stringMatching(/^no thread can stop at line \d+: line \d+ is the nearest$/),
    });
    expect(bound[2]).toMatchObject({ verified: false, message: expect.stringContaining('lines nearby: ') });
    const [elsewhere] = await client.breakAt('/somewhere/else.ts', [{ line: 1 }]);
    expect(elsewhere).toMatchObject({
      verified: false,
      message: expect.stringContaining('no kernel of this call is in else.ts'),
    });
    const [original] = await client.breakAt('/somewhere/trtllm_alltoall.cuh', [{ line: 429 }]);
    expect(original).toMatchObject({ verified: true, message: expect.stringContaining(`:${RECEIVED}`) });
    expect(await go(client)).toMatchObject({ reason: 'breakpoint' });
  });

  test('with a condition, a count, a message; on functions and operations', async () => {
    const client = await atStart('small');
    await client.breakAt(COMMUNICATOR, [{ line: RECEIVED, condition: 'rank == 1 && warp == 2 && lane == 0' }]);
    await go(client);
    expect(await client.value('rank * 100 + warp * 10 + lane')).toBe('120');

    await client.breakAt(COMMUNICATOR, [{ line: RECEIVED, hitCondition: '== 3' }]);
    await go(client);
    const third = await position(client);
    await client.breakAt(COMMUNICATOR, [{ line: RECEIVED, logMessage: 'flag {flag} of rank {rank}, {nothing}' }]);
    await client.setFunctionBreakpointsRequest({ breakpoints: [{ name: 'updateRecv' }, { name: 'bogus' }] });
    expect(await go(client)).toMatchObject({ reason: 'function breakpoint' });
    expect(await position(client)).toBeGreaterThan(third);
    expect(client.outputs.join('')).toMatch(/^flag 1 of rank [01], \(there is no 'nothing' here.*\)$/m);

    const refused = await client.breakAt(COMMUNICATOR, [
      { line: RECEIVED, condition: 'rank ==' },
      { line: RECEIVED, condition: 'nobodyHasThis == 3' },
      { line: RECEIVED, hitCondition: 'often' },
    ]);
    expect(refused.map(({ verified, message }) => [verified, message])).toEqual([
      [false, expect.stringContaining('it ends too early')],
      [false, expect.stringContaining("'nobodyHasThis'")],
      [false, "'often': a hit condition is N, == N, > N, < N or % N, N from 1 on"],
    ]);
  });

  test('in a kernel that has not begun: bound when it does, hit nevertheless', async () => {
    const client = await atStart('prepare');
    const verified = client.waitForEvent('breakpoint');
    const line = lineOf('yield*', INDICES);
    const [before] = await client.breakAt(INDICES, [{ line }]);
    expect(before).toMatchObject({
      verified: false,
      message: expect.stringContaining('no kernel that has begun is in'),
    });
    expect(await go(client)).toMatchObject({ reason: 'breakpoint', hitBreakpointIds: [before!.id] });
    expect((await client.frames())[0]).toMatchObject({ line, source: { path: INDICES } });
    expect((await verified).body).toMatchObject({
      reason: 'changed',
      breakpoint: { id: before!.id, verified: true, line },
    });
  });

  test('on memory: a head of a FIFO, by its variable and by address', async () => {
    const client = await atStart('small');
    await client.setFunctionBreakpointsRequest({ breakpoints: [{ name: 'updateSend', condition: 'warp == 0' }] });
    await go(client);
    await client.setFunctionBreakpointsRequest({ breakpoints: [] });
    const fifos = await client.scope('FIFO');
    const [link] = fifos;
    const channels = await client.children(link!);
    const { body: info } = await client.dataBreakpointInfoRequest({
      variablesReference: channels[0]!.variablesReference,
      name: 'tail',
    });
    expect(info).toMatchObject({ accessTypes: ['read', 'write', 'readWrite'] });
    expect(info.description.replace(/0x7f\w+/, 'ADDRESS')).toBe(
      `8 bytes at ADDRESS  (tail of link ${link!.name}, channel 0)`,
    );
    await client.setDataBreakpointsRequest({ breakpoints: [{ dataId: info.dataId!, accessType: 'write' }] });
    expect(await go(client)).toMatchObject({ reason: 'data breakpoint', text: 'before 0, now 1' });
    expect((await client.frames())[0]!.name).toContain('updateRecv');

    const local = await client.dataBreakpointInfoRequest({
      name: 'this.step',
      frameId: (await client.frames())[0]!.id,
    });
    expect(local.body).toMatchObject({
      accessTypes: ['write'],
      description: expect.stringMatching(/^this\.step of rank 0 /),
    });
    const outside = await client.send('dataBreakpointInfo', { name: '0x10', asAddress: true, bytes: 8 });
    expect(outside.body).toEqual({ dataId: null, description: '8 bytes at 0x10 are outside of global memory' });
  });
});

describe('steps', () => {
  test('back and forth reach the same states', async () => {
    const client = await atStart('small');
    await client.breakAt(COMMUNICATOR, [{ line: RECEIVED, condition: 'rank == 0' }]);
    await go(client);
    const seen = async () => [await position(client), (await client.frames())[0]!.line, await client.scope('Locals')];
    const first = await seen();
    await go(client);
    const second = await seen();
    expect(second[0]).toBeGreaterThan(first[0] as number);
    // References are new at each stop.
    const withoutReferences = (state: unknown) => JSON.stringify(state).replace(/"variablesReference":\d+/g, '');
    expect(await go(client, 'reverseContinue')).toMatchObject({ reason: 'breakpoint' });
    expect(withoutReferences(await seen())).toEqual(withoutReferences(first));
    await go(client);
    expect(withoutReferences(await seen())).toEqual(withoutReferences(second));
    await client.breakAt(COMMUNICATOR, []);
    await go(client, 'next');
    expect((await client.frames())[0]!.line).not.toBe(RECEIVED);
    expect(await go(client, 'stepBack', { granularity: 'instruction' })).toMatchObject({ reason: 'step' });
    expect(await go(client, 'reverseContinue')).toMatchObject({
      reason: 'entry',
      text: 'this is the start of the run',
    });
    expect(await position(client)).toBe(0);
  });

  test('by operation, line and out of a function; of the thread that is asked for', async () => {
    const client = await atStart('small');
    await client.setFunctionBreakpointsRequest({ breakpoints: [{ name: 'waitSend' }] });
    await go(client);
    await client.setFunctionBreakpointsRequest({ breakpoints: [] });
    const inside = await client.frames();
    expect(inside[0]!.name).toContain('waitSend');
    const before = await position(client);
    await go(client, 'stepIn');
    expect(await position(client)).toBeGreaterThan(before);
    await go(client, 'stepOut');
    expect((await client.frames())[0]!.name).not.toContain('waitSend');
    const { threads } = (await client.threadsRequest()).body;
    const other = threads.find(({ id, name }) => id > 2 && name.startsWith('rank 1'))!;
    expect((await client.frames(other.id)).length).toBeGreaterThan(0);
    await client.send('stepIn', { threadId: other.id });
    expect(await client.stopped()).toMatchObject({ reason: 'step', threadId: 1 });
    expect(await client.value('rank')).toBe('1');
  });

  test('frozen others: what the thread waits for is said', async () => {
    const client = await atStart('small', { policy: 'frozen' });
    const stops: string[] = [];
    for (let step = 0; step < 60 && stops.length === 0; step++) {
      const { text } = await go(client, 'next');
      if (text !== undefined) stops.push(text);
    }
    expect(stops[0]).toMatch(/it waits (at barrier|in)/);
  });
});

describe('a hang', () => {
  test('stops with its root cause, and can be left backwards', async () => {
    const client = await server.connect();
    await client.begin(call('hang'));
    expect(await client.stopped()).toMatchObject({
      reason: 'exception',
      description: 'deadlock',
      text: expect.stringMatching(/^counts disagree: link 0 -> 1: rank 0 sends 3 vectors, rank 1 expects 4/),
    });
    const { body } = await client.exceptionInfoRequest({ threadId: 1 });
    expect(body).toMatchObject({ exceptionId: 'deadlock', details: { typeName: 'counts disagree' } });
    expect(body.description).toContain('\ndo: ');
    expect(body.details!.stackTrace).toContain(
      'polls flag of link 0 -> 1, channel 0, slot 1, packet 0: wants 2, holds 0',
    );
    expect(client.outputs.join('')).toContain('root cause: counts disagree');
    const { threads } = (await client.threadsRequest()).body;
    expect(threads.map(({ name }) => name)).toEqual([
      'rank 1 block (0,0,1) warp 0 lane 0 (in focus): polls flag of link 0 -> 1, channel 0, slot 1, packet 0: wants 2, holds 0',
      'rank 1 block (0,0,1) warp 0 lanes 0-31: polls flag of link 0 -> 1, channel 0, slot 1, packet 0: wants 2, holds 0',
      expect.stringMatching(
        /^rank 1 block \(0,0,1\) warp 1 lanes 0-31: waits at barrier \d+: 32 of 64 threads have arrived$/,
      ),
    ]);
    expect((await client.frames())[0]!.name).toContain('recvSlice');

    // The console has the terminal debugger's commands.
    expect(await client.value('why', 'repl')).toContain('root cause: counts disagree');
    await expect(client.value('save file.txt', 'repl')).rejects.toThrow('reads and writes no files');
    await expect(client.value('why')).rejects.toThrow("there is no 'why' here");
    expect(await client.value('info fifo', 'repl')).toMatch(/0 -> 1 .*slot 1 wants flag 2, holds 0/);
    await expect(client.value('bogus command', 'repl')).rejects.toThrow(/^'bogus command': unexpected 'command'/);
    // What has been shown stays valid while nothing runs.
    const [frame] = await client.frames();
    await client.value('why', 'repl');
    expect((await client.scopesRequest({ frameId: frame!.id })).body.scopes).toHaveLength(6);
    await client.value('lane 7', 'repl');
    expect(await client.stopped()).toMatchObject({ reason: 'goto' });
    const [focused] = (await client.threadsRequest()).body.threads;
    expect(focused!.name).toMatch(/^rank 1 block \(0,0,1\) warp 0 lane 7 \(in focus\): polls flag of link 0 -> 1/);
    expect(await client.value('lane')).toBe('7');
    await client.send('simtwin/focus', { lane: 3 });
    await client.stopped();
    expect(await client.value('lane')).toBe('3');
    await expect(client.send('simtwin/focus', { rank: 9 })).rejects.toThrow(
      /^rank 9 block .*: the block is not resident$/,
    );

    await client.setFunctionBreakpointsRequest({ breakpoints: [{ name: 'updateSend' }] });
    expect(await go(client, 'reverseContinue')).toMatchObject({ reason: 'function breakpoint' });
    await expect(client.exceptionInfoRequest({ threadId: 1 })).rejects.toThrow('the run has not ended');
    await client.setFunctionBreakpointsRequest({ breakpoints: [] });
    expect(await client.value('-exec continue', 'repl')).toContain('deadlock: no thread can go on');
    expect(await client.stopped()).toMatchObject({ reason: 'exception', description: 'deadlock' });
  });

  test('is walked back from, as docs/DEBUGGING.md does it', async () => {
    const client = await server.connect();
    await client.begin(join(fixtures, 'hang/receiver-expects-one-more.safetensors.br'));
    await client.stopped();
    const link = named(await client.scope('FIFO'), '0 -> 1');
    const [channel] = await client.children(link);
    expect(channel!.value).toBe('head 1, tail 1, 0 of 8 in flight; slot 1 wants flag 2, holds 0: 0 packets');
    const { dataId, description } = (
      await client.dataBreakpointInfoRequest({ variablesReference: channel!.variablesReference, name: 'head' })
    ).body;
    expect(description).toContain('(head of link 0 -> 1, channel 0)');
    await client.setDataBreakpointsRequest({ breakpoints: [{ dataId: dataId!, accessType: 'write' }] });
    expect(await go(client, 'reverseContinue')).toMatchObject({ reason: 'data breakpoint', text: 'before 0, now 1' });
    expect((await client.frames()).map(({ name }) => name.replace(/ .*/, ''))).toEqual(
      ['updateSend', 'sendSlice', 'run'].map((name) => `AllToAllChannelCommunicator.${name}`),
    );
    expect(await client.value('rank')).toBe('0');
    expect(await client.value('this.groupStartIndice == this.groupEndIndice')).toBe('true');
    const condition = 'rank == 0 && isSender && this.peerRank == 1';
    await client.setFunctionBreakpointsRequest({ breakpoints: [{ name: 'computeGroupTransferRange', condition }] });
    await client.setDataBreakpointsRequest({ breakpoints: [] });
    expect(await go(client, 'reverseContinue')).toMatchObject({ reason: 'function breakpoint' });
    const sent = 'sendDispls.rankCountCumSum[1] - sendDispls.rankCountCumSum[0]';
    expect(await client.value(sent)).toBe('3');
    await client.value('focus rank 1 block 0,0,1 warp 0 lane 0', 'repl');
    await client.stopped();
    expect(await client.value('recvDispls.rankCountCumSum[0]')).toBe('4');
  });

  test('that is not to be stopped at ends the session, as does a run that completes', async () => {
    for (const [name, code] of [
      ['hang', 3],
      ['small', 0],
    ] as const) {
      const client = await server.connect();
      const exited = client.waitForEvent('exited');
      const terminated = client.waitForEvent('terminated');
      await client.begin(call(name), { stopOnHang: false });
      expect((await exited).body).toEqual({ exitCode: code });
      await terminated;
    }
  });

  test('or a completed run that is to be stopped at can be left backwards; one without debugging stops nowhere', async () => {
    const client = await server.connect();
    await client.begin(call('small'), { stopOnEnd: true });
    expect(await client.stopped()).toMatchObject({
      reason: 'pause',
      text: expect.stringMatching(/^completes after \d+ steps/),
    });
    expect(await client.frames()).toEqual([]);
    const end = await position(client);
    expect(await go(client, 'stepBack', { granularity: 'instruction' })).toMatchObject({ reason: 'step' });
    expect(await position(client)).toBeLessThan(end);
    const other = await server.connect();
    const exited = other.waitForEvent('exited');
    await other.begin(call('hang'), { noDebug: true }, async () => {
      expect(await other.breakAt(COMMUNICATOR, [{ line: SEND }])).toEqual([{ verified: false }]);
    });
    expect((await exited).body).toEqual({ exitCode: 3 });
  });

  test('a client that can is told that the focus has changed', async () => {
    const client = await server.connect();
    client.initializeRequest = () =>
      client.send('initialize', { adapterID: 'simtwin', supportsInvalidatedEvent: true }) as never;
    await client.begin(call('small'), { stopOnEntry: true });
    await client.stopped();
    const invalidated = client.waitForEvent('invalidated');
    await client.value('lane 3', 'repl');
    expect((await invalidated).body.areas).toEqual(['threads', 'stacks', 'variables']);
    expect(await client.value('lane')).toBe('3');
  });

  test('a run that begins anew keeps its breakpoints', async () => {
    const client = await atStart('hang');
    await client.breakAt(COMMUNICATOR, [{ line: SEND }]);
    await go(client);
    const first = await position(client);
    await go(client);
    await client.send('restart', { arguments: { program: call('hang'), schedule: 'rr' } });
    expect(await client.stopped()).toMatchObject({ reason: 'breakpoint' });
    expect(await position(client)).toBe(first);
  });
});
