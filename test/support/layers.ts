import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import ts from 'typescript';

/** What one room, a top-level folder of `src`, may use. */
interface Room {
  /** Rooms that it may import from; a room may always import from itself. */
  readonly rooms: readonly string[];
  /** Packages that it may import. */
  readonly packages: readonly string[];
  /** Whether it may import `node:` modules. */
  readonly node: boolean;
  /** A pure room runs in a browser as it is and gives the same bytes each time: no process, clock, randomness or console. */
  readonly pure: boolean;
}

/** The name under which files that lie directly in `src` are checked. Only `src/index.ts` does. */
const FRONT_DOOR = 'index.ts';

const ALL_BUT_COMPILE = [
  'simt',
  'program',
  'ptx',
  'hang',
  'step',
  'fast',
  'modes',
  'reference',
  'kernels',
  'capture',
  'formats',
  'arbitraries',
  'tools',
  'debug',
  'explain',
  'check',
  'explore',
  'mutate',
  'timeline',
  'report',
];

/** The rooms of `src`. A new one gets its line here and its paragraph in `docs/ARCHITECTURE.md`. */
const ROOMS: Readonly<Record<string, Room>> = {
  simt: { rooms: [], packages: [], node: false, pure: true },
  reference: { rooms: [], packages: [], node: false, pure: true },
  program: { rooms: ['simt'], packages: [], node: false, pure: true },
  compile: { rooms: ['simt', 'program'], packages: ['typescript'], node: true, pure: false },
  ptx: { rooms: ['simt', 'program'], packages: [], node: false, pure: true },
  hang: { rooms: ['simt', 'program'], packages: [], node: false, pure: true },
  step: { rooms: ['simt', 'program', 'hang'], packages: [], node: false, pure: true },
  fast: { rooms: ['simt', 'program', 'hang'], packages: [], node: false, pure: true },
  modes: { rooms: ['simt', 'program', 'step', 'fast'], packages: [], node: false, pure: true },
  kernels: { rooms: ['simt', 'program'], packages: [], node: false, pure: true },
  capture: { rooms: [], packages: [], node: true, pure: false },
  formats: { rooms: ['capture', 'reference'], packages: [], node: true, pure: false },
  arbitraries: { rooms: ['reference', 'simt', 'kernels'], packages: ['fast-check'], node: false, pure: false },
  tools: { rooms: ['simt', 'kernels', 'modes', 'reference', 'capture'], packages: [], node: false, pure: true },
  check: { rooms: ['simt', 'program', 'step'], packages: [], node: false, pure: true },
  explain: { rooms: ['simt', 'program', 'hang'], packages: [], node: false, pure: true },
  explore: {
    rooms: ['simt', 'program', 'hang', 'step', 'modes', 'check', 'explain'],
    packages: [],
    node: false,
    pure: true,
  },
  mutate: { rooms: ['simt', 'program', 'explore'], packages: [], node: false, pure: true },
  report: {
    rooms: ['simt', 'program', 'kernels', 'explain', 'check', 'timeline'],
    packages: [],
    node: false,
    pure: true,
  },
  page: { rooms: ['report', 'timeline', 'check'], packages: ['preact'], node: false, pure: true },
  timeline: { rooms: ['simt', 'program', 'step'], packages: [], node: false, pure: true },
  debug: { rooms: ['simt', 'program', 'step'], packages: [], node: false, pure: true },
  // Only the command that needs it loads the protocol.
  dap: {
    rooms: ['simt', 'step', 'debug', 'explain'],
    packages: ['@vscode/debugadapter', '@vscode/debugprotocol'],
    node: false,
    pure: true,
  },
  cli: {
    rooms: [...ALL_BUT_COMPILE, 'compile', 'dap', FRONT_DOOR],
    packages: ['commander', 'chalk'],
    node: true,
    pure: false,
  },
  [FRONT_DOOR]: {
    // Not the compiler: it loads that of TypeScript, which takes longer than most replays.
    rooms: ALL_BUT_COMPILE,
    packages: [],
    node: false,
    pure: false,
  },
};

