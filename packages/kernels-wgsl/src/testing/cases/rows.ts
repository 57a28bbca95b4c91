// Softmax, norms and cross-entropy: kernels of one row a workgroup.
import { planCrossEntropy, planCrossEntropyBackward, planCrossEntropyInPlace } from "../../crossEntropy/plan.js";
import {
  planAddNorm,
  planLayerNorm,
  planLayerNormBackward,
  planNormWeightBackward,
  planRmsNorm,
  planRmsNormBackward,
} from "../../norm/plan.js";
import { planLogSoftmax, planLogSoftmaxBackward, planSoftmax, planSoftmaxBackward } from "../../softmax/plan.js";
import type { Dims, KernelCase, KernelInput } from "../kernelCase.js";
import { byRows, crossEntropy, layerNorm, rmsNorm, softmaxRows, type Values } from "../references.js";
import { flat, matrix, positive, rowDims, rowEdges, wide } from "./common.js";

const EPS = 1e-2;
const rowsOf = ({ shape, data }: Values): Float64Array[] => {
  const [rows, cols] = shape as [number, number];
  return Array.from({ length: rows }, (_, row) => data.subarray(row * cols, (row + 1) * cols));
};
const total = (values: Float64Array, f: (value: number, i: number) => number): number =>
  values.reduce((sum, value, i) => sum + f(value, i), 0);
const meanOf = (row: Float64Array): number => total(row, (v) => v) / row.length;
const rstdOf = (row: Float64Array, mean: number): number => (total(row, (v) => (v - mean) ** 2) / row.length + EPS) ** -0.5;

const statistics = (x: Values): Values => {
  const rows = rowsOf(x);
  return flat([rows.length, 2], (i) => {
    const row = rows[i >> 1]!;
    return i % 2 === 0 ? meanOf(row) : rstdOf(row, meanOf(row));
  });
};
const rstds = (x: Values): Values => {
  const rows = rowsOf(x);
  return flat([rows.length], (row) => rstdOf(rows[row]!, 0));
};
const add = (a: Values, b: Values): Values => flat(a.shape, (i) => a.data[i]! + 0.5 * b.data[i]!);
const magnified = { value: 2e-5, why: "1/sqrt(variance) of near columns magnifies rounding" };

const column = ({ cols }: Dims): KernelInput => ({ shape: [cols!] });

/** dx of a row normalised with given mean and rstd. */
function normBackward(kind: "rms" | "layer", inputs: Readonly<Record<string, Values>>, withResidual: boolean): Values {
  const { x, w, dy, residual } = inputs as Record<"x" | "w" | "dy" | "residual", Values>;
  const cols = x.shape[1]!;
  return byRows(x, (xs, row) => {
    const r = kind === "rms" ? inputs.rstd!.data[row]! : inputs.stats!.data[2 * row + 1]!;
    const mean = kind === "rms" ? 0 : inputs.stats!.data[2 * row]!;
    const g = rowsOf(dy)[row]!.map((v, c) => v * w.data[c]!);
    const dot = total(g, (v, c) => v * (xs[c]! - mean) * r) / cols;
    const shift = kind === "rms" ? 0 : total(g, (v) => v) / cols;
    return (j) => r * (g[j]! - shift - (xs[j]! - mean) * r * dot) + (withResidual ? residual.data[row * cols + j]! : 0);
  });
}

const normBackwardCase = (kind: "rms" | "layer", hasResidual: boolean): KernelCase => ({
  name: `norm/${kind}_backward${hasResidual ? ", residual" : ""}`,
  dims: rowDims,
  edges: rowEdges,
  plan: ({ rows, cols }, facts) =>
    (kind === "rms" ? planRmsNormBackward : planLayerNormBackward)({ rows: rows!, cols: cols!, hasResidual }, facts),
  inputs: (dims) => ({
    x: matrix(dims),
    w: column(dims),
    dy: matrix(dims),
    ...(kind === "rms"
      ? { rstd: { shape: [dims.rows!], draw: positive } }
      : { stats: { shape: [dims.rows!, 2], draw: positive } }),
    ...(hasResidual ? { residual: matrix(dims) } : {}),
  }),
  reference: (inputs) => ({ dx: normBackward(kind, inputs, hasResidual) }),
});

/**
 * In two rows of three one or two elements stand far above the others, in columns that later turns of the lanes begin or end with; the
 * third row lies far below zero. Without the shift by the true maximum exp leaves its range.
 */
