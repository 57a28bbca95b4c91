// The kernels around the matmuls, at the sizes of t5-small's step (batch 8, 256 + 64 tokens), forward and with the gradient, and those of
// decoding at its sizes. Most are
// bound by memory, so their line to read is gb_per_s: bytes are those that must move, each operand read once and each result written once.
import {
  Adafactor,
  AdamW,
  add,
  allFinite,
  backward,
  cacheAppend,
  chooseGreedy,
  crossEntropy,
  decodeAttention,
  dropout,
  embedding,
  geluNew,
  layerNorm,
  linearCrossEntropy,
  logSoftmax,
  maximum,
  mul,
  ParameterSet,
  ProgramState,
  parameter,
  relu,
  rmsNorm,
  selectRows,
  softmax,
  sum,
  type Tensor,
  tensor,
  topK,
} from "@attune/tensor";
import type { NodeDevice } from "@attune/tensor/node";
import type { BenchCase, CaseMaker } from "../harness.js";

const [TOKENS, LABELS, WIDTH, INNER, VOCABULARY] = [2048, 512, 512, 2048, 32_128];

interface Made {
  /** Enqueues the work once; what it makes is freed by the scope around it. */
  step(): void;
  bytes: number;
  flops?: number;
  /** Read to wait for the device, and released afterwards. */
  owned: readonly (Tensor | { dispose(): void })[];
}

const values = (shape: readonly number[]): Float32Array =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * 12.9898));
const weight = (device: NodeDevice, ...shape: number[]): Tensor => parameter(device, values(shape), shape);
/** Ids below `most`, spread evenly; -100 where `ignored` says so. */
const ids = (device: NodeDevice, count: number, most: number, ignored = (_: number) => false): Tensor =>
  tensor(
    device,
    Int32Array.from({ length: count }, (_, i) => (ignored(i) ? -100 : (i * 7919) % most)),
    [count],
  );

/** An op of one input [rows, cols]: y = f(x), and where wanted the gradient of its sum. */
const ofOne =
  (rows: number, cols: number, f: (x: Tensor) => Tensor, isTraining: boolean) =>
  (device: NodeDevice): Made => {
    const x = weight(device, rows, cols);
    const passes = isTraining ? 5 : 2; // x, y; then dy, x or y again, dx
    return { owned: [x], bytes: 4 * passes * rows * cols, step: () => (isTraining ? backward(sum(f(x))) : void f(x)) };
  };

