// Every kernel text that plans can name, in one table: what `attune kernels check` compiles without a GPU, and `list` shows. Each entry
// calls plan functions over the sizes and storages that make a difference to a text; other sizes are params and share it.

import {
  attentionBackwardWay,
  planAttentionBiasBuckets,
  planAttentionBiasDiagonals,
  planAttentionBlockGradient,
  planAttentionRows,
} from "./attention/blocks.js";
import { planAttentionDecode } from "./attention/decode.js";
import {
  type AttentionSizes,
  planAttention,
  planAttentionBias,
  planAttentionBiasGradient,
  planAttentionDelta,
  planAttentionNumbers,
  planAttentionPart,
} from "./attention/plan.js";
import { planCrossEntropy, planCrossEntropyBackward, planCrossEntropyInPlace } from "./crossEntropy/plan.js";
import { planDropout } from "./dropout/plan.js";
import { type ChainOperand, planChain } from "./elementwise/fused.js";
import {
  BINARY_OPS,
  type BinaryOp,
  planAccumulate,
  planBinary,
  planBroadcast,
  planMaxBackward,
  planUnary,
  planUnaryBackward,
  UNARY_OPS,
  type UnaryOp,
} from "./elementwise/plan.js";
import { FORMULAS, type PointwiseOp, type Reading } from "./elementwise/pointwise.js";
import { planClear, planEmbedding, planEmbeddingBackward } from "./embedding/plan.js";
import { type DeviceFacts, MATRIX_FEATURE, softwareFacts } from "./facts.js";
import { planArgmax, planCacheAppend, planTopK } from "./generate/plan.js";
import { planRange } from "./inspect/plan.js";
import { type KernelCall, specialize } from "./kernel.js";
import { planMatmul } from "./matmul/plan.js";
import { MATMUL_VARIANTS, type MatmulLayout, type MatmulSizes, type MatmulStorage } from "./matmul/sizes.js";
import { planMatmulSteps, planPacked, planSplitK } from "./matmul/steps.js";
import {
  planAddNorm,
  planLayerNorm,
  planLayerNormBackward,
  planNormWeightBackward,
  planRmsNorm,
  planRmsNormBackward,
} from "./norm/plan.js";
import {
  layoutAdafactor,
  planAdafactorApply,
  planAdafactorSquares,
  planAdafactorStats,
  planAdafactorTotals,
} from "./optimizer/adafactor.js";
import { planAdamW, planDecide } from "./optimizer/plan.js";
import { planColumnSum, planFinite, planRowSum, planSumSquares } from "./reduce/plan.js";
import { planLogSoftmax, planLogSoftmaxBackward, planSoftmax, planSoftmaxBackward } from "./softmax/plan.js";

/** Devices that lead to different texts. `attune kernels show --device` takes these names. */
export const REPRESENTATIVE_DEVICES = {
  software: softwareFacts,
  gpu: {
    ...softwareFacts,
    adapter: { vendor: "any", architecture: "any", device: "", description: "a GPU with subgroups of 32, f16 and matrix units" },
    isSoftware: false,
    subgroupSize: 32,
    features: ["shader-f16", "subgroups", MATRIX_FEATURE],
    matrixConfigs: [{ component: "f16", result: "f32", m: 16, n: 16, k: 16 }],
    limits: { ...softwareFacts.limits, maxComputeWorkgroupStorageSize: 49152 },
  },
  "gpu-no-subgroups": {
    ...softwareFacts,
    adapter: { vendor: "any", architecture: "any", device: "", description: "a GPU with WebGPU's least features" },
    isSoftware: false,
    subgroupSize: null,
    features: [],
    limits: {
      ...softwareFacts.limits,
      maxComputeInvocationsPerWorkgroup: 256,
      maxComputeWorkgroupStorageSize: 16384,
      maxStorageBuffersPerShaderStage: 10,
    },
  },
} as const satisfies Record<string, DeviceFacts>;
export type RepresentativeDevice = keyof typeof REPRESENTATIVE_DEVICES;

