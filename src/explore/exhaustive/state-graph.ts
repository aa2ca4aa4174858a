/** States that a search has been in, how it got there, and what follows what. */
export class StateGraph {
  readonly #known = new Map<bigint, number>();
  /** The state before, and the picks from there: by state. */
  readonly #parents: number[] = [];
  readonly #picks: (readonly number[])[] = [];
  readonly #segments: Int32Array[] = [];
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  /** States from which everybody's steps are looked at, and ends of runs. */
  readonly #settled = new Set<number>();
  readonly #ends = new Set<number>();

  get size(): number {
    return this.#parents.length;
  }

  find(hash: bigint): number | undefined {
    return this.#known.get(hash);
  }

  /** Adds a state. `picks`: those since the parent; -1: it has none. */
  add(hash: bigint, parent: number, picks: readonly number[], segments: Int32Array): number {
    const state = this.#parents.length;
    this.#known.set(hash, state);
    this.#parents.push(parent);
    this.#picks.push(picks);
    this.#segments.push(segments);
    return state;
  }

  addEdge(from: number, to: number): void {
    this.#from.push(from);
    this.#to.push(to);
  }

  /** Everybody who is ready in a state is looked at. */
  markSettled(state: number): void {
    this.#settled.add(state);
  }

  isSettled(state: number): boolean {
    return this.#settled.has(state);
  }

  /** A run ends in a state. */
  markEnd(state: number): void {
    this.#ends.add(state);
    this.#settled.add(state);
  }

  isEnd(state: number): boolean {
    return this.#ends.has(state);
  }

  segmentsOf(state: number): Int32Array {
    return this.#segments[state]!;
  }

  /** All picks from the start. */
  pathTo(state: number): number[] {
    const parts: (readonly number[])[] = [];
    for (let at = state; at !== -1; at = this.#parents[at]!) parts.push(this.#picks[at]!);
    return parts.reverse().flat();
  }

  /** A state of each set of states that nothing leaves, among those from which `isGoal` states cannot be reached. */
  trapsWithout(isGoal: 'settled' | 'end'): number[] {
    const goals = isGoal === 'settled' ? this.#settled : this.#ends;
    const { size } = this;
    const [first, before] = this.#adjacency(this.#to, this.#from);
    const reaches = new Uint8Array(size);
    const todo = [...goals];
    for (const state of todo) reaches[state] = 1;
    for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
      for (let at = first[state]!; at < first[state + 1]!; at++) {
        const other = before[at]!;
        if (reaches[other] === 1) continue;
        reaches[other] = 1;
        todo.push(other);
      }
    }
    if (reaches.every((does) => does === 1)) return [];
    return this.#bottoms(reaches);
  }

  #adjacency(key: readonly number[], value: readonly number[]): readonly [Int32Array, Int32Array] {
    const first = new Int32Array(this.size + 1);
    for (const state of key) first[state + 1]!++;
    for (let state = 0; state < this.size; state++) first[state + 1]! += first[state]!;
    const next = first.slice();
    const list = new Int32Array(key.length);
    for (let edge = 0; edge < key.length; edge++) list[next[key[edge]!]!++] = value[edge]!;
    return [first, list];
  }

  /** A state of each strongly connected set without an edge out of it, of states whose `excluded` is 0. Source: Tarjan 1972. */
  #bottoms(excluded: Uint8Array): number[] {
    const [first, after] = this.#adjacency(this.#from, this.#to);
    const order = new Int32Array(this.size).fill(-1);
    const low = new Int32Array(this.size);
    const component = new Int32Array(this.size).fill(-1);
    const isLeft: boolean[] = [];
    const stack: number[] = [];
    const representatives: number[] = [];
    let count = 0;
    for (let root = 0; root < this.size; root++) {
      if (excluded[root] === 1 || order[root] !== -1) continue;
      const path: { readonly state: number; at: number }[] = [];
      const enter = (state: number) => {
        order[state] = count;
        low[state] = count++;
        stack.push(state);
        path.push({ state, at: first[state]! });
      };
      enter(root);
      while (path.length > 0) {
        const top = path[path.length - 1]!;
        const { state } = top;
        if (top.at < first[state + 1]!) {
          const next = after[top.at++]!;
          if (order[next] === -1) enter(next);
          else if (component[next] === -1) low[state] = Math.min(low[state]!, order[next]!);
          continue;
        }
        path.pop();
        const parent = path[path.length - 1];
        if (parent !== undefined) low[parent.state] = Math.min(low[parent.state]!, low[state]!);
        if (low[state] !== order[state]) continue;
        const index = representatives.length;
        representatives.push(state);
        let isBottom = true;
        const members: number[] = [];
        for (let member = -1; member !== state; ) {
          member = stack.pop()!;
          component[member] = index;
          members.push(member);
        }
        for (const member of members) {
          for (let at = first[member]!; at < first[member + 1]!; at++) {
            if (component[after[at]!] !== index) isBottom = false;
          }
        }
        isLeft.push(!isBottom);
      }
    }
    return representatives.filter((_, index) => !isLeft[index]);
  }
}
