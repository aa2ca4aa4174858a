import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EXIT_MATCH } from './exit-code.js';
import type { CliIo } from './io.js';
import { Interrupted, UsageError } from './usage-error.js';

const HELP = `
Serves editors that speak the Debug Adapter Protocol: a captured call is launched, stepped forwards and backwards, and
looked at there. Without --port the editor starts it and speaks to it over standard input and output. docs/DEBUGGING.md
has a launch.json.

Examples:
  simtwin dap                     over standard input and output
  simtwin dap --port 4711         at port 4711 of this machine, for one session after another
  simtwin dap --port 0            at any free port, which it prints

Exit code: 0 when the client has gone; 2 if the port cannot be had.`;

/** Sessions at a time; each has a machine with all its memory. */
const MOST_CLIENTS = 8;

/** What a client of the protocol begins with, in small letters. */
const GREETING = 'content-';

/** Adds `dap`. `done` takes the exit code. */
export function addDapCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('dap')
    .showHelpAfterError("(see 'simtwin dap --help')")
    .summary('debug captured calls in an editor')
    .description('Debug captured calls in an editor, by the Debug Adapter Protocol.')
    .addOption(new Option('--port <n>', 'listen at a port of this machine; 0: any that is free').argParser(parsePort))
    .addHelpText('after', HELP)
    .action(async ({ port }: { readonly port?: number }) => {
      await (port === undefined ? serveStandardStreams(io) : listen(port, io));
      done(EXIT_MATCH);
    });
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError('It must be a number from 0 to 65535.');
  return port;
}

/** Ends when the client has gone. */
async function serveStandardStreams(io: CliIo): Promise<void> {
  const { promise, resolve } = withResolvers();
  const connection = await connect(io, (text) => io.stdout.write(text), resolve);
  const { stdin } = process;
  stdin.on('data', (chunk: Buffer) => connection.receive(chunk));
  for (const event of ['end', 'close', 'error']) stdin.once(event, resolve);
  io.signal.addEventListener('abort', resolve);
  await promise;
  connection.close();
  // Whatever is open would keep the process.
  stdin.destroy();
  if (io.signal.aborted) throw new Interrupted();
}

/** Accepts clients until the user wants it to end. @throws UsageError if the port cannot be had */
async function listen(port: number, io: CliIo): Promise<never> {
  const { createServer } = await import('node:net');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    void serveSocket(socket, io);
  });
  server.maxConnections = MOST_CLIENTS;
  const { port: actual } = await start(server, port);
  io.stdout.write(`listening on 127.0.0.1:${actual}\n`);
  if (!io.signal.aborted) await once(io.signal, 'abort');
  server.close();
  for (const socket of sockets) socket.destroy();
  throw new Interrupted();
}

async function start(server: Server, port: number): Promise<AddressInfo> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`--port ${port} cannot be had (${code}); --port 0 takes any that is free`);
  }
  // A client that cannot be accepted is no reason to end.
  server.on('error', () => {});
  return server.address() as AddressInfo;
}

async function serveSocket(socket: Socket, io: CliIo): Promise<void> {
  // What comes while the session is being made waits in the socket.
  socket.pause();
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  const connection = await connect(
    io,
    (text) => {
      if (socket.writable) socket.write(text);
    },
    () => socket.end(),
  );
  let greeting = '';
  socket.on('data', (chunk: Buffer) => {
    // A page in a browser may send what it likes to a port of this machine, but begins with a line of HTTP.
    if (greeting.length < GREETING.length) {
      greeting += chunk.toString('latin1', 0, GREETING.length - greeting.length).toLowerCase();
      if (!GREETING.startsWith(greeting)) socket.destroy();
    }
    if (!socket.destroyed) connection.receive(chunk);
  });
  socket.once('close', () => connection.close());
  if (socket.destroyed) connection.close();
  socket.resume();
}

interface Connection {
  receive(chunk: Uint8Array): void;
  /** The client has gone. */
  close(): void;
}

/** A session of its own for a client. `ended` is called when the client wants no more. */
async function connect(io: CliIo, send: (text: string) => void, ended: () => void): Promise<Connection> {
  // Only this command needs the protocol.
  const { DapSession, frameOf, MessageReader } = await import('../dap/index.js');
  const { dapHostOf } = await import('./dap-host.js');
  const session = new DapSession(dapHostOf(io, ended));
  session.onDidSendMessage((message) => send(frameOf(message)));
  const reader = new MessageReader();
  return {
    receive(chunk) {
      for (const received of reader.push(chunk)) {
        if (received.kind === 'dropped') session.report(received.why);
        else session.receive(received.message);
      }
    },
    close: () => session.close(),
  };
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = () => settle();
  });
  return { promise, resolve };
}
