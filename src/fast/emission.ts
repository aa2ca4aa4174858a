import {
  type ArithmeticInstruction,
  type Instruction,
  isWide,
  type Names,
  type Operand,
  type Program,
  type ValueType,
} from '../program/index.js';
import { scalarBytes } from '../simt/index.js';
import { type AccessContext, type ElementNames, emitAccess, siteLocals } from './access-code.js';
import { type Analysis, constantMasks } from './analysis.js';
import { visibleLoops } from './flow.js';
import { type Layout, layOut, planesOf } from './layout.js';
import { liveVariables } from './liveness.js';
import { findLocals } from './locals.js';
import { type LaneNames, laneNames, type Naming, warpNames } from './names.js';
import { findRegions, type Region } from './regions.js';
import { cutSegments, type Segments } from './segments.js';
import { findStrides, type Strides } from './strides.js';
import type { Shape, Uniformity } from './uniformity.js';

/** How a program is to be emitted. */
export interface EmitOptions extends Shape {
  /** Whether every access is told to the engine. */
  readonly trace: boolean;
  /** Test only: miscompiles one operator, so that tests see that they would notice. */
  readonly plant?: (names: Names) => Names;
}

/** What code refers to that it does not declare: variables and masks, parameters, built-in variables, votes. */
export const FREE_NAMES = /(?<![.\w$'])(?:[gm]\d+[lh]?|p\d+[lh]?|s_\w+|tx0|t0|TX|TY|TZ|q\d+)\b/g;

/**
 * Rounds of loops with operations that the scheduler sees, in one step of a warp: such a loop does not depend on others,
 * or it would have left off. A second's work.
 */
const MOST_ROUNDS = 2 ** 24;

/** A base that is the same for all lanes, and the site of its access. */
export interface SiteBase {
  readonly site: number;
  readonly base: string;
}

/** The code of one program while it is written: what is known of it, what has been written, and names for both. */
export class Emission {
  readonly program: Program;
  readonly options: EmitOptions;
  readonly analysis: Analysis;
  readonly uniformity: Uniformity;
  readonly segments: Segments;
  readonly layout: Layout;
  readonly naming: Naming;
  readonly warp: Names;
  readonly lane: LaneNames;
  readonly localArrays: ReadonlySet<number>;
  readonly live: readonly ReadonlySet<number>[];
  readonly strides: Strides;
  readonly regions: readonly Region[];
  /** Number of a region by its head. */
  readonly regionOf: ReadonlyMap<number, number>;
  /** Texts of functions. */
  readonly functions: string[] = [];
  /** Declarations of access sites. */
  readonly sites: string[] = [];
  /** Access sites by instruction. */
  readonly siteOf = new Map<Instruction, number>();
  /** Instructions that the engine performs. */
  readonly suspended: Instruction[] = [];
  /** Loops that are counted, by their header, with an instruction of theirs that others see. */
  readonly countedLoops: ReadonlyMap<number, Instruction>;
  /** Words at the end of `F`: the live lanes with which masks have been looked at. */
  seenMasks = 0;
  #fresh = 0;

  constructor(program: Program, options: EmitOptions, analysis: Analysis) {
    this.program = program;
    this.options = options;
    this.analysis = analysis;
    const { nodes, uniformity, hammocks, others } = analysis;
    this.uniformity = uniformity;
    this.segments = cutSegments(nodes, hammocks, uniformity, constantMasks(program, nodes));
    const locals = findLocals(program, nodes, this.segments);
    this.localArrays = locals.arrays;
    const isLocal = (variable: number) =>
      locals.variables.has(variable) && !uniformity.isUniform({ kind: 'variable', index: variable });
    const inMemory = new Set([...locals.used].filter((variable) => !isLocal(variable)));
    this.layout = layOut(program, uniformity, inMemory);
    this.naming = { program, uniformity, layout: this.layout, hasWholeRows: options.hasWholeRows, isLocal };
    const plant = options.plant ?? ((names: Names) => names);
    this.warp = plant(warpNames(this.naming));
    const lane = laneNames(this.naming);
    this.lane = { ...lane, ...plant(lane) };
    this.strides = findStrides(program, nodes, uniformity);
    this.countedLoops = visibleLoops(nodes);
    this.live = liveVariables(nodes);
    this.regions = findRegions(nodes, hammocks, others);
    this.regionOf = new Map(this.regions.map(({ head }, at) => [head, at]));
  }

  /** The lanes of `mask` for which a predicate holds. */
  mask(predicate: Operand): string {
    if (predicate.kind === 'variable' && !this.uniformity.isUniform(predicate)) return `(m${predicate.index} & mask)`;
    if (predicate.kind === 'constant') return predicate.value === true ? 'mask' : '0';
    return `(${this.warp.value(predicate)} ? mask : 0)`;
  }

  memoryInstruction(instruction: Instruction, context: AccessContext, lane: string): string {
    const { names } = context;
    switch (instruction.op) {
      case 'load':
      case 'store':
      case 'atomic':
        return emitAccess(instruction, context);
      case 'loadTable': {
        const index = names.value(instruction.index);
        const { name, values } = this.program.tables[instruction.table]!;
        const what = `index # of the constant array${name === null ? '' : ` ${name}`} of ${values.length}`;
        return `if (T${instruction.table}[${index}] === undefined) E.outside(w, ${index}, ${lane}, ${instruction.site}, ${JSON.stringify(what)}); ${names.assign(instruction.to, `T${instruction.table}[${index}]`)}`;
      }
      case 'shared': {
        const { name, elementType, count, to } = instruction;
        const call = `E.shared(w, ${JSON.stringify(name)}, '${elementType}', ${names.value(count)}, ${lane}, ${instruction.site})`;
        return names.assign(to, call);
      }
      case 'activemask':
        return names.assign(instruction.to, 'mask >>> 0');
      case 'clearArray':
        return this.clearArray(instruction.array);
      case 'readElement': {
        const before: string[] = [];
        const { array, index } = instruction.element;
        const element = context.element(array, index, before, instruction.site);
        const { elementType } = this.program.arrays[array]!;
        const bytes = scalarBytes(elementType);
        const check = `if (${element.defined} !== ${(1 << bytes) - 1}) E.undefinedRegister(w, ${lane}, ${instruction.site}, '${elementType}');`;
        const assign =
          bytes === 8
            ? names.assignWords(instruction.to, element.low, element.high)
            : names.assign(instruction.to, wordAs(elementType, element.low));
        return [...before, check, assign].join(' ');
      }
      case 'writeElement': {
        const before: string[] = [];
        const source = this.sourceParts(instruction.a, instruction.element.array, context, before, instruction.site);
        const element = context.element(instruction.element.array, instruction.element.index, before, instruction.site);
        return `{ ${before.join(' ')} ${setElement(element, source)} }`;
      }
      case 'selectElement': {
        const before: string[] = [];
        const a = this.sourceParts(instruction.a, instruction.element.array, context, before, instruction.site);
        const b = this.sourceParts(instruction.b, instruction.element.array, context, before, instruction.site);
        const element = context.element(instruction.element.array, instruction.element.index, before, instruction.site);
        const condition = names.value(instruction.condition);
        return `{ ${before.join(' ')} if (${condition}) { ${setElement(element, a)} } else { ${setElement(element, b)} } }`;
      }
      case 'fence':
        return '';
      default:
        throw new Error(`[simtwin bug] ${instruction.op} in code for lanes`);
    }
  }

  sourceParts(
    source:
      | Parameters<Names['value']>[0]
      | { readonly kind: 'element'; readonly array: number; readonly index: Operand },
    array: number,
    context: AccessContext,
    before: string[],
    position: number,
  ): ElementNames {
    if (source.kind === 'element') return context.element(source.array, source.index, before, position);
    const bytes = scalarBytes(this.program.arrays[array]!.elementType);
    const defined = String((1 << bytes) - 1);
    if (bytes === 8) {
      const [low, high] = context.names.words(source);
      return { low, high, defined };
    }
    return { low: `(${context.names.value(source)} | 0)`, high: '0', defined };
  }

  clearArray(array: number): string {
    const { elementType } = this.program.arrays[array]!;
    if (this.localArrays.has(array)) return `x${array}l = 0; x${array}h = 0; x${array}d = 0;`;
    const planes = planesOf(scalarBytes(elementType));
    const first = this.layout.arrayPlace[array]!;
    const count = this.layout.arrayCount[array]!;
    return `for (let i_ = 0; i_ < ${count}; i_++) V[${first} + ${32 * (planes - 1)} + i_ * ${32 * planes} + l] = 0;`;
  }

  accessContext(names: Names, lane: string, sites: string[], bases: SiteBase[], once: string[]): AccessContext {
    return {
      names,
      program: this.program,
      lane,
      trace: this.options.trace,
      fresh: () => this.#fresh++,
      typeOf: (operand) => this.typeOf(operand),
      isUniform: (operand) => operand.kind !== 'special' && this.uniformity.isUniform(operand),
      stride: null,
      site: (instruction, bytes, elementBytes, view, base) => {
        const known = this.siteOf.get(instruction);
        if (known !== undefined) return known;
        const site =
          this.sites.push(`const S${this.sites.length} = E.site(${bytes}, ${elementBytes}, '${instruction.op}');`) - 1;
        this.siteOf.set(instruction, site);
        sites.push(siteLocals(site, view, base !== null));
        if (base !== null) bases.push({ site, base });
        return site;
      },
      element: (array, index, before, position) => {
        if (this.localArrays.has(array)) return { low: `x${array}l`, high: `x${array}h`, defined: `x${array}d` };
        const planes = planesOf(scalarBytes(this.program.arrays[array]!.elementType));
        const first = this.layout.arrayPlace[array]!;
        const count = this.layout.arrayCount[array]!;
        let at: string;
        if (
          index.kind === 'constant' &&
          Number(index.value) >= 0 &&
          Number(index.value) < Number(count) &&
          Number.isInteger(index.value)
        ) {
          at = `${Number(first) + Number(index.value) * planes * 32} + l`;
        } else {
          const id = this.#fresh++;
          const text = names.value(index);
          const bad = `i${id} >>> 0 !== i${id} || i${id} >= ${count}`;
          const fault = `E.outside(w, i${id}, l, ${position}, 'register index # of an array of ' + ${count});`;
          const declare = `const i${id} = ${text}, b${id} = ${bad}, e${id} = ${first} + i${id} * ${planes * 32};`;
          // The same register for all lanes: found once.
          if (index.kind !== 'special' && this.uniformity.isUniform(index)) {
            once.push(declare);
            before.push(`if (b${id}) ${fault}`);
            at = `e${id} + l`;
          } else {
            before.push(`${declare} if (b${id}) ${fault}`);
            at = `e${id} + l`;
          }
        }
        const plane = (n: number) => `V[${at}${n === 0 ? '' : ` + ${32 * n}`}]`;
        return { low: plane(0), high: planes === 3 ? plane(1) : '0', defined: plane(planes - 1) };
      },
    };
  }

  /** Counts a round of a loop that nobody else could end. */
  repeat(header: number, lane: string): string {
    const visible = this.countedLoops.get(header);
    return visible === undefined ? '' : `if (++E.rounds > ${MOST_ROUNDS}) E.endless(w, ${lane}, ${visible.site});`;
  }

  /** Notes who computes what may throw; of a division only where it will. */
  noteBefore(instruction: ArithmeticInstruction, names: Names, lane: string): string {
    const note = `E.lane = ${lane}; E.position = ${instruction.site};`;
    if (instruction.op !== 'binary') return note;
    const { b, type } = instruction;
    if (b.kind === 'constant' && Number(b.value) !== 0) return '';
    const zero = isWide(type) ? names.words(b).join(' | ') : names.value(b);
    return `if ((${zero}) === 0) { ${note} }`;
  }

  typeOf(operand: Operand): ValueType {
    switch (operand.kind) {
      case 'variable':
        return this.program.variables[operand.index]!.type;
      case 'param':
        return this.program.params[operand.index]!.type;
      case 'constant':
        return operand.type;
      case 'special':
        return 'i32';
      default:
        return operand satisfies never;
    }
  }

  result(names: Names, to: number, lane: string): string {
    switch (this.program.variables[to]!.type) {
      case 'pred':
        return names.assign(to, `YL[${lane}] !== 0`);
      case 'i64':
      case 'u64':
        return names.assignWords(to, `YL[${lane}]`, `YH[${lane}]`);
      case 'f64':
      case 'ptr':
        return names.assign(to, `YD[${lane}]`);
      case 'u32':
        return names.assign(to, `YL[${lane}] >>> 0`);
      case 'i32':
        return names.assign(to, `YL[${lane}]`);
    }
  }
}

function setElement({ low, high, defined }: ElementNames, source: ElementNames): string {
  return [
    `${low} = ${source.low};`,
    high === '0' ? '' : `${high} = ${source.high};`,
    `${defined} = ${source.defined};`,
  ].join(' ');
}

/** A register's word as a value of its type. */
function wordAs(type: string, word: string): string {
  switch (type) {
    case 'i8':
      return `${word} << 24 >> 24`;
    case 'u8':
      return `${word} & 255`;
    case 'i16':
      return `${word} << 16 >> 16`;
    case 'u16':
      return `${word} & 65535`;
    case 'i32':
      return word;
    default:
      return `${word} >>> 0`;
  }
}
