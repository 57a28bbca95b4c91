import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { fileKernels, normRms } from "./generated/kernels.js";
import { specialize } from "./kernel.js";
import { locateInSource } from "./locate.js";
import { PLANNED_VARIANTS, plannedVariants, REPRESENTATIVE_DEVICES } from "./variants.js";

const all = plannedVariants();
/** Generated texts go by their generator. */
const generators = [
  ...new Set(
    all
      .map(({ call }) => call.kernel.name)
      .filter((name) => name.includes("<"))
      .map((name) => name.replace(/<.*/, "")),
  ),
];

it("names every kernel file and every generator", () => {
  const named = new Set(all.map(({ call }) => call.kernel.name));
  expect(fileKernels.map(({ name }) => name).filter((name) => !named.has(name))).toEqual([]);
  expect(generators.sort()).toEqual([
    "attention/forward",
    "attention/keys",
    "attention/queries",
    "elementwise/fused",
    "matmul/matrix",
    "matmul/subgroup",
    "matmul/vector",
  ]);
  for (const { family, call } of all)
    expect(family === "matmul" ? /^(matmul|reduce)\// : new RegExp(`^${family}/`), call.kernel.name).toSatisfy((rule: RegExp) =>
      rule.test(call.kernel.name),
    );
});

it("holds the way of reading that each variant of matmul is about", () => {
  const names = all.map(({ call }) => call.kernel.name);
  for (const part of ["texture", "odd", "bf16", "f16"])
    expect(
      names.filter((name) => name.startsWith("matmul/subgroup<") && name.includes(part)),
      part,
    ).not.toEqual([]);
});

it("every family and device gives some, each text once", () => {
  expect(new Set(all.map(({ code }) => code)).size).toBe(all.length);
  for (const device of Object.keys(REPRESENTATIVE_DEVICES)) {
    const families = new Set(all.filter(({ devices }) => devices.includes(device as never)).map(({ family }) => family));
    expect([...families].sort()).toEqual(Object.keys(PLANNED_VARIANTS).sort());
  }
});

it("every alias and const that a plan sets takes more than one value, or the table lacks a variant", () => {
  const values = new Map<string, Set<string>>();
  for (const { call } of all) {
    for (const [name, value] of Object.entries(call.variant)) {
      const key = `${call.kernel.name.replace(/<.*/, "")} ${name}`;
      values.set(key, (values.get(key) ?? new Set()).add(value));
    }
  }
  expect([...values].filter(([, seen]) => seen.size < 2).map(([key]) => key)).toEqual([]);
});

it("finds the line and column of the file that an editor shows", () => {
  const call = all.find(({ call: one }) => one.kernel === normRms && one.variant.LANES === "8u")!.call;
  const code = specialize(call);
  const lines = code.split("\n");
  const file = readFileSync(new URL("norm/rms.wgsl", import.meta.url), "utf8").split("\n");
  const at = lines.findIndex((line) => line.includes("inverseSqrt"));
  expect(locateInSource(call, at + 1, 11)).toEqual({ file: "norm/rms.wgsl", line: at + 1, column: 11, source: file[at] });
  expect(code.startsWith("enable subgroups; ")).toBe(true);
  expect(locateInSource(call, 1, 1 + "enable subgroups; ".length)).toEqual({
    file: "norm/rms.wgsl",
    line: 1,
    column: 1,
    source: file[0],
  });
  const library = lines.findIndex((line) => line.includes("subgroupAdd(v)"));
  const inLibrary = readFileSync(new URL("lib/row_subgroup.wgsl", import.meta.url), "utf8").split("\n");
  expect(locateInSource(call, library + 1, 3)).toMatchObject({
    file: "lib/row_subgroup.wgsl",
    line: inLibrary.indexOf(lines[library]!) + 1,
  });
  const generated = all.find(({ call: one }) => one.kernel.name.startsWith("matmul/subgroup<"))!.call;
  expect(locateInSource(generated, 3, 1).file).toBeNull();
});
