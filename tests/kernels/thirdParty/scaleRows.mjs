// A kernel of one's own, its plan, its f64 reference, and its property test, through Dawn.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { factsOf, readKernel, spread } from "@attune/kernels-wgsl";
import { checkKernel, parseDims, references } from "@attune/kernels-wgsl/testing";
import { create } from "webgpu";

const kernel = readKernel("mine/scaleRows", readFileSync(new URL("scaleRows.wgsl", import.meta.url), "utf8"));
export const planScaleRows = ({ rows, cols }, facts) => ({
  kernel, variant: {}, params: { rows, cols }, workgroups: spread(rows, facts), reason: "a row a workgroup",
  flops: rows * cols, bytes: 8 * rows * cols,
}); // biome-ignore format: few lines
const scaleRows = {
  name: "mine/scaleRows",
  dims: { rows: [1, 40], cols: [1, 70] },
  edges: [{ rows: 3, cols: 27, why: "several turns of the lanes" }],
  plan: planScaleRows,
  inputs: ({ rows, cols }) => ({ x: { shape: [rows, cols] }, s: { shape: [rows] } }),
  reference: ({ x, s }) => ({ y: references.fill(x.shape, (row, col) => references.at(x, row, col) * references.at(s, row)) }),
};

const { values: flags } = parseArgs({ options: { dims: { type: "string" }, seed: { type: "string", default: "1" } } });
const gpu = create([]); // kept: Dawn crashes where it is collected
const adapter = await gpu.requestAdapter();
const device = await adapter.requestDevice({ requiredFeatures: adapter.features.has("subgroups") ? ["subgroups"] : [] });
const { runs, worstError, bound, counterexample } = await checkKernel(
  { gpu: device, facts: factsOf(device, adapter.info) },
  scaleRows,
  {
    seed: Number(flags.seed),
    ...(flags.dims ? { dims: parseDims(flags.dims, scaleRows) } : {}),
    replay: (_, dims, seed) => `node scaleRows.mjs --dims ${Object.entries(dims).map((size) => size.join("="))} --seed ${seed}`,
  },
);
console.log(
  counterexample
    ? `${counterexample.failures[0]}\nagain: ${counterexample.replay}`
    : `ok: ${runs} runs, worst error ${worstError} <= ${bound}`,
);
process.exit(counterexample ? 1 : 0);
