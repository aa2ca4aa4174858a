import { PickleBytes, plainValue } from './pickle-bytes.js';
import { OP, opcodeName } from './pickle-opcodes.js';
import {
  kindOf,
  PickleDict,
  PickleGlobal,
  type PickleHost,
  PickleList,
  PickleProblem,
  PickleTuple,
  type PickleValue,
} from './pickle-values.js';
import { quoted, refusal } from './refusal.js';

/** A pickle of a few hundred tensors has some tens of kilobytes. */
const MOST_PICKLE_BYTES = 8 * 2 ** 20;
const MOST_STEPS = 2 ** 20;

/**
 * Reads a pickle of plain data, protocols 2 to 5, and executes nothing: a global is a name that `host` knows, or refused;
 * calling one calls the host's function. Objects with state, sets, extension codes and text opcodes are refused.
 *
 * Bounded: 8 MiB, a million opcodes, each of which makes one value at most; strings and bytes are no longer than the
 * pickle. The result may contain itself.
 *
 * @param what the pickle, for errors, which add the byte in it
 * @throws CaptureError if `bytes` is anything else
 */
export function unpickle(bytes: Uint8Array, host: PickleHost, what: string, file: string): PickleValue {
  if (bytes.length > MOST_PICKLE_BYTES) {
    throw refusal(file, {
      found: `${what} of ${bytes.length} bytes`,
      expected: `at most ${MOST_PICKLE_BYTES}`,
      wayOut: 'save only the tensors of the call',
    });
  }
  return new Unpickler(bytes, host, what, file).run();
}

class Unpickler {
  readonly #bytes: PickleBytes;
  readonly #host: PickleHost;
  readonly #what: string;
  readonly #file: string;
  readonly #stack: PickleValue[] = [];
  /** The stack's length at each open mark. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  /** Where the opcode that is carried out stands. */
  #opAt = 0;
  #opcode: number = OP.STOP;

  constructor(bytes: Uint8Array, host: PickleHost, what: string, file: string) {
    this.#bytes = new PickleBytes(bytes);
    this.#host = host;
    this.#what = what;
    this.#file = file;
  }

