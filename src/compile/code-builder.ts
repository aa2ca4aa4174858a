import type ts from 'typescript';
import { type ConstantTable, digestOf, type Frame, type Param, type Scope, type Site } from '../program/program.js';
import type { ScalarType } from '../simt/index.js';
import {
  type Block,
  type Instruction,
  type Jump,
  type Kind,
  type Mutable,
  type Operand,
  type Temp,
  targetsOf,
} from './hir.js';
import type { ParsedModule } from './modules.js';
import { positionOf } from './syntax.js';

export interface HirArray {
  name: string | null;
  readonly elementType: ScalarType;
  readonly count: Operand;
  readonly scope: number;
  /** Instructions that changed it so far. */
  writes: number;
}

/** Collects what becomes a program: the graph of blocks and the tables beside it. */
export class CodeBuilder {
  readonly entry: Block;
  readonly files: { readonly path: string; readonly digest: string }[] = [];
  readonly frames: Frame[] = [];
  readonly scopes: Scope[] = [];
  readonly sites: Site[] = [];
  readonly params: Param[] = [];
  readonly arrays: HirArray[] = [];
  readonly tables: ConstantTable[] = [];
  readonly mutables: Mutable[] = [];
  /** Instructions so far. */
  size = 0;
  #blockCount = 0;
  #tempCount = 0;
  readonly #fileOf = new Map<string, number>();
  readonly #siteOf = new Map<string, number>();
  readonly #paramOf = new Map<string, number>();
  readonly #reached = new Set<Block>();

  constructor() {
    this.entry = this.newBlock();
  }

  get tempCount(): number {
    return this.#tempCount;
  }

  newBlock(): Block {
    return { id: this.#blockCount++, instructions: [], end: null };
  }

  newTemp(kind: Kind, by: Instruction): Temp {
    return { id: this.#tempCount++, kind, by, name: null, scope: by.site };
  }

  newMutable(name: string | null, kind: Kind | null, scope: number): Mutable {
    const variable = { id: this.mutables.length, kind, name, scope };
    this.mutables.push(variable);
    return variable;
  }

  newArray(elementType: ScalarType, count: Operand, scope: number): number {
    this.arrays.push({ name: null, elementType, count, scope, writes: 0 });
    return this.arrays.length - 1;
  }

  newFrame(functionName: string, module: ParsedModule, callSite: number): number {
    const isLibrary = module.isLibrary;
    return this.frames.push({ functionName, file: this.fileOf(module), callSite, isLibrary }) - 1;
  }

  newScope(frame: number, parent: number): number {
    return this.scopes.push({ frame, parent }) - 1;
  }

  fileOf(module: ParsedModule): number {
    const known = this.#fileOf.get(module.path);
    if (known !== undefined) return known;
    const index = this.files.push({ path: module.display, digest: digestOf(module.file.text) }) - 1;
    this.#fileOf.set(module.path, index);
    return index;
  }

  siteOf(scope: number, node: ts.Node): number {
    const { line, character } = node.getSourceFile().getLineAndCharacterOfPosition(positionOf(node));
    const key = `${scope}:${line}:${character}`;
    const known = this.#siteOf.get(key);
    if (known !== undefined) return known;
    const index = this.sites.push({ scope, line: line + 1, column: character + 1 }) - 1;
    this.#siteOf.set(key, index);
    return index;
  }

  paramOf(param: Param): number {
    const key = param.path.join('\0');
    const known = this.#paramOf.get(key);
    if (known !== undefined) return known;
    const index = this.params.push(param) - 1;
    this.#paramOf.set(key, index);
    return index;
  }

  tableOf(name: string | null, values: readonly number[]): number {
    const known = this.tables.findIndex(
      (table) =>
        table.values.length === values.length && table.values.every((value, at) => Object.is(value, values[at])),
    );
    if (known !== -1) return known;
    const isWord = (least: number, most: number) =>
      values.every((value) => Number.isInteger(value) && !Object.is(value, -0) && value >= least && value <= most);
    const type = isWord(-(2 ** 31), 2 ** 31 - 1) ? 'i32' : isWord(0, 2 ** 32 - 1) ? 'u32' : 'f64';
    return this.tables.push({ name, type, values }) - 1;
  }

  /** Ends a block that has no end yet. */
  end(block: Block, jump: Jump): void {
    if (block.end !== null) throw new Error(`[simtwin bug] block ${block.id} ends twice`);
    block.end = jump;
    for (const target of targetsOf(block)) this.#reached.add(target);
  }

  /** Whether some block goes on with this one. */
  isReached(block: Block): boolean {
    return this.#reached.has(block);
  }
}
