// Every differentiable op on the device, forward and gradients, against what PyTorch computed in float64 (scripts/make-op-fixtures.py).
import { readdirSync, readFileSync } from "node:fs";
import { BINARY_OPS, UNARY_OPS } from "@attune/kernels-wgsl";
import {
  add, affine, attention, backward, crossEntropy, type Device, div, dropout, embedding, exp, geluNew, layerNorm, linear, linearCrossEntropy, log, logSoftmax,
  matmul, maximum, mean, mul, ProgramState, parameter, reciprocal, relu, reshape, rmsNorm, selectRows, sigmoid, softmax, sqrt, square, sub, sum, type Tensor,tanh, 
  tensor,
} from "@attune/tensor"; // biome-ignore format: a list
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

interface Fixture {
  name: string;
  op: string;
  options: Record<string, unknown>;
  inputs: Record<string, { shape: number[]; dtype: "f32" | "i32"; data: number[] }>;
  weights: number[];
  shape: number[];
  output: number[];
  gradients: Record<string, number[]>;
}
const fixtures = JSON.parse(readFileSync(new URL("../golden/ops/ops.json", import.meta.url), "utf8")) as Fixture[];

type Inputs = Record<string, Tensor>;
type Options = Record<string, never>;
const unary = (f: (x: Tensor) => Tensor) => ({ x }: Inputs) => f(x!); // biome-ignore format: a line
const binary = (f: (a: Tensor, b: Tensor) => Tensor) => ({ a, b }: Inputs) => f(a!, b!); // biome-ignore format: a line

/** Each op of the fixtures, by the name that the script gives it. */
const OPS: Record<string, (inputs: Inputs, options: Options) => Tensor> = {
  relu: unary(relu), geluNew: unary(geluNew), exp: unary(exp), log: unary(log), sqrt: unary(sqrt), tanh: unary(tanh),
  square: unary(square), reciprocal: unary(reciprocal), sigmoid: unary(sigmoid), softmax: unary(softmax), logSoftmax: unary(logSoftmax),
  add: binary((a, b) => add(a, b)), sub: binary(sub), mul: binary(mul), div: binary(div), maximum: binary(maximum), matmul: binary(matmul),
  affine: ({ x }, { alpha, beta }) => affine(x!, alpha, beta),
  sum: ({ x }, { axis }) => sum(x!, axis),
  mean: ({ x }, { axis }) => mean(x!, axis),
  reshape: ({ x }, { shape }) => reshape(x!, shape),
  linear: ({ x, w }) => linear(x!, w!),
  linearBias: ({ x, w, b }) => add(linear(x!, w!), b!),
  linearBiasGelu: ({ x, w, b }) => geluNew(add(linear(x!, w!), b!)),
  linearBiasReluResidual: ({ x, w, b, residual }) => add(relu(add(linear(x!, w!), b!)), residual!),
  rmsNorm: ({ x, w }, { eps }) => rmsNorm(x!, w!, eps),
  layerNorm: ({ x, w, b }, { eps }) => layerNorm(x!, w!, b!, eps),
  embedding: ({ table, ids }) => embedding(table!, ids!),
  selectRows: ({ x, indices, inverse }) => selectRows(x!, indices!, inverse!),
  dropout: ({ x }, { p, site, ...live }) => dropout(x!, { p, site, state: new ProgramState(x!.device, live) }),
  crossEntropy: ({ logits, labels }, options) => crossEntropy(logits!, labels!, options),
  linearCrossEntropy: ({ x, w, labels }, options) => linearCrossEntropy(x!, w!, labels!, options),
  attention: ({ q, k, v, mask, query_segments, key_segments, table, buckets }, { heads, scale, isCausal }) =>
    attention(q!, k!, v!, {
      heads, scale, isCausal,
      mask: mask ?? null,
      segments: query_segments ? { queries: query_segments, keys: key_segments! } : null,
      bias: table ? { table, buckets: buckets!, offset: q!.shape[1]! } : null,
    }),
}; // biome-ignore format: by kind

/** Largest |a - b| / (1 + |b|): f32 sums of up to 40 products, and the roundings of a backward pass. */
const BOUND = { output: 1e-5, gradient: 2e-5 };

function worst(ours: ArrayLike<number>, expected: readonly number[]): number {
  expect(ours.length).toBe(expected.length);
  return expected.reduce((most, b, i) => {
    const error = Math.abs(ours[i]! - b) / (1 + Math.abs(b));
    return error <= most ? most : Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
  }, 0);
}

describe("ops as PyTorch computes them", () => {
  let device: NodeDevice;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  it("the fixtures have every op of this list, and the list every op of the fixtures", () => {
    expect([...new Set(fixtures.map(({ op }) => op))].sort()).toEqual(Object.keys(OPS).sort());
  });

  it("every op of @attune/tensor has a fixture", () => {
    const folder = new URL("../../packages/tensor/src/ops/", import.meta.url);
    const sources = readdirSync(folder).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
    const declared = sources.flatMap((file) =>
      [...readFileSync(new URL(file, folder), "utf8").matchAll(/^(?:export )?const (\w+)Op: Op</gm)].map(([, name]) => name!),
    );
    expect(declared.length).toBeGreaterThan(12);
    // two ops stand for many functions each
    const several: Record<string, readonly string[]> = {
      unary: Object.keys(UNARY_OPS),
      binary: Object.keys(BINARY_OPS).map((name) => (name === "max" ? "maximum" : name)),
    };
    const names = declared.flatMap((name) => several[name] ?? [name]);
    expect(names.filter((name) => !(name in OPS))).toEqual([]);
  });

  it.each(fixtures)("$name", async ({ op, options, inputs, weights, shape, output, gradients }) => {
    const tensors = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, made(device, input)]));
    const y = device.scope(() => {
      const y = OPS[op]!(tensors, options as Options);
      backward(sum(mul(y, tensor(device, Float32Array.from(weights), [...y.shape]))));
      return affine(y, 1);
    });
    expect(y.shape).toEqual(shape);
    expect(worst(await y.toArray(), output)).toBeLessThan(BOUND.output);
    for (const [name, gradient] of Object.entries(gradients)) {
      expect(worst(await tensors[name]!.grad!.toArray(), gradient), `gradient of ${name}`).toBeLessThan(BOUND.gradient);
    }
    y.dispose();
    for (const input of Object.values(tensors)) input.dispose();
  });
});

function made(device: Device, { shape, dtype, data }: Fixture["inputs"][string]): Tensor {
  return dtype === "i32" ? tensor(device, Int32Array.from(data), shape) : parameter(device, Float32Array.from(data), shape);
}
