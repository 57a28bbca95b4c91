// An op from outside the engine, in two forms: composed of ops, which has a gradient without further ado; and as one kernel of
// your own, which needs one dispatch instead of two. docs/adding-an-op.md shows how an op with a backward kernel joins the engine.
//   node scripts/with-driver.mjs tsx --conditions=@attune/source examples/02-custom-op.ts
import type { Kernel, KernelCall } from "@attune/kernels-wgsl";
import { backward, mul, OpContext, parameter, sigmoid, sum, type Tensor } from "@attune/tensor";
import { openDevice } from "@attune/tensor/node";

/** swish(x) = x * sigmoid(x) (Ramachandran et al. 2017), composed: differentiable. */
const swish = (x: Tensor): Tensor => mul(x, sigmoid(x));

/** The same as one kernel. Its name is its identity: pipelines are cached by name and variant. */
const swishKernel: Kernel = {
  name: "example/swish",
  code: `
struct Params { quads: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.quads) { return; }
  y[id.x] = x[id.x] * (1.0 / (1.0 + exp(-x[id.x])));
}`,
  uses: [],
  bindings: [
    { name: "x", access: "read", type: "array<vec4f>" },
    { name: "y", access: "read_write", type: "array<vec4f>" },
  ],
  params: [{ name: "quads", type: "u32" }],
};

/** Sizes in, a call out: what a plan function does. Storages are padded to 16 bytes, so a vec4 kernel needs no tail. */
function planSwish(count: number): KernelCall {
  const quads = Math.ceil(count / 4);
  return {
    kernel: swishKernel,
    variant: {},
    params: { quads },
    workgroups: [Math.ceil(quads / 64), 1, 1],
    reason: "four elements a lane",
    flops: 4 * count,
    bytes: 8 * count,
  };
}

function fastSwish(x: Tensor): Tensor {
  const ctx = new OpContext(x.device, "fastSwish");
  const y = ctx.empty(x.shape); // every element is written by the call that follows
  ctx.run(planSwish(x.size), { x, y });
  return y;
}

const device = await openDevice();
const x = parameter(device, [-3, -1, 0, 1, 3], [5], "x");
const { slow, fast } = device.scope(() => {
  const slow = swish(x);
  backward(sum(slow));
  return { slow, fast: fastSwish(x) };
});
const round = (values: ArrayLike<number>): string => Array.from(values, (value) => value.toFixed(4)).join(", ");
console.log("swish   ", round(await slow.toArray()));
console.log("fast    ", round(await fast.toArray()));
console.log("gradient", round(await x.grad!.toArray()));
for (const held of [slow, fast, x]) held.dispose();
device.destroy();
