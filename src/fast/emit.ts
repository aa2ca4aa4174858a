import {
  type ArithmeticInstruction,
  countDefinitions,
  defUseOf,
  emitArithmetic,
  type Instruction,
  isArithmetic,
  isWide,
  mayThrow,
  type Names,
  type Operand,
  type Program,
  reachableWithout,
  SPECIAL_NAMES,
} from '../program/index.js';
import { scalarBytes } from '../simt/index.js';
import {
  type Access,
  type AccessContext,
  type ElementNames,
  emitAccess,
  refreshSite,
  siteLocals,
} from './access-code.js';
import { flowOf, graphOf, type Node, type NodeEnd } from './flow.js';
import { findHammocks, type Hammock } from './hammocks.js';
import { type Layout, layOut, planesOf } from './layout.js';
import { liveVariables } from './liveness.js';
import { findLocals } from './locals.js';
import { type LaneNames, laneNames, localsOf, type Naming, warpNames } from './names.js';
import { findRegions, type Region, warpGraph } from './regions.js';
import { type Collective, cutSegments, isFull, type LanePart, type Segment, type Segments } from './segments.js';
import { findStrides, type Strides } from './strides.js';
import { structured } from './structure.js';
import { analyseUniformity, exitOf, isSpeculative, type Shape, type Uniformity } from './uniformity.js';

/** What a region returns instead of the number of the next one. */
export const LEFT = { exited: -1, polled: -2, barrier: -3, collective: -4, split: -5 } as const;

/** A program as JavaScript for whole warps. */
export interface Emitted {
  /** The body of a function of `E` (the engine's part), `R` ({@link arithmeticRuntime}) that returns the regions. */
  readonly source: string;
  readonly layout: Layout;
  /** Instructions that the engine performs, by the numbers that the code uses. */
  readonly suspended: readonly Instruction[];
  /** True: the lanes of a warp always go together. False: they part and meet as the program says. */
  readonly isConverged: boolean;
}

export interface EmitOptions extends Shape {
  /** Elements of each register array. */
  readonly counts: readonly number[];
  /** Whether every access is told to the engine. */
  readonly trace: boolean;
  /** Test only: miscompiles one operator, so that tests see that they would notice. */
  readonly plant?: (names: Names) => Names;
}

/** Emits a program, lanes together if all of its divergence allows it. */
export function emitFast(program: Program, options: EmitOptions): Emitted {
  const converged = analyse(program, options, true);
  const goTogether = converged.others.length === 0 && !hasDivergentPolls(converged);
  return new Emitter(program, options, goTogether ? converged : analyse(program, options, false), goTogether).emit();
}

interface Analysis {
  readonly nodes: readonly Node[];
  readonly uniformity: Uniformity;
  readonly hammocks: readonly Hammock[];
  /** Divergent branches that are no hammock. */
  readonly others: readonly number[];
}

function analyse(program: Program, shape: Shape, converged: boolean): Analysis {
  const suspends = ({ op }: Instruction) => op === 'barrier' || (!converged && op === 'collective');
  const nodes = flowOf(program, suspends);
  const definitions = countDefinitions(program);
  // What is set within a loop over lanes is one value a lane, even if all lanes would set the same.
  const ofLanes = new Set<number>();
  for (;;) {
    const uniformity = analyseUniformity(program, nodes, shape, converged, ofLanes);
    const { hammocks, others } = findHammocks(nodes, uniformity);
    const before = ofLanes.size;
    for (const hammock of hammocks) {
      for (const node of hammock.nodes) {
        for (const item of nodes[node]!.items) {
          for (const target of defUseOf(item).targets) {
            const isOfWarp = uniformity.isUniform({ kind: 'variable', index: target });
            if (isOfWarp && !isSpeculative(item, definitions)) ofLanes.add(target);
          }
        }
      }
    }
    if (ofLanes.size > before) continue;
    return {
      nodes,
      uniformity,
      hammocks,
      others: converged
        ? others
        : [...uniformity.divergentBranches].filter(
            (node) => !hammocks.some((hammock) => hammock.nodes.has(node) || hammock.entry === node),
          ),
    };
  }
}

/** Whether a mask is a variable of 32-bit words that is set once in a warp's life. */
function constantMasks(program: Program, nodes: readonly Node[]): (mask: Operand) => boolean {
  const definitions = countDefinitions(program);
  const graph = graphOf(nodes);
  return (mask) => {
    if (mask.kind !== 'variable' || definitions[mask.index] !== 1) return false;
    const { type } = program.variables[mask.index]!;
    if (type !== 'i32' && type !== 'u32') return false;
    const setter = nodes.findIndex(({ items }) => items.some((item) => defUseOf(item).targets.includes(mask.index)));
    return setter !== -1 && !reachableWithout(graph, graph[setter]!, -1).has(setter);
  };
}

/** Whether lanes poll one by one: some may have to go on so that others come to an end. */
const hasDivergentPolls = ({ nodes, hammocks }: Analysis): boolean =>
  hammocks.some(({ nodes: inside }) => [...inside].some((node) => nodes[node]!.end.op === 'poll'));

