import {
  ACC_CELLS,
  BLOCKS,
  CELL_WORDS,
  type ClassAst,
  type FunctionAst,
  GRIDS,
  type KernelCase,
  OWN_WORDS,
  SCRATCH_WORDS,
} from './kernel-ast.js';
import { mayReturn, printBody } from './print-body.js';
import {
  BLOCK_GROUP,
  type Context,
  type Group,
  line,
  newPrinting,
  type Printing,
  SELF_GROUP,
  TS_TYPES,
  type Variable,
  WARP_GROUP,
} from './print-context.js';
import { printWhole } from './print-expression.js';
import { printStatement } from './print-statement.js';

/** A kernel as TypeScript source, and what is in it. */
export interface PrintedKernel {
  readonly source: string;
  readonly features: ReadonlySet<string>;
  /** Visible operations of a thread, about. */
  readonly cost: number;
}

const LIBRARY = [
  'BlockScan',
  'blockScanStorageCount',
  'brev',
  'brevll',
  'clz',
  'clzll',
  'divI32',
  'FULL_MASK',
  'ffs',
  'ffsll',
  'i32',
  'i64',
  'mul64hi',
  'mulhi',
  'mulI32',
  'popc',
  'popcll',
  'remI32',
  'shlB32',
  'shlB64',
  'shrS32',
  'shrS64',
  'shrU32',
  'shrU64',
  'tiledPartition',
  'u32',
  'u64',
  'umul64hi',
  'umulhi',
];
const LIBRARY_TYPES = ['DeviceFunction', 'KernelBody', 'Pointer', 'Thread'];

const ARGUMENTS: readonly (readonly [name: string, type: string])[] = [
  ['input', "Pointer<'i32'>"],
  ['out', "Pointer<'u32'>"],
  ['scratch', "Pointer<'u32'>"],
  ['cells', "Pointer<'u32'>"],
  ['acc', "Pointer<'u32'>"],
  ['wideAcc', "Pointer<'u64'>"],
  ['virgin', "Pointer<'u32'>"],
  ['extra', "Pointer<'i32'> | null"],
  ['n', 'number'],
  ['k', 'number'],
  ['nil', 'number'],
  ['count', 'number'],
  ['big', 'bigint'],
  ['flag', 'boolean'],
  ['inner', '{ readonly scale: number; readonly isOn: boolean; readonly deep: { readonly bias: number } }'],
];

const uses = (text: string, name: string): boolean => new RegExp(`(?<![.\\w])${name}\\b`).test(text);

/** Pointers to what a thread has for itself. */
const OWN: readonly (readonly [name: string, argument: string, words: number])[] = [
  ['own', 'out', OWN_WORDS],
  ['scratch', 'scratch', SCRATCH_WORDS],
  ['cells', 'cells', CELL_WORDS],
];

/** Declarations of what a function uses of its arguments. */
function declarations(lines: readonly string[], indent: string): string[] {
  const text = lines.join('\n');
  const own = OWN.filter(([name]) => uses(text, name));
  const ownNames = new Set(own.map(([name]) => name));
  const names = ARGUMENTS.map(([name]) => name).filter((name) => !ownNames.has(name) && uses(text, name));
  return [
    ...(names.length > 0 ? [`${indent}const { ${names.join(', ')} } = args;`] : []),
    ...own.map(
      ([name, argument, words]) => `${indent}const ${name} = args.${argument}.add(mulI32(threadNumber(t), ${words}));`,
    ),
  ];
}

function context(kind: Context['kind'], group: Group, variables: Variable[], returns: Context['returns']): Context {
  return { kind, group, variables, registers: [], objects: [], targets: [], returns, lines: [], depth: 1, weight: 1 };
}

function parametersOf(ast: FunctionAst, isMutable: boolean): Variable[] {
  return ast.params.map((type, at) => ({ name: `x${at}`, type, isMutable, uniformity: 0, isUsed: true }));
}

