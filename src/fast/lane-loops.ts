import {
  defUseOf,
  emitArithmetic,
  type Instruction,
  isArithmetic,
  mayThrow,
  reachableWithout,
} from '../program/index.js';
import { type Access, type AccessContext, refreshSite, withRefreshes } from './access-code.js';
import { canBeginAgain } from './calm-loops.js';
import { type Emission, FREE_NAMES, type SiteBase } from './emission.js';
import { graphOf, type NodeEnd } from './flow.js';
import { type Hammock, hasLoop } from './hammocks.js';
import type { Registers } from './registers.js';
import type { LanePart } from './segments.js';
import { StridedAccesses } from './strided-accesses.js';
import { structured } from './structure.js';
import type { WarpOperations } from './warp-operations.js';

/** Loops over the lanes of a warp: functions of their own, so that V8 optimises each by itself. */
export class LaneLoops {
  readonly #e: Emission;
  readonly #operations: WarpOperations;
  readonly #strided: StridedAccesses;

  constructor(emission: Emission, operations: WarpOperations) {
    this.#e = emission;
    this.#operations = operations;
    this.#strided = new StridedAccesses(emission);
  }

  /**
   * A loop over lanes has two forms. The general one has code for all cases. The calm one is for what is nearly always so:
   * all lanes take part, what they access lies where the last access was, registers are wholly defined. A lane that finds
   * it otherwise goes on in the general form.
   */
  lanes(parts: readonly LanePart[], id: number, node: number): string {
    const sites: string[] = [];
    const bases: SiteBase[] = [];
    const registers = this.#e.registers();
    const context = this.#e.accessContext(this.#e.lane, 'l', sites, bases, registers);
    const setMasks = this.#assignedMasks(parts);
    const cleared = new Set([...setMasks].filter((mask) => this.#isSetOnce(mask, parts, node)));
    this.#e.lane.reset(cleared);
    const general = parts.map((part) => this.#lanePart(part, context, id)).join('\n');
    const strided = this.#strided.stridedAccesses(parts);
    const mayLeave = (access: Access) => !strided.has(access) || this.#storesLocalRegister(access);
    const calm =
      registers.mayBeCalm &&
      canBeginAgain(
        parts,
        this.#e.analysis.nodes,
        mayLeave,
        (array) => this.#e.localArrays.has(array),
        this.#e.options.trace,
      )
        ? this.#calmForm(parts, id, context, registers, strided, setMasks, cleared, sites)
        : null;
    // Where a base lies in its allocation is an argument: V8 then takes it as the small integer that it is. Only the
    // general form wants to know it of a strided access.
    const late = new Map(calm === null ? [] : [...strided.keys()].map((it) => [this.#e.siteOf.get(it)!, it] as const));
    const relative = bases.map(({ site, base }) => ({ site, find: `E.relative(S${site}, w, ${base})` }));
    const early = relative.filter(({ site }) => !late.has(site));
    const body = [
      ...sites,
      ...registers.declarations,
      ...[...cleared].map((mask) => `m${mask} &= ~mask;`),
      'let l = 0;',
      ...(calm ?? []),
      ...relative.flatMap(({ site, find }) => {
        const access = late.get(site);
        return access === undefined
          ? []
          : [`let r${site} = 0; if (l < 32) { r${site} = ${find}; ${refreshSite(site, access, true)} }`];
      }),
      'for (; l < 32; l++) {',
      'if ((mask & (1 << l)) === 0) continue;',
      ...this.#lane(withRefreshes(general, sites)),
      '}',
    ].join('\n');
    const [first, ...others] = setMasks;
    if (others.length > 8) throw new Error('[simtwin bug] a lane loop sets more than 9 masks');
    const result = [
      this.#storesVisibly(parts) ? 'E.stored = true;' : '',
      ...others.map((variable, at) => `E.m${at} = m${variable};`),
      first === undefined ? '' : `return m${first};`,
    ].join(' ');
    const name = `k${id}`;
    const free = [...new Set(body.match(FREE_NAMES) ?? [])].sort();
    const parameters = [...free, ...early.map(({ site }) => `r${site}`)].map((it) => `, ${it}`).join('');
    this.#e.functions.push(
      [`function ${name}(w, V, D, mask${parameters}) { // node ${node}`, body, result, '}']
        .join('\n')
        .replace(/\n\s*(?=\n)/g, ''),
    );
    const call = `${name}(w, V, D, mask${[...free, ...early.map(({ find }) => find)].map((it) => `, ${it}`).join('')})`;
    const assign = first === undefined ? `${call};` : `m${first} = ${call};`;
    return [assign, ...others.map((variable, at) => `m${variable} = E.m${at};`)].join(' ');
  }

  #calmForm(
    parts: readonly LanePart[],
    id: number,
    general: AccessContext,
    registers: Registers,
    strided: ReadonlyMap<Access, number>,
    setMasks: readonly number[],
    cleared: ReadonlySet<number>,
    sites: readonly string[],
  ): string[] | null {
    const label = `Q${id}`;
    const { names } = general;
    const context: AccessContext = {
      ...general,
      stride: (access) => strided.get(access) ?? null,
      leave: `break ${label};`,
      element: (array, index, use) => registers.calm(array, index, names, use),
      lanesWith: (predicate) => {
        const isMask =
          predicate.kind === 'variable' &&
          !this.#e.naming.isLocal(predicate.index) &&
          !this.#e.uniformity.isUniform(predicate);
        return isMask && !setMasks.includes(predicate.index) ? `m${predicate.index}` : null;
      },
    };
    this.#e.lane.reset(cleared);
    const text = parts.map((part) => this.#lanePart(part, context, id)).join('\n');
    if (!registers.mayBeCalm) return null;
    const { locals, statements } = registers.collected();
    const firstOffsets = this.#strided.firstOffsets(strided, parts);
    const offsets = [...strided.keys()].map((access) => `z${this.#e.siteOf.get(access)}`);
    const conditions = [
      'mask === -1',
      ...offsets.map((offset) => `${offset} >= 0`),
      ...this.#registerLoads(parts).map((access) => `B${this.#e.siteOf.get(access)} === null`),
      ...registers.conditions(),
    ];
    const body = this.#lane(withRefreshes(text, sites)).join('\n');
    return [
      offsets.length === 0 ? '' : `let ${offsets.map((offset) => `${offset} = -1`).join(', ')};`,
      ...(firstOffsets.length === 0 ? [] : ['if (mask === -1) {', ...firstOffsets, '}']),
      `if (${conditions.join(' && ')}) {`,
      locals.length === 0 ? '' : `let ${locals.map((local) => `${local} = 0`).join(', ')};`,
      `${text.includes(context.leave!) ? `${label}: ` : ''}for (; l < 32; l++) {`,
      ...(this.#e.analysis.isConverged && sites.length > 0 ? unrolled(body) : [body]),
      '}',
      ...statements,
      '}',
    ];
  }

  /** What a loop does for a lane. */
  #lane(text: string): string[] {
    const locals = new Set(text.match(/\b(?:[vw]\d+[lh]?|x\d+[lhd])\b/g) ?? []);
    const declarations = [...locals].sort().map((name) => {
      const isPred = /^v\d+$/.test(name) && this.#e.program.variables[Number(name.slice(1))]!.type === 'pred';
      return `${name} = ${isPred ? 'false' : '0'}`;
    });
    return [
      /\bbit\b/.test(text) ? 'const bit = 1 << l;' : '',
      declarations.length === 0 ? '' : `let ${declarations.join(', ')};`,
      text,
    ];
  }

  #storesLocalRegister(access: Access): boolean {
    return (
      access.op === 'store' &&
      access.values.some((value) => value.kind === 'element' && this.#e.localArrays.has(value.array))
    );
  }

  /** Loads whose values go to registers. */
  #registerLoads(parts: readonly LanePart[]): Access[] {
    return parts
      .flatMap((part) =>
        part.kind === 'hammock'
          ? [...part.hammock.nodes].flatMap((node) => this.#e.analysis.nodes[node]!.items)
          : part.kind === 'instruction'
            ? [part.instruction]
            : [],
      )
      .flatMap((instruction) =>
        instruction.op === 'load' && instruction.to.some(({ kind }) => kind === 'element') ? [instruction] : [],
      );
  }

  #storesVisibly(parts: readonly LanePart[]): boolean {
    return parts.some((part) =>
      part.kind === 'hammock'
        ? [...part.hammock.nodes].some((node) => this.#e.analysis.nodes[node]!.items.some(isVisibleStore))
        : isVisibleStore(part.instruction),
    );
  }

  #assignedMasks(parts: readonly LanePart[]): number[] {
    const masks = new Set<number>();
    const note = (instruction: Instruction) => {
      for (const target of defUseOf(instruction).targets) {
        if (
          this.#e.program.variables[target]!.type === 'pred' &&
          !this.#e.naming.isLocal(target) &&
          !this.#e.uniformity.isUniform({ kind: 'variable', index: target })
        ) {
          masks.add(target);
        }
      }
    };
    for (const part of parts) {
      if (part.kind === 'hammock') {
        for (const node of part.hammock.nodes) for (const item of this.#e.analysis.nodes[node]!.items) note(item);
      } else if (part.kind !== 'offer') note(part.instruction);
    }
    return [...masks];
  }

  /**
   * Whether what a mask was before a loop does not matter, and a lane sets it no more than once: its bits may then be
   * cleared beforehand.
   */
  #isSetOnce(mask: number, parts: readonly LanePart[], node: number): boolean {
    if (this.#e.live[node]!.has(mask)) return false;
    const sets = (instruction: Instruction) => defUseOf(instruction).targets.includes(mask);
    const { nodes } = this.#e.analysis;
    const all = (this.#e.segments.ofNode.get(node) ?? []).flatMap((segment) =>
      segment.kind === 'lanes' ? segment.parts : [],
    );
    const setters = all.filter((part) =>
      part.kind === 'hammock'
        ? [...part.hammock.nodes].some((inside) => nodes[inside]!.items.some(sets))
        : part.kind !== 'offer' && sets(part.instruction),
    );
    const [setter] = setters;
    if (setter === undefined || setters.length > 1 || !parts.includes(setter)) return false;
    if (setter.kind !== 'hammock') return true;
    const { hammock } = setter;
    if (hasLoop(nodes, hammock)) return false;
    const graph = graphOf(nodes);
    return [...hammock.nodes].every((inside) => {
      const { items } = nodes[inside]!;
      if (!items.some(sets)) return true;
      const after = reachableWithout(graph, graph[inside]!, hammock.join);
      return items.filter(sets).length === 1 && ![...after].some((other) => nodes[other]!.items.some(sets));
    });
  }

  #lanePart(part: LanePart, context: AccessContext, id: number): string {
    switch (part.kind) {
      case 'instruction':
        return this.#laneInstruction(part.instruction, context);
      case 'offer':
        return this.#operations.offer(part.instruction);
      case 'receive':
        return this.#operations.receive(part.instruction);
      case 'vote':
        return this.#operations.vote(part.instruction);
      case 'hammock':
        return this.#hammock(part.hammock, context, id);
      default:
        return part satisfies never;
    }
  }

  #laneInstruction(instruction: Instruction, context: AccessContext, isInHammock = false): string {
    if (isArithmetic(instruction)) {
      // It has been done for the warp.
      if (isInHammock && this.#e.uniformity.isUniform({ kind: 'variable', index: instruction.to })) return '';
      const text = emitArithmetic(instruction, this.#e.lane);
      return mayThrow(instruction) ? `${this.#e.noteBefore(instruction, this.#e.lane, 'l')} ${text}` : text;
    }
    return this.#e.memoryInstruction(instruction, context, 'l');
  }

  #hammock(hammock: Hammock, context: AccessContext, id: number): string {
    const label = `H${id}_${hammock.entry}`;
    this.#e.lane.enterBranch();
    const graph = this.#e.analysis.nodes.map(({ end }, node) =>
      hammock.nodes.has(node) || node === hammock.entry ? targets(end).filter((next) => hammock.nodes.has(next)) : [],
    );
    const text = structured({
      successors: graph,
      entry: hammock.entry,
      prefix: `${id}_${hammock.entry}_`,
      repeat: (header) => this.#e.repeat(header, 'l'),
      emit: (node, go) => {
        const { items, end } = this.#e.analysis.nodes[node]!;
        const leave = (target: number) => (hammock.nodes.has(target) ? go(target) : `break ${label};`);
        const code =
          node === hammock.entry && !hammock.isLoop
            ? []
            : items.map((item) => this.#laneInstruction(item, context, true));
        return [...code, this.#laneEnd(end, leave)].join('\n');
      },
    });
    this.#e.lane.leaveBranch();
    return `${label}: {\n${text}\n}`;
  }

  #laneEnd(end: NodeEnd, leave: (target: number) => string): string {
    switch (end.op) {
      case 'jump':
        return leave(end.target);
      case 'branch':
        return `if (${this.#e.lane.value(end.condition)}) {\n${leave(end.then)}\n} else {\n${leave(end.else)}\n}`;
      case 'throw':
        return `E.lane = l; E.position = ${end.site}; throw E.kernelThrew(${JSON.stringify(end.message)});`;
      default:
        throw new Error(`[simtwin bug] ${end.op} in a hammock`);
    }
  }
}

/** A loop's body, several times if it is short: going round costs V8 about as much as an access. */
function unrolled(body: string): string[] {
  if (body.length > LONGEST_UNROLLED) return [body];
  return new Array<string>(TIMES_UNROLLED).fill(`{\n${body}\n}`).join('\nl++;\n').split('\n');
}

/** Characters. More code would take longer to compile than it saves. */
const LONGEST_UNROLLED = 900;
/** Divides 32. */
const TIMES_UNROLLED = 4;

/** Whether an instruction stores and the scheduler sees it. */
export const isVisibleStore = (instruction: Instruction): boolean =>
  instruction.op === 'store' && instruction.ordering !== 'plain';

const targets = (end: NodeEnd): readonly number[] =>
  end.op === 'branch' ? [end.then, end.else] : 'target' in end ? [end.target] : [];