  run(): PickleValue {
    for (let step = 0; step < MOST_STEPS; step++) {
      this.#opAt = this.#bytes.at;
      try {
        this.#opcode = this.#bytes.u8();
        if (this.#opcode === OP.STOP) return this.#finish();
        const value = plainValue(this.#opcode, this.#bytes);
        if (value === undefined) this.#perform(this.#opcode);
        else this.#push(value);
      } catch (error) {
        if (error instanceof PickleProblem) throw this.#refuse(error.message);
        throw error;
      }
    }
    throw this.#refuse(`more than ${MOST_STEPS} opcodes`);
  }

  #finish(): PickleValue {
    if (this.#stack.length !== 1 || this.#marks.length > 0 || this.#bytes.left > 0) {
      throw this.#refuse(`the end with ${this.#stack.length} values, ${this.#bytes.left} bytes before it`);
    }
    return this.#stack[0]!;
  }

  #perform(opcode: number): void {
    switch (opcode) {
      case OP.PROTO: {
        const protocol = this.#bytes.u8();
        if (protocol < 2 || protocol > 5 || this.#opAt !== 0) throw this.#refuse(`protocol ${protocol}`);
        return;
      }
      case OP.FRAME:
        this.#bytes.size64();
        return;
      case OP.MARK:
        this.#marks.push(this.#stack.length);
        return;
      case OP.EMPTY_TUPLE:
        this.#push(new PickleTuple([]));
        return;
      case OP.TUPLE1:
        this.#push(new PickleTuple(this.#take(1)));
        return;
      case OP.TUPLE2:
        this.#push(new PickleTuple(this.#take(2)));
        return;
      case OP.TUPLE3:
        this.#push(new PickleTuple(this.#take(3)));
        return;
      case OP.TUPLE:
        this.#push(new PickleTuple(this.#takeMarked()));
        return;
      case OP.EMPTY_LIST:
        this.#push(new PickleList());
        return;
      case OP.APPEND:
        this.#append(this.#take(1));
        return;
      case OP.APPENDS:
        this.#append(this.#takeMarked());
        return;
      case OP.EMPTY_DICT:
        this.#push(new PickleDict());
        return;
      case OP.SETITEM:
        this.#setItems(this.#take(2));
        return;
      case OP.SETITEMS:
        this.#setItems(this.#takeMarked());
        return;
      case OP.BINPUT:
        this.#put(this.#bytes.u8());
        return;
      case OP.LONG_BINPUT:
        this.#put(this.#bytes.u32());
        return;
      case OP.MEMOIZE:
        this.#put(this.#memo.size);
        return;
      case OP.BINGET:
        this.#get(this.#bytes.u8());
        return;
      case OP.LONG_BINGET:
        this.#get(this.#bytes.u32());
        return;
      case OP.GLOBAL:
        this.#global(this.#bytes.line(), this.#bytes.line());
        return;
      case OP.STACK_GLOBAL: {
        const [module, name] = this.#take(2);
        if (typeof module !== 'string' || typeof name !== 'string') throw this.#refuse('a global without a name');
        this.#global(module, name);
        return;
      }
      case OP.REDUCE: {
        const [callee, args] = this.#take(2);
        if (!(callee instanceof PickleGlobal) || callee.call === null || !(args instanceof PickleTuple)) {
          throw this.#refuse(`a call of ${kindOf(callee)} with ${kindOf(args)}`);
        }
        this.#push(callee.call(args.items));
        return;
      }
      case OP.BUILD: {
        // The attributes of a state_dict, its `_metadata`: they say nothing of tensors.
        const [state] = this.#take(1);
        if (!(this.#top() instanceof PickleDict) || !(state instanceof PickleDict)) {
          throw this.#refuse(`${kindOf(this.#top())} with a state of its own`);
        }
        return;
      }
      case OP.BINPERSID:
        this.#push(this.#host.persistent(this.#take(1)[0]!));
        return;
      default:
        throw this.#refuse(opcodeName(opcode));
    }
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  #top(): PickleValue | undefined {
    const isThere = this.#stack.length > (this.#marks.at(-1) ?? 0);
    return isThere ? this.#stack[this.#stack.length - 1] : undefined;
  }

  #take(count: number): PickleValue[] {
    const from = this.#stack.length - count;
    if (from < (this.#marks.at(-1) ?? 0)) throw this.#refuse(`${opcodeName(this.#opcode)} on an empty stack`);
    return this.#stack.splice(from);
  }

  #takeMarked(): PickleValue[] {
    const from = this.#marks.pop();
    if (from === undefined) throw this.#refuse(`${opcodeName(this.#opcode)} without a mark`);
    return this.#stack.splice(from);
  }

  #append(values: readonly PickleValue[]): void {
    const list = this.#top();
    if (!(list instanceof PickleList)) throw this.#refuse(`an item for ${kindOf(list)}`);
    for (const value of values) list.items.push(value);
  }

  #setItems(values: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof PickleDict) || values.length % 2 !== 0) throw this.#refuse(`an item for ${kindOf(dict)}`);
    for (let index = 0; index < values.length; index += 2) {
      const key = values[index]!;
      if (typeof key !== 'string' && typeof key !== 'number') throw this.#refuse(`the key ${kindOf(key)}`);
      dict.entries.set(key, values[index + 1]!);
    }
  }

  #put(slot: number): void {
    const value = this.#top();
    if (value === undefined) throw this.#refuse('a memo of nothing');
    this.#memo.set(slot, value);
  }

  #get(slot: number): void {
    const value = this.#memo.get(slot);
    if (value === undefined) throw this.#refuse(`memo ${slot}, which holds nothing`);
    this.#push(value);
  }

  #global(module: string, name: string): void {
    const known = this.#host.global(`${module}.${name}`);
    if (known === undefined) throw this.#refuse(`the global ${quoted(`${module}.${name}`)}`);
    this.#push(known);
  }

  #refuse(found: string): Error {
    return refusal(this.#file, {
      found: `${found} at byte ${this.#opAt} of ${this.#what}`,
      expected: this.#host.expected,
      wayOut: 'save a dict of tensors and nothing else: torch.save({"name": tensor}, path); nothing was executed',
    });
  }
}
