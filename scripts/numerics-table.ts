// `npm run numerics`: runs every kernel case and every op case on the adapter at hand, and writes what their worst errors were into
// docs/numerics.md, between its markers; and the table of mutants that compute the same.
//   --shapes 200     generated shapes of each case, beside its edges
//   --only kernels   kernels, ops or mutants: the other tables stay
//   --missing        only cases that have no row yet, fewer runs, or another bound: the other rows stay
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { checkKernel, DEFAULT_BOUND, EQUIVALENT, generator, kernelCases } from "@attune/kernels-wgsl/testing";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { DEFAULT_BOUNDS, type Dims, opCases, runCase } from "@attune/tensor/testing";

const page = fileURLToPath(new URL("../docs/numerics.md", import.meta.url));
const { values: flags } = parseArgs({
  options: { shapes: { type: "string", default: "200" }, only: { type: "string" }, missing: { type: "boolean" } },
});
const shapes = Number(flags.shapes);

const power = (value: number): string => (value === 0 ? "0" : value.toExponential(1));

/** Rows of a table as they stand, by name. */
function knownRows(table: string): Map<string, string> {
  if (!flags.missing) return new Map();
  const inside = readFileSync(page, "utf8").split(`<!-- numerics:${table} -->`)[1]?.split("<!-- /numerics -->")[0] ?? "";
  return new Map([...inside.matchAll(/^\| `([^`]+)` \|.*$/gm)].map(([row, name]) => [name!, row]));
}

async function kernelTable(device: NodeDevice): Promise<string[]> {
  const rows: string[] = [];
  const known = knownRows("kernels");
  for (const kernelCase of kernelCases) {
    const row = known.get(kernelCase.name);
    const runsOf = Number(row?.split("|")[2]);
    if (row?.includes(`| ${power(kernelCase.bound?.value ?? DEFAULT_BOUND)} |`) && runsOf >= shapes) {
      rows.push(row);
      continue;
    }
    const one = { gpu: device.backend.gpu, facts: device.facts };
    const { runs, worstError, bound, counterexample, lacks } = await checkKernel(one, kernelCase, { shapes, seed: 20261122 });
    if (counterexample) throw new Error(`${kernelCase.name}: ${counterexample.failures[0]}\n${counterexample.replay}`);
    rows.push(
      `| \`${kernelCase.name}\` | ${runs} | ${power(worstError)} | ${power(bound)} | ${lacks === null ? "" : `not run: ${lacks}; `}${kernelCase.bound?.why ?? ""} |`,
    );
    console.log(rows.at(-1));
  }
  return ["| kernel, case | runs | worst error | bound | why not 1e-5 |", "|---|---|---|---|---|", ...rows];
}

async function opTable(device: NodeDevice): Promise<string[]> {
  const rows: string[] = [];
  const known = knownRows("ops");
  for (const opCase of opCases) {
    const row = known.get(opCase.name);
    if (row) {
      rows.push(row);
      continue;
    }
    const random = generator(20261122);
    const drawn = Array.from({ length: shapes }, () => {
      const sizes = Object.entries(opCase.dims).map(([name, [least, most]]) => [
        name,
        least + Math.floor(random() * (most - least + 1)),
      ]);
      return Object.fromEntries(sizes) as Dims;
    });
    const edges = opCase.edges.map(({ why: _, ...dims }) => dims as Dims);
    let [output, gradient] = [0, 0];
    for (const [i, dims] of [...edges, ...drawn].entries()) {
      const report = await runCase(device, opCase, { dims, seed: i + 1 });
      if (report.failures.length > 0)
        throw new Error(`${opCase.name} ${JSON.stringify(dims)} seed ${i + 1}: ${report.failures[0]}`);
      [output, gradient] = [Math.max(output, report.outputError), Math.max(gradient, report.gradientError)];
    }
    const bounds = { ...DEFAULT_BOUNDS, ...opCase.bounds };
    const slope = opCase.isForwardOnly ? "none | none" : `${power(gradient)} | ${power(bounds.gradient)}`;
    rows.push(`| \`${opCase.name}\` | ${edges.length + drawn.length} | ${power(output)} | ${power(bounds.output)} | ${slope} |`);
    console.log(rows.at(-1));
  }
  return ["| op | runs | worst output error | bound | worst slope error | bound |", "|---|---|---|---|---|---|", ...rows];
}

function mutantTable(): string[] {
  const rows = Object.entries(EQUIVALENT).map(([key, why]) => {
    const [kernel, rule, occurrence] = key.split("|");
    return `| \`${kernel}\` | ${rule}, place ${Number(occurrence) + 1} | ${why} |`;
  });
  return ["| kernel | mutation | why no test can tell |", "|---|---|---|", ...rows.sort()];
}

const tables: Record<string, (device: NodeDevice) => Promise<string[]> | string[]> = {
  kernels: kernelTable,
  ops: opTable,
  mutants: mutantTable,
};
const device = await openDevice();
for (const [name, make] of Object.entries(tables)) {
  if (flags.only && flags.only !== name) continue;
  const lines = await make(device);
  const text = readFileSync(page, "utf8");
  const [before, rest] = text.split(`<!-- numerics:${name} -->`) as [string, string | undefined];
  if (rest === undefined) throw new Error(`docs/numerics.md has no marker numerics:${name}`);
  const after = rest.slice(rest.indexOf("<!-- /numerics -->"));
  writeFileSync(page, `${before}<!-- numerics:${name} -->\n\n${lines.join("\n")}\n\n${after}`);
}
device.destroy();
process.exit(0);