const farApart = (dims: Dims): KernelInput => ({
  ...matrix(dims),
  draw: (random, i) => {
    const [row, col] = [Math.floor(i / dims.cols!), i % dims.cols!];
    const high = [dims.cols! - 1, 8][row % 3];
    if (high === undefined) return wide(4)(random) - 150;
    // two of them, since exp may saturate where it should overflow
    return wide(4)(random) + (col === high ? 150 : col === 17 && row % 3 === 0 ? 149 : 0);
  },
});
/** Ignored, the first and the last column are common. */
const labels = (dims: Dims): KernelInput => ({
  shape: [dims.rows!],
  dtype: "i32",
  draw: (random, row) => [Math.floor(random() * dims.cols!), -1, dims.cols! - 1, 0][row % 4]!,
});
const labelled = (dims: Dims): Record<string, KernelInput> => ({ x: farApart(dims), labels: labels(dims) });
const smoothingOf = ({ smooth }: Dims): number => smooth! * 0.1;
const lossDims = { ...rowDims, smooth: [0, 1] } as const;
const lossEdges = [
  { rows: 9, cols: 27, smooth: 1, why: "several turns of the lanes, ignored rows, smoothing" },
  { rows: 5, cols: 11, smooth: 0, why: "no smoothing" },
  { rows: 3, cols: 1, smooth: 1, why: "one column" },
] as const;
/** softmax - target, zeros where ignored */
function slopes(x: Values, labels: Values, smoothing: number): Values {
  const p = softmaxRows(x);
  const cols = x.shape[1]!;
  return flat(x.shape, (i) => {
    const label = labels.data[Math.floor(i / cols)]!;
    if (label < 0) return 0;
    return p.data[i]! - smoothing / cols - (i % cols === label ? 1 - smoothing : 0);
  });
}
const logSums = (x: Values): Float64Array =>
  Float64Array.from(rowsOf(x), (row) => {
    const highest = row.reduce((most, v) => Math.max(most, v));
    return highest + Math.log(total(row, (v) => Math.exp(v - highest)));
  });

