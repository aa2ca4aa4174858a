/** What the restricted unpickler makes. Nothing in it has behaviour of its own: no class of the pickle is ever created. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleList
  | PickleTuple
  | PickleDict
  | PickleGlobal
  | PickleObject;

export class PickleList {
  readonly items: PickleValue[] = [];
}

export class PickleTuple {
  readonly items: readonly PickleValue[];

  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** A dict or an OrderedDict. Keys are strings or numbers. */
export class PickleDict {
  readonly entries = new Map<string | number, PickleValue>();
}

/** A name that the pickle may refer to, and what calling it gives; null if it may not be called. */
export class PickleGlobal {
  readonly name: string;
  /** Throws {@link PickleProblem} for arguments that do not fit. */
  readonly call: ((args: readonly PickleValue[]) => PickleValue) | null;

  constructor(name: string, call: PickleGlobal['call']) {
    this.name = name;
    this.call = call;
  }
}

/** Something that a global or a persistent id stands for, for its reader only. */
export abstract class PickleObject {
  abstract readonly kind: string;
}

/** What is wrong with arguments. The unpickler adds file and place. */
export class PickleProblem extends Error {
  override readonly name = 'PickleProblem';
}

/** What may be named in a pickle. */
export interface PickleHost {
  /** The global `MODULE.NAME`; undefined: it is refused. */
  readonly global: (name: string) => PickleGlobal | undefined;
  /** @throws PickleProblem if `id` is none that the host knows */
  readonly persistent: (id: PickleValue) => PickleValue;
  /** What the globals are, for an error. */
  readonly expected: string;
}

/** A value in a few words, for an error. Never its contents. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (value instanceof PickleList) return 'a list';
  if (value instanceof PickleTuple) return `a tuple of ${value.items.length}`;
  if (value instanceof PickleDict) return 'a dict';
  if (value instanceof PickleGlobal) return value.name;
  if (value instanceof PickleObject) return value.kind;
  if (value instanceof Uint8Array) return 'bytes';
  return typeof value === 'string' ? 'a string' : String(value).slice(0, 40);
}