const IMPURE_GLOBALS: Readonly<Record<string, string>> = {
  process: 'the process',
  global: 'the process',
  globalThis: 'every global, so that this check could not see which',
  require: 'the module loader of Node',
  Buffer: 'a class of Node; use Uint8Array',
  console: 'the terminal',
  Date: 'the clock',
  performance: 'the clock',
  setTimeout: 'the clock',
  setInterval: 'the clock',
  setImmediate: 'the clock',
  crypto: 'randomness',
};

/** One broken rule. */
export interface LayerFinding {
  /** Path from the repository root, with the line: `src/simt/warp.ts:12`. */
  readonly site: string;
  /** What is wrong and what to do instead, one sentence. */
  readonly message: string;
}

/**
 * Checks what each file of `src` imports, and which globals the pure rooms use.
 *
 * `sources` maps paths from the repository root, with `/`, to the texts of the files; all of them lie under `src`.
 * Nothing is read from disk, and no import needs to resolve.
 */
export function findLayerViolations(sources: ReadonlyMap<string, string>): LayerFinding[] {
  const program = createSyntaxProgram(sources);
  return [...sources.keys()].flatMap((path) => {
    const file = program.getSourceFile(path);
    if (file === undefined) throw new Error(`${path} is not part of the program that was made from it`);
    const roomName = roomOf(path);
    const room = ROOMS[roomName];
    if (room === undefined) return [{ site: `${path}:1`, message: unknownRoomMessage(path, roomName) }];
    return [
      ...importsOf(file, program.getTypeChecker()).flatMap(({ node, specifier }) => {
        const message = importProblem(path, roomName, room, specifier);
        return message === undefined ? [] : [{ site: siteOf(file, node), message }];
      }),
      ...(room.pure ? impureUses(file, program.getTypeChecker(), roomName) : []),
    ];
  });
}

/** `src/simt/warp.ts` -> `simt`; `src/index.ts`, and `src/index.js` as an import names it, -> `index.ts`. */
function roomOf(path: string): string {
  const name = path.split('/')[1] ?? FRONT_DOOR;
  return name === 'index.js' ? FRONT_DOOR : name;
}

function unknownRoomMessage(path: string, roomName: string): string {
  const folder = path.split('/').length > 2;
  return folder
    ? `src/${roomName} is not a known room: give it a line in ROOMS of test/support/layers.ts and a paragraph in docs/ARCHITECTURE.md, or move the file into a room that exists`
    : `only ${FRONT_DOOR} lies directly in src: move ${roomName} into a room, one of the folders in ROOMS of test/support/layers.ts`;
}

/** What is wrong with this import, or undefined if nothing is. */
function importProblem(path: string, roomName: string, room: Room, specifier: string | undefined): string | undefined {
  if (specifier === undefined) {
    return 'what is imported is computed, so that no rule can be checked: write the specifier as a literal';
  }
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier);
    if (target !== 'src' && !target.startsWith('src/')) return `'${specifier}' reaches outside src`;
    const targetRoom = roomOf(target);
    if (targetRoom === roomName || room.rooms.includes(targetRoom)) return undefined;
    return `${roomName} must not import from ${targetRoom} ('${specifier}'); it may import from ${listOf(room.rooms)}`;
  }
  if (isBuiltin(specifier)) {
    if (room.node) return undefined;
    const rooms = listOf(Object.keys(ROOMS).filter((name) => ROOMS[name]?.node));
    return `${roomName} must not import '${specifier}': only ${rooms} may use modules of Node`;
  }
  const parts = specifier.split('/');
  const packageName = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  if (room.packages.includes(packageName)) return undefined;
  return `${roomName} must not import the package '${packageName}'; the packages that it may import: ${listOf(room.packages)}`;
}

function listOf(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(', ');
}

interface ImportSite {
  readonly node: ts.Node;
  /** Undefined if it is not a literal. */
  readonly specifier: string | undefined;
}

