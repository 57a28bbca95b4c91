// What the kernels should compute, in double precision: the plainest loops that can be right. They share no code with the kernels
// and are never optimised. Shapes as in the kernels' comments; data is row-major.

export { type AttentionReference, attention } from "./references/attention.js";
export { attentionDecode, type DecodeParts } from "./references/attentionDecode.js";
export { matmulCall } from "./references/matmul.js";

import { philox } from "./references/philox.js";
import { at, fill, type Values } from "./references/values.js";

export { at, fill, philox, type Values };

export const scalarFunctions = {
  relu: (v: number) => Math.max(0, v),
  geluNew: (v: number) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  tanh: Math.tanh,
  square: (v: number) => v * v,
  reciprocal: (v: number) => 1 / v,
  sigmoid: (v: number) => 1 / (1 + Math.exp(-v)),
} as const;

export function map(x: Values, f: (v: number) => number): Values {
  return { shape: x.shape, data: x.data.map(f) };
}

/** a OP b with NumPy's broadcasting. */
export function zip(a: Values, b: Values, f: (u: number, v: number) => number): Values {
  const rank = Math.max(a.shape.length, b.shape.length);
  const lengthOf = (of: Values, axis: number): number => of.shape[axis - rank + of.shape.length] ?? 1;
  const shape = Array.from({ length: rank }, (_, axis) => Math.max(lengthOf(a, axis), lengthOf(b, axis)));
  const pick = (of: Values, index: number[]): number =>
    at(of, ...of.shape.map((length, axis) => (length === 1 ? 0 : index[axis + rank - of.shape.length]!)));
  return fill(shape, (...index) => f(pick(a, index), pick(b, index)));
}

export function sumAxis(x: Values, axis: number | null, scale = 1): Values {
  if (axis === null) return { shape: [], data: Float64Array.of(scale * x.data.reduce((a, b) => a + b, 0)) };
  const shape = x.shape.filter((_, i) => i !== axis);
  return fill(shape, (...index) => {
    let sum = 0;
    for (let i = 0; i < x.shape[axis]!; i++) sum += at(x, ...index.slice(0, axis), i, ...index.slice(axis));
    return scale * sum;
  });
}

/** y [..., m, n] = a [..., m, k] b [..., k, n]; b may lack the leading axes. */
export function matmul(a: Values, b: Values): Values {
  const k = a.shape.at(-1)!;
  const lead = a.shape.slice(0, -2);
  return fill([...lead, a.shape.at(-2)!, b.shape.at(-1)!], (...index) => {
    const [row, col] = index.slice(-2) as [number, number];
    const z = index.slice(0, -2);
    let sum = 0;
    for (let i = 0; i < k; i++) sum += at(a, ...z, row, i) * at(b, ...(b.shape.length === 2 ? [] : z), i, col);
    return sum;
  });
}

/** y [..., out] = x [..., in] w^T, w [out, in] */
export function linear(x: Values, w: Values): Values {
  const [outputs, inputs] = w.shape as [number, number];
  return fill([...x.shape.slice(0, -1), outputs], (...index) => {
    const row = index.slice(0, -1);
    let sum = 0;
    for (let i = 0; i < inputs; i++) sum += at(x, ...row, i) * at(w, index.at(-1)!, i);
    return sum;
  });
}

/** Values of x's shape, row by row: `of` looks at a whole row once, what it returns gives the columns. */
export function byRows(x: Values, of: (row: Float64Array, index: number) => (column: number) => number): Values {
  const cols = x.shape.at(-1)!;
  const data = new Float64Array(x.data.length);
  for (let start = 0; start < data.length; start += cols) {
    const column = of(
      Float64Array.from({ length: cols }, (_, j) => x.data[start + j]!),
      start / cols,
    );
    for (let j = 0; j < cols; j++) data[start + j] = column(j);
  }
  return { shape: x.shape, data };
}