const STORAGES = ["f32", "bf16", "f16"] as const satisfies readonly MatmulStorage[];
const BOOLEANS = [false, true] as const;

/** By family: every call whose text is unlike the others'. */
export const PLANNED_VARIANTS: Readonly<Record<string, (facts: DeviceFacts) => readonly KernelCall[]>> = {
  attention: attentionCalls,
  crossEntropy: (facts) => {
    const sizes = { rows: 4, cols: 32 };
    return [
      planCrossEntropy(sizes, facts),
      planCrossEntropyBackward(sizes, facts),
      ...BOOLEANS.map((hasWeight) => planCrossEntropyInPlace({ ...sizes, hasWeight }, facts)),
    ];
  },
  dropout: (facts) => [planDropout({ count: 8, p: 0.1, site: 1 }, facts)],
  elementwise: (facts) => {
    const count = 16;
    const shape = [1, 1, 4, 4] as const;
    const unary = Object.keys(UNARY_OPS) as UnaryOp[];
    const binary = Object.keys(BINARY_OPS) as BinaryOp[];
    return [
      ...unary.map((op) => planUnary({ op, count }, facts)),
      ...unary.flatMap((op) => (op === "affine" ? [] : [planUnaryBackward({ op, count }, facts)])),
      ...binary.map((op) => planBinary({ op, count }, facts)),
      ...binary.map((op) => planBroadcast({ op, shape, aStrides: [16, 16, 4, 1], bStrides: [0, 0, 0, 1] }, facts)),
      planAccumulate({ count }, facts),
      planMaxBackward({ count }, facts),
      ...chainCalls(facts),
    ];
  },
  embedding: (facts) => [
    ...STORAGES.map((storage) => planEmbedding({ tokens: 3, cols: 8, rows: 5, storage }, facts)),
    ...[8, 7].map((cols) => planEmbeddingBackward({ tokens: 3, cols, rows: 5 }, facts)),
    planClear({ count: 8 }, facts),
  ],
  generate: (facts) => [
    planArgmax({ rows: 2, cols: 32, capacity: 4, ends: 1, pad: 0 }, facts),
    planTopK({ rows: 2, cols: 32, k: 3 }, facts),
    planCacheAppend({ rows: 2, cols: 8, group: 1, region: 4, first: 0, step: 4, isLive: true }, facts),
  ],
  inspect: () => [planRange({ count: 8, storage: "f32", slot: 0 })],
  matmul: matmulCalls,
  norm: (facts) => {
    const sizes = { rows: 4, cols: 32, eps: 1e-6 };
    return [
      planRmsNorm(sizes, facts),
      planLayerNorm(sizes, facts),
      ...BOOLEANS.flatMap((hasResidual) => [
        planRmsNormBackward({ ...sizes, hasResidual }, facts),
        planLayerNormBackward({ ...sizes, hasResidual }, facts),
      ]),
      ...(["rms", "layer"] as const).map((kind) => planAddNorm({ kind, ...sizes, alpha: 1 }, facts)),
      ...BOOLEANS.map((hasMean) => planNormWeightBackward({ rows: 4, cols: 32, hasMean, accumulate: false }, facts)),
    ];
  },
  optimizer: (facts) => [
    planAdamW({ count: 8, decayed: 4, decay: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8 }, facts),
    planDecide({ parts: 2, rows: 2, clip: 1, skips: true, interval: 0 }, facts),
    ...adafactorCalls(facts),
  ],
  reduce: (facts) => [
    planRowSum({ rows: 4, cols: 32 }, facts),
    planColumnSum({ outer: 2, middle: 3, inner: 4 }, facts),
    planSumSquares({ count: 64, first: 0 }, facts),
    planFinite(64, facts),
  ],
  softmax: (facts) =>
    [planSoftmax, planSoftmaxBackward, planLogSoftmax, planLogSoftmaxBackward].map((plan) => plan({ rows: 4, cols: 32 }, facts)),
};