/** Every way to name another module: import, `import type`, re-export, `import()` as value and as type, require, reference comments. */
function importsOf(file: ts.SourceFile, checker: ts.TypeChecker): ImportSite[] {
  const sites: ImportSite[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined) => {
    sites.push({ node, specifier: specifier && ts.isStringLiteralLike(specifier) ? specifier.text : undefined });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node, node.moduleSpecifier);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      add(node, node.moduleSpecifier);
    } else if (ts.isImportTypeNode(node)) {
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined);
    } else if (ts.isExternalModuleReference(node)) {
      add(node, node.expression);
    } else if (ts.isCallExpression(node)) {
      const callee = node.expression;
      const loads =
        callee.kind === ts.SyntaxKind.ImportKeyword ||
        (ts.isIdentifier(callee) && callee.text === 'require' && !isLocal(callee, file, checker));
      if (loads) add(node, node.arguments[0]);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  for (const reference of [...file.referencedFiles, ...file.typeReferenceDirectives]) {
    sites.push({ node: file, specifier: reference.fileName });
  }
  return sites;
}

/** Uses of globals that tie the code to a process, or make two runs differ. A local of the same name is no such use. */
function impureUses(file: ts.SourceFile, checker: ts.TypeChecker, roomName: string): LayerFinding[] {
  const findings: LayerFinding[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && isReference(node) && !isLocal(node, file, checker)) {
      const reached = Object.hasOwn(IMPURE_GLOBALS, node.text) ? IMPURE_GLOBALS[node.text] : undefined;
      if (reached !== undefined) {
        findings.push({ site: siteOf(file, node), message: `${roomName} is pure: ${node.text} reaches ${reached}` });
      } else if (node.text === 'Math' && !isDeterministicMath(node)) {
        const message = `${roomName} is pure: Math.random reaches randomness (other members are fine, named as Math.member)`;
        findings.push({ site: siteOf(file, node), message });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return findings;
}

function isDeterministicMath(node: ts.Identifier): boolean {
  const { parent } = node;
  return ts.isPropertyAccessExpression(parent) && parent.expression === node && parent.name.text !== 'random';
}

/** Whether the identifier refers to a variable or a type, and is not the name of a member, a declaration or a label. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) return false;
  if (ts.isBindingElement(parent) && parent.propertyName === node) return false;
  if (ts.isLabeledStatement(parent) || ts.isBreakOrContinueStatement(parent)) return false;
  return (parent as { readonly name?: ts.Node }).name !== node;
}

function isLocal(node: ts.Identifier, file: ts.SourceFile, checker: ts.TypeChecker): boolean {
  const meaning = ts.SymbolFlags.Value | ts.SymbolFlags.Type | ts.SymbolFlags.Namespace | ts.SymbolFlags.Alias;
  const symbol = checker.getSymbolsInScope(node, meaning).find(({ name }) => name === node.text);
  return (symbol?.declarations ?? []).some((declaration) => {
    // `declare const process` introduces no variable: it still means the global.
    const ambient = ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Ambient;
    return declaration.getSourceFile() === file && ambient === 0;
  });
}

function siteOf(file: ts.SourceFile, node: ts.Node): string {
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1}`;
}

/** A program without libraries and without resolution: enough to know which names are local. */
function createSyntaxProgram(sources: ReadonlyMap<string, string>): ts.Program {
  const options: ts.CompilerOptions = {
    noLib: true,
    noResolve: true,
    types: [],
    allowJs: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
  };
  const host: ts.CompilerHost = {
    getSourceFile: (path, languageVersion) => {
      const text = sources.get(path);
      return text === undefined ? undefined : ts.createSourceFile(path, text, languageVersion, true);
    },
    fileExists: (path) => sources.has(path),
    readFile: (path) => sources.get(path),
    getDefaultLibFileName: () => 'lib.d.ts',
    getCurrentDirectory: () => '',
    getCanonicalFileName: (path) => path,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    writeFile: () => {},
  };
  return ts.createProgram([...sources.keys()], options, host);
}
