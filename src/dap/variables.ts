import { type DebugSession, type FifoState, type Focus, readFifos } from '../debug/index.js';
import { type Allocation, type ScalarType, SHARED_END, scalarBytes } from '../simt/index.js';
import type { ElementValue, ThreadInfo } from '../step/index.js';
import type { Data } from './data.js';
import type { Debuggee, Words } from './host.js';

/** A variable as the client shows it. */
export interface Node {
  readonly name: string;
  readonly value: string;
  readonly type?: string;
  /** An expression that has its value. */
  readonly evaluateName?: string;
  readonly children?: Children;
  /** Where it points to, in global memory. */
  readonly address?: number;
  /** What a data breakpoint on it watches. */
  readonly data?: Data;
}

/** What is below a variable: by name, or by number and only as far as it is asked for. */
export type Children =
  | { readonly kind: 'named'; readonly count: number; readonly all: () => readonly Node[] }
  | { readonly kind: 'indexed'; readonly count: number; readonly at: (index: number) => Node };

/** A scope of a frame. */
export interface ScopeNode {
  readonly name: string;
  readonly hint?: 'locals' | 'arguments' | 'registers';
  readonly isExpensive: boolean;
  readonly children: Children;
}

const named = (all: () => readonly Node[]): Children => {
  let known: readonly Node[] | null = null;
  const once = () => {
    known ??= all();
    return known;
  };
  return {
    kind: 'named',
    get count() {
      return once().length;
    },
    all: once,
  };
};

/** What is looked at, and in which words. */
interface View {
  readonly session: DebugSession;
  readonly words: Words;
  readonly focus: Focus;
  readonly thread: ThreadInfo;
}

/** What can be seen of a thread in one of its frames; 0 is the innermost. */
export function scopesOf(debuggee: Debuggee, words: Words, focus: Focus, frame: number): ScopeNode[] {
  const { session, fifos } = debuggee;
  const thread = session.threadOf(focus);
  const scopes: ScopeNode[] = [];
  const add = (name: string, all: () => readonly Node[], more: Partial<ScopeNode> = {}) =>
    scopes.push({ name, isExpensive: false, children: named(all), ...more });
  if (thread !== null) {
    const view = { session, words, focus, thread };
    add('Locals', () => locals(view, frame), { hint: 'locals' });
    add('Arguments', () => argumentNodes(view), { hint: 'arguments' });
    add('Registers', () => registers(view), { hint: 'registers' });
    add('Thread', () => facts(view));
    add('Shared', () => shared(view), { isExpensive: true });
  }
  if (fifos !== null) add('FIFO', () => fifoNodes(debuggee), { isExpensive: true });
  return scopes;
}

function locals({ session, words, focus, thread }: View, frame: number): Node[] {
  const { inspector, machine } = session;
  return inspector
    .variables(thread)
    .filter((variable) => variable.frame === frame)
    .map(({ name, type, value, isLive }) => {
      const text = `${words.variable(machine, type, value)}${isLive ? '' : '  (no longer used)'}`;
      const node = { name, value: text, type, ...(type === 'ptr' ? pointerFields(Number(value)) : {}) };
      // An outer variable may be hidden by an inner one of the same name: then no expression has its value.
      const isSeen = (inspector.variable(thread, name)?.frame ?? -1) === frame;
      const expression = isSeen ? name : null;
      if (typeof value === 'object')
        return { ...node, children: elements({ session, words, focus, thread }, expression, type, value) };
      return { ...node, ...expressionFields(expression, focus) };
    });
}

const expressionFields = (text: string | null, focus: Focus): Partial<Node> =>
  text === null ? {} : { evaluateName: text, data: { kind: 'value', text, focus } };

