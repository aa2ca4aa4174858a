import { digestOf, type Frame, type Scope, type Site, type SourceFile } from '../program/index.js';
import type { PtxModule } from './ast.js';
import { shortName } from './demangle.js';
import type { Origin, SourceOrigin } from './flatten.js';
import type { PtxPlace } from './ptx-error.js';

/** Paths of CUDA's own headers: their frames are left out of the stacks that users see. */
const LIBRARY =
  /\/(?:cccl|cub|thrust|cooperative_groups)\/|\/cuda[^/]*\/(?:bin\/\.\.\/)?(?:targets\/[^/]+\/)?include\//;

/** Collects files, frames and sites: places in the source where `.loc` names one, else in the PTX text. */
export class Sites {
  readonly files: SourceFile[];
  readonly frames: Frame[] = [];
  readonly scopes: Scope[] = [];
  readonly sites: Site[] = [];
  readonly #module: PtxModule;
  readonly #numbers = new Map<string, number>();

  /** `path` and `text`: of the PTX; `name`: the entry's. */
  constructor(module: PtxModule, path: string, text: string, name: string, first: SourceOrigin | null) {
    this.#module = module;
    this.files = [{ path, digest: digestOf(text) }];
    this.#frame(shortName(name), first === null ? 0 : this.#file(first.file), -1);
  }

  /** The site of an instruction. */
  siteOf({ source, call }: Origin, place: PtxPlace, entry: string): number {
    const callSite = call === null ? -1 : this.siteOf(call.origin, call.place, entry);
    const name = call === null ? entry : call.functionName;
    if (source === null) return this.#site(this.#frame(shortName(name), 0, callSite), place.line, place.column);
    return this.#source(source, name, callSite);
  }

  #source({ file, line, column, inlined }: SourceOrigin, name: string, callSite: number): number {
    if (inlined === null) {
      return this.#site(this.#frame(shortName(name), this.#file(file), callSite), line, Math.max(column, 1));
    }
    const at = this.#source(inlined.at, name, callSite);
    const functionName = this.#module.debugStrings.get(inlined.functionName) ?? inlined.functionName;
    return this.#site(this.#frame(shortName(functionName), this.#file(file), at), line, Math.max(column, 1));
  }

  #file(number: number): number {
    const path = this.#module.files.get(number);
    if (path === undefined) return 0;
    // The source is not at hand: nothing is said of what it was.
    return this.#numbered(`file ${number}`, () => this.files.push({ path, digest: '' }) - 1);
  }

  #frame(functionName: string, file: number, callSite: number): number {
    return this.#numbered(`frame ${file} ${callSite} ${functionName}`, () => {
      const isLibrary = LIBRARY.test(this.files[file]!.path);
      const frame =
        this.frames.push({ functionName, file, callSite, isLibrary: isLibrary && this.frames.length > 0 }) - 1;
      return this.scopes.push({ frame, parent: -1 }) - 1;
    });
  }

  #site(scope: number, line: number, column: number): number {
    return this.#numbered(`site ${scope} ${line} ${column}`, () => this.sites.push({ scope, line, column }) - 1);
  }

  #numbered(key: string, make: () => number): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = make();
    this.#numbers.set(key, number);
    return number;
  }
}
