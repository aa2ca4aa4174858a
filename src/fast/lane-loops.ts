import { defUseOf, emitArithmetic, type Instruction, isArithmetic, mayThrow } from '../program/index.js';
import { type Access, type AccessContext, withRefreshes } from './access-code.js';
import { type Emission, FREE_NAMES, type SiteBase } from './emission.js';
import type { NodeEnd } from './flow.js';
import type { Hammock } from './hammocks.js';
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

  lanes(parts: readonly LanePart[], id: number, node: number): string {
    const sites: string[] = [];
    const bases: SiteBase[] = [];
    const once: string[] = [];
    const context = this.#e.accessContext(this.#e.lane, 'l', sites, bases, once);
    this.#e.lane.reset();
    const body = parts.map((part) => this.#lanePart(part, context, id)).join('\n');
    const strided = this.#strided.stridedAccesses(parts);
    const firstLane = strided === null ? [] : this.#strided.firstOffsets(strided, parts);
    let quickBody = body;
    if (strided !== null) {
      this.#e.lane.reset();
      const quick = { ...context, stride: (access: Access) => strided.get(access) ?? null };
      quickBody = parts.map((part) => this.#lanePart(part, quick, id)).join('\n');
    }
    const setMasks = this.#assignedMasks(parts);
    const locals = new Set(`${body} ${quickBody}`.match(/\b(?:[vw]\d+[lh]?|x\d+[lhd])\b/g) ?? []);
    const declarations = [...locals].sort().map((name) => {
      const isPred = /^v\d+$/.test(name) && this.#e.program.variables[Number(name.slice(1))]!.type === 'pred';
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
    const offsets = [...(strided?.keys() ?? [])].map((access) => `z${this.#e.siteOf.get(access)}`);
    this.#e.functions.push(
      [
        `function ${name}(w, V, D, mask${[...free, ...bases.map(({ site }) => `r${site}`)].map((it) => `, ${it}`).join('')}) { // node ${node}`,
        ...sites,
        ...once,
        offsets.length === 0 ? '' : `let ${offsets.map((name) => `${name} = -1`).join(', ')};`,
        ...(offsets.length === 0 ? [] : ['if (mask === -1) {', ...firstLane, '}']),
        // Nearly always all lanes take part, and what they access lies in one piece.
        `if (mask === -1${offsets.map((name) => ` && ${name} >= 0`).join('')}) {`,
        ...loop('', withRefreshes(quickBody, sites)),
        '} else {',
        ...loop('if ((mask & (1 << l)) === 0) continue;', withRefreshes(body, sites)),
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

/** Whether an instruction stores and the scheduler sees it. */
export const isVisibleStore = (instruction: Instruction): boolean =>
  instruction.op === 'store' && instruction.ordering !== 'plain';

const targets = (end: NodeEnd): readonly number[] =>
  end.op === 'branch' ? [end.then, end.else] : 'target' in end ? [end.target] : [];