export function softmaxRows(x: Values): Values {
  return byRows(x, (row) => {
    const highest = row.reduce((most, value) => Math.max(most, value));
    const total = row.reduce((sum, value) => sum + Math.exp(value - highest), 0);
    return (j) => Math.exp(row[j]! - highest) / total;
  });
}

export function rmsNorm(x: Values, w: Values, eps: number): Values {
  return normalise(x, (row) => ({ mean: 0, rstd: (row.reduce((sum, v) => sum + v * v, 0) / row.length + eps) ** -0.5 }), w, null);
}

export function layerNorm(x: Values, w: Values, b: Values, eps: number): Values {
  const statistics = (row: Float64Array): { mean: number; rstd: number } => {
    const mean = row.reduce((sum, v) => sum + v, 0) / row.length;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length;
    return { mean, rstd: (variance + eps) ** -0.5 };
  };
  return normalise(x, statistics, w, b);
}

function normalise(
  x: Values,
  statistics: (row: Float64Array) => { mean: number; rstd: number },
  w: Values,
  b: Values | null,
): Values {
  return byRows(x, (row) => {
    const { mean, rstd } = statistics(row);
    return (j) => (row[j]! - mean) * rstd * at(w, j) + (b ? at(b, j) : 0);
  });
}

/** y [tokens, cols]; an id outside the table gives zeros */
export function embedding(table: Values, ids: Values): Values {
  const [rows, cols] = table.shape as [number, number];
  return fill([...ids.shape, cols], (...index) => {
    const id = at(ids, ...index.slice(0, -1));
    return id < 0 || id >= rows ? 0 : at(table, id, index.at(-1)!);
  });
}

/** loss [rows] = -sum over columns of target * log softmax; the target gives the label 1 - smoothing and every column smoothing / cols */
export function crossEntropy(logits: Values, labels: Values, smoothing = 0): Values {
  const [rows, cols] = logits.shape as [number, number];
  return fill([rows], (row) => {
    const label = at(labels, row!);
    if (label < 0) return 0;
    const values = Array.from({ length: cols }, (_, j) => at(logits, row!, j));
    const highest = values.reduce((most, value) => Math.max(most, value));
    const total = highest + Math.log(values.reduce((sum, v) => sum + Math.exp(v - highest), 0));
    return values.reduce((sum, v, j) => sum + (total - v) * ((j === label ? 1 - smoothing : 0) + smoothing / cols), 0);
  });
}

/** x / (1 - p) where the element's random word is at least p * 2^32, else 0 */
export function dropout(x: Values, p: number, site: number, state: { seed: number; step: number; micro: number }): Values {
  let words: number[] = [];
  const data = x.data.map((value, i) => {
    if (i % 4 === 0) words = philox([i / 4, site, state.step, state.micro], [state.seed, 0]); // four elements share a block
    return words[i % 4]! >= Math.floor(p * 2 ** 32) ? value / (1 - p) : 0;
  });
  return { shape: x.shape, data };
}

/** One AdamW step as torch does it; returns the new parameters. */
export function adamW(
  [p, g, m, v]: readonly [Values, Values, Values, Values],
  o: { lr: number; beta1: number; beta2: number; eps: number; decay: number; clip: number; norm: number; t: number },
): Values {
  const shrink = o.clip > 0 ? Math.min(1, o.clip / (o.norm + 1e-6)) : 1;
  return {
    shape: p.shape,
    data: p.data.map((value, i) => {
      const grad = g.data[i]! * shrink;
      const first = o.beta1 * m.data[i]! + (1 - o.beta1) * grad;
      const second = o.beta2 * v.data[i]! + (1 - o.beta2) * grad * grad;
      const step = first / (1 - o.beta1 ** o.t) / (Math.sqrt(second) / Math.sqrt(1 - o.beta2 ** o.t) + o.eps);
      return value * (1 - o.lr * o.decay) - o.lr * step;
    }),
  };
}
