// attune kernels list, show and check: the whole table of texts compiles, and a fault is told at its line.
import { readFileSync } from "node:fs";
import { fileKernels, type Kernel, type PlannedVariant, plannedVariants, specialize } from "@attune/kernels-wgsl";
import { faultText } from "@attune/tensor/debug";
import { describe, expect, it } from "vitest";
import { main } from "../main.js";
import { checkKernels } from "./kernelCheck.js";
import { callToShow, kernelEntries, type ShowOptions } from "./kernelList.js";

const planned = plannedVariants();
const options: ShowOptions = { device: "software", layout: "nt", shape: [64, 64, 64], set: {} };

describe("check", () => {
  it("compiles every text that plans can name, without a GPU", async () => {
    const { faults, texts, kernels } = await checkKernels();
    expect(faults.map(faultText)).toEqual([]);
    expect(texts).toBeGreaterThan(300);
    expect(kernels).toBeGreaterThan(fileKernels.length);
  });

  /** The planned variant of a kernel, its text changed. */
  function broken(name: string, from: string, to: string): PlannedVariant {
    const one = planned.find(({ call }) => call.kernel.name === name)!;
    expect(one.code).toContain(from);
    const kernel: Kernel = { ...one.call.kernel, code: one.call.kernel.code.replace(from, to) };
    return { ...one, call: { ...one.call, kernel } };
  }

  it("tells file, line and column of the .wgsl file, and shows the line", async () => {
    const { faults } = await checkKernels([broken("norm/rms", "let r = inverseSqrt", "let r = inverseSqr")]);
    const file = readFileSync(new URL("../../../../packages/kernels-wgsl/src/norm/rms.wgsl", import.meta.url), "utf8");
    const line = file.split("\n").findIndex((text) => text.includes("inverseSqrt")) + 1;
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ file: "norm/rms.wgsl", line, column: 11 });
    const text = faultText(faults[0]!).split("\n");
    expect(text[0]).toMatch(new RegExp(`^packages/kernels-wgsl/src/norm/rms\\.wgsl:${line}:11: .*inverseSqr`));
    expect(text.at(-2)).toContain("let r = inverseSqr(");
    expect(text.at(-1)!.indexOf("^")).toBe(text.at(-2)!.indexOf("inverseSqr"));
  });

  it("finds what only a pipeline shows: a binding that is no read, and memory beyond the planned device's", async () => {
    const [access] = (await checkKernels([broken("norm/rms", "var<storage, read> w", "var<storage, read_write> w")])).faults;
    expect(access?.message).toMatch(/storage|binding/i);
    const large = broken("inspect/range", "lows: array<f32, LANES>", "lows: array<f32, 20000u>");
    const { faults } = await checkKernels([large]);
    expect(faults.map(({ message }) => message).join("\n")).toMatch(/workgroup storage/);
  });
});

describe("list and show", () => {
  it("lists every file and names devices of each variant", () => {
    const entries = kernelEntries();
    expect(entries.filter(({ source }) => source === "file").map(({ name }) => name)).toEqual(
      fileKernels.map(({ name }) => name).sort(),
    );
    const rms = entries.find(({ name }) => name === "norm/rms")!;
    expect(rms.variants.map(({ set, devices }) => [set.LANES, devices])).toEqual([
      ["8u", ["software"]],
      ["32u", ["gpu"]],
      ["1u", ["gpu-no-subgroups"]],
    ]);
  });

  it("shows the text that a plan specialises, with what is set beyond it", () => {
    const { call, others } = callToShow("norm/rms", { ...options, device: "gpu" });
    expect(specialize(call)).toContain("const LANES = 32u;");
    expect(others).toBe(0);
    expect(specialize(callToShow("norm/rms", { ...options, set: { LANES: "4u" } }).call)).toContain("const LANES = 4u;");
    expect(callToShow("matmul/vector", { ...options, dtype: "bf16" }).call.kernel.name).toBe("matmul/vector<8,bf16>");
    expect(specialize(callToShow("embedding/gather", { ...options, dtype: "f16" }).call)).toContain("const STORAGE = 2u;");
    expect(callToShow("matmul", { ...options, device: "gpu", dtype: "f16" }).call.kernel.name).toMatch(/^matmul\/matrix</);
    expect(callToShow("matmul", { ...options, shape: [1, 64, 64] }).call.kernel.name).toMatch(/^matmul\/vector</);
  });

  it("refuses what is not there, and says what is near", () => {
    expect(() => callToShow("rms", options)).toThrow(/no kernel is named rms; near it: norm\/rms, norm\/rms_backward/);
    expect(() => callToShow("norm/rms", { ...options, dtype: "f16" })).toThrow(
      /no plan for the device software names it with operands stored as f16/,
    );
    expect(() => callToShow("matmul/matrix", options)).toThrow(/no plan for the device software names it/);
  });

  it.each([
    [["kernels", "show", "norm/rms", "--set", "NOPE=1"], /no `alias NOPE` or `const NOPE`/],
    [["kernels", "show", "norm/rms", "--set", "LANES"], /expected NAME=VALUE/],
    [["kernels", "show", "matmul", "--shape", "1,2"], /expected m,k,n/],
    [["kernels", "show", "matmul", "--dtype", "f64"], /f32, bf16, f16/],
  ])("%s is a mistake of usage", async (words, message) => {
    const said: string[] = [];
    const code = await main(words, { out: (text) => said.push(text), err: (text) => said.push(text) });
    expect(code).toBe(2);
    expect(said.join("")).toMatch(message);
  });
});
