import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { frameOf, MessageReader } from '../../src/dap/index.js';
import { simtwin } from '../cli/support.js';
import { COMMUNICATOR, lineOf, SLOWLY, useCalls } from './calls.js';
import { type Client, useServer } from './support.js';

const server = useServer();
const call = useCalls();

const POLL = lineOf('anySync(WARP_MASK, needReload)');

/** A socket without any manners. */
async function rawClient() {
  const socket = connect(server.port(), '127.0.0.1');
  await once(socket, 'connect');
  const received: Record<string, unknown>[] = [];
  const reader = new MessageReader();
  socket.on('data', (chunk: Buffer) => {
    for (const item of reader.push(chunk)) if (item.kind === 'message') received.push(item.message);
  });
  let seq = 1;
  const write = (text: string) => socket.write(text);
  const request = async (command: unknown, args?: unknown, more: object = {}) => {
    const own = seq++;
    write(frameOf({ seq: own, type: 'request', command, arguments: args, ...more }));
    return answer(received, own, socket);
  };
  return { socket, received, write, request };
}

async function answer(received: readonly Record<string, unknown>[], seq: number, socket: Socket) {
  for (;;) {
    const found = received.find((message) => message.request_seq === seq);
    if (found !== undefined) return found as { success: boolean; message?: string; body?: Record<string, unknown> };
    if (socket.destroyed) throw new Error('the server has hung up');
    await sleep(2);
  }
}

describe('a long run', () => {
  async function running(): Promise<Client> {
    const client = await server.connect();
    await client.begin(call('long'), { schedule: SLOWLY });
    return client;
  }

  test('can be paused, looked at and gone on with; requests that need a stop say so', async () => {
    const client = await running();
    await sleep(100);
    await expect(client.stackTraceRequest({ threadId: 1 })).rejects.toThrow('notStopped');
    await expect(client.continueRequest({ threadId: 1 })).rejects.toThrow('notStopped');
    await client.threadsRequest();
    const askedAt = performance.now();
    await client.pauseRequest({ threadId: 1 });
    expect(await client.stopped()).toMatchObject({ reason: 'pause', allThreadsStopped: true });
    expect(performance.now() - askedAt).toBeLessThan(5000);
    const first = Number(await client.value('position'));
    expect(first).toBeGreaterThan(0);
    expect((await client.frames()).length).toBeGreaterThan(0);
    // A breakpoint that is set while it runs is hit.
    await client.continueRequest({ threadId: 1 });
    const [bound] = await client.breakAt(COMMUNICATOR, [{ line: POLL }]);
    expect(bound).toMatchObject({ verified: true });
    expect(await client.stopped()).toMatchObject({ reason: 'breakpoint', hitBreakpointIds: [bound!.id] });
    expect(Number(await client.value('position'))).toBeGreaterThanOrEqual(first);
  });

  test('in the debug console as well, and a restart or an end in the middle of it', async () => {
    const client = await server.connect();
    await client.begin(call('long'), { stopOnEntry: true, schedule: SLOWLY });
    await client.stopped();
    // The end would be seconds away.
    const result = client.value('continue', 'repl');
    await client.waitForEvent('continued');
    await client.pauseRequest({ threadId: 1 });
    expect(await result).toMatch(/^stopped by Ctrl-C\nstep \d+/);
    expect(await client.stopped()).toMatchObject({ reason: 'goto' });
    await client.continueRequest({ threadId: 1 });
    await client.send('restart', {});
    expect(await client.stopped()).toMatchObject({ reason: 'entry' });
    expect(await client.value('position')).toBe('0');
    await client.continueRequest({ threadId: 1 });
    const terminated = client.waitForEvent('terminated');
    await client.terminateRequest({});
    await terminated;
  });

  test('tells how far it is, if the client wants that', async () => {
    const client = await server.connect();
    client.initializeRequest = () =>
      client.send('initialize', { adapterID: 'simtwin', supportsProgressReporting: true }) as never;
    const started = client.waitForEvent('progressStart');
    const updated = client.waitForEvent('progressUpdate');
    await client.begin(call('long'), { schedule: SLOWLY });
    const { progressId } = (await started).body;
    expect((await updated).body.message).toMatch(/^step \d+$/);
    const ended = client.waitForEvent('progressEnd');
    // Of a request there is nothing to cancel.
    await client.send('cancel', { requestId: 1 });
    await client.send('cancel', { progressId });
    await ended;
    expect(await client.stopped()).toMatchObject({ reason: 'pause' });
  });
});

