// Every kernel through the harness of @attune/kernels-wgsl/testing, on a bare GPUDevice. `npm test` takes one case of each kernel, the long
// mode all of them with 200 shapes each; what a kernel's worst error may be is the table of docs/numerics.md, which `npm run numerics` writes.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fileKernels, softwareFacts } from "@attune/kernels-wgsl";
import { checkKernel, type KernelDevice, kernelCases, NEEDS_HARDWARE } from "@attune/kernels-wgsl/testing";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readNumericsTable } from "./numericsTable.js";

const IS_LONG = Boolean(process.env.ATTUNE_LONG);
/** What the long mode runs for each case, beside its edges. */
const SHAPES = IS_LONG ? 200 : 4;
/** Backward tiles take 5 to 10 s to compile: `npm test` compiles them in packages/tensor/src/ops/attention.test.ts alone. */
const SLOW = ["attention/queries", "attention/keys"];

const kernelOf = (name: string): string => name.replace(/,.*/, "");
/** The first case of each kernel, and of each variant of the matmul. */
const shortCases = kernelCases.filter(
  ({ name }, i) =>
    kernelCases.findIndex((other) => kernelOf(other.name) === kernelOf(name)) === i && !SLOW.includes(kernelOf(name)),
);
const cases = IS_LONG ? kernelCases : shortCases;

describe("every kernel through its harness", () => {
  let owner: NodeDevice;
  let device: KernelDevice;
  beforeAll(async () => {
    owner = await openDevice();
    device = { gpu: owner.backend.gpu, facts: owner.facts };
  });
  afterAll(() => owner.destroy());

  it.each(cases)("$name", { timeout: 600_000 }, async (kernelCase) => {
    const report = await checkKernel(device, kernelCase, { shapes: SHAPES, seed: 20261122 });
    expect(report.counterexample).toBeNull();
    const row = readNumericsTable("kernels").get(kernelCase.name);
    expect(row, `docs/numerics.md has no row for ${kernelCase.name}: npm run numerics writes it`).toBeDefined();
    expect(row!.bound, "docs/numerics.md has another bound: npm run numerics writes it").toBe(report.bound);
  });
});

describe("coverage", () => {
  const covered = new Set(kernelCases.map(({ name }) => kernelOf(name)));

  it("every .wgsl kernel, and every generated one, has a case", () => {
    // the generators, by the kernels that they name
    const sources = ["attention/tile.ts", "elementwise/fused.ts", "matmul/subgroup.ts", "matmul/vector.ts", "matmul/matrix.ts"];
    const generated = sources.flatMap((file) => {
      const text = readFileSync(fileURLToPath(new URL(`../../packages/kernels-wgsl/src/${file}`, import.meta.url)), "utf8");
      const names = [...text.matchAll(/`((?:attention|elementwise|matmul)\/[\w${}]+)</g)].map(([, name]) => name!);
      expect(names.length, `${file} names no kernel`).toBeGreaterThan(0);
      return names.flatMap((name) =>
        /\$\{kind\}/.test(name) ? ["forward", "queries", "keys"].map((kind) => name.replace(/\$\{kind\}/, kind)) : [name],
      );
    });
    const all = [...fileKernels.map(({ name }) => name), ...generated];
    const missing = all.filter((name) => !covered.has(name) && !(name in NEEDS_HARDWARE));
    expect(missing).toEqual([]);
  });

  it("names are unique, since a replay goes by them, and start with their kernel", () => {
    const names = kernelCases.map(({ name }) => name);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    for (const { name, plan, edges } of kernelCases) {
      for (const { why: _, ...dims } of edges) {
        expect(plan(dims as Record<string, number>, softwareFacts).kernel.name.replace(/<.*/, "")).toBe(kernelOf(name));
      }
    }
  });
});