/** What code refers to that it does not declare: variables and masks, parameters, built-in variables, votes. */
const FREE_NAMES = /(?<![.\w$'])(?:[gm]\d+[lh]?|p\d+[lh]?|s_\w+|tx0|t0|TX|TY|TZ|q\d+)\b/g;

/** A base that is the same for all lanes, and the site of its access. */
interface SiteBase {
  readonly site: number;
  readonly base: string;
}

class Emitter {
  readonly #program: Program;
  readonly #options: EmitOptions;
  readonly #nodes: readonly Node[];
  readonly #uniformity: Uniformity;
  readonly #hammocks: readonly Hammock[];
  readonly #splits: readonly number[];
  readonly #segments: Segments;
  readonly #layout: Layout;
  readonly #naming: Naming;
  readonly #warp: Names;
  readonly #lane: LaneNames;
  readonly #localArrays: ReadonlySet<number>;
  readonly #live: readonly ReadonlySet<number>[];
  readonly #regions: readonly Region[];
  readonly #regionOf: ReadonlyMap<number, number>;
  readonly #functions: string[] = [];
  readonly #sites: string[] = [];
  /** Access sites by instruction. */
  readonly #siteOf = new Map<Instruction, number>();
  readonly #strides: Strides;
  readonly #suspended: Instruction[] = [];
  readonly #isConverged: boolean;
  #fresh = 0;
  /** Words at the end of `F`: the live lanes with which masks have been looked at. */
  #seenMasks = 0;

  constructor(program: Program, options: EmitOptions, analysis: Analysis, isConverged: boolean) {
    this.#program = program;
    this.#options = options;
    this.#isConverged = isConverged;
    const { nodes, uniformity, hammocks, others } = analysis;
    this.#nodes = nodes;
    this.#uniformity = uniformity;
    this.#hammocks = hammocks;
    this.#splits = others;
    this.#segments = cutSegments(nodes, hammocks, uniformity, constantMasks(program, nodes));
    const locals = findLocals(program, nodes, this.#segments);
    this.#localArrays = locals.arrays;
    const isLocal = (variable: number) =>
      locals.variables.has(variable) && !uniformity.isUniform({ kind: 'variable', index: variable });
    const inMemory = new Set([...locals.used].filter((variable) => !isLocal(variable)));
    this.#layout = layOut(program, uniformity, options.counts, inMemory);
    this.#naming = { program, uniformity, layout: this.#layout, hasWholeRows: options.hasWholeRows, isLocal };
    const plant = options.plant ?? ((names: Names) => names);
    this.#warp = plant(warpNames(this.#naming));
    const lane = laneNames(this.#naming);
    this.#lane = { ...lane, ...plant(lane) };
    this.#strides = findStrides(program, nodes, uniformity);
    this.#live = liveVariables(nodes);
    this.#regions = findRegions(nodes, hammocks, others);
    this.#regionOf = new Map(this.#regions.map(({ head }, at) => [head, at]));
  }

  emit(): Emitted {
    const regions = this.#regions.map((region, at) => this.#region(region, at));
    const source = [
      `'use strict'; // ${this.#program.name}`,
      'const XM = E.xm, XL = E.xl, XH = E.xh, XD = E.xd, XA = E.xa, XB = E.xb, YL = E.yl, YH = E.yh, YD = E.yd;',
      ...this.#program.tables.map(
        ({ type, values }, at) =>
          `const T${at} = new ${type === 'f64' ? 'Float64Array' : type === 'i32' ? 'Int32Array' : 'Uint32Array'}([${values.join(',')}]);`,
      ),
      ...this.#sites,
      ...this.#functions,
      `return [${regions.join(', ')}];`,
    ].join('\n');
    const layout = { ...this.#layout, fWords: this.#layout.fWords + this.#seenMasks };
    return { source, layout, suspended: this.#suspended, isConverged: this.#isConverged };
  }

  // --- Regions: functions (w, mask) that run until the warp leaves off or another region begins.

  #region({ head, nodes }: Region, at: number): string {
    const inside = new Set(nodes);
    const graph = warpGraph(this.#nodes, this.#hammocks).map((after, node) =>
      inside.has(node) ? after.filter((next) => inside.has(next) && (next !== head || !this.#isSeparate(node))) : [],
    );
    const assigned = this.#assignedIn(nodes);
    const body = structured({
      successors: graph,
      entry: head,
      prefix: `r${at}_`,
      emit: (node, go) => {
        const leave = (target: number): string => {
          if (graph[node]!.includes(target)) return go(target);
          return `${this.#save(target, assigned)} return ${this.#regionOf.get(target)};`;
        };
        return [...this.#segmentsOf(node), this.#end(node, leave, assigned)].join('\n');
      },
    });
    const text = body.replaceAll('FIRST', '(31 - Math.clz32(mask & -mask))');
    const name = `r${at}`;
    this.#functions.push(
      `function ${name}(w, mask) {\nconst F = w.F, V = w.V, D = w.D;\n${this.#prologue(text, this.#live[head]!)}\n${text}\n}`,
    );
    return name;
  }

  /** Whether a node goes to others by leaving off, even to the head of its own region. */
  #isSeparate(node: number): boolean {
    const { op } = this.#nodes[node]!.end;
    return op === 'suspend' || op === 'poll' || this.#splits.includes(node);
  }

  /** Uniform variables and masks that code of these nodes sets. */
  #assignedIn(nodes: readonly number[]): Set<number> {
    const assigned = new Set<number>();
    const note = (instruction: Instruction) => {
      for (const target of defUseOf(instruction).targets) if (this.#isOfFrame(target)) assigned.add(target);
    };
    for (const node of nodes) {
      for (const segment of this.#segments.ofNode.get(node) ?? []) {
        if (segment.kind === 'warp' || segment.kind === 'collective') note(segment.instruction);
        else if (segment.kind === 'lanes')
          for (const part of segment.parts) {
            if (part.kind === 'hammock') {
              for (const inner of part.hammock.nodes) for (const item of this.#nodes[inner]!.items) note(item);
            } else if (part.kind !== 'offer') note(part.instruction);
          }
      }
    }
    return assigned;
  }

  /** Whether a variable is a local of region functions: one a warp, or a mask. */
  #isOfFrame(variable: number): boolean {
    if (this.#naming.isLocal(variable)) return false;
    return (
      this.#program.variables[variable]!.type === 'pred' ||
      this.#uniformity.isUniform({ kind: 'variable', index: variable })
    );
  }

  #save(target: number, assigned: ReadonlySet<number>): string {
    const live = this.#live[target]!;
    return [...assigned]
      .filter((variable) => live.has(variable))
      .map((variable) => this.#saveVariable(variable))
      .join(' ');
  }

  #saveVariable(variable: number): string {
    const place = this.#layout.place[variable]!;
    const { type } = this.#program.variables[variable]!;
    if (!this.#uniformity.isUniform({ kind: 'variable', index: variable })) return `F[${place}] = m${variable};`;
    if (isWide(type)) return `F[${place}] = g${variable}l; F[${place + 1}] = g${variable}h;`;
    return `${type === 'f64' || type === 'ptr' ? 'D' : 'F'}[${place}] = g${variable};`;
  }

  /** Declares what the text refers to. */
  #prologue(text: string, live: ReadonlySet<number>): string {
    const lines: string[] = [];
    const names = new Set(text.match(FREE_NAMES) ?? []);
    for (const name of [...names].sort()) {
      const index = Number(/\d+/.exec(name)?.[0] ?? -1);
      if (name.startsWith('s_')) lines.push(`const ${name} = ${this.#special(name)};`);
      else if (name === 'tx0') lines.push('const tx0 = w.threadX;');
      else if (name === 't0') lines.push('const t0 = w.firstThread;');
      else if (/^T[XYZ]$/.test(name)) lines.push(`const ${name} = w.block.thread${name[1]};`);
      else if (name.startsWith('q')) lines.push(`let ${name} = 0;`);
      else if (name.startsWith('p')) {
        const { type } = this.#program.params[index]!;
        const word = name.endsWith('h') ? 2 * index + 1 : 2 * index;
        lines.push(`const ${name} = ${type === 'ptr' ? `w.block.PD[${index}]` : `w.block.PI[${word}]`};`);
      } else {
        const place = this.#layout.place[index]!;
        const { type } = this.#program.variables[index]!;
        // Masks have bits of other lanes; all else matters only if it may be read.
        if (!live.has(index) && !(name.startsWith('m') && !this.#isConverged)) lines.push(`let ${name} = 0;`);
        else if (name.startsWith('m')) lines.push(`let ${name} = F[${place}];`);
        else if (name.endsWith('h')) lines.push(`let ${name} = F[${place + 1}];`);
        else if (type === 'f64' || type === 'ptr') lines.push(`let ${name} = D[${place}];`);
        else lines.push(`let ${name} = F[${place}]${type === 'u32' ? ' >>> 0' : ''};`);
      }
    }
    return lines.join('\n');
  }

  #special(identifier: string): string {
    const name = identifier.slice(2).replace('_', '.');
    if (name === 'warpIndex') return 'w.index';
    if (name === 'threadIdx.y') return 'w.threadY';
    if (name === 'threadIdx.z') return 'w.threadZ';
    const index = SPECIAL_NAMES.indexOf(name as (typeof SPECIAL_NAMES)[number]);
    return `w.block.specials[${index}]`;
  }

  #end(node: number, leave: (target: number) => string, assigned: ReadonlySet<number>): string {
    const { end } = this.#nodes[node]!;
    const hammock = this.#hammocks.find(({ entry }) => entry === node);
    if (hammock !== undefined) return leave(hammock.join);
    switch (end.op) {
      case 'jump':
        return leave(end.target);
      case 'branch':
        return this.#branch(node, end, leave, assigned);
      case 'exit':
        return `return ${LEFT.exited};`;
      case 'throw':
        return `E.lane = FIRST; E.position = ${end.site}; throw E.kernelThrew(${JSON.stringify(end.message)});`;
      case 'poll':
        return `${this.#save(end.target, assigned)} w.next = ${this.#regionOf.get(end.target)}; w.suspended = ${this.#suspended.push(end.instruction) - 1}; return ${LEFT.polled};`;
      case 'suspend': {
        const { instruction } = end;
        const number = this.#suspended.push(instruction) - 1;
        const go = `${this.#save(end.target, assigned)} w.next = ${this.#regionOf.get(end.target)}; w.suspended = ${number};`;
        if (instruction.op !== 'barrier') return `${go} return ${LEFT.collective};`;
        const isOne = this.#uniformity.isUniform(instruction.id) && this.#uniformity.isUniform(instruction.threadCount);
        const operands = isOne
          ? `w.isOffered = false; w.barrierId = ${this.#warp.value(instruction.id)}; w.barrierCount = ${this.#warp.value(instruction.threadCount)};`
          : 'w.isOffered = true;';
        return `${operands} ${go} return ${LEFT.barrier};`;
      }
      default:
        return end satisfies never;
    }
  }

  #branch(
    node: number,
    end: Extract<NodeEnd, { op: 'branch' }>,
    leave: (target: number) => string,
    assigned: ReadonlySet<number>,
  ): string {
    if (this.#uniformity.isUniform(end.condition)) {
      return `if (${this.#warp.value(end.condition)}) {\n${leave(end.then)}\n} else {\n${leave(end.else)}\n}`;
    }
    const taken = this.#mask(end.condition);
    const exit = exitOf(this.#nodes, end);
    if (this.#uniformity.exitBranches.has(node)) {
      const gone = exit === 'then' ? taken : `(mask & ~${taken})`;
      const stay = exit === 'then' ? end.else : end.then;
      return `{ const g_ = ${gone}; if (g_ !== 0) { mask &= ~g_; if (mask === 0) return ${LEFT.exited}; E.exitLanes(w, g_); } }\n${leave(stay)}`;
    }
    if (!this.#splits.includes(node)) throw new Error('[simtwin bug] a divergent branch that no code takes');
    const [then, other] = [this.#regionOf.get(end.then), this.#regionOf.get(end.else)];
    const saved = this.#save(end.then, assigned);
    const both = `${saved} ${this.#save(end.else, new Set([...assigned].filter((it) => !this.#live[end.then]!.has(it))))}`;
    return `{ const t_ = ${taken}; ${both} if (t_ === mask) return ${then}; if (t_ === 0) return ${other}; w.taken = t_; w.then = ${then}; w.else = ${other}; return ${LEFT.split}; }`;
  }

  /** The lanes of `mask` for which a predicate holds. */
  #mask(predicate: Operand): string {
    if (predicate.kind === 'variable' && !this.#uniformity.isUniform(predicate)) return `(m${predicate.index} & mask)`;
    if (predicate.kind === 'constant') return predicate.value === true ? 'mask' : '0';
    return `(${this.#warp.value(predicate)} ? mask : 0)`;
  }

  // --- Segments: statements within a region.

  #segmentsOf(node: number): string[] {
    return (this.#segments.ofNode.get(node) ?? []).map((segment) => this.#segment(segment, node));
  }

  #segment(segment: Segment, node: number): string {
    switch (segment.kind) {
      case 'warp':
        return this.#warpInstruction(segment.instruction);
      case 'collective':
        return this.#collective(segment.instruction, segment.isOffered);
      case 'masks':
        return this.#masks(segment.instruction);
      case 'lanes':
        return this.#lanes(segment.parts, segment.id, node);
      default:
        return segment satisfies never;
    }
  }

  #warpInstruction(instruction: Instruction): string {
    if (isArithmetic(instruction)) {
      const text = emitArithmetic(instruction, this.#warp);
      return mayThrow(instruction) ? `${this.#noteBefore(instruction, this.#warp, 'FIRST')} ${text}` : text;
    }
    const sites: string[] = [];
    const bases: SiteBase[] = [];
    const context = this.#accessContext(this.#warp, 'FIRST', sites, bases, []);
    const text = this.#memoryInstruction(instruction, context, 'FIRST');
    const relative = bases.map(({ site, base }) => `let r${site} = E.relative(S${site}, w, ${base});`);
    return `{ ${[...relative, ...sites].join(' ')} ${text} ${isVisibleStore(instruction) ? 'E.stored = true;' : ''} }`;
  }

  #memoryInstruction(instruction: Instruction, context: AccessContext, lane: string): string {
    const { names } = context;
    switch (instruction.op) {
      case 'load':
      case 'store':
      case 'atomic':
        return emitAccess(instruction, context);
      case 'loadTable': {
        const index = names.value(instruction.index);
        const { name, values } = this.#program.tables[instruction.table]!;
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
        return this.#clearArray(instruction.array);
      case 'readElement': {
        const before: string[] = [];
        const { array, index } = instruction.element;
        const element = context.element(array, index, before, instruction.site);
        const { elementType } = this.#program.arrays[array]!;
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
        const source = this.#sourceParts(instruction.a, instruction.element.array, context, before, instruction.site);
        const element = context.element(instruction.element.array, instruction.element.index, before, instruction.site);
        return `{ ${before.join(' ')} ${setElement(element, source)} }`;
      }
      case 'selectElement': {
        const before: string[] = [];
        const a = this.#sourceParts(instruction.a, instruction.element.array, context, before, instruction.site);
        const b = this.#sourceParts(instruction.b, instruction.element.array, context, before, instruction.site);
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

  #sourceParts(
    source:
      | Parameters<Names['value']>[0]
      | { readonly kind: 'element'; readonly array: number; readonly index: Operand },
    array: number,
    context: AccessContext,
    before: string[],
    position: number,
  ): ElementNames {
    if (source.kind === 'element') return context.element(source.array, source.index, before, position);
    const bytes = scalarBytes(this.#program.arrays[array]!.elementType);
    const defined = String((1 << bytes) - 1);
    if (bytes === 8) {
      const [low, high] = context.names.words(source);
      return { low, high, defined };
    }
    return { low: `(${context.names.value(source)} | 0)`, high: '0', defined };
  }

  #clearArray(array: number): string {
    const { elementType } = this.#program.arrays[array]!;
    if (this.#localArrays.has(array)) return `x${array}l = 0; x${array}h = 0; x${array}d = 0;`;
    const planes = planesOf(scalarBytes(elementType));
    const first = this.#layout.arrayPlace[array]!;
    const count = this.#layout.counts[array]!;
    return `for (let i_ = 0; i_ < ${count}; i_++) V[${first + 32 * (planes - 1)} + i_ * ${32 * planes} + l] = 0;`;
  }

  #accessContext(names: Names, lane: string, sites: string[], bases: SiteBase[], once: string[]): AccessContext {
    return {
      names,
      program: this.#program,
      lane,
      trace: this.#options.trace,
      fresh: () => this.#fresh++,
      typeOf: (operand) => this.#typeOf(operand),
      isUniform: (operand) => operand.kind !== 'special' && this.#uniformity.isUniform(operand),
      stride: null,
      site: (instruction, bytes, elementBytes, view, base) => {
        const known = this.#siteOf.get(instruction);
        if (known !== undefined) return known;
        const site =
          this.#sites.push(`const S${this.#sites.length} = E.site(${bytes}, ${elementBytes}, '${instruction.op}');`) -
          1;
        this.#siteOf.set(instruction, site);
        sites.push(siteLocals(site, view, base !== null));
        if (base !== null) bases.push({ site, base });
        return site;
      },
      element: (array, index, before, position) => {
        if (this.#localArrays.has(array)) return { low: `x${array}l`, high: `x${array}h`, defined: `x${array}d` };
        const planes = planesOf(scalarBytes(this.#program.arrays[array]!.elementType));
        const first = this.#layout.arrayPlace[array]!;
        const count = this.#layout.counts[array]!;
        let at: string;
        if (
          index.kind === 'constant' &&
          Number(index.value) >= 0 &&
          Number(index.value) < count &&
          Number.isInteger(index.value)
        ) {
          at = `${first + Number(index.value) * planes * 32} + l`;
        } else {
          const id = this.#fresh++;
          const text = names.value(index);
          const bad = `i${id} >>> 0 !== i${id} || i${id} >= ${count}`;
          const fault = `E.outside(w, i${id}, l, ${position}, 'register index # of an array of ${count}');`;
          const declare = `const i${id} = ${text}, b${id} = ${bad}, e${id} = ${first} + i${id} * ${planes * 32};`;
          // The same register for all lanes: found once.
          if (index.kind !== 'special' && this.#uniformity.isUniform(index)) {
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

  // --- Lane loops: functions of their own.

  #lanes(parts: readonly LanePart[], id: number, node: number): string {
    const sites: string[] = [];
    const bases: SiteBase[] = [];
    const once: string[] = [];
    const context = this.#accessContext(this.#lane, 'l', sites, bases, once);
    this.#lane.reset();
    const body = parts.map((part) => this.#lanePart(part, context, id)).join('\n');
    const strided = this.#stridedAccesses(parts);
    const firstLane = strided === null ? [] : this.#firstOffsets(strided, parts);
    let quickBody = body;
    if (strided !== null) {
      this.#lane.reset();
      const quick = { ...context, stride: (access: Access) => strided.get(access) ?? null };
      quickBody = parts.map((part) => this.#lanePart(part, quick, id)).join('\n');
    }
    const setMasks = this.#assignedMasks(parts);
    const locals = new Set(`${body} ${quickBody}`.match(/\b(?:[vw]\d+[lh]?|x\d+[lhd])\b/g) ?? []);
    const declarations = [...locals].sort().map((name) => {
      const isPred = /^v\d+$/.test(name) && this.#program.variables[Number(name.slice(1))]!.type === 'pred';
      return `${name} = ${isPred ? 'false' : '0'}`;
    });
    const free = [...new Set([body, quickBody, ...firstLane, ...once].join('\n').match(FREE_NAMES) ?? [])].sort();
    const [first, ...others] = setMasks;
    const result = [
      this.#storesVisibly(parts) ? 'E.stored = true;' : '',
      ...others.map((variable, at) => `E.m${at} = m${variable};`),
      first === undefined ? '' : `return m${first};`,
    ].join(' ');
    const name = `k${id}`;
    const loop = (skip: string, text: string): string[] => [
      'for (let l = 0; l < 32; l++) {',
      skip,
      /\bbit\b/.test(text) ? 'const bit = 1 << l;' : '',
      declarations.length === 0 ? '' : `let ${declarations.join(', ')};`,
      text,
      '}',
    ];
    const offsets = [...(strided?.keys() ?? [])].map((access) => `z${this.#siteOf.get(access)}`);
    this.#functions.push(
      [
        `function ${name}(w, V, D, mask${[...free, ...bases.map(({ site }) => `r${site}`)].map((it) => `, ${it}`).join('')}) { // node ${node}`,
        ...sites,
        ...once,
        offsets.length === 0 ? '' : `let ${offsets.map((name) => `${name} = -1`).join(', ')};`,
        ...(offsets.length === 0 ? [] : ['if (mask === -1) {', ...firstLane, '}']),
        // Nearly always all lanes take part, and what they access lies in one piece.
        `if (mask === -1${offsets.map((name) => ` && ${name} >= 0`).join('')}) {`,
        ...loop('', quickBody),
        '} else {',
        ...loop('if ((mask & (1 << l)) === 0) continue;', body),
        '}',
        result,
        '}',
      ]
        .filter((line) => line !== '')
        .join('\n'),
    );
    if (others.length > 8) throw new Error('[simtwin bug] a lane loop sets more than 9 masks');
    // Where a base lies in its allocation is an argument: V8 then takes it as the small integer that it is.
    const relative = bases.map(({ site, base }) => `E.relative(S${site}, w, ${base})`);
    const call = `${name}(w, V, D, mask${[...free, ...relative].map((it) => `, ${it}`).join('')})`;
    const assign = first === undefined ? `${call};` : `m${first} = ${call};`;
    return [assign, ...others.map((variable, at) => `m${variable} = E.m${at};`)].join(' ');
  }

  /**
   * The accesses of a lane loop whose offsets follow a stride, which every lane performs, and whose first address is known
   * before the loop. Null: none.
   */
  #stridedAccesses(parts: readonly LanePart[]): Map<Access, number> | null {
    if (this.#options.trace) return null;
    const strided = new Map<Access, number>();
    for (const part of parts) {
      if (part.kind !== 'instruction') continue;
      const { instruction } = part;
      if (instruction.op !== 'load' && instruction.op !== 'store') continue;
      const base = this.#strides(instruction.base);
      const index = this.#strides(instruction.index);
      if (base === null || index === null) continue;
      const bytes = scalarBytes(instruction.elementType);
      const stride = base + index * bytes;
      const size = bytes * (instruction.op === 'load' ? instruction.to.length : instruction.values.length);
      if (!Number.isInteger(stride) || stride < 0 || stride > 2 ** 20 || stride % size !== 0) continue;
      if (![instruction.base, instruction.index].every((operand) => this.#isKnownBefore(operand, parts, instruction)))
        continue;
      strided.set(instruction, stride);
    }
    return strided.size === 0 ? null : strided;
  }

  /** Whether lane 0's value of an operand can be computed before a lane loop. */
  #isKnownBefore(operand: Operand, parts: readonly LanePart[], user: Instruction): boolean {
    if (operand.kind !== 'variable' || this.#uniformity.isUniform(operand)) return true;
    const setters = parts.flatMap((part) => {
      const inside =
        part.kind === 'hammock'
          ? [...part.hammock.nodes].flatMap((node) => this.#nodes[node]!.items)
          : part.kind === 'offer'
            ? []
            : [part.instruction];
      return inside.filter((instruction) => defUseOf(instruction).targets.includes(operand.index));
    });
    const [setter] = setters;
    if (setter === undefined) return !this.#naming.isLocal(operand.index);
    const isBefore = parts.some(
      (part, at) =>
        part.kind === 'instruction' &&
        part.instruction === setter &&
        at < parts.findIndex((other) => other.kind === 'instruction' && other.instruction === user),
    );
    return (
      setters.length === 1 &&
      isBefore &&
      isArithmetic(setter) &&
      !mayThrow(setter) &&
      !('type' in setter && isWide(setter.type)) &&
      defUseOf(setter).operands.every((used) => this.#isKnownBefore(used, parts, setter))
    );
  }

  /** Statements that compute the first offsets of strided accesses: `z3` of site 3; -1 if lanes go on one by one. */
  #firstOffsets(strided: ReadonlyMap<Access, number>, parts: readonly LanePart[]): string[] {
    const lines: string[] = [];
    const computed = new Set<number>();
    const lane0: Names = {
      value: (operand) => {
        if (operand.kind === 'special') return this.#lane.value(operand).replace(/\bl\b/, '0');
        if (operand.kind !== 'variable' || this.#uniformity.isUniform(operand)) return this.#warp.value(operand);
        if (computed.has(operand.index)) return `y${operand.index}`;
        const { type } = this.#program.variables[operand.index]!;
        const place = this.#layout.place[operand.index];
        if (type === 'f64' || type === 'ptr') return `D[${place}]`;
        if (type === 'pred') return `(m${operand.index} & 1)`;
        return type === 'u32' ? `(V[${place}] >>> 0)` : `V[${place}]`;
      },
      words: (operand) => this.#warp.words(operand),
      assign: (variable, expression) => `const y${variable} = ${expression};`,
      assignWords: () => {
        throw new Error('[simtwin bug] a strided address of 64-bit words');
      },
    };
    const compute = (operand: Operand): void => {
      if (operand.kind !== 'variable' || this.#uniformity.isUniform(operand) || computed.has(operand.index)) return;
      const setter = parts
        .flatMap((part) => (part.kind === 'instruction' ? [part.instruction] : []))
        .find((instruction) => defUseOf(instruction).to === operand.index);
      if (setter === undefined || !isArithmetic(setter)) return;
      defUseOf(setter).operands.forEach(compute);
      lines.push(emitArithmetic(setter, lane0));
      computed.add(operand.index);
    };
    for (const [access, stride] of strided) {
      compute(access.base);
      compute(access.index);
      const site = this.#siteOf.get(access);
      const bytes = scalarBytes(access.elementType);
      const address = `${lane0.value(access.base)} + ${lane0.value(access.index)} * ${bytes}`;
      lines.push(
        `z${site} = E.strided(S${site}, w, ${address}, ${stride}); ${refreshSite(site!, access, this.#isRelative(access))}`,
      );
    }
    return lines;
  }

  #isRelative({ base }: Access): boolean {
    return base.kind !== 'special' && this.#uniformity.isUniform(base);
  }

  #storesVisibly(parts: readonly LanePart[]): boolean {
    return parts.some((part) =>
      part.kind === 'hammock'
        ? [...part.hammock.nodes].some((node) => this.#nodes[node]!.items.some(isVisibleStore))
        : isVisibleStore(part.instruction),
    );
  }

  #assignedMasks(parts: readonly LanePart[]): number[] {
    const masks = new Set<number>();
    const note = (instruction: Instruction) => {
      for (const target of defUseOf(instruction).targets) {
        if (
          this.#program.variables[target]!.type === 'pred' &&
          !this.#naming.isLocal(target) &&
          !this.#uniformity.isUniform({ kind: 'variable', index: target })
        ) {
          masks.add(target);
        }
      }
    };
    for (const part of parts) {
      if (part.kind === 'hammock') {
        for (const node of part.hammock.nodes) for (const item of this.#nodes[node]!.items) note(item);
      } else if (part.kind !== 'offer') note(part.instruction);
    }
    return [...masks];
  }

  #lanePart(part: LanePart, context: AccessContext, id: number): string {
    switch (part.kind) {
      case 'instruction':
        return this.#laneInstruction(part.instruction, context);
      case 'offer':
        return this.#offer(part.instruction);
      case 'receive':
        return this.#receive(part.instruction);
      case 'vote':
        return this.#vote(part.instruction);
      case 'hammock':
        return this.#hammock(part.hammock, context, id);
      default:
        return part satisfies never;
    }
  }

  #laneInstruction(instruction: Instruction, context: AccessContext, isInHammock = false): string {
    if (isArithmetic(instruction)) {
      // It has been done for the warp.
      if (isInHammock && this.#uniformity.isUniform({ kind: 'variable', index: instruction.to })) return '';
      const text = emitArithmetic(instruction, this.#lane);
      return mayThrow(instruction) ? `${this.#noteBefore(instruction, this.#lane, 'l')} ${text}` : text;
    }
    return this.#memoryInstruction(instruction, context, 'l');
  }

  /** Notes who computes what may throw; of a division only where it will. */
  #noteBefore(instruction: ArithmeticInstruction, names: Names, lane: string): string {
    const note = `E.lane = ${lane}; E.position = ${instruction.site};`;
    if (instruction.op !== 'binary') return note;
    const { b, type } = instruction;
    if (b.kind === 'constant' && Number(b.value) !== 0) return '';
    const zero = isWide(type) ? names.words(b).join(' | ') : names.value(b);
    return `if ((${zero}) === 0) { ${note} }`;
  }

  #hammock(hammock: Hammock, context: AccessContext, id: number): string {
    const label = `H${id}_${hammock.entry}`;
    this.#lane.enterBranch();
    const graph = this.#nodes.map(({ end }, node) =>
      hammock.nodes.has(node) || node === hammock.entry ? targets(end).filter((next) => hammock.nodes.has(next)) : [],
    );
    const text = structured({
      successors: graph,
      entry: hammock.entry,
      prefix: `${id}_${hammock.entry}_`,
      emit: (node, go) => {
        const { items, end } = this.#nodes[node]!;
        const leave = (target: number) => (hammock.nodes.has(target) ? go(target) : `break ${label};`);
        const code =
          node === hammock.entry && !hammock.isLoop
            ? []
            : items.map((item) => this.#laneInstruction(item, context, true));
        return [...code, this.#laneEnd(end, leave)].join('\n');
      },
    });
    this.#lane.leaveBranch();
    return `${label}: {\n${text}\n}`;
  }

  #laneEnd(end: NodeEnd, leave: (target: number) => string): string {
    switch (end.op) {
      case 'jump':
        return leave(end.target);
      case 'branch':
        return `if (${this.#lane.value(end.condition)}) {\n${leave(end.then)}\n} else {\n${leave(end.else)}\n}`;
      case 'throw':
        return `E.lane = l; E.position = ${end.site}; throw E.kernelThrew(${JSON.stringify(end.message)});`;
      default:
        throw new Error(`[simtwin bug] ${end.op} in a hammock`);
    }
  }

  // --- Warp-wide operations.

  /** Puts a lane's operands where the engine finds them. */
  #offer(instruction: Instruction): string {
    const names = this.#lane;
    if (instruction.op === 'barrier') {
      return `XA[l] = ${names.value(instruction.id)}; XB[l] = ${names.value(instruction.threadCount)};`;
    }
    if (instruction.op !== 'collective') throw new Error(`[simtwin bug] ${instruction.op} is offered`);
    const { mask, value, a, b } = instruction;
    const out = [`XM[l] = ${names.value(mask)};`];
    if (value !== null) {
      const type = this.#typeOf(value);
      if (isWide(type)) {
        const [low, high] = names.words(value);
        out.push(`XL[l] = ${low}; XH[l] = ${high};`);
      } else if (type === 'pred') out.push(`XL[l] = ${names.value(value)} ? 1 : 0;`);
      else if (type === 'f64') out.push(`XD[l] = ${names.value(value)};`);
      else out.push(`XL[l] = ${names.value(value)};`);
    }
    if (a !== null) out.push(`XA[l] = ${names.value(a)};`);
    if (b !== null) out.push(`XB[l] = ${names.value(b)};`);
    return out.join(' ');
  }

  #typeOf(operand: Operand): string & Program['variables'][number]['type'] {
    switch (operand.kind) {
      case 'variable':
        return this.#program.variables[operand.index]!.type;
      case 'param':
        return this.#program.params[operand.index]!.type;
      case 'constant':
        return operand.type;
      case 'special':
        return 'i32';
      default:
        return operand satisfies never;
    }
  }

  /** A lane takes its result. */
  #receive(instruction: Instruction): string {
    if (instruction.op !== 'collective') throw new Error(`[simtwin bug] ${instruction.op} is received`);
    const { to } = instruction;
    if (to === -1) return '';
    if (this.#isPlainVote(instruction)) {
      // A ballot whose shift differs by lane: what was voted is in a local of the region.
      return this.#lane.assign(to, `(q${instruction.site} >>> ${this.#lane.value(instruction.a!)}) >>> 0`);
    }
    return this.#result(this.#lane, to, 'l');
  }

  #result(names: Names, to: number, lane: string): string {
    switch (this.#program.variables[to]!.type) {
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

  /** A vote of a converged warp under one mask: an operation on masks. */
  #isPlainVote(instruction: Extract<Instruction, { op: 'collective' }>): boolean {
    return (
      this.#isConverged &&
      ['sync', 'any', 'all', 'ballot'].includes(instruction.operation) &&
      this.#uniformity.isUniform(instruction.mask)
    );
  }

  /** Looks at the masks of a vote, unless they have been seen with these live lanes, and notes the votes. */
  #masks(instruction: Collective): string {
    const { mask, value, site } = instruction;
    const seen = this.#layout.fWords + this.#seenMasks++;
    const number = this.#suspended.push(instruction) - 1;
    const place = this.#layout.place[(mask as { index: number }).index]!;
    const check = `if (F[${seen}] !== mask) { E.checkMasks(w, ${number}, mask, V, ${place}); F[${seen}] = mask; }`;
    return value === null ? check : `${check} q${site} = ${this.#mask(value)};`;
  }

  /** A lane's result of a vote among the lanes of its mask. */
  #vote({ operation, mask, to, a, site }: Collective): string {
    const votes = `q${site} & ${this.#lane.value(mask)}`;
    switch (operation) {
      case 'any':
        return this.#lane.assign(to, `(${votes}) !== 0`);
      case 'all':
        return this.#lane.assign(to, `(${votes}) === (mask & ${this.#lane.value(mask)})`);
      default:
        return this.#lane.assign(to, `((${votes}) >>> ${this.#lane.value(a!)}) >>> 0`);
    }
  }

  #collective(instruction: Instruction, isOffered: boolean): string {
    if (instruction.op !== 'collective') throw new Error(`[simtwin bug] ${instruction.op} is no collective`);
    const { to, site } = instruction;
    if (isOffered) {
      const number = this.#suspended.push(instruction) - 1;
      const perform = `E.performTogether(w, ${number}, mask);`;
      if (to === -1 || !this.#uniformity.isUniform({ kind: 'variable', index: to })) return perform;
      return `${perform} ${this.#result(this.#warp, to, 'FIRST')}`;
    }
    const member = this.#warp.value(instruction.mask);
    const check = isFull(instruction.mask)
      ? ''
      : `if ((${member} & mask) !== mask) E.notInMask(w, ${this.#suspended.push(instruction) - 1}, mask, ${member});`;
    if (instruction.operation === 'sync') return check;
    const votes = this.#mask(instruction.value!);
    switch (instruction.operation) {
      case 'any':
        return `${check} ${this.#warp.assign(to, `${votes} !== 0`)}`;
      case 'all':
        return `${check} ${this.#warp.assign(to, `${votes} === mask`)}`;
      default: {
        if (!this.#uniformity.isUniform({ kind: 'variable', index: to })) return `${check} q${site} = ${votes};`;
        return `${check} ${this.#warp.assign(to, `(${votes} >>> ${this.#warp.value(instruction.a!)}) >>> 0`)}`;
      }
    }
  }
}

const isVisibleStore = (instruction: Instruction): boolean =>
  instruction.op === 'store' && instruction.ordering !== 'plain';

const targets = (end: NodeEnd): readonly number[] =>
  end.op === 'branch' ? [end.then, end.else] : 'target' in end ? [end.target] : [];

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

/** For tests: the variables that have locals in code for warps. */
export const localNames = localsOf;