describe('many threads', () => {
  test('16,384 of them are a few of the client', async () => {
    const client = await server.connect();
    await client.begin(call('wide'), { stopOnEntry: true, schedule: 'random:1,granule=8' });
    await client.stopped();
    const names = async () => (await client.threadsRequest()).body.threads.map(({ name }) => name);
    const all = await client.value('info threads', 'repl');
    const counts = [...all.matchAll(/: ([\d,]+) threads/g)].map(([, count]) => Number(count!.replaceAll(',', '')));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(16_384);
    const atStart = await names();
    expect(atStart).toHaveLength(1 + 32);
    expect(atStart[1]).toMatch(/^rank 0 block \(0,0,0\) warps 0-15 lanes 0-31 \(512 threads\): not begun$/);
    // At too many places to show each block's, those of a rank are one.
    await client.value('goto 60000', 'repl');
    await client.stopped();
    const later = await names();
    expect(later.length).toBeLessThanOrEqual(202);
    expect(
      later.some((name) => /^rank \d \d blocks \(0,0,\d\) to \(0,\d,\d\) warps .* \(\d+ threads\): /.test(name)),
    ).toBe(true);
  });
});

describe('bad messages', () => {
  test('whatever comes between two requests, the second is answered', async () => {
    const client = await rawClient();
    const { socket, write, request } = client;
    const isAlive = async () => expect((await request('threads')).success).toBe(true);
    await isAlive();
    const garbage = [
      '\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: here\r\n\r\n',
      'Content-Length: none\r\n\r\n{}',
      'Content-Length: -5\r\n\r\n{}',
      'Content-Length: 99999999999\r\n\r\n{}',
      'Content-Length: 2\r\n\r\n{]',
      'Content-Length: 4\r\n\r\nnull',
      'Content-Length: 2\r\n\r\n[]',
      'Content-Length: 0\r\n\r\n',
      'Content-Length: 5\r\n\r\n{"a":1}',
      `Content-Length: 10\r\n\r\n{"a":"${'ü'.repeat(50)}"}`,
      `X-Header: ${'x'.repeat(10_000)}\r\nContent-Type: text\r\nContent-Length: 2\r\n\r\n{}`,
      frameOf({ type: 'event', event: 'stopped' }),
      frameOf({ type: 'response', request_seq: 5 }),
      frameOf({ seq: 1e99, type: 'request' }),
      frameOf({ seq: 'one', type: 'request', command: 'threads' }),
      frameOf({ seq: 7000, type: 'request', command: { toString: 1 } }),
    ];
    for (const text of garbage) {
      write(text);
      await isAlive();
    }
    // A length that is too large takes the next message with it, and no more.
    write('Content-Length: 60\r\n\r\n{"seq":8000,"type":"request","command":"threads"}');
    await request('threads');
    await isAlive();
    socket.destroy();
  });

  test('requests that are unknown, too early or lack something get an error of one line', async () => {
    const { socket, request } = await rawClient();
    const refusal = async (command: string, args?: unknown) => {
      const { success, message, body } = await request(command, args);
      expect({ command, success }).toEqual({ command, success: false });
      expect(message).not.toMatch(/\n|\bat .*:\d+:\d+|simtwin itself failed/);
      expect(body).toMatchObject({ error: { showUser: true } });
      return message;
    };
    expect(await refusal('bogus')).toBe("there is no request 'bogus'");
    expect(await refusal('constructor')).toBe("there is no request 'constructor'");
    expect(await refusal('initialize', 7)).toBe("'arguments' must be an object");
    expect(await refusal('initialize', { pathFormat: 'uri' })).toBe("'pathFormat' must be 'path', not 'uri'");
    expect((await request('initialize')).success).toBe(true);
    const early = [
      'continue',
      'stackTrace',
      'scopes',
      'setBreakpoints',
      'evaluate',
      'pause',
      'restart',
      'configurationDone',
    ];
    for (const command of early) expect(await refusal(command)).toBe('nothing has been launched');
    expect(await refusal('attach')).toContain("'launch' with the path");
    expect(await refusal('launch')).toMatch(/^'program' is missing/);
    expect(await refusal('launch', { program: 7 })).toBe("'program' must be a string, not 7");
    expect(await refusal('launch', { program: '/nowhere.safetensors' })).toMatch(
      /^\/nowhere\.safetensors: .*(ENOENT|no such|not exist)/i,
    );
    expect(await refusal('launch', { program: COMMUNICATOR })).toMatch(/communicator\.ts: /);
    expect(await refusal('launch', { program: call('small'), schedule: 'soon' })).toMatch(/^--schedule: /);
    expect(await refusal('launch', { program: call('small'), policy: 'kind' })).toMatch(
      /^'policy' is one of schedule, /,
    );
    expect((await request('launch', { program: call('small'), stopOnEntry: true })).success).toBe(true);
    expect(await refusal('launch', { program: call('small') })).toMatch(/^a call has been launched already/);
    expect((await request('configurationDone')).success).toBe(true);
    const wrong: [string, unknown, RegExp][] = [
      ['stackTrace', {}, /^'threadId' is missing: a number$/],
      ['stackTrace', { threadId: 'one' }, /^'threadId' must be a number from 0 on, not "one"$/],
      ['stackTrace', { threadId: 99 }, /^there is no thread 99$/],
      ['next', { threadId: 99 }, /^there is no thread 99$/],
      ['next', { threadId: 1, granularity: 'giant' }, /^'granularity' is statement, line or instruction/],
      ['scopes', { frameId: 99 }, /^frame 99 is of an earlier stop/],
      ['variables', { variablesReference: -1 }, /^'variablesReference' must be/],
      ['variables', { variablesReference: 99 }, /^variables 99 are of an earlier stop/],
      ['setBreakpoints', {}, /^'source' needs a path$/],
      ['setBreakpoints', { source: { path: COMMUNICATOR }, breakpoints: 'all' }, /^'breakpoints' must be an array/],
      ['setBreakpoints', { source: { path: COMMUNICATOR }, breakpoints: [{}] }, /^'line' is missing/],
      ['setFunctionBreakpoints', { breakpoints: [7] }, /^an element of 'breakpoints' must be an object$/],
      ['setDataBreakpoints', { breakpoints: [{}] }, /^'dataId' is missing/],
      ['setExceptionBreakpoints', { filters: ['all'] }, /^there is no filter 'all'; there are hang, error$/],
      ['evaluate', {}, /^'expression' is missing/],
      ['evaluate', { expression: '1 +' }, /it ends too early/],
      ['evaluate', { expression: '('.repeat(100_000) }, /nested too deeply/],
      ['source', { sourceReference: 9 }, /^there is no source of number 9$/],
      ['exceptionInfo', { threadId: 1 }, /^the run has not ended/],
      ['readMemory', { memoryReference: 7, count: 1 }, /^'memoryReference' must be a string/],
    ];
    for (const [command, args, message] of wrong) expect(await refusal(command, args)).toMatch(message);
    // A data breakpoint that makes no sense is one that is not verified.
    const { body } = await request('setDataBreakpoints', {
      breakpoints: [{ dataId: 'x' }, { dataId: '{"kind":"memory","address":16,"bytes":8}' }],
    });
    expect(body).toMatchObject({ breakpoints: [{ verified: false }, { verified: false }] });
    expect((await request('threads')).success).toBe(true);
    socket.destroy();
  });
});

