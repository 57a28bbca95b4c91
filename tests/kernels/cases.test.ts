// Every kernel through the harness of @attune/kernels-wgsl/testing, on a bare GPUDevice. `npm test` takes one case of each kernel, the long
// mode all of them with 200 shapes each; what a kernel's worst error may be is the table of docs/numerics.md, which `npm run numerics` writes.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type DeviceFacts, fileKernels, MATRIX_FEATURE, softwareFacts } from "@attune/kernels-wgsl";
import { checkKernel, DEFAULT_BOUND, type KernelDevice, kernelCases } from "@attune/kernels-wgsl/testing";
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
/** What a GPU with matrix units can do, and software cannot. */
const matrixFacts: DeviceFacts = {
  ...softwareFacts,
  features: [...softwareFacts.features, "shader-f16", MATRIX_FEATURE],
  matrixConfigs: [{ component: "f16", result: "f32", m: 16, n: 16, k: 16 }],
};
const cases = IS_LONG ? kernelCases : shortCases;

describe("every kernel through its harness", () => {
  let owner: NodeDevice;
  let device: KernelDevice;
  beforeAll(async () => {
    owner = await openDevice();
    device = { gpu: owner.backend.gpu, facts: owner.facts };
  });
  afterAll(() => owner.destroy());

  it.for(cases)("$name", { timeout: 600_000 }, async (kernelCase, { skip }) => {
    const lacks = kernelCase.needs?.(device.facts);
    if (lacks) skip(`${kernelCase.name}: this adapter has ${lacks}`);
    const report = await checkKernel(device, kernelCase, { shapes: SHAPES, seed: 20261122 });
    expect(report.counterexample).toBeNull();
  });
});

describe("a replay", () => {
  it("of huge inputs that give NaN is of huge inputs", { timeout: 60_000 }, async () => {
    const owner = await openDevice();
    const device = { gpu: owner.backend.gpu, facts: owner.facts };
    const quotient = { ...kernelCases.find(({ name }) => name === "elementwise/binary, div")!, checksExtremes: true }; // 0 / 0
    const { counterexample } = await checkKernel(device, quotient, { shapes: 0 });
    const [, size] = /--dims count=1027 --seed 1 --extreme (\d+)$/.exec(counterexample!.replay)!;
    const { dims, seed, failures } = counterexample!;
    const again = await checkKernel(device, quotient, { dims, seed, extreme: Number(size) });
    expect(again.counterexample?.failures).toEqual(failures);
    expect(again.counterexample?.replay).toBe(counterexample!.replay);
    owner.destroy();
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
    expect(all.filter((name) => !covered.has(name))).toEqual([]);
  });

  it("every case has its row in docs/numerics.md, of 200 runs that stayed within its bound: npm run numerics writes it", () => {
    const rows = readNumericsTable("kernels");
    expect([...rows.keys()].sort()).toEqual(kernelCases.map(({ name }) => name).sort());
    for (const { name, bound, needs } of kernelCases) {
      const row = rows.get(name)!;
      expect(row.bound, name).toBe(bound?.value ?? DEFAULT_BOUND);
      expect(row.worstError, name).toBeLessThanOrEqual(row.bound);
      expect(row.runs >= 200 || needs?.(softwareFacts), `${name}: ${row.runs} runs`).toBeTruthy();
    }
  });

  it("names are unique, since a replay goes by them, and start with their kernel", () => {
    const names = kernelCases.map(({ name }) => name);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    for (const { name, needs, plan, edges } of kernelCases) {
      const facts = needs?.(softwareFacts) ? matrixFacts : softwareFacts;
      for (const { why: _, ...dims } of edges) {
        expect(plan(dims as Record<string, number>, facts).kernel.name.replace(/<.*/, "")).toBe(kernelOf(name));
      }
    }
  });
});