/** Prints a function: header, body, end. */
function printFunction(
  p: Printing,
  name: string,
  ast: FunctionAst,
  fields: readonly Variable[],
  indent: number,
): string[] {
  const isPlain = ast.kind === 'plain';
  const group: Group =
    isPlain || ast.diverges
      ? SELF_GROUP
      : ast.kind === 'warp'
        ? WARP_GROUP
        : { level: 'lanes', mask: 'mask', constant: null, tileLanes: 1 };
  const variables = [
    ...fields.map((field) => ({ ...field, isUsed: true })),
    ...parametersOf(ast, ast.params.length % 2 === 0),
  ];
  const c: Context = {
    ...context(isPlain ? 'plain' : 'generator', group, variables, { group, type: ast.result.type }),
    depth: indent + 1,
  };
  printBody(p, c, ast.body);
  line(c, `return ${printWhole(p, c, ast.result)};`);
  const params = ast.params.map((type, at) => `x${at}: ${TS_TYPES[type]}`);
  if (!isPlain) params.unshift('t: Thread', 'args: Args', ...(ast.kind === 'group' ? ['mask: number'] : []));
  const type = TS_TYPES[ast.result.type];
  const keyword = indent > 0 ? (isPlain ? '' : '*') : isPlain ? 'function ' : 'function* ';
  const space = '  '.repeat(indent);
  return [
    `${space}${keyword}${name}(${params.join(', ')}): ${isPlain ? type : `DeviceFunction<${type}>`} {`,
    ...(isPlain ? [] : declarations(c.lines, `${space}  `)),
    ...c.lines,
    `${space}}`,
  ];
}

function printClass(p: Printing, at: number, { fields, methods }: ClassAst): string[] {
  const types = fields.map(({ type }) => type);
  const variables: Variable[] = types.map((type, field) => ({
    name: `this.f${field}`,
    type,
    isMutable: true,
    uniformity: 0,
    isUsed: true,
  }));
  const params: Variable[] = types.map((type, field) => ({
    ...variables[field]!,
    type,
    name: `f${field}`,
    isMutable: false,
  }));
  const c = { ...context('plain', SELF_GROUP, params, { group: SELF_GROUP, type: null }), depth: 2 };
  const lines = [
    `class C${at} {`,
    ...types.map((type, field) => `  f${field}: ${TS_TYPES[type]};`),
    `  constructor(${types.map((type, field) => `f${field}: ${TS_TYPES[type]}`).join(', ')}) {`,
    ...fields.map((e, field) => `    this.f${field} = ${field === 0 ? 'f0' : printWhole(p, c, e)};`),
    '  }',
  ];
  const callables = methods.map((ast, method) => {
    const name = `${ast.kind === 'plain' ? 'm' : 'h'}${method}`;
    lines.push(...printFunction(p, name, ast, variables, 1));
    return { call: name, ast };
  });
  lines.push('}');
  p.classes.push({ fields: types, methods: callables });
  return lines;
}

/** Declarations of shared variables that a kernel uses, with their first values. */
function sharedDeclarations(p: Printing, lines: readonly string[]): string[] {
  const text = lines.join('\n');
  const { threads } = p;
  const declared: string[] = [];
  const own: string[] = [];
  for (const name of ['mine', 'flags']) {
    if (!uses(text, name)) continue;
    declared.push(`  const ${name} = t.shared('${name}', 'u32', ${threads});`);
    own.push(`  ${name}.store(t.threadRank, 0);`);
  }
  if (uses(text, 'sharedAcc')) {
    declared.push(`  const sharedAcc = t.shared('sharedAcc', 'u32', ${ACC_CELLS});`);
    own.push(`  for (let j = t.threadRank; j < ${ACC_CELLS}; j += ${threads}) sharedAcc.store(j, 0);`);
  }
  if (uses(text, 'box')) declared.push("  const box = t.shared('box', 'u32', 32);");
  if (uses(text, 'scanStorage'))
    declared.push(`  const scanStorage = t.shared('scanStorage', 'i32', blockScanStorageCount(${threads}));`);
  if (uses(text, 'epoch')) declared.push('  let epoch = 0;');
  return [...declared, ...own, ...(own.length > 0 ? ['  yield* t.syncthreads();'] : [])];
}

