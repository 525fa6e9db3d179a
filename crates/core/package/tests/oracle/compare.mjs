// Runs the cases that `against_cel.rs` writes in @bufbuild/cel, and says where it gives something else.
//
//   node compare.mjs FILE     exit code: 0 all agree, 1 a difference, 2 the file is no list of cases
//
// Each case runs twice:
// - as written: where we give a value, the library gives the same;
// - with `a && b` as `a ? b : false` and `a || b` as `a ? true : b`, which is how we define them: then
//   both give the same value, or both fail, and for the same reason. A failure on which the first run
//   gives a value is one that `&&` or `||` absorbs there.
import { readFileSync } from "node:fs";
import { celEnv, celMap, isCelError, isCelList, isCelMap, parse, plan } from "@bufbuild/cel";

const env = celEnv();

// Our values to those of the library.
function input({ bool, int, string, bytes, list, map }) {
  if (bool !== undefined) return bool;
  if (int !== undefined) return BigInt(int);
  if (string !== undefined) return string;
  if (bytes !== undefined) return Uint8Array.from(Buffer.from(bytes, "hex"));
  if (list !== undefined) return list.map(input);
  return celMap(new Map(Object.entries(map).map(([key, value]) => [key, input(value)])));
}

// A value of either side as a text that tells kinds apart.
function show(value) {
  if (typeof value === "boolean") return `${value}`;
  if (typeof value === "bigint") return `${value}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return `b'${Buffer.from(value).toString("hex")}'`;
  if (Array.isArray(value) || isCelList(value)) return `[${[...value].map(show).join(", ")}]`;
  if (isCelMap(value)) {
    return `{${[...value].map(([k, v]) => `${show(k)}: ${show(v)}`).sort().join(", ")}}`;
  }
  return `${typeof value} ${value}`;
}

// Our reject codes, and how the library says the same.
const reasons = {
  overflow: /overflow/,
  "division-by-zero": /(divide|modulus) by zero/,
  "rule-error": /out of bounds|field not found/,
};

function result(expr, variables) {
  const value = plan(env, expr)(variables);
  return isCelError(value) ? { fails: value.message } : { value: show(value) };
}

// The expression `text` with these expressions in place of its names.
function fill(text, parts) {
  const put = (node) => parts[node.exprKind?.value?.name] ?? walk(node, put);
  return put(parse(text).expr);
}

// The node with every child replaced by what `change` makes of it.
function walk(node, change) {
  for (const [key, child] of Object.entries(node)) {
    if (child !== null && typeof child === "object") node[key] = change(child);
  }
  return node;
}

// Changes the expression to what we define, in place; macros are already written out.
function leftToRight(node) {
  walk(node, leftToRight);
  const { case: kind, value } = node.exprKind ?? {};
  if (kind === "callExpr") {
    const [a, b] = value.args;
    if (value.function === "_&&_") return fill("a ? b : false", { a, b });
    if (value.function === "_||_") return fill("a ? true : b", { a, b });
    // The library gives 0 for the least integer modulo -1, whose quotient overflows.
    if (value.function === "_%_") return fill("a / b == 0 ? rest : rest", { a, b, rest: node });
  }
  if (kind === "comprehensionExpr") {
    // The library goes on after an item's failure and gives the last one's; the first one's is ours.
    const done = parse("done").expr;
    done.exprKind.value.name = value.accuVar;
    value.loopStep = fill("done == done ? step : step", { done, step: value.loopStep });
  }
  return node;
}

function compare({ text, variables, ours }) {
  const values = Object.fromEntries(Object.entries(variables).map(([k, v]) => [k, input(v)]));
  const parsed = parse(text);
  const cel = result(parsed.expr, values);
  const strict = result(leftToRight(parsed.expr), values);
  if (ours.value !== undefined) {
    const value = show(input(ours.value));
    return { agree: cel.value === value && strict.value === value, value, cel, strict };
  }
  const agree = strict.fails !== undefined && reasons[ours.fails]?.test(strict.fails);
  return { agree, absorbed: cel.fails === undefined, cel, strict };
}

const lines = readFileSync(process.argv[2], "utf8").trim().split("\n");
const [head, ...cases] = lines.map((line) => JSON.parse(line));
if (!head.seed || cases.length === 0) {
  console.error("no cases in the file");
  process.exit(2);
}
const count = { values: 0, failures: 0, absorbed: 0, differ: 0 };
for (const one of cases) {
  const { agree, absorbed, cel, strict } = compare(one);
  count[one.ours.value === undefined ? "failures" : "values"] += 1;
  if (absorbed) count.absorbed += 1;
  if (agree) continue;
  count.differ += 1;
  console.error(
    `${one.text}\n  with    ${JSON.stringify(one.variables)}\n  here    ${JSON.stringify(one.ours)}` +
      `\n  there   ${JSON.stringify(cel)}\n  strict  ${JSON.stringify(strict)}`,
  );
}
console.log(
  `${cases.length} expressions (seed ${head.seed}): ${count.values} values, ${count.failures} failures ` +
    `(${count.absorbed} of them absorbed by && or || there), ${count.differ} differences`,
);
process.exit(count.differ === 0 ? 0 : 1);