const CASES: Readonly<Record<string, (device: NodeDevice) => Made>> = {
  add: ofOne(TOKENS, WIDTH, (x) => add(x, x), false),
  "gated-gelu": (device) => {
    const [gate, up] = [weight(device, TOKENS, INNER), weight(device, TOKENS, INNER)];
    return { owned: [gate, up], bytes: 12 * TOKENS * INNER, step: () => void mul(geluNew(gate), up) };
  },
  "relu-training": ofOne(TOKENS, INNER, relu, true),
  maximum: ofOne(TOKENS, WIDTH, (x) => maximum(x, x), false),
  sum: ofOne(TOKENS, INNER, sum, false),
  softmax: ofOne(TOKENS, 256, softmax, false),
  "softmax-training": ofOne(TOKENS, 256, softmax, true),
  "log-softmax-vocabulary": ofOne(8, VOCABULARY, logSoftmax, false),
  dropout: (device) => {
    const [x, state] = [weight(device, TOKENS, WIDTH), new ProgramState(device, { seed: 1 })];
    return { owned: [x, state], bytes: 8 * TOKENS * WIDTH, step: () => void dropout(x, { p: 0.1, site: 1, state }) };
  },
  ...Object.fromEntries(
    [false, true].flatMap((isTraining) => {
      const norm = (name: string, f: (x: Tensor, w: Tensor, b: Tensor) => Tensor) =>
        [
          `${name}${isTraining ? "-training" : ""}`,
          (device: NodeDevice): Made => {
            const [x, w, b] = [weight(device, TOKENS, WIDTH), weight(device, WIDTH), weight(device, WIDTH)];
            const step = (): void => (isTraining ? backward(sum(f(x, w, b))) : void f(x, w, b));
            return { owned: [x, w, b], bytes: 4 * (isTraining ? 5 : 2) * TOKENS * WIDTH, step };
          },
        ] as const;
      return [norm("rms-norm", (x, w) => rmsNorm(x, w)), norm("layer-norm", (x, w, b) => layerNorm(x, w, b))];
    }),
  ),
  "embedding-training": (device) => {
    const [table, chosen] = [weight(device, VOCABULARY, WIDTH), ids(device, TOKENS, VOCABULARY)];
    // rows in and out; the gradient's zeros, and its rows again
    return {
      owned: [table, chosen],
      bytes: 4 * (4 * TOKENS + VOCABULARY) * WIDTH,
      step: () => backward(sum(embedding(table, chosen))),
    };
  },
  "cross-entropy-training": (device) => {
    const [x, labels] = [weight(device, LABELS, VOCABULARY), ids(device, LABELS, VOCABULARY)];
    return { owned: [x, labels], bytes: 12 * LABELS * VOCABULARY, step: () => backward(sum(crossEntropy(x, labels))) };
  },
  ...Object.fromEntries(
    [0, 0.75].map((ignored) => [
      `linear-cross-entropy-training${ignored ? "-masked" : ""}`,
      (device: NodeDevice): Made => {
        const [x, w] = [weight(device, LABELS, WIDTH), weight(device, VOCABULARY, WIDTH)];
        const labels = ids(device, LABELS, VOCABULARY, (i) => i % 4 < 4 * ignored);
        const flops = 6 * LABELS * (1 - ignored) * WIDTH * VOCABULARY;
        const bytes = 4 * (3 * VOCABULARY + 2 * LABELS) * WIDTH;
        return { owned: [x, w, labels], flops, bytes, step: () => backward(sum(linearCrossEntropy(x, w, labels))) };
      },
    ]),
  ),
  "all-finite": (device) => {
    const x = weight(device, TOKENS, INNER);
    return { owned: [x], bytes: 4 * TOKENS * INNER, step: () => void allFinite(x) };
  },
  "select-rows-training": (device) => {
    const every = TOKENS / LABELS;
    const x = weight(device, TOKENS, WIDTH);
    const chosen = tensor(
      device,
      Int32Array.from({ length: LABELS }, (_, i) => i * every),
      [LABELS],
    );
    const inverse = tensor(
      device,
      Int32Array.from({ length: TOKENS }, (_, i) => (i % every === 0 ? i / every : -1)),
      [TOKENS],
    );
    const bytes = 4 * (4 * LABELS + TOKENS) * WIDTH; // rows in and out; of the gradient those rows, and zeros for the rest
    return { owned: [x, chosen, inverse], bytes, step: () => backward(sum(selectRows(x, chosen, inverse))) };
  },
  ...Object.fromEntries(
    [false, true].map((isLive) => [
      `decode-attention${isLive ? "-live" : ""}`, // over what an encoder has read; over what was said so far
      (device: NodeDevice): Made => {
        const [rows, positions, heads] = [8, 256, 8];
        const state = new ProgramState(device, { seed: 1, past: positions - 1 });
        const [q, k, v] = [
          weight(device, rows, 1, WIDTH),
          weight(device, rows, positions, WIDTH),
          weight(device, rows, positions, WIDTH),
        ];
        const places = tensor(
          device,
          Int32Array.from({ length: rows * positions }, (_, i) => i % positions),
          [rows, positions],
        );
        const live = isLive ? { first: 0, state } : null;
        return {
          owned: [q, k, v, places, state],
          flops: 4 * rows * positions * WIDTH,
          bytes: 8 * rows * positions * WIDTH,
          step: () => void decodeAttention(q, k, v, { heads, places, live }),
        };
      },
    ]),
  ),
  "cache-append": (device) => {
    const [cache, x] = [weight(device, 8, 2 * 256, WIDTH), weight(device, 8, 256, WIDTH)];
    return { owned: [cache, x], bytes: 8 * TOKENS * WIDTH, step: () => cacheAppend(cache, x, { first: 0 }) };
  },
  "greedy-of-vocabulary": (device) => {
    const [x, state] = [weight(device, 8, VOCABULARY), new ProgramState(device, { seed: 1 })];
    const [next, tokens, finished] = [ids(device, 8, 1), tensor(device, new Int32Array(8 * 65), [8, 65]), ids(device, 8, 1)];
    const greedy = { next, tokens, finished };
    const step = (): void => chooseGreedy(x, greedy, { eos: null, pad: 0, state });
    return { owned: [x, state, next, tokens, finished], bytes: 4 * 8 * VOCABULARY, step };
  },
  "top-50-of-vocabulary": (device) => {
    const x = weight(device, 8, VOCABULARY);
    return { owned: [x], bytes: 4 * 8 * VOCABULARY, step: () => void topK(x, 50) };
  },
  ...Object.fromEntries(
    (["adamw", "adafactor"] as const).map((name) => [
      name,
      (device: NodeDevice): Made => {
        const spec = { name: "w", shape: [8 * INNER, WIDTH], decays: true };
        const set = new ParameterSet(device, [spec]);
        const optimizer = name === "adamw" ? new AdamW(set) : new Adafactor(set);
        let t = 0;
        const step = (): void => {
          optimizer.schedule(++t, 1e-3);
          optimizer.step();
        };
        // weights read and written, the gradient read for the norm and for the step; AdamW's moments read and written
        return { owned: [optimizer, set], bytes: 4 * 8 * INNER * WIDTH * (name === "adamw" ? 8 : 4), step };
      },
    ]),
  ),
};

export function kernelCases(device: NodeDevice): readonly CaseMaker[] {
  return Object.entries(CASES).map(([name, make]) => ({
    name: `kernel-${name}`,
    make(): BenchCase {
      const { step, bytes, flops = 0, owned } = make(device);
      const tick = parameter(device, [0], [1]);
      return {
        name: `kernel-${name}`,
        flops,
        bytes,
        run: async (times) => {
          for (let i = 0; i < times; i++) device.scope(step);
          await tick.toArray(); // behind all of it
        },
        dispose: () => {
          for (const one of [...owned, tick]) one.dispose();
        },
      };
    },
  }));
}
