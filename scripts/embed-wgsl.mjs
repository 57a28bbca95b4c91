// Turns packages/kernels-wgsl/src/**/*.wgsl into src/generated/kernels.ts: the text of each kernel with its bindings and
// params read off it, so that the .wgsl file is the only truth. Node built-ins only: it runs before anything is built.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const source = join(dirname(fileURLToPath(import.meta.url)), "..", "packages", "kernels-wgsl", "src");

function wgslFiles(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      if (entry.isDirectory()) return wgslFiles(join(folder, entry.name));
      return entry.name.endsWith(".wgsl") ? [join(folder, entry.name)] : [];
    });
}

/** "norm/rms_backward" -> "normRmsBackward" */
function exportName(name) {
  return name.replace(/[/_](.)/g, (_, letter) => letter.toUpperCase());
}

function describe(path) {
  const code = readFileSync(path, "utf8");
  const name = relative(source, path)
    .split(sep)
    .join("/")
    .replace(/\.wgsl$/, "");
  const fail = (why) => {
    throw new Error(`${relative(process.cwd(), path)}: ${why}`);
  };
  const uses = [...code.matchAll(/^\/\/! use (\w+)$/gm)].map((match) => match[1]);
  const bindings = [...code.matchAll(/^@group\(0\) @binding\((\d+)\) var<storage, (read|read_write)> (\w+): ([^;]+);/gm)].map(
    ([, index, access, binding, type]) => ({ index: Number(index), name: binding, access, type }),
  );
  bindings.forEach((binding, place) => {
    if (binding.index !== place)
      fail(`storage bindings must be numbered 0, 1, ... in order; ${binding.name} has ${binding.index}`);
  });
  const uniform =
    code.match(/^@group\(0\) @binding\((\d+)\) var<uniform> params: Params;/m) ?? fail("no `var<uniform> params: Params`");
  if (Number(uniform[1]) !== bindings.length) fail("params must take the binding after the storages");
  const struct = code.match(/struct Params \{([^}]*)\}/) ?? fail("no struct Params");
  const params = struct[1]
    .replace(/\/\/[^\n]*/g, "")
    .split(",")
    .map((field) => field.trim())
    .filter(Boolean)
    .map((field) => {
      const [, param, type] = field.match(/^(\w+):\s*(u32|i32|f32)$/) ?? fail(`param \`${field}\` is not a u32, i32 or f32`);
      return { name: param, type };
    });
  return { name, code, uses, bindings: bindings.map(({ index: _, ...rest }) => rest), params };
}

const files = wgslFiles(source);
const libraries = files.filter((path) => path.includes(`${sep}lib${sep}`));
const kernels = files.filter((path) => !libraries.includes(path)).map(describe);
const out = [
  "// Written by scripts/embed-wgsl.mjs from the .wgsl files beside this folder. Do not edit.",
  'import type { Kernel } from "../kernel.js";',
  "",
  "export const libraries: Readonly<Record<string, string>> = {",
  ...libraries.map(
    (path) =>
      `  ${path
        .split(sep)
        .pop()
        .replace(/\.wgsl$/, "")}: ${JSON.stringify(readFileSync(path, "utf8"))},`,
  ),
  "};",
  ...kernels.map(
    (kernel) => `\nexport const ${exportName(kernel.name)} = ${JSON.stringify(kernel, null, 2)} as const satisfies Kernel;`,
  ),
  "",
  `export const fileKernels: readonly Kernel[] = [${kernels.map((kernel) => exportName(kernel.name)).join(", ")}];`,
  "",
].join("\n");
const target = join(source, "generated", "kernels.ts");
mkdirSync(dirname(target), { recursive: true });
if (!existsSync(target) || readFileSync(target, "utf8") !== out) writeFileSync(target, out);
