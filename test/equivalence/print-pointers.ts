import type { Stmt } from './kernel-ast.js';
import { type Context, declare, elementType, line, name, PREFIXES, type Printing, spend } from './print-context.js';
import { literal, masked, printExpr, printWhole } from './print-expression.js';
import { expr, number, scalar, valueFor } from './statement-operands.js';

/** Pointers in variables: moved, chosen, null, into one space or the other. They stay in the thread's own memory. */
export function printPointers(p: Printing, c: Context, s: Stmt): void {
  const type = scalar(number(s, 0));
  const result = elementType(type);
  const q = name(p, 'q');
  const condition = printWhole(p, c, expr(s, 5, 'bool'));
  const small = () => masked(printWhole(p, c, expr(s, 0, 'i32')), 4);
  const at = number(s, 2) % 4;
  const store = () => line(c, `${q}.store(${at}, ${printWhole(p, c, valueFor(s, type))});`);
  const load = () => {
    const variable = declare(c, { name: name(p, PREFIXES[result]), type: result, isMutable: false });
    line(c, `const ${variable.name} = ${q}.load(${at});`);
  };
  switch (number(s, 1) % 6) {
    case 0:
      p.features.add('pointers: moved in one arm');
      line(c, `let ${q} = own.cast('${type}');`);
      line(c, `if (${condition}) ${q} = ${q}.add(${small()});`);
      store();
      load();
      return;
    case 1:
      p.features.add('pointers: moved in a loop');
      line(c, `let ${q} = own.cast('${type}');`);
      line(c, `for (let j = 0; j < 3; j++) {`);
      line(c, `  ${q}.store(0, ${printWhole(p, c, valueFor(s, type))});`);
      line(c, `  ${q} = ${q}.add(1);`);
      line(c, '}');
      load();
      return;
    case 2: {
      p.features.add('pointers: null in one arm');
      line(c, `let ${q}: Pointer<'${type}'> | null = own.cast('${type}');`);
      line(c, `if (${condition}) ${q} = null;`);
      const variable = declare(c, { name: name(p, PREFIXES[result]), type: result, isMutable: false });
      line(c, `const ${variable.name} = ${q} === null ? ${literal(result, 5)} : ${q}.load(${at});`);
      return;
    }
    case 3:
      p.features.add('pointers: bigint offset');
      line(c, `const ${q} = own.cast('${type}').add(BigInt(${small()}) + ${number(s, 3) % 4}n);`);
      store();
      load();
      return;
    case 4:
      p.features.add('pointers: passed to a function');
      spend(p, c);
      line(c, `yield* storeTwice(t, own, ${small()}, ${printWhole(p, c, expr(s, 2, 'u32'))});`);
      return;
    default: {
      const isKernel = c.kind === 'kernel';
      p.features.add(isKernel ? 'pointers: to shared or global memory' : 'pointers: chosen');
      const other = isKernel ? 'mine.add(t.threadRank)' : 'own.add(8)';
      line(c, `const ${q} = ${printExpr(p, c, expr(s, 5, 'bool'))} ? own : ${other};`);
      line(c, `${q}.store(0, ${printWhole(p, c, expr(s, 2, 'u32'))});`);
      const variable = declare(c, { name: name(p, 'u'), type: 'u32', isMutable: false });
      if (number(s, 3) & 1) {
        spend(p, c);
        line(c, `const ${variable.name} = yield* t.atomicAdd(${q}, 0, 3);`);
      } else line(c, `const ${variable.name} = ${q}.load();`);
    }
  }
}
