import type {
  Instruction,
  Operand,
  Program,
  RegisterArrayVariable,
  Site,
  Source,
  Target,
  Terminator,
} from './program.js';

/**
 * A program as text, for people: tables, then blocks with an instruction a line and its site behind it.
 * `%3:name` is a variable, `$path` a parameter, `regs[%1]` a register.
 */
export function formatProgram(program: Program): string {
  const print = printerOf(program);
  const lines = [`program ${program.name}`];
  for (const { path, digest } of program.files) lines.push(`file ${path} ${digest}`);
  program.params.forEach(({ path, type, elementType }) => {
    lines.push(`param $${path.join('.')} ${type}${elementType === undefined ? '' : ` ${elementType}`}`);
  });
  program.variables.forEach(({ type, scope }, index) => {
    lines.push(`variable ${print.variable(index)} ${type} scope ${scope}`);
  });
  program.arrays.forEach(({ elementType, count, scope }, index) => {
    lines.push(`registers ${print.array(index)} ${elementType}[${print.operand(count)}] scope ${scope}`);
  });
  program.tables.forEach(({ name, type, values }, index) => {
    lines.push(`table @${index}:${name ?? ''} ${type} [${values.join(', ')}]`);
  });
  program.frames.forEach(({ functionName, file, callSite, isLibrary }, index) => {
    const from = callSite === -1 ? '' : ` from ${print.site(callSite)}`;
    lines.push(`frame ${index} ${functionName} in ${program.files[file]?.path}${from}${isLibrary ? ' library' : ''}`);
  });
  program.scopes.forEach(({ frame, parent }, index) => {
    lines.push(`scope ${index} frame ${frame}${parent === -1 ? '' : ` in ${parent}`}`);
  });
  program.blocks.forEach(({ instructions, terminator }, index) => {
    lines.push(`block ${index}`);
    for (const instruction of instructions)
      lines.push(`  ${print.instruction(instruction)}    ; ${print.site(instruction.site)}`);
    lines.push(`  ${print.terminator(terminator)}    ; ${print.site(terminator.site)}`);
  });
  return `${lines.join('\n')}\n`;
}

interface Printer {
  readonly variable: (index: number) => string;
  readonly array: (index: number) => string;
  readonly operand: (operand: Operand | RegisterArrayVariable['count']) => string;
  readonly site: (index: number) => string;
  readonly instruction: (instruction: Instruction) => string;
  readonly terminator: (terminator: Terminator) => string;
}

function printerOf({ variables, arrays, params, sites, scopes, tables }: Program): Printer {
  const variable = (index: number) => {
    if (index === -1) return '_';
    const name = variables[index]?.name ?? null;
    return name === null ? `%${index}` : `%${index}:${name}`;
  };
  const array = (index: number) => `#${index}:${arrays[index]?.name ?? ''}`;
  const operand = (value: Operand): string => {
    switch (value.kind) {
      case 'variable':
        return variable(value.index);
      case 'param':
        return `$${params[value.index]?.path.join('.')}`;
      case 'constant':
        return typeof value.value === 'bigint'
          ? `${value.value}n`
          : `${Object.is(value.value, -0) ? '-0' : value.value}`;
      case 'special':
        return value.name;
      default:
        return value satisfies never;
    }
  };
  const source = (value: Source | Target): string =>
    value.kind === 'element' ? `${array(value.array)}[${operand(value.index)}]` : operand(value);
  const site = (index: number) => {
    const { scope, line, column } = sites[index] ?? ({ scope: -1, line: 0, column: 0 } satisfies Site);
    return `${scopes[scope]?.frame}:${line}:${column}`;
  };
  const given = (values: readonly (Operand | null)[]) =>
    values.flatMap((value) => (value === null ? [] : [operand(value)])).join(', ');
  const instruction = (i: Instruction): string => {
    switch (i.op) {
      case 'move':
        return `${variable(i.to)} = ${i.type} ${operand(i.a)}`;
      case 'unary':
        return `${variable(i.to)} = ${i.operator}.${i.type} ${operand(i.a)}`;
      case 'binary':
      case 'compare':
        return `${variable(i.to)} = ${i.operator}.${i.type} ${operand(i.a)}, ${operand(i.b)}`;
      case 'select':
        return `${variable(i.to)} = select.${i.type} ${operand(i.condition)}, ${operand(i.a)}, ${operand(i.b)}`;
      case 'convert':
        return `${variable(i.to)} = ${i.type}.${i.from} ${operand(i.a)}`;
      case 'address':
        return `${variable(i.to)} = address ${operand(i.base)} + ${operand(i.index)}.${i.indexType} * ${i.elementBytes}`;
      case 'loadTable':
        return `${variable(i.to)} = table @${i.table}:${tables[i.table]?.name ?? ''}[${operand(i.index)}]`;
      case 'clearArray':
        return `clear ${array(i.array)}`;
      case 'readElement':
        return `${variable(i.to)} = ${source(i.element)}`;
      case 'writeElement':
        return `${source(i.element)} = ${source(i.a)}`;
      case 'selectElement':
        return `${source(i.element)} = select ${operand(i.condition)}, ${source(i.a)}, ${source(i.b)}`;
      case 'shared':
        return `${variable(i.to)} = shared ${i.name} ${i.elementType}[${operand(i.count)}]`;
      case 'load':
        return `${i.to.map(source).join(', ')} = load.${i.ordering}.${i.scope}.${i.elementType} ${operand(i.base)}[${operand(i.index)}]`;
      case 'store':
        return `store.${i.ordering}.${i.scope}.${i.elementType} ${operand(i.base)}[${operand(i.index)}], ${i.values.map(source).join(', ')}`;
      case 'atomic':
        return `${variable(i.to)} = atomic.${i.operator}.${i.scope}.${i.elementType} ${operand(i.base)}[${operand(i.index)}], ${given([i.compare, i.value])}`;
      case 'fence':
        return `fence.${i.scope}`;
      case 'collective':
        return `${variable(i.to)} = ${i.operation}.${i.type} ${given([i.mask, i.value, i.a, i.b])}`;
      case 'barrier':
        return `barrier.${i.kind}${i.isAligned ? '.aligned' : ''} ${given([i.id, i.threadCount])}`;
      case 'activemask':
        return `${variable(i.to)} = activemask`;
      default:
        return i satisfies never;
    }
  };
  const terminator = (t: Terminator): string => {
    switch (t.op) {
      case 'jump':
        return `jump ${t.target}`;
      case 'branch':
        return `branch ${operand(t.condition)} ? ${t.then} : ${t.else}`;
      case 'exit':
        return 'exit';
      case 'throw':
        return `throw ${JSON.stringify(t.message)}`;
      default:
        return t satisfies never;
    }
  };
  return { variable, array, operand, site, instruction, terminator };
}
