import type { Module } from './modules.js';
import type { Cell, Region, Value } from './values.js';

/** Names and what they are bound to, innermost scope first. `this` is a name. */
export class Environment {
  readonly parent: Environment | null;
  readonly module: Module;
  readonly #cells = new Map<string, Cell>();

  constructor(parent: Environment | null, module: Module) {
    this.parent = parent;
    this.module = module;
  }

  declare(cell: Cell): Cell {
    this.#cells.set(cell.name, cell);
    return cell;
  }

  lookup(name: string): Cell | null {
    for (let scope: Environment | null = this; scope !== null; scope = scope.parent) {
      const cell = scope.#cells.get(name);
      if (cell !== undefined) return cell;
    }
    return null;
  }
}

/** A cell that holds `value` and never changes. */
export const constantCell = (name: string, value: Value | null, region: Region): Cell => ({
  value,
  variable: null,
  element: null,
  name,
  isConstant: true,
  region,
  lazy: null,
});
