import {
  type ArithmeticInstruction,
  type Instruction,
  isWide,
  type Names,
  type Operand,
  type Program,
  typeOfOperand,
  type ValueType,
} from '../program/index.js';
import { scalarBytes } from '../simt/index.js';
import { type AccessContext, type ElementNames, type ElementUse, emitAccess, siteLocals } from './access-code.js';
import { type Analysis, constantMasks } from './analysis.js';
import { visibleLoops } from './flow.js';
import { type Layout, layOut, registerShape } from './layout.js';
import { liveVariables } from './liveness.js';
import { findLocals, mayBeLocal } from './locals.js';
import { type LaneNames, laneNames, type Naming, warpNames } from './names.js';
import { findRegions, type Region } from './regions.js';
import { Registers } from './registers.js';
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
    this.segments = cutSegments(nodes, hammocks, uniformity, constantMasks(program, nodes), (array) =>
      mayBeLocal(program.arrays[array]!),
    );
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
        return this.clearArray(instruction.array, lane === 'l' ? '(1 << l)' : 'mask');
      case 'readElement': {
        const before: string[] = [];
        const { array, index } = instruction.element;
        const element = context.element(array, index, 'read', before, instruction.site);
        const { elementType } = this.program.arrays[array]!;
        const bytes = scalarBytes(elementType);
        const { full } = registerShape(this.program, array);
        const check =
          element.defined === String(full)
            ? ''
            : `if (${element.defined} !== ${full}) E.undefinedRegister(w, ${lane}, ${instruction.site}, '${elementType}');`;
        const assign =
          bytes === 8
            ? names.assignWords(instruction.to, element.low, element.high)
            : names.assign(instruction.to, wordAs(elementType, element.low));
        return [...before, check, assign].join(' ');
      }
      case 'writeElement': {
        const { array, index } = instruction.element;
        const before: string[] = [];
        const source = this.sourceParts(instruction.a, array, context, 'read', before, instruction.site);
        const element = context.element(array, index, 'write', before, instruction.site);
        return `{ ${before.join(' ')} ${setElement(element, source)} }`;
      }
      case 'selectElement': {
        const { array, index } = instruction.element;
        const before: string[] = [];
        const lanes = context.lanesWith(instruction.condition);
        const ofA = lanes === null ? 'read' : { isReadUnless: `~${lanes}` };
        const ofB = lanes === null ? 'read' : { isReadUnless: lanes };
        const a = this.sourceParts(instruction.a, array, context, ofA, before, instruction.site);
        const b = this.sourceParts(instruction.b, array, context, ofB, before, instruction.site);
        const element = context.element(array, index, 'write', before, instruction.site);
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
    use: ElementUse,
    before: string[],
    position: number,
  ): SourceParts {
    if (source.kind === 'element') return context.element(source.array, source.index, use, before, position);
    const { full, isWide } = registerShape(this.program, array);
    const defined = String(full);
    if (isWide) {
      const [low, high] = context.names.words(source);
      return { low, high, defined };
    }
    return { low: `(${context.names.value(source)} | 0)`, high: '0', defined };
  }

  /** All registers of an array become undefined, for a lane or, with `lanes`, for several. */
  clearArray(array: number, lanes: string): string {
    if (this.localArrays.has(array)) return `x${array}l = 0; x${array}h = 0; x${array}d = 0;`;
    const { masks, words } = registerShape(this.program, array);
    const at = `${this.layout.arrayPlace[array]!} + ${masks} + i_ * ${words}`;
    return `for (let i_ = 0; i_ < ${this.layout.arrayCount[array]!}; i_++) { V[${at}] &= ~${lanes}; V[${at} + 1] &= ~${lanes}; }`;
  }

  registers(): Registers {
    const isUniform = (operand: Operand) => this.uniformity.isUniform(operand);
    return new Registers(this.program, this.layout, this.localArrays, isUniform, () => this.#fresh++);
  }

  /** What access code needs in its general form. */
  accessContext(names: Names, lane: string, sites: string[], bases: SiteBase[], registers: Registers): AccessContext {
    return {
      names,
      program: this.program,
      lane,
      trace: this.options.trace,
      fresh: () => this.#fresh++,
      typeOf: (operand) => this.typeOf(operand),
      isUniform: (operand) => operand.kind !== 'special' && this.uniformity.isUniform(operand),
      stride: null,
      leave: null,
      lanesWith: () => null,
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
      element: (array, index, use, before, position) => registers.general(array, index, names, use, before, position),
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
    return typeOfOperand(this.program, operand);
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

type SourceParts = Pick<ElementNames, 'low' | 'high' | 'defined'>;

function setElement({ low, high, define }: ElementNames, source: SourceParts): string {
  return `${low} = ${source.low}; ${high === '0' ? '' : `${high} = ${source.high};`} ${define(source.defined)}`;
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