describe('a client', () => {
  test('that disappears ends its run, and the next one is served', async () => {
    const gone = await rawClient();
    await gone.request('initialize', {});
    await gone.request('launch', { program: call('long'), schedule: SLOWLY });
    await gone.request('configurationDone');
    await sleep(30);
    gone.socket.destroy();
    const client = await server.connect();
    await client.begin(call('small'), { stopOnEntry: true });
    await client.stopped();
    expect((await client.frames()).length).toBe(1);
  });

  test('that speaks something else is hung up on, even if the protocol follows', async () => {
    const socket = connect(server.port(), '127.0.0.1');
    let received = '';
    socket.on('data', (chunk) => {
      received += String(chunk);
    });
    socket.on('error', () => {});
    const closed = once(socket, 'close');
    const request = frameOf({ seq: 1, type: 'request', command: 'initialize', arguments: {} });
    socket.write(`POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n${request}`);
    await closed;
    expect(received).toBe('');
  });

  test('that wants no more is hung up on', async () => {
    const { socket, request } = await rawClient();
    const closed = once(socket, 'close');
    expect((await request('disconnect')).success).toBe(true);
    await closed;
  });

  test('may not have a port that is taken, or none', async () => {
    const { exitCode, stderr } = await simtwin(['dap', '--port', String(server.port())]);
    expect(exitCode).toBe(2);
    expect(stderr).toBe(
      `simtwin: --port ${server.port()} cannot be had (EADDRINUSE); --port 0 takes any that is free\n`,
    );
    expect((await simtwin(['dap', '--port', '70000'])).exitCode).toBe(2);
    expect((await simtwin(['dap', '--port', 'x'])).stderr).toContain('It must be a number from 0 to 65535.');
  });
});
