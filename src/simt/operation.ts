/**
 * A visible operation: one that the scheduler sees. It takes effect when a kernel yields it (`yield* operation`), and
 * the expression's value is the operation's result. An operation that is called and never yielded is a bug.
 */
export interface Operation<R> {
  [Symbol.iterator](): Iterator<undefined, R, undefined>;
}

/** A kernel's or device function's coroutine. `yield*` calls one from another. */
export type DeviceFunction<R = void> = Generator<undefined, R, undefined>;

/** What a kernel returns. */
export type KernelBody = DeviceFunction<void>;

/** PTX scopes of an atomic, a fence or an acquire/release access. */
export type Scope = 'block' | 'device' | 'system';

/** Ordering of an access. `volatile` is relaxed at system scope, as PTX has it, and is not torn up or merged. */
export type Ordering = 'volatile' | 'relaxed' | 'acquire' | 'release';

/** How each operation is called in messages: PTX names. */
export const OPERATION_NAMES = [
  'none',
  // Warp-wide operations with a member mask.
  'bar.warp.sync',
  'vote.sync.any',
  'vote.sync.all',
  'vote.sync.ballot',
  'shfl.sync.idx',
  'shfl.sync.up',
  'shfl.sync.down',
  'shfl.sync.bfly',
  'match.sync.any',
  'match.sync.all',
  'redux.sync.add',
  'redux.sync.min',
  'redux.sync.max',
  'redux.sync.and',
  'redux.sync.or',
  'redux.sync.xor',
  // Barriers of a block.
  'barrier.sync',
  'barrier.arrive',
  // Memory accesses.
  'ld',
  'st',
  'ld.v2',
  'st.v2',
  'ld.v4',
  'st.v4',
  'atom.add',
  'atom.sub',
  'atom.exch',
  'atom.min',
  'atom.max',
  'atom.inc',
  'atom.dec',
  'atom.cas',
  'atom.and',
  'atom.or',
  'atom.xor',
  // The rest.
  'activemask',
  'fence',
] as const;

/** Name of an operation. */
type OperationName = (typeof OPERATION_NAMES)[number];

/** Number of an operation: its place in {@link OPERATION_NAMES}. */
export type Opcode = number;

const opcodeOf = (name: OperationName): Opcode => OPERATION_NAMES.indexOf(name);

export const OP_NONE = opcodeOf('none');
export const OP_SYNCWARP = opcodeOf('bar.warp.sync');
export const OP_ANY = opcodeOf('vote.sync.any');
export const OP_ALL = opcodeOf('vote.sync.all');
export const OP_BALLOT = opcodeOf('vote.sync.ballot');
export const OP_SHFL_IDX = opcodeOf('shfl.sync.idx');
export const OP_SHFL_UP = opcodeOf('shfl.sync.up');
export const OP_SHFL_DOWN = opcodeOf('shfl.sync.down');
export const OP_SHFL_XOR = opcodeOf('shfl.sync.bfly');
export const OP_MATCH_ANY = opcodeOf('match.sync.any');
export const OP_MATCH_ALL = opcodeOf('match.sync.all');
export const OP_REDUX_ADD = opcodeOf('redux.sync.add');
export const OP_REDUX_MIN = opcodeOf('redux.sync.min');
export const OP_REDUX_MAX = opcodeOf('redux.sync.max');
export const OP_REDUX_AND = opcodeOf('redux.sync.and');
export const OP_REDUX_OR = opcodeOf('redux.sync.or');
export const OP_REDUX_XOR = opcodeOf('redux.sync.xor');
export const OP_BARRIER_SYNC = opcodeOf('barrier.sync');
export const OP_BARRIER_ARRIVE = opcodeOf('barrier.arrive');
export const OP_LOAD = opcodeOf('ld');
export const OP_STORE = opcodeOf('st');
export const OP_LOAD_V2 = opcodeOf('ld.v2');
export const OP_STORE_V2 = opcodeOf('st.v2');
export const OP_LOAD_V4 = opcodeOf('ld.v4');
export const OP_STORE_V4 = opcodeOf('st.v4');
export const OP_ATOMIC_ADD = opcodeOf('atom.add');
export const OP_ATOMIC_SUB = opcodeOf('atom.sub');
export const OP_ATOMIC_EXCH = opcodeOf('atom.exch');
export const OP_ATOMIC_MIN = opcodeOf('atom.min');
export const OP_ATOMIC_MAX = opcodeOf('atom.max');
export const OP_ATOMIC_INC = opcodeOf('atom.inc');
export const OP_ATOMIC_DEC = opcodeOf('atom.dec');
export const OP_ATOMIC_CAS = opcodeOf('atom.cas');
export const OP_ATOMIC_AND = opcodeOf('atom.and');
export const OP_ATOMIC_OR = opcodeOf('atom.or');
export const OP_ATOMIC_XOR = opcodeOf('atom.xor');
export const OP_ACTIVEMASK = opcodeOf('activemask');
export const OP_FENCE = opcodeOf('fence');

/** Warp-wide operations with a member mask. */
export const isCollective = (opcode: Opcode): boolean => opcode <= OP_REDUX_XOR;
/** Operations that name a barrier of the block. */
export const isBarrier = (opcode: Opcode): boolean => opcode === OP_BARRIER_SYNC || opcode === OP_BARRIER_ARRIVE;
/** Operations that access memory. */
export const isAccess = (opcode: Opcode): boolean => opcode >= OP_LOAD && opcode <= OP_ATOMIC_XOR;
/** Operations that change memory. */
export const isWrite = (opcode: Opcode): boolean =>
  opcode === OP_STORE || opcode === OP_STORE_V2 || opcode === OP_STORE_V4 || isAtomic(opcode);
/** Read-modify-write operations. */
export const isAtomic = (opcode: Opcode): boolean => opcode >= OP_ATOMIC_ADD && opcode <= OP_ATOMIC_XOR;
