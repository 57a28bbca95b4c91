// Measured choice, without a device: the timer is a table.
import { describe, expect, it } from "vitest";
import { softwareFacts } from "../facts.js";
import { fingerprintOf, shapeClass, tunedVariant } from "./choice.js";
import { planMatmul } from "./plan.js";
import type { MatmulSizes, MatmulVariant } from "./sizes.js";
import { candidatesFor, chooseVariant, readChoice, tuneMatmul, writeChoice } from "./tuning.js";

/** Without textures the rules take `subgroup` for what is tried here. */
const facts = { ...softwareFacts, features: ["subgroups"] };
const square = (size: number): MatmulSizes => ({
  layout: "nt",
  m: size,
  n: size,
  k: size,
  a: { rowStride: size },
  b: { rowStride: size },
  c: { rowStride: size },
});
const timesOf = (table: Partial<Record<MatmulVariant, number>>) => async (sizes: MatmulSizes & { force: MatmulVariant }) =>
  table[sizes.force] ?? 100;

it("classes shapes by rounded sizes and what decides the variant", () => {
  expect(shapeClass(square(64))).toBe("nt f32 f32 64x64x64x1 fours");
  expect(shapeClass(square(60))).toBe(shapeClass(square(64)));
  expect(shapeClass(square(61))).not.toBe(shapeClass(square(64)));
  expect(shapeClass({ ...square(64), bStorage: "bf16" })).not.toBe(shapeClass(square(64)));
});

it("offers what can serve, the rules' choice first, and never rounds operands for speed", () => {
  expect(candidatesFor(square(64), facts)).toEqual(["subgroup", "workgroup", "vector", "plain"]);
  expect(candidatesFor(square(61), facts)).toEqual(["plain", "workgroup"]);
  expect(candidatesFor(square(64), softwareFacts)).toEqual(["texture", "workgroup", "subgroup", "vector", "plain"]);
});

it("chooses by the best run, and only beyond the margin", () => {
  const timed = (plain: number[], workgroup: number[]) => [
    { variant: "plain" as const, ms: plain },
    { variant: "workgroup" as const, ms: workgroup },
  ];
  expect(chooseVariant(timed([10, 10], [99, 9.5]))).toBe("plain");
  expect(chooseVariant(timed([10, 10], [99, 9]))).toBe("workgroup");
  expect(() => chooseVariant([])).toThrow(/no variant/);
  expect(() => chooseVariant(timed([10], [0]))).toThrow(/workgroup was timed at 0 ms/);
});

it("keeps what differs from the rules, for this device", async () => {
  const choice = await tuneMatmul([square(64), square(256)], facts, timesOf({ subgroup: 5, workgroup: 2 }));
  expect(choice.variants).toEqual({ "nt f32 f32 64x64x64x1 fours": "workgroup", "nt f32 f32 256x256x256x1 fours": "workgroup" });
  expect(tunedVariant(square(64), { ...facts, tuning: choice })).toBe("workgroup");
  expect(tunedVariant(square(128), { ...facts, tuning: choice })).toBeNull();
  expect(tunedVariant(square(64), { ...facts, subgroupSize: 4, tuning: choice })).toBeNull();
  expect((await tuneMatmul([square(64)], facts, timesOf({ subgroup: 1 }))).variants).toEqual({});
});

it("planMatmul takes a measured variant only where facts carry a table", async () => {
  const tuning = await tuneMatmul([square(64)], facts, timesOf({ workgroup: 1 }));
  expect(planMatmul(square(64), facts).reason).toMatch(/^subgroup/);
  expect(planMatmul(square(64), { ...facts, tuning }).reason).toMatch(/^workgroup tile 64 x 64: measured/);
  expect(planMatmul({ ...square(64), force: "plain" }, { ...facts, tuning }).reason).toMatch(/^plain/);
});

describe("the table as text", () => {
  const choice = { fingerprint: fingerprintOf(facts), variants: { b: "plain", a: "vector" } } as const;

  it("comes back as it was, in one order", () => {
    expect(readChoice(writeChoice(choice))).toEqual(choice);
    expect(writeChoice({ ...choice, variants: { a: "vector", b: "plain" } })).toBe(writeChoice(choice));
  });

  it.each<[string, RegExp]>([
    ["{", /no JSON/],
    ["[]", /expected an object/],
    ['{"version":2,"fingerprint":"x","variants":{}}', /version 2, expected 1/],
    ['{"version":1,"fingerprint":1,"variants":{}}', /fingerprint/],
    ['{"version":1,"fingerprint":"x","variants":[]}', /variants must be an object/],
    ['{"version":1,"fingerprint":"x","variants":{"a":"fast"}}', /a: fast is not one of matrix/],
    ['{"version":1,"fingerprint":"x","variants":{},"more":1}', /unknown keys more/],
  ])("%s is refused", (text, why) => {
    expect(() => readChoice(text)).toThrow(why);
  });
});
