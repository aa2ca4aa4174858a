import type { DebugProtocol } from '@vscode/debugprotocol';
import type { SourceMap } from '../debug/index.js';
import { type Fields, optional } from './arguments.js';
import { DapError, type DapHost } from './host.js';

/** A source file as the client names it. */
export type ClientSource =
  | { readonly kind: 'port'; readonly file: string }
  /** A file of the program that was ported. */
  | { readonly kind: 'original'; readonly name: string }
  | { readonly kind: 'unknown'; readonly name: string };

/** Source files between the programs' names and the client's: by path where it can open them, else by number. */
export class Sources {
  readonly #host: DapHost;
  /** Files that the client has no path of; the number is the place, from 1. */
  readonly #numbered: string[] = [];

  constructor(host: DapHost) {
    this.#host = host;
  }

  toClient(file: string): DebugProtocol.Source {
    const name = file.replace(/^.*\//, '');
    const path = this.#host.sourcePath(file);
    if (path !== null) return { name, path };
    let index = this.#numbered.indexOf(file);
    if (index === -1) index = this.#numbered.push(file) - 1;
    return { name, sourceReference: index + 1 };
  }

  /** @throws DapError */
  fromClient(source: Fields, { files }: SourceMap): ClientSource {
    const reference = optional(source, 'sourceReference', 'number') ?? 0;
    const numbered = this.#numbered[reference - 1];
    if (numbered !== undefined) return { kind: 'port', file: numbered };
    const path = optional(source, 'path', 'string') ?? optional(source, 'name', 'string');
    if (path === undefined) throw new DapError("'source' needs a path");
    const name = path.replaceAll('\\', '/');
    if (/\.cuh?$/.test(name)) return { kind: 'original', name };
    const known = files.find(
      (file) => name === file || name.endsWith(`/${file}`) || path === this.#host.sourcePath(file),
    );
    if (known !== undefined) return { kind: 'port', file: known };
    // A kernel that has not begun may have it.
    const file = /(?:^|\/)(src\/(?:[\w-]+\/)*[\w.-]+\.ts)$/.exec(name)?.[1];
    if (file !== undefined && this.#host.sourceText(file) !== null) return { kind: 'port', file };
    return { kind: 'unknown', name: name.replace(/^.*\//, '') };
  }

  /** @throws DapError if there is no such text */
  text(reference: number): string {
    const file = this.#numbered[reference - 1];
    if (file === undefined) throw new DapError(`there is no source of number ${reference}`);
    const text = this.#host.sourceText(file);
    if (text === null) throw new DapError(`the source of ${file} is not part of the package`);
    return text;
  }
}
