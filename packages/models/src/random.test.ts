import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mt19937, randperm, seedFor } from "./random.js";

describe("mt19937", () => {
  it("gives the published sequence: the 10,000th draw of seed 5489 is 4123659995 (C++11, [rand.predef])", () => {
    const random = mt19937(5489);
    random.skip(9999);
    expect(random.uint32()).toBe(4123659995);
  });

  it("draws normals of mean 0 and variance 1, and 53-bit uniforms below 1", () => {
    const random = mt19937(7);
    const draws = Float64Array.from({ length: 20_000 }, () => random.normal());
    const mean = draws.reduce((a, b) => a + b) / draws.length;
    const variance = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
    for (let i = 0; i < 1000; i++) expect(random.uniform()).toBeLessThan(1);
  });
});

describe("randperm", () => {
  it("equals torch's order (seed 42, n 10, epochs 0 and 1)", () => {
    expect([...randperm(10, 42)]).toEqual([2, 6, 1, 8, 4, 5, 0, 9, 3, 7]);
    expect([...randperm(10, 43)]).toEqual([8, 4, 9, 0, 5, 1, 6, 7, 2, 3]);
  });

  it("is a permutation", () => {
    fc.assert(fc.property(fc.nat(200), fc.nat(), (n, seed) => new Set(randperm(n, seed)).size === n));
  });
});

it("gives different names different seeds", () => {
  expect(new Set(["a", "b", "c"].flatMap((name) => [0, 1, 2].map((seed) => seedFor(seed, name)))).size).toBe(9);
});