function adafactorCalls(facts: DeviceFacts): KernelCall[] {
  const layout = layoutAdafactor([{ rows: 4, cols: 8, isMatrix: true, decays: true, offset: 0 }], facts);
  return layout.groups.flatMap((group) => [
    planAdafactorStats(group, facts),
    planAdafactorSquares(group, facts),
    planAdafactorTotals(layout, { scales: true, floor: 1e-3, threshold: 1 }, facts),
    ...[null, 0.9].map((beta1) => planAdafactorApply(group, { decay: 0, beta1 }, facts)),
  ]);
}

function attentionCalls(facts: DeviceFacts): KernelCall[] {
  const wants = { q: true, k: true, v: true, bias: true };
  const block = { first: 0, rows: 32, cols: 32 };
  const all: AttentionSizes = {
    batch: 1,
    heads: 2,
    queries: 32,
    keys: 32,
    dKv: 64,
    scale: 1,
    bias: { buckets: 32, offset: 31, distances: 63 },
  };
  const parts = attentionBackwardWay(facts) === "tiles" ? (["queries", "keys"] as const) : [];
  const of = (sizes: AttentionSizes): KernelCall[] => [
    planAttention(sizes, facts),
    ...parts.map((part) => planAttentionPart(part, sizes, wants, facts)),
    planAttentionRows(sizes, facts),
  ];
  return [
    ...[16, 64, 128, 256, 13].flatMap((dKv) => of({ ...all, dKv })), // 13: no multiple of four
    ...of({ ...all, bias: { ...all.bias!, buckets: 64 } }), // more buckets than most models have take more workgroup memory
    ...[8, 16, 64, 128, 256, 6, 13].map((dKv) => {
      const cache = { sourceRows: 2, placeRows: 1, positions: 8, region: 24, first: 4 };
      return planAttentionDecode({ rows: 4, heads: 2, dKv, scale: 1, ...cache }, facts);
    }),
    planAttentionBlockGradient(all, block, facts),
    planAttentionBiasDiagonals(all, { ...block, accumulate: false }, facts),
    planAttentionBiasBuckets(all, { buckets: 32, offset: 31, accumulate: false }, facts),
    planAttentionNumbers({ batch: 1, queries: 32, keys: 32, hasMask: true, hasSegments: true }, facts),
    planAttentionBias({ heads: 2, distances: 63 }, facts),
    planAttentionDelta(all, facts),
    planAttentionBiasGradient({ batch: 1, heads: 2, tiles: 1, buckets: 32, accumulate: false }, facts),
  ];
}

/** Chains are without number. These hold every formula, every way of reading an operand, a result that is stored twice over and one in place. */
function chainCalls(facts: DeviceFacts): KernelCall[] {
  const operand = (slot: number, reading: Reading): ChainOperand =>
    reading === "row" ? { slot, reading, cols: 4 } : { slot, reading };
  return (Object.keys(FORMULAS) as PointwiseOp[]).flatMap((op) => {
    const { operands, numbers } = FORMULAS[op];
    const readings: readonly Reading[] = operands > 1 ? ["each", "row", "one"] : ["each"];
    return readings.map((reading) => {
      const inputs = Array.from({ length: operands }, (_, slot) => operand(slot, slot === 0 ? "each" : reading));
      const state = op === "dropout" ? operands : undefined;
      const first = operands + (state === undefined ? 0 : 1); // the slot of what the formula gives
      return planChain(
        {
          count: 16,
          slots: [
            ...inputs.map(() => ({ access: "read" }) as const),
            ...(state === undefined ? [] : [{ access: "read" } as const]),
            { access: "read_write" },
            { access: "read_write" },
          ],
          steps: [
            {
              op,
              operands: inputs,
              numbers: Object.fromEntries(Object.keys(numbers).map((name) => [name, 1])),
              ...(state === undefined ? {} : { state }),
            },
            { op: "add", operands: [{ step: 0 }, operand(first + 1, "each")], numbers: { alpha: 1 } }, // in place
          ],
          stores: [
            { slot: first, step: 0 },
            { slot: first + 1, step: 1 },
          ],
        },
        facts,
      );
    });
  });
}

