// Attention at the shapes of the real models' training steps. FLOPs as usual for it: 4 * query * key * dKv a head forward and 10 backward
// (five products, the scores' recomputation being one of them), halved where a causal mask hides half.
import { attention, backward, ProgramState, parameter, sum, type Tensor, tensor } from "@attune/tensor";
import type { NodeDevice } from "@attune/tensor/node";
import type { BenchCase, CaseMaker } from "../harness.js";

interface Shape {
  name: string;
  heads: number;
  queries: number;
  keys: number;
  /** Head size; 64 unless said. */
  dKv?: number;
  isCausal?: boolean;
  hasBias?: boolean;
}

const BATCH = 8;
const SHAPES: readonly Shape[] = [
  { name: "t5-small-encoder", heads: 8, queries: 256, keys: 256, hasBias: true },
  { name: "t5-small-decoder", heads: 8, queries: 64, keys: 64, isCausal: true, hasBias: true },
  { name: "t5-small-cross", heads: 8, queries: 64, keys: 256 },
  { name: "t5-3b-encoder-8-heads", heads: 8, queries: 256, keys: 256, dKv: 128, hasBias: true },
  { name: "opt-125m", heads: 12, queries: 256, keys: 256, isCausal: true },
];

export function attentionCases(device: NodeDevice): readonly CaseMaker[] {
  return SHAPES.flatMap((shape) => [
    { name: `attention-${shape.name}-forward`, make: () => attentionCase(device, shape, false) },
    { name: `attention-${shape.name}-training`, make: () => attentionCase(device, shape, true) },
  ]);
}

/** `isTraining`: forward and backward with dropout on the probabilities. */
function attentionCase(device: NodeDevice, shape: Shape, isTraining: boolean): BenchCase {
  const { name, heads, queries, keys, dKv = 64, isCausal = false, hasBias = false } = shape;
  const width = heads * dKv;
  const random = (shape: readonly number[]): Tensor =>
    parameter(
      device,
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * 12.9898)),
      shape,
    );
  const [q, k, v] = [random([BATCH, queries, width]), random([BATCH, keys, width]), random([BATCH, keys, width])];
  const table = random([32, heads]); // T5's buckets
  const state = new ProgramState(device, { seed: 1 });
  const step = (): void => {
    const buckets = tensor(
      device,
      Int32Array.from({ length: queries + keys }, (_, i) => i % 32),
      [queries + keys],
    );
    const y = attention(q, k, v, {
      heads,
      isCausal,
      bias: hasBias ? { table, buckets, offset: queries } : null,
      dropout: isTraining ? { p: 0.1, site: 1, state } : null,
    });
    if (isTraining) backward(sum(y));
  };
  const flops = BATCH * heads * queries * keys * dKv * (isTraining ? 14 : 4) * (isCausal ? 0.5 : 1);
  return {
    name: `attention-${name}-${isTraining ? "training" : "forward"}`,
    flops,
    bytes: 4 * BATCH * width * (2 * queries + 2 * keys) * (isTraining ? 3 : 1),
    run: async (times) => {
      for (let i = 0; i < times; i++) device.scope(step);
      await table.toArray(); // waits for all of it
    },
    dispose: () => {
      for (const made of [q, k, v, table]) made.dispose();
      state.dispose();
    },
  };
}
