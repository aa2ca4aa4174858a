import {
  defUseOf,
  emitArithmetic,
  type Instruction,
  isArithmetic,
  isWide,
  mayThrow,
  type Program,
  SPECIAL_NAMES,
} from '../program/index.js';
import { withRefreshes } from './access-code.js';
import { analyse } from './analysis.js';
import { Emission, type EmitOptions, FREE_NAMES, type SiteBase } from './emission.js';
import type { NodeEnd } from './flow.js';
import { isVisibleStore, LaneLoops } from './lane-loops.js';
import type { FrameSize } from './layout.js';
import { type Region, warpGraph } from './regions.js';
import type { Segment } from './segments.js';
import { structured } from './structure.js';
import { exitOf } from './uniformity.js';
import { WarpOperations } from './warp-operations.js';

/** What a region returns instead of the number of the next one. */
export const LEFT = { exited: -1, polled: -2, barrier: -3, collective: -4, split: -5 } as const;

/** A program as JavaScript for whole warps. */
export interface Emitted {
  /** The body of a function of `E` (the engine's part), `R` ({@link arithmeticRuntime}) that returns the regions. */
  readonly source: string;
  readonly frame: FrameSize;
  /** Instructions that the engine performs, by the numbers that the code uses. */
  readonly suspended: readonly Instruction[];
  /** True: the lanes of a warp always go together. False: they part and meet as the program says. */
  readonly isConverged: boolean;
}

/** Emits a program. */
export function emitFast(program: Program, options: EmitOptions): Emitted {
  return new Emitter(new Emission(program, options, analyse(program, options))).emit();
}

/** Writes regions: functions of a warp that run until it leaves off or another region begins. */
class Emitter {
  readonly #e: Emission;
  readonly #operations: WarpOperations;
  readonly #loops: LaneLoops;

  constructor(emission: Emission) {
    this.#e = emission;
    this.#operations = new WarpOperations(emission);
    this.#loops = new LaneLoops(emission, this.#operations);
  }

