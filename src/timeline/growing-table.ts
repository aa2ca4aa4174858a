type Column = Int32Array | Uint8Array | Float64Array;
type ColumnType<C extends Column> = { new (length: number): C };

/** Columns by name. */
export type Columns = Readonly<Record<string, Column>>;
type Schema<C extends Columns> = { readonly [Name in keyof C]: ColumnType<C[Name]> };

const FIRST_CAPACITY = 64;

/** Rows in typed arrays that grow, up to a limit that whoever adds rows keeps to. */
export class GrowingTable<C extends Columns> {
  /** Longer than there are rows. They are others after {@link add}. */
  columns: C;
  count = 0;
  readonly #schema: Schema<C>;
  #capacity = FIRST_CAPACITY;

  constructor(schema: Schema<C>) {
    this.#schema = schema;
    this.columns = this.#map((type) => new type(FIRST_CAPACITY));
  }

  /** A new row; what it holds is not defined. */
  add(): number {
    if (this.count === this.#capacity) {
      this.#capacity *= 2;
      const { columns } = this;
      this.columns = this.#map((type, name) => {
        const grown = new type(this.#capacity);
        grown.set(columns[name]!);
        return grown;
      });
    }
    return this.count++;
  }

  /** Makes row `to` the same as row `from`. */
  move(from: number, to: number): void {
    if (from !== to) for (const name in this.columns) this.columns[name]![to] = this.columns[name]![from]!;
  }

  copy(): GrowingTable<C> {
    const copy = new GrowingTable(this.#schema);
    copy.columns = this.#map((_, name) => this.columns[name]!.slice());
    copy.count = this.count;
    copy.#capacity = this.#capacity;
    return copy;
  }

  /** The rows in the order in which `order` names them; absent: as they are. */
  taken(order?: ArrayLike<number>): C & { readonly count: number } {
    const { columns, count } = this;
    const taken = this.#map((type, name) => {
      const column = columns[name]!;
      if (order === undefined) return column.slice(0, count);
      const sorted = new type(order.length);
      for (let row = 0; row < order.length; row++) sorted[row] = column[order[row]!]!;
      return sorted;
    });
    return { count: order?.length ?? count, ...taken };
  }

  #map(make: (type: ColumnType<Column>, name: string) => Column): C {
    return Object.fromEntries(
      Object.entries<ColumnType<Column>>(this.#schema).map(([name, type]) => [name, make(type, name)]),
    ) as C;
  }
}

/** A longer array that begins with the values of an old one; those behind are `fill`. */
export function grown<A extends Column | Uint16Array>(old: A, next: A, fill = 0): A {
  next.set(old);
  if (fill !== 0) next.fill(fill, old.length);
  return next;
}

/** Rows by a key of theirs, those of the same key as they stand: `keys[row]` is 0 to `keyCount` - 1. */
export function orderBy(keys: ArrayLike<number>, count: number, keyCount: number): Uint32Array {
  const next = new Uint32Array(keyCount + 1);
  for (let row = 0; row < count; row++) next[keys[row]! + 1]!++;
  for (let key = 0; key < keyCount; key++) next[key + 1]! += next[key]!;
  const order = new Uint32Array(count);
  for (let row = 0; row < count; row++) order[next[keys[row]!]!++] = row;
  return order;
}
