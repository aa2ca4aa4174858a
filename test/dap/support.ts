import { DebugClient } from '@vscode/debugadapter-testsupport';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { Chalk } from 'chalk';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { runCli } from '../../src/cli/run-cli.js';

/** The server of `simtwin dap --port 0` for the tests of a file, and clients for it. */
export function useServer(): { readonly port: () => number; readonly connect: () => Promise<Client> } {
  const user = new AbortController();
  const clients: Client[] = [];
  let port = 0;
  let exited: Promise<number>;
  beforeAll(async () => {
    await new Promise<void>((listening) => {
      const stream = (write: (text: string) => void) => ({
        write,
        isTTY: false,
        columns: null,
        chalk: new Chalk({ level: 0 }),
      });
      exited = runCli(['dap', '--port', '0'], {
        stdout: stream((text) => {
          port = Number(/^listening on 127\.0\.0\.1:(\d+)\n$/.exec(text)?.[1]);
          listening();
        }),
        stderr: stream(() => {}),
        now: () => performance.now(),
        signal: user.signal,
        interruptible: (part) => part(),
        env: {},
        startWorker: () => {
          throw new Error('an adapter starts no threads');
        },
      });
    });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.stop();
  });
  afterAll(async () => {
    user.abort();
    await exited;
  });
  return {
    port: () => port,
    connect: async () => {
      const client = new Client('node', '', 'simtwin');
      await client.start(port);
      clients.push(client);
      return client;
    },
  };
}

type Stopped = DebugProtocol.StoppedEvent['body'];

/** A client of the protocol, with the sequences of requests that an editor makes. */
export class Client extends DebugClient {
  readonly outputs: string[] = [];
  #stops: Stopped[] = [];
  #wake: (() => void) | null = null;

  constructor(...args: ConstructorParameters<typeof DebugClient>) {
    super(...args);
    this.on('stopped', ({ body }: DebugProtocol.StoppedEvent) => {
      this.#stops.push(body);
      this.#wake?.();
    });
    this.on('output', ({ body }: DebugProtocol.OutputEvent) => this.outputs.push(body.output));
  }

  /** The next stop that has not been taken yet. */
  async stopped(): Promise<Stopped> {
    if (this.#stops.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = null;
    return this.#stops.shift()!;
  }

  /** Launches and configures: `lines` of a file get breakpoints. Result: what the breakpoints have become. */
  async begin(program: string, more: object = {}, configure: () => Promise<unknown> = async () => {}): Promise<void> {
    const initialized = this.waitForEvent('initialized');
    await this.initializeRequest();
    await this.send('launch', { program, ...more });
    await initialized;
    await configure();
    await this.configurationDoneRequest();
  }

  async breakAt(
    path: string,
    breakpoints: readonly DebugProtocol.SourceBreakpoint[],
  ): Promise<DebugProtocol.Breakpoint[]> {
    const { body } = await this.setBreakpointsRequest({ source: { path }, breakpoints: [...breakpoints] });
    return body.breakpoints;
  }

  async frames(threadId = 1): Promise<DebugProtocol.StackFrame[]> {
    return (await this.stackTraceRequest({ threadId })).body.stackFrames;
  }

  /** Variables of a scope of the innermost frame. */
  async scope(name: string, threadId = 1): Promise<DebugProtocol.Variable[]> {
    const [frame] = await this.frames(threadId);
    const { scopes } = (await this.scopesRequest({ frameId: frame!.id })).body;
    return this.children(scopes.find((scope) => scope.name === name)!);
  }

  async children({ variablesReference }: { readonly variablesReference: number }): Promise<DebugProtocol.Variable[]> {
    return (await this.variablesRequest({ variablesReference })).body.variables;
  }

  async value(expression: string, context = 'watch'): Promise<string> {
    return (await this.evaluateRequest({ expression, context })).body.result;
  }
}
