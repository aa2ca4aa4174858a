import type { Stmt } from './kernel-ast.js';
import { type Callable, type Context, declare, line, name, PREFIXES, type Printing } from './print-context.js';
import { literal, printArguments, withoutParentheses } from './print-expression.js';
import { number } from './statement-operands.js';

/** A call of a generator: its result may be used at once, beside what it may have changed. */
function printGeneratorCall(p: Printing, c: Context, s: Stmt, { call, ast }: Callable, field: string | null): void {
  const args = [
    't',
    'args',
    ...(ast.kind === 'group' ? [c.group.mask] : []),
    ...printArguments(p, c, ast.params, s.exprs),
  ];
  const { type } = ast.result;
  const text = `yield* ${call}(${args.join(', ')})`;
  const variable = declare(c, { name: name(p, PREFIXES[type]), type, isMutable: false });
  const left = field ?? literal(type, number(s, 1));
  const value =
    number(s, 2) % 3 !== 0
      ? text
      : type === 'i32'
        ? `(${left} + (${text})) | 0`
        : type === 'u32'
          ? `((${text}) ^ ${left}) >>> 0`
          : type === 'f64'
            ? `${left} - (${text})`
            : type === 'bool'
              ? `${left} !== (${text})`
              : `${type}(${left} + (${text}))`;
  line(c, `const ${variable.name} = ${withoutParentheses(value)};`);
}

const isCallable = (c: Context, { ast }: Callable): boolean =>
  ast.kind === 'group' || (ast.kind === 'warp' && (c.group.level === 'warp' || c.group.level === 'block'));

export function printCallGenerator(p: Printing, c: Context, s: Stmt): void {
  const callables = p.generators.filter((callable) => isCallable(c, callable));
  if (callables.length === 0) return;
  const callable = callables[number(s, 0) % callables.length]!;
  p.features.add(`generators of ${callable.ast.kind === 'warp' ? 'a warp' : 'a group'}`);
  if (c.group.level === 'self') p.features.add('generators under divergence');
  p.cost += c.weight * 8;
  printGeneratorCall(p, c, s, callable, null);
}

export function printNew(p: Printing, c: Context, s: Stmt): void {
  if (p.classes.length === 0) return;
  const at = number(s, 0) % p.classes.length;
  const { fields, methods } = p.classes[at]!;
  const object = name(p, 'o');
  p.features.add('objects');
  line(c, `const ${object} = new C${at}(${printArguments(p, c, fields, s.exprs).join(', ')});`);
  fields.forEach((type, field) => {
    declare(c, { name: `${object}.f${field}`, type, isMutable: true });
  });
  c.objects.push({ name: object, methods: methods.map(({ call, ast }) => ({ call: `${object}.${call}`, ast })) });
}

export function printCallMethod(p: Printing, c: Context, s: Stmt): void {
  const methods = c.objects.flatMap(({ name: object, methods: all }) => all.map((method) => ({ object, method })));
  const callables = methods.filter(({ method }) => isCallable(c, method));
  if (callables.length === 0) return;
  const { object, method } = callables[number(s, 0) % callables.length]!;
  p.features.add('generator methods');
  p.cost += c.weight * 6;
  const field = c.variables.find(
    ({ name: text, type }) => text.startsWith(`${object}.`) && type === method.ast.result.type,
  );
  printGeneratorCall(p, c, s, method, field?.name ?? null);
}
