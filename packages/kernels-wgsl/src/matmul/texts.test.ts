// The generated texts, whole: a change of a generator is seen in review. `npx vitest -u` writes them anew.
import { expect, it } from "vitest";
import { matrixMatmul } from "./matrix.js";
import { subgroupMatmul } from "./subgroup.js";
import { vectorMatmul } from "./vector.js";

const config = { component: "f16", result: "f32", m: 16, n: 16, k: 16 };

it.each([
  subgroupMatmul({ layout: "nt", rows: 8, subgroupSize: 4, aStorage: "f32", bStorage: "bf16" }),
  subgroupMatmul({ layout: "nn", rows: 8, subgroupSize: 4, aStorage: "f16", bStorage: "f32" }),
  subgroupMatmul({ layout: "tn", rows: 16, subgroupSize: 4, aStorage: "f32", bStorage: "f32" }),
  subgroupMatmul({ layout: "tn", rows: 16, subgroupSize: 4, aStorage: "f32", bStorage: "f32", isOdd: true }),
  vectorMatmul(4, "f32"),
  vectorMatmul(4, "bf16"),
  vectorMatmul(4, "bf16", true),
  subgroupMatmul({ layout: "nt", rows: 8, subgroupSize: 4, aStorage: "f32", bStorage: "f16", textures: ["b"] }),
  matrixMatmul(32, config),
])("$name", async ({ name, code }) => {
  await expect(code).toMatchFileSnapshot(`snapshots/${name.replace(/\W+/g, "-")}.wgsl.snap`);
});