/** Of a register array; `name` is an expression for it, if there is one. */
function elements(
  { session, words, focus }: View,
  name: string | null,
  type: string,
  values: readonly ElementValue[],
): Children {
  return {
    kind: 'indexed',
    count: values.length,
    at: (index) => ({
      name: `[${index}]`,
      value: words.variable(session.machine, type, [values[index]!]).replace(/^\[(.*)\]$/, '$1'),
      type: type.replace(/\[.*$/, ''),
      ...expressionFields(name === null ? null : `${name}[${index}]`, focus),
    }),
  };
}

function registers(view: View): Node[] {
  const { session, words, focus, thread } = view;
  return session.inspector.registers(thread).map(({ name, type, value }) => ({
    name,
    type,
    value: words.variable(session.machine, type, value),
    ...(typeof value === 'object'
      ? { evaluateName: name, children: elements(view, name, type, value) }
      : expressionFields(name, focus)),
  }));
}

function argumentNodes({ session, words, thread }: View): Node[] {
  return session.inspector.arguments(thread).map(({ path, type, value }) => {
    const node = { name: path, type, evaluateName: path };
    const elementType = /^ptr (\w+)$/.exec(type)?.[1] as ScalarType | undefined;
    if (!type.startsWith('ptr') || typeof value !== 'number') return { ...node, value: String(value) };
    const text = value === 0 ? 'null' : words.address(session.machine, value);
    const allocation = session.machine.memory.space.find(value);
    if (elementType === undefined || allocation === null) return { ...node, value: text, ...pointerFields(value) };
    return {
      ...node,
      value: text,
      ...pointerFields(value),
      children: elementsAt(allocation, value - allocation.base, elementType, path),
    };
  });
}

/** What lies in an allocation from an offset on. */
function elementsAt(allocation: Allocation, offset: number, type: ScalarType, name: string): Children {
  const bytes = scalarBytes(type);
  return {
    kind: 'indexed',
    count: Math.max(0, Math.floor((allocation.bytes - offset) / bytes)),
    at: (index) => elementAt(allocation, offset + index * bytes, type, `${name}[${index}]`, `[${index}]`),
  };
}

function elementAt(allocation: Allocation, offset: number, type: ScalarType, evaluateName: string, name: string): Node {
  const bytes = scalarBytes(type);
  const isDefined = allocation.definedBits(offset, bytes) === 2 ** bytes - 1;
  const address = allocation.base + offset;
  return {
    name,
    value: isDefined ? String(allocation.read(type, offset)) : '??',
    type,
    evaluateName,
    ...(address < SHARED_END ? {} : { data: { kind: 'memory', address, bytes } as const }),
  };
}

function shared({ session, focus, thread }: View): Node[] {
  return Array.from(session.inspector.shared(thread), ([name, { pointer, count }]) => {
    const { allocation, elementBytes, type } = pointer;
    const at = (index: number): Node => {
      const text = `${name}[${index}]`;
      const node = elementAt(allocation, pointer.offset + index * elementBytes, type, text, `[${index}]`);
      return { ...node, data: { kind: 'value', text, focus } };
    };
    return {
      name,
      type: `${type}[${count}]`,
      value: `${type}[${count}] at 0x${pointer.address.toString(16)}`,
      children: { kind: 'indexed', count, at },
    };
  });
}

function facts({ session, words, focus, thread }: View): Node[] {
  const { gridDim, blockDim } = session.inspector.dimsOf(thread);
  const index = ({ x, y, z }: typeof gridDim): string => `(${x},${y},${z})`;
  const wait = session.wait(focus);
  return [
    { name: 'rank', value: String(thread.rank), evaluateName: 'rank' },
    { name: 'kernel', value: thread.kernel },
    { name: 'blockIdx', value: index(thread.blockIdx) },
    { name: 'threadIdx', value: index(thread.threadIdx) },
    { name: 'warp', value: String(thread.warp), evaluateName: 'warp' },
    { name: 'lane', value: String(thread.lane), evaluateName: 'lane' },
    { name: 'gridDim', value: index(gridDim) },
    { name: 'blockDim', value: index(blockDim) },
    { name: 'state', value: wait === null ? thread.state : words.wait(wait) },
    { name: 'operation', value: words.operation(session.machine, thread.operation) },
    { name: 'position', value: String(session.position), evaluateName: 'position' },
  ];
}

/** The FIFOs that anything has been sent on, by link and channel. */
function fifoNodes({ session, fifos }: Debuggee): Node[] {
  if (fifos === null) return [];
  const states = readFifos(session.machine, fifos);
  const used = states.filter(({ head, tail, next }) => head !== 0n || tail !== 0n || next.packets > 0);
  const links = new Map<string, FifoState[]>();
  for (const state of used) {
    const link = `${state.sender} -> ${state.receiver}`;
    const known = links.get(link);
    if (known === undefined) links.set(link, [state]);
    else known.push(state);
  }
  const nodes: Node[] = Array.from(links, ([link, ofLink]) => {
    const sum = ofLink.reduce((all, { inFlight }) => all + inFlight, 0n);
    const channels = `${ofLink.length} ${ofLink.length === 1 ? 'channel' : 'channels'}`;
    return {
      name: link,
      value: `${channels}, ${sum} in flight`,
      children: named(() => ofLink.map((state) => channelNode(fifos, state))),
    };
  });
  if (states.length > used.length) nodes.push({ name: 'unused', value: `${states.length - used.length} FIFOs` });
  return nodes;
}

function channelNode(fifos: NonNullable<Debuggee['fifos']>, state: FifoState): Node {
  const { sender, receiver, channel, head, tail, inFlight, next } = state;
  const word = (name: string, value: bigint, address: number): Node => ({
    name,
    value: String(value),
    type: 'u64',
    evaluateName: `u64[0x${address.toString(16)}]`,
    data: { kind: 'memory', address, bytes: 8 },
  });
  const wants = `slot ${next.slot} wants flag ${next.flag}, holds ${next.holds}: ${next.packets} packets`;
  return {
    name: `channel ${channel}`,
    value: `head ${head}, tail ${tail}, ${inFlight} of ${fifos.depth} in flight; ${wants}`,
    children: named(() => [
      word('head', head, fifos.head(sender, receiver, channel)),
      word('tail', tail, fifos.tail(sender, receiver, channel)),
      { name: 'in flight', value: `${inFlight} of ${fifos.depth}` },
      { name: 'next slot', value: String(next.slot) },
      { name: 'wanted flag', value: String(next.flag) },
      word('flag of packet 0', next.holds, fifos.flag(sender, receiver, channel, next.slot, 0)),
      { name: 'packets there', value: `${next.packets} of ${fifos.packets}` },
    ]),
  };
}

const pointerFields = (address: number) => (address < SHARED_END ? {} : { address });

/** What the client can ask the children of, by number, until something runs. */
export class VariableStore {
  readonly #known = new Map<number, Children>();
  #next = 1;

  clear(): void {
    this.#known.clear();
  }

  /** Numbers are not used again: an old one is known to be old. */
  add(children: Children): number {
    const reference = this.#next++;
    this.#known.set(reference, children);
    return reference;
  }

  get(reference: number): Children | undefined {
    return this.#known.get(reference);
  }

  /** A child by its name; undefined: there is none. */
  child(reference: number, name: string): Node | undefined {
    const children = this.get(reference);
    if (children === undefined) return undefined;
    if (children.kind === 'named') return children.all().find((node) => node.name === name);
    const index = /^\[?(\d{1,15})\]?$/.exec(name)?.[1];
    return index === undefined || Number(index) >= children.count ? undefined : children.at(Number(index));
  }
}