export const rowCases: readonly KernelCase[] = [
  {
    name: "softmax/rows",
    dims: rowDims,
    edges: rowEdges,
    plan: ({ rows, cols }, facts) => planSoftmax({ rows: rows!, cols: cols! }, facts),
    inputs: (dims) => ({ x: farApart(dims) }),
    reference: ({ x }) => ({ p: softmaxRows(x!) }),
    bound: { value: 2e-5, why: "x near 150 is rounded to 8e-6 before exp" },
    checksExtremes: true,
  },
  {
    name: "softmax/backward",
    dims: rowDims,
    edges: rowEdges,
    plan: ({ rows, cols }, facts) => planSoftmaxBackward({ rows: rows!, cols: cols! }, facts),
    inputs: (dims) => ({ p: { ...matrix(dims), draw: (random) => random() }, dp: matrix(dims) }),
    reference: ({ p, dp }) => ({
      ds: byRows(p!, (ps, row) => {
        const slopes = rowsOf(dp!)[row]!;
        const dot = total(ps, (v, c) => v * slopes[c]!);
        return (j) => ps[j]! * (slopes[j]! - dot);
      }),
    }),
  },
  {
    name: "softmax/log_rows",
    dims: rowDims,
    edges: rowEdges,
    plan: ({ rows, cols }, facts) => planLogSoftmax({ rows: rows!, cols: cols! }, facts),
    inputs: (dims) => ({ x: farApart(dims) }),
    reference: ({ x }) => ({
      y: byRows(x!, (row) => {
        const highest = row.reduce((most, v) => Math.max(most, v));
        const sum = Math.log(total(row, (v) => Math.exp(v - highest)));
        return (j) => row[j]! - highest - sum;
      }),
    }),
    bound: { value: 2e-5, why: "x near 150 is rounded to 8e-6 before exp" },
    checksExtremes: true,
  },
  {
    name: "softmax/log_backward",
    dims: rowDims,
    edges: rowEdges,
    plan: ({ rows, cols }, facts) => planLogSoftmaxBackward({ rows: rows!, cols: cols! }, facts),
    inputs: (dims) => ({ y: { ...matrix(dims), draw: (random) => -4 * random() }, dy: matrix(dims) }),
    reference: ({ y, dy }) => ({
      dx: byRows(dy!, (row, index) => {
        const [sum, ys] = [total(row, (v) => v), rowsOf(y!)[index]!];
        return (j) => row[j]! - Math.exp(ys[j]!) * sum;
      }),
    }),
  },
  {
    name: "norm/rms",
    dims: rowDims,
    edges: rowEdges,
    plan: ({ rows, cols }, facts) => planRmsNorm({ rows: rows!, cols: cols!, eps: EPS }, facts),
    inputs: (dims) => ({ x: matrix(dims), w: column(dims) }),
    reference: ({ x, w }) => ({ y: rmsNorm(x!, w!, EPS), rstd: rstds(x!) }),
  },
  {
    name: "norm/layer",
    dims: rowDims,
    edges: rowEdges,
    plan: ({ rows, cols }, facts) => planLayerNorm({ rows: rows!, cols: cols!, eps: EPS }, facts),
    inputs: (dims) => ({ x: matrix(dims), w: column(dims), b: column(dims) }),
    reference: ({ x, w, b }) => ({ y: layerNorm(x!, w!, b!, EPS), stats: statistics(x!) }),
    bound: magnified,
  },
  {
    name: "norm/add_rms",
    dims: rowDims,
    edges: rowEdges,
    plan: ({ rows, cols }, facts) => planAddNorm({ kind: "rms", rows: rows!, cols: cols!, eps: EPS, alpha: 0.5 }, facts),
    inputs: (dims) => ({ a: matrix(dims), b: matrix(dims), w: column(dims) }),
    reference: ({ a, b, w }) => ({ sum: add(a!, b!), y: rmsNorm(add(a!, b!), w!, EPS), rstd: rstds(add(a!, b!)) }),
  },
  {
    name: "norm/add_layer",
    dims: rowDims,
    edges: rowEdges,
    plan: ({ rows, cols }, facts) => planAddNorm({ kind: "layer", rows: rows!, cols: cols!, eps: EPS, alpha: 0.5 }, facts),
    inputs: (dims) => ({ a: matrix(dims), b: matrix(dims), w: column(dims), shift: column(dims) }),
    reference: ({ a, b, w, shift }) => {
      const sum = add(a!, b!);
      return { sum, y: layerNorm(sum, w!, shift!, EPS), stats: statistics(sum) };
    },
    bound: magnified,
  },
  normBackwardCase("rms", false),
  normBackwardCase("rms", true),
  normBackwardCase("layer", false),
  normBackwardCase("layer", true),
  ...[false, true].map(
    (hasMean): KernelCase => ({
      name: `norm/weight_backward${hasMean ? ", mean" : ""}`,
      dims: { rows: [1, 20], cols: [1, 150], accumulate: [0, 1] },
      edges: [
        { rows: 5, cols: 131, accumulate: 1, why: "three workgroups; added to what is there" },
        { rows: 4, cols: 9, accumulate: 0, why: "written over what is there" },
      ],
      plan: ({ rows, cols, accumulate }, facts) =>
        planNormWeightBackward({ rows: rows!, cols: cols!, hasMean, accumulate: accumulate === 1 }, facts),
      inputs: (dims) => ({
        x: matrix(dims),
        dy: matrix(dims),
        stats: { shape: [dims.rows! * (hasMean ? 2 : 1)], draw: positive },
        dw: column(dims),
      }),
      reference: ({ x, dy, stats, dw }, { accumulate }) => ({
        dw: flat(dw!.shape, (col) => {
          const sum = rowsOf(x!).reduce((before, xs, row) => {
            const mean = hasMean ? stats!.data[2 * row]! : 0;
            return before + rowsOf(dy!)[row]![col]! * (xs[col]! - mean) * stats!.data[hasMean ? 2 * row + 1 : row]!;
          }, 0);
          return sum + (accumulate ? dw!.data[col]! : 0);
        }),
      }),
    }),
  ),
  {
    name: "crossEntropy/rows",
    dims: lossDims,
    edges: lossEdges,
    plan: ({ rows, cols, ...dims }, facts) => planCrossEntropy({ rows: rows!, cols: cols!, smoothing: smoothingOf(dims) }, facts),
    inputs: labelled,
    reference: ({ x, labels }, dims) => {
      const sums = logSums(x!);
      return {
        loss: crossEntropy(x!, labels!, smoothingOf(dims)),
        lse: flat([dims.rows!], (row) => (labels!.data[row]! < 0 ? 0 : sums[row]!)),
      };
    },
  },
  {
    name: "crossEntropy/backward",
    dims: lossDims,
    edges: lossEdges,
    plan: ({ rows, cols, ...dims }, facts) =>
      planCrossEntropyBackward({ rows: rows!, cols: cols!, smoothing: smoothingOf(dims) }, facts),
    inputs: (dims) => ({
      x: { ...matrix(dims), draw: wide(4) },
      labels: labels(dims),
      lse: { shape: [dims.rows!], draw: (random) => 2 + 2 * random() },
      dloss: { shape: [dims.rows!] },
    }),
    reference: ({ x, labels, lse, dloss }, dims) => {
      const cols = dims.cols!;
      return {
        dx: flat(x!.shape, (i) => {
          const row = Math.floor(i / cols);
          const label = labels!.data[row]!;
          if (label < 0) return 0;
          const target = smoothingOf(dims) / cols + (i % cols === label ? 1 - smoothingOf(dims) : 0);
          return (Math.exp(x!.data[i]! - lse!.data[row]!) - target) * dloss!.data[row]!;
        }),
      };
    },
  },
  ...[true, false].map(
    (hasWeight): KernelCase => ({
      name: `crossEntropy/in_place${hasWeight ? "" : ", no weights"}`,
      dims: lossDims,
      edges: lossEdges,
      plan: ({ rows, cols, ...dims }, facts) =>
        planCrossEntropyInPlace({ rows: rows!, cols: cols!, smoothing: smoothingOf(dims), hasWeight }, facts),
      inputs: (dims) => ({ ...labelled(dims), ...(hasWeight ? { weight: { shape: [dims.rows!] } } : {}) }),
      reference: ({ x, labels, weight }, dims) => {
        const dx = slopes(x!, labels!, smoothingOf(dims));
        return {
          loss: crossEntropy(x!, labels!, smoothingOf(dims)),
          x: flat(x!.shape, (i) => dx.data[i]! * (weight?.data[Math.floor(i / dims.cols!)] ?? 1)),
        };
      },
    }),
  ),
];