  emit(): Emitted {
    const regions = this.#e.regions.map((region, at) => this.#region(region, at));
    const source = [
      `'use strict'; // ${this.#e.program.name.replace(/[^\w$]/g, '_')}`,
      'const XM = E.xm, XL = E.xl, XH = E.xh, XD = E.xd, XA = E.xa, XB = E.xb, YL = E.yl, YH = E.yh, YD = E.yd;',
      ...this.#e.program.tables.map(
        ({ type, values }, at) =>
          `const T${at} = new ${type === 'f64' ? 'Float64Array' : type === 'i32' ? 'Int32Array' : 'Uint32Array'}([${values.map((value) => (Object.is(value, -0) ? '-0' : String(value))).join(',')}]);`,
      ),
      ...this.#e.sites,
      ...this.#e.functions,
      `return [${regions.join(', ')}];`,
    ].join('\n');
    const { size } = this.#e.layout;
    const frame = { ...size, fWords: size.fWords + this.#e.seenMasks };
    return { source, frame, suspended: this.#e.suspended, isConverged: this.#e.analysis.isConverged };
  }

  #region({ head, nodes }: Region, at: number): string {
    const inside = new Set(nodes);
    const graph = warpGraph(this.#e.analysis.nodes, this.#e.analysis.hammocks).map((after, node) =>
      inside.has(node) ? after.filter((next) => inside.has(next) && (next !== head || !this.#isSeparate(node))) : [],
    );
    const assigned = this.#assignedIn(nodes);
    const body = structured({
      successors: graph,
      entry: head,
      prefix: `r${at}_`,
      repeat: (header) => this.#e.repeat(header, 'FIRST'),
      emit: (node, go) => {
        const leave = (target: number): string => {
          if (graph[node]!.includes(target)) return go(target);
          return `${this.#save(target, assigned)} return ${this.#e.regionOf.get(target)};`;
        };
        return [...this.#segmentsOf(node), this.#end(node, leave, assigned)].join('\n');
      },
    });
    const text = body.replaceAll('FIRST', '(31 - Math.clz32(mask & -mask))');
    const name = `r${at}`;
    this.#e.functions.push(
      `function ${name}(w, mask) {\nconst F = w.F, V = w.V, D = w.D;\n${this.#prologue(text, this.#e.live[head]!)}\n${text}\n}`,
    );
    return name;
  }

  /** Whether a node goes to others by leaving off, even to the head of its own region. */
  #isSeparate(node: number): boolean {
    const { op } = this.#e.analysis.nodes[node]!.end;
    return op === 'suspend' || op === 'poll' || this.#e.analysis.others.includes(node);
  }

  /** Uniform variables and masks that code of these nodes sets. */
  #assignedIn(nodes: readonly number[]): Set<number> {
    const assigned = new Set<number>();
    const note = (instruction: Instruction) => {
      for (const target of defUseOf(instruction).targets) if (this.#isOfFrame(target)) assigned.add(target);
    };
    for (const node of nodes) {
      for (const segment of this.#e.segments.ofNode.get(node) ?? []) {
        if (segment.kind === 'warp' || segment.kind === 'collective') note(segment.instruction);
        else if (segment.kind === 'lanes')
          for (const part of segment.parts) {
            if (part.kind === 'hammock') {
              for (const inner of part.hammock.nodes)
                for (const item of this.#e.analysis.nodes[inner]!.items) note(item);
            } else if (part.kind !== 'offer') note(part.instruction);
          }
      }
    }
    return assigned;
  }

  /** Whether a variable is a local of region functions: one a warp, or a mask. */
  #isOfFrame(variable: number): boolean {
    if (this.#e.naming.isLocal(variable)) return false;
    return (
      this.#e.program.variables[variable]!.type === 'pred' ||
      this.#e.uniformity.isUniform({ kind: 'variable', index: variable })
    );
  }

  #save(target: number, assigned: ReadonlySet<number>): string {
    const live = this.#e.live[target]!;
    return [...assigned]
      .filter((variable) => live.has(variable))
      .map((variable) => this.#saveVariable(variable))
      .join(' ');
  }

  #saveVariable(variable: number): string {
    const place = this.#e.layout.place[variable]!;
    const { type } = this.#e.program.variables[variable]!;
    if (!this.#e.uniformity.isUniform({ kind: 'variable', index: variable })) return `F[${place}] = m${variable};`;
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
        const { type } = this.#e.program.params[index]!;
        const word = name.endsWith('h') ? 2 * index + 1 : 2 * index;
        lines.push(`const ${name} = ${type === 'ptr' ? `w.block.PD[${index}]` : `w.block.PI[${word}]`};`);
      } else {
        const place = this.#e.layout.place[index]!;
        const { type } = this.#e.program.variables[index]!;
        // Masks have bits of other lanes; all else matters only if it may be read.
        if (!live.has(index) && !(name.startsWith('m') && !this.#e.analysis.isConverged))
          lines.push(`let ${name} = 0;`);
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
    const { end } = this.#e.analysis.nodes[node]!;
    const hammock = this.#e.analysis.hammocks.find(({ entry }) => entry === node);
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
        return `${this.#save(end.target, assigned)} w.next = ${this.#e.regionOf.get(end.target)}; w.suspended = ${this.#e.suspended.push(end.instruction) - 1}; return ${LEFT.polled};`;
      case 'suspend': {
        const { instruction } = end;
        const number = this.#e.suspended.push(instruction) - 1;
        const go = `${this.#save(end.target, assigned)} w.next = ${this.#e.regionOf.get(end.target)}; w.suspended = ${number};`;
        if (instruction.op !== 'barrier') {
          const segments = this.#e.segments.ofNode.get(node) ?? [];
          const isMeeting = segments.some(({ kind }) => kind === 'meeting');
          return `${go} ${isMeeting ? '' : 'w.isPerformed = false; w.seen = -1;'} return ${LEFT.collective};`;
        }
        const isOne =
          this.#e.uniformity.isUniform(instruction.id) && this.#e.uniformity.isUniform(instruction.threadCount);
        const operands = isOne
          ? `w.isOffered = false; w.barrierId = ${this.#e.warp.value(instruction.id)}; w.barrierCount = ${this.#e.warp.value(instruction.threadCount)};`
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
    if (this.#e.uniformity.isUniform(end.condition)) {
      return `if (${this.#e.warp.value(end.condition)}) {\n${leave(end.then)}\n} else {\n${leave(end.else)}\n}`;
    }
    const taken = this.#e.mask(end.condition);
    const exit = exitOf(this.#e.analysis.nodes, end);
    if (this.#e.uniformity.exitBranches.has(node)) {
      const gone = exit === 'then' ? taken : `(mask & ~${taken})`;
      const stay = exit === 'then' ? end.else : end.then;
      return `{ const g_ = ${gone}; if (g_ !== 0) { mask &= ~g_; if (mask === 0) return ${LEFT.exited}; E.exitLanes(w, g_); } }\n${leave(stay)}`;
    }
    if (!this.#e.analysis.others.includes(node)) throw new Error('[simtwin bug] a divergent branch that no code takes');
    const [then, other] = [this.#e.regionOf.get(end.then), this.#e.regionOf.get(end.else)];
    const saved = this.#save(end.then, assigned);
    const both = `${saved} ${this.#save(end.else, new Set([...assigned].filter((it) => !this.#e.live[end.then]!.has(it))))}`;
    return `{ const t_ = ${taken}; ${both} if (t_ === mask) return ${then}; if (t_ === 0) return ${other}; w.taken = t_; w.then = ${then}; w.else = ${other}; return ${LEFT.split}; }`;
  }

  #segmentsOf(node: number): string[] {
    return (this.#e.segments.ofNode.get(node) ?? []).map((segment) => this.#segment(segment, node));
  }

  #segment(segment: Segment, node: number): string {
    switch (segment.kind) {
      case 'warp':
        return this.#warpInstruction(segment.instruction);
      case 'collective':
        return this.#operations.collective(segment.instruction, segment.isOffered);
      case 'masks':
        return this.#operations.masks(segment.instruction);
      case 'lanes':
        return this.#loops.lanes(segment.parts, segment.id, node);
      case 'meeting': {
        const { instruction, id } = segment;
        return this.#operations.meeting(instruction, this.#loops.lanes([{ kind: 'offer', instruction }], id, node));
      }
      default:
        return segment satisfies never;
    }
  }

  #warpInstruction(instruction: Instruction): string {
    if (isArithmetic(instruction)) {
      const text = emitArithmetic(instruction, this.#e.warp);
      return mayThrow(instruction) ? `${this.#e.noteBefore(instruction, this.#e.warp, 'FIRST')} ${text}` : text;
    }
    const sites: string[] = [];
    const bases: SiteBase[] = [];
    const context = this.#e.accessContext(this.#e.warp, 'FIRST', sites, bases, this.#e.registers());
    const text = this.#e.memoryInstruction(instruction, context, 'FIRST');
    const relative = bases.map(({ site, base }) => `let r${site} = E.relative(S${site}, w, ${base});`);
    return `{ ${[...relative, ...sites].join(' ')} ${withRefreshes(text, sites)} ${isVisibleStore(instruction) ? 'E.stored = true;' : ''} }`;
  }
}