function matmulCalls(facts: DeviceFacts): KernelCall[] {
  const sizesOf = (layout: MatmulLayout, m: number, n: number, k: number): MatmulSizes => ({
    layout,
    m,
    n,
    k,
    a: { rowStride: layout === "tn" ? m : k },
    b: { rowStride: layout === "nt" ? k : n },
    c: { rowStride: n },
  });
  const calls: KernelCall[] = [];
  for (const layout of ["nt", "nn", "tn"] as const) {
    for (const aStorage of STORAGES) {
      for (const bStorage of STORAGES) {
        for (const m of [1, 8, 64]) {
          const sizes = { ...sizesOf(layout, m, 64, 64), aStorage, bStorage };
          calls.push(...planMatmulSteps(sizes, facts).steps.map(({ call }) => call));
          for (const copiesA of BOOLEANS) {
            const frozen = { ...sizes, bIsConstant: true, copiesA };
            calls.push(...planMatmulSteps(frozen, facts).steps.map(({ call }) => call));
          }
          for (const force of MATMUL_VARIANTS) calls.push(...orNone(() => [planMatmul({ ...sizes, force }, facts)]));
        }
        for (const [m, n] of [[64, 64], [63, 61]] as const) {
          const packed = { ...sizesOf(layout, m, n, 64), aStorage, bStorage };
          calls.push(...orNone(() => planPacked(packed, facts).steps.map(({ call }) => call)));
        } // biome-ignore format: short
      }
    }
    calls.push(...planSplitK(sizesOf(layout, 64, 64, 256), 2, facts).steps.map(({ call }) => call));
  }
  // other fragments of matrix units
  const fragments = [[8, 8, 8], [16, 8, 16], [32, 32, 16]] as const; // biome-ignore format: short
  for (const [m, n, k] of facts.matrixConfigs ? fragments : []) {
    const other = { ...facts, matrixConfigs: [{ component: "f16", result: "f32", m, n, k }] };
    const half = { aStorage: "f16", bStorage: "f16", force: "matrix" } as const;
    calls.push(planMatmul({ ...sizesOf("nt", 64, 64, 64), ...half }, other));
  }
  return calls;
}

/** A variant that the device or the sizes do not allow is none that plans can name. */
function orNone(plan: () => KernelCall[]): KernelCall[] {
  try {
    return plan();
  } catch {
    return [];
  }
}

/** One text, and the devices whose plans name it. */
export interface PlannedVariant {
  readonly family: string;
  readonly call: KernelCall;
  readonly code: string;
  readonly devices: readonly RepresentativeDevice[];
}

let all: readonly PlannedVariant[] | null = null;

/** Every text once, in the order of the table. */
export function plannedVariants(): readonly PlannedVariant[] {
  all ??= collectVariants();
  return all;
}

function collectVariants(): PlannedVariant[] {
  const found = new Map<string, { family: string; call: KernelCall; code: string; devices: RepresentativeDevice[] }>();
  for (const [device, facts] of Object.entries(REPRESENTATIVE_DEVICES) as [RepresentativeDevice, DeviceFacts][]) {
    for (const [family, calls] of Object.entries(PLANNED_VARIANTS)) {
      for (const call of calls(facts)) {
        const code = specialize(call);
        const known = found.get(code);
        if (!known) found.set(code, { family, call, code, devices: [device] });
        else if (!known.devices.includes(device)) known.devices.push(device);
      }
    }
  }
  return [...found.values()];
}
