// A WGSL kernel of one's own, tested as the project tests its own: against a plain loop in double precision, twice for the same bits,
// with guards around every storage, at edges and drawn shapes. It takes @attune/kernels-wgsl alone and any GPUDevice.
//   node scripts/with-driver.mjs tsx --conditions=@attune/source examples/04-custom-kernel.ts
import { type DeviceFacts, type KernelCall, readKernel, spread } from "@attune/kernels-wgsl";
import { checkKernel, type KernelCase, references } from "@attune/kernels-wgsl/testing";
import { openDevice } from "@attune/tensor/node"; // only for a GPUDevice

const kernel = readKernel(
  "example/scaleRows",
  `// y = x scaled row by row. A row a workgroup.
const LANES = 32u;
struct Params { rows: u32, cols: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;        // [rows, cols]
@group(0) @binding(1) var<storage, read> s: array<f32>;        // [rows]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;  // [rows, cols]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  for (var col = lane; col < params.cols; col += LANES) { y[row * params.cols + col] = x[row * params.cols + col] * s[row]; }
}
`,
);

/** Sizes and facts in, a call out: pure, so that what it chooses can be tested without a device. */
const planScaleRows = ({ rows, cols }: { rows: number; cols: number }, facts: DeviceFacts): KernelCall => ({
  kernel,
  variant: {},
  params: { rows, cols },
  workgroups: spread(rows, facts), // more than 65,535 rows fold into two dimensions
  reason: "a row a workgroup",
  flops: rows * cols,
  bytes: 8 * rows * cols,
});

const scaleRows: KernelCase = {
  name: kernel.name,
  dims: { rows: [1, 40], cols: [1, 70] },
  edges: [{ rows: 3, cols: 33, why: "several turns of the lanes" }],
  plan: ({ rows, cols }, facts) => planScaleRows({ rows: rows!, cols: cols! }, facts),
  inputs: ({ rows, cols }) => ({ x: { shape: [rows!, cols!] }, s: { shape: [rows!] } }),
  reference: ({ x, s }) => ({
    y: references.fill(x!.shape, (row, col) => references.at(x!, row!, col!) * references.at(s!, row!)),
  }),
};

const owner = await openDevice();
const { runs, worstError, bound, counterexample } = await checkKernel({ gpu: owner.backend.gpu, facts: owner.facts }, scaleRows, {
  seed: 1,
});
if (counterexample) throw new Error(counterexample.failures[0]);
console.log(`${kernel.name}: ${runs} runs, worst error ${worstError} <= ${bound}`);
owner.destroy();