/** Prints a kernel named `kernel`. */
export function printKernel(kernel: KernelCase): PrintedKernel {
  const p = newPrinting(kernel, printStatement);
  p.features.add(`block ${JSON.stringify(BLOCKS[kernel.block])}`);
  p.features.add(`devices ${kernel.devices}`);
  p.features.add(`grid ${JSON.stringify(GRIDS[kernel.grid])}`);
  p.features.add(`schedule ${kernel.schedule.replace(/:\d+/g, '').replace(/,.*/, '')}`);
  for (const option of kernel.schedule.split(',').slice(1)) p.features.add(`schedule ${option}`);
  /** Functions and classes, the last ones first: what nobody behind them calls is left out. */
  const parts: { readonly name: string; readonly lines: readonly string[] }[] = [];
  p.hasExited = mayReturn(kernel.body);
  kernel.functions.forEach((ast, at) => {
    const name = `${ast.kind === 'plain' ? 'p' : 'g'}${at}`;
    parts.unshift({ name, lines: printFunction(p, name, ast, [], 0) });
    (ast.kind === 'plain' ? p.plain : p.generators).push({ call: name, ast });
  });
  kernel.classes.forEach((ast, at) => {
    parts.unshift({ name: `C${at}`, lines: printClass(p, at, ast) });
  });
  p.cost = 0;
  p.hasExited = false;
  const c = context('kernel', BLOCK_GROUP, [], { group: BLOCK_GROUP, type: null });
  printBody(p, c, kernel.body);
  const body = [...sharedDeclarations(p, c.lines), ...c.lines];
  let text = [
    'export function* kernel(t: Thread, args: Args): KernelBody {',
    ...declarations(body, '  '),
    ...body,
    '}',
    '',
  ].join('\n');
  for (const { name, lines } of parts) if (uses(text, name)) text = `${lines.join('\n')}\n${text}`;
  return { source: [...prelude(text), text].join('\n'), features: p.features, cost: p.cost };
}

/** Imports and what else a module needs before its functions. */
function prelude(text: string): string[] {
  const usesStore = uses(text, 'storeTwice');
  const usesNumber = uses(text, 'threadNumber');
  const helpers: string[] = [];
  if (uses(text, 'TABLE')) helpers.push('const TABLE = [5, -1, 0, 77, 2147483647, -2147483648, 3, 1000] as const;');
  if (uses(text, 'isIn'))
    helpers.push('const isIn = (mask: number, lane: number): boolean => ((mask >>> lane) & 1) !== 0;');
  if (usesNumber) {
    helpers.push(
      'function threadNumber(t: Thread): number {',
      '  const block = mulI32(t.blockIdx.y, t.gridDim.x) + t.blockIdx.x;',
      '  return (mulI32(block, mulI32(mulI32(t.blockDim.x, t.blockDim.y), t.blockDim.z)) + t.threadRank) | 0;',
      '}',
    );
  }
  if (usesStore) {
    helpers.push(
      "function* storeTwice(t: Thread, to: Pointer<'u32'>, at: number, value: number): DeviceFunction {",
      '  to.store(at, value);',
      '  yield* t.storeVolatile(to.add(4), at, value);',
      '}',
    );
  }
  const all = [...helpers, text].join('\n');
  const fields = ARGUMENTS.filter(([name]) => new RegExp(`\\b${name}\\b`).test(text));
  const body = `interface Args {\n${fields.map(([name, type]) => `  readonly ${name}: ${type};\n`).join('')}}`;
  const imports = [
    ...LIBRARY.filter((name) => uses(all, name)),
    ...LIBRARY_TYPES.filter((name) => uses(`${body}\n${all}`, name)).map((name) => `type ${name}`),
  ];
  return [`import { ${imports.join(', ')} } from 'simtwin';`, body, ...helpers];
}
