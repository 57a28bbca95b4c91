// T5 and OPT in double precision, as plain loops over numbers: what the models compute, written from the papers and transformers' rules, and
// sharing no code with the engine. Slow on purpose: tiny sizes.
//
// Rows of vectors: a matrix is one Float64Array a position. All positions of one sequence at a time, batch by batch.

export type Weights = ReadonlyMap<string, Float64Array>;
type Rows = Float64Array[];

const rowsOf = (flat: Float64Array, width: number): Rows =>
  Array.from({ length: flat.length / width }, (_, i) => flat.subarray(i * width, (i + 1) * width));
/** x W^T (+ b), W [out, in] */
const project = (x: Rows, w: Float64Array, b?: Float64Array): Rows =>
  x.map((row) => {
    const width = row.length;
    return Float64Array.from({ length: w.length / width }, (_, o) => {
      let sum = b ? b[o]! : 0;
      for (let i = 0; i < width; i++) sum += row[i]! * w[o * width + i]!;
      return sum;
    });
  });
const add = (a: Rows, b: Rows): Rows => a.map((row, i) => row.map((v, j) => v + b[i]![j]!));
const gelu = (v: number): number => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)));
const relu = (v: number): number => Math.max(0, v);

function rmsNorm(x: Rows, w: Float64Array, eps: number): Rows {
  return x.map((row) => {
    const scale = (row.reduce((sum, v) => sum + v * v, 0) / row.length + eps) ** -0.5;
    return row.map((v, i) => v * scale * w[i]!);
  });
}
function layerNorm(x: Rows, w: Float64Array, b: Float64Array): Rows {
  return x.map((row) => {
    const mean = row.reduce((sum, v) => sum + v, 0) / row.length;
    const scale = (row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length + 1e-5) ** -0.5;
    return row.map((v, i) => (v - mean) * scale * w[i]! + b[i]!);
  });
}

/** Heads side by side; `score` adds to a scaled product, or hides the key by null. */
function attention(
  q: Rows,
  k: Rows,
  v: Rows,
  heads: number,
  scale: number,
  score: (h: number, i: number, j: number) => number | null,
): Rows {
  const width = q[0]!.length / heads;
  return q.map((query, i) => {
    const out = new Float64Array(query.length);
    for (let h = 0; h < heads; h++) {
      const scores = k.map((key, j) => {
        const extra = score(h, i, j);
        if (extra === null) return null;
        let sum = 0;
        for (let d = h * width; d < (h + 1) * width; d++) sum += query[d]! * key[d]!;
        return scale * sum + extra;
      });
      const highest = Math.max(...scores.map((s) => s ?? Number.NEGATIVE_INFINITY));
      const p = scores.map((s) => (s === null ? 0 : Math.exp(s - highest)));
      const total = p.reduce((sum, value) => sum + value, 0);
      for (let d = h * width; d < (h + 1) * width; d++) {
        for (let j = 0; j < k.length; j++) out[d]! += total === 0 ? 0 : (p[j]! / total) * v[j]![d]!;
      }
    }
    return out;
  });
}

/** Sum over counted labels of -log softmax, the target smoothed over the vocabulary. */
function lossOf(logits: Rows, labels: readonly number[], smoothing: number): number {
  return logits.reduce((sum, row, i) => {
    if (labels[i]! < 0) return sum;
    const highest = Math.max(...row);
    const lse = highest + Math.log(row.reduce((s, v) => s + Math.exp(v - highest), 0));
    const uniform = row.reduce((s, v) => s + lse - v, 0) / row.length;
    return sum + (1 - smoothing) * (lse - row[labels[i]!]!) + smoothing * uniform;
  }, 0);
}

export interface T5Sizes {
  dModel: number;
  numHeads: number;
  numLayers: number;
  numDecoderLayers: number;
  layerNormEpsilon: number;
  relativeAttentionNumBuckets: number;
  relativeAttentionMaxDistance: number;
  feedForward: "relu" | "gated-gelu";
  tieWordEmbeddings: boolean;
  scaleDecoderOutputs: boolean;
}
export interface Sequence {
  ids: readonly number[];
  mask: readonly number[];
  /** T5 alone */
  decoderIds?: readonly number[];
  labels: readonly number[];
}

/** Half of the buckets for single distances, the others by logarithm (Raffel et al. 2020); the encoder has half of them for each direction. */
function bucketOf(relative: number, isEncoder: boolean, count: number, reach: number): number {
  const size = isEncoder ? count / 2 : count;
  const base = isEncoder && relative > 0 ? size : 0;
  const distance = isEncoder ? Math.abs(relative) : Math.max(0, -relative);
  if (distance < size / 2) return base + distance;
  const step = Math.floor((Math.log(distance / (size / 2)) / Math.log(reach / (size / 2))) * (size / 2));
  return base + Math.min(size - 1, size / 2 + step);
}

/** Summed loss of all sequences. */
export function t5Loss(config: T5Sizes, weights: Weights, batch: readonly Sequence[], smoothing: number): number {
  const {
    numHeads: heads,
    layerNormEpsilon: eps,
    relativeAttentionNumBuckets: buckets,
    relativeAttentionMaxDistance: reach,
  } = config;
  const w = (name: string): Float64Array => weights.get(`${name}.weight`)!;
  const shared = rowsOf(w("shared"), config.dModel);
  const bias = (stack: "encoder" | "decoder") => {
    const table = w(`${stack}.block.0.layer.0.SelfAttention.relative_attention_bias`);
    return (h: number, i: number, j: number): number => table[bucketOf(j - i, stack === "encoder", buckets, reach) * heads + h]!;
  };
  const attend = (name: string, x: Rows, from: Rows, score: Parameters<typeof attention>[5]): Rows => {
    const [q, k, v] = [project(x, w(`${name}.q`)), project(from, w(`${name}.k`)), project(from, w(`${name}.v`))];
    return project(attention(q, k, v, heads, 1, score), w(`${name}.o`));
  };
  const feedForward = (layer: string, h: Rows): Rows => {
    const x = rmsNorm(h, w(`${layer}.layer_norm`), eps);
    const dense = `${layer}.DenseReluDense`;
    if (config.feedForward === "relu") {
      return add(
        h,
        project(
          project(x, w(`${dense}.wi`)).map((row) => row.map(relu)),
          w(`${dense}.wo`),
        ),
      );
    }
    const gate = project(x, w(`${dense}.wi_1`));
    const inside = project(x, w(`${dense}.wi_0`)).map((row, i) => row.map((v, j) => gelu(v) * gate[i]![j]!));
    return add(h, project(inside, w(`${dense}.wo`)));
  };
  const encoderBias = bias("encoder");
  const decoderBias = bias("decoder");
  return batch.reduce((sum, { ids, mask, decoderIds, labels }) => {
    let h: Rows = ids.map((id) => shared[id]!);
    for (let n = 0; n < config.numLayers; n++) {
      const block = `encoder.block.${n}`;
      const x = rmsNorm(h, w(`${block}.layer.0.layer_norm`), eps);
      const score = (head: number, i: number, j: number) => (mask[j] === 0 ? null : encoderBias(head, i, j));
      h = add(h, attend(`${block}.layer.0.SelfAttention`, x, x, score));
      h = feedForward(`${block}.layer.1`, h);
    }
    const encoded = rmsNorm(h, w("encoder.final_layer_norm"), eps);
    let y: Rows = decoderIds!.map((id) => shared[id]!);
    for (let n = 0; n < config.numDecoderLayers; n++) {
      const block = `decoder.block.${n}`;
      const x = rmsNorm(y, w(`${block}.layer.0.layer_norm`), eps);
      y = add(
        y,
        attend(`${block}.layer.0.SelfAttention`, x, x, (head, i, j) => (j > i ? null : decoderBias(head, i, j))),
      );
      const z = rmsNorm(y, w(`${block}.layer.1.layer_norm`), eps);
      y = add(
        y,
        attend(`${block}.layer.1.EncDecAttention`, z, encoded, (_, __, j) => (mask[j] === 0 ? null : 0)),
      );
      y = feedForward(`${block}.layer.2`, y);
    }
    y = rmsNorm(y, w("decoder.final_layer_norm"), eps);
    if (config.scaleDecoderOutputs) y = y.map((row) => row.map((v) => v * config.dModel ** -0.5));
    return sum + lossOf(project(y, config.tieWordEmbeddings ? w("shared") : w("lm_head")), labels, smoothing);
  }, 0);
}

export interface OptSizes {
  hiddenSize: number;
  wordEmbedProjDim: number;
  numHeads: number;
  numLayers: number;
  doLayerNormBefore: boolean;
}

/** Summed loss of all sequences; labels stand beneath the position that predicts them. */
export function optLoss(config: OptSizes, weights: Weights, batch: readonly Sequence[], smoothing: number): number {
  const { hiddenSize, wordEmbedProjDim: narrow, numHeads: heads, doLayerNormBefore: isBefore } = config;
  const w = (name: string): Float64Array => weights.get(`model.decoder.${name}`)!;
  const line = (name: string, x: Rows): Rows => project(x, w(`${name}.weight`), w(`${name}.bias`));
  const norm = (name: string, x: Rows): Rows => layerNorm(x, w(`${name}.weight`), w(`${name}.bias`));
  const words = rowsOf(w("embed_tokens.weight"), narrow);
  const places = rowsOf(w("embed_positions.weight"), hiddenSize);
  const isNarrow = narrow !== hiddenSize;
  return batch.reduce((sum, { ids, mask, labels }) => {
    let count = 0;
    const positions = mask.map((is) => (is ? ++count : 0) - 1 + 2); // counted over tokens, two rows further down
    let h: Rows = ids.map((id) => words[id]!);
    if (isNarrow) h = project(h, w("project_in.weight"));
    h = add(
      h,
      positions.map((place) => places[place]!),
    );
    const sublayer = (name: string, f: (x: Rows) => Rows): void => {
      h = isBefore ? add(h, f(norm(name, h))) : norm(name, add(h, f(h)));
    };
    for (let n = 0; n < config.numLayers; n++) {
      const layer = `layers.${n}`;
      sublayer(`${layer}.self_attn_layer_norm`, (x) => {
        const [q, k, v] = ["q", "k", "v"].map((part) => line(`${layer}.self_attn.${part}_proj`, x)) as [Rows, Rows, Rows];
        const score = (_: number, i: number, j: number) => (j > i || mask[j] === 0 ? null : 0);
        return line(`${layer}.self_attn.out_proj`, attention(q, k, v, heads, (hiddenSize / heads) ** -0.5, score));
      });
      sublayer(`${layer}.final_layer_norm`, (x) =>
        line(
          `${layer}.fc2`,
          line(`${layer}.fc1`, x).map((row) => row.map(relu)),
        ),
      );
    }
    if (isBefore) h = norm("final_layer_norm", h);
    if (isNarrow) h = project(h, w("project_out.weight"));
    return sum + lossOf(project(h, w("embed_tokens.weight")), labels, smoothing);
  }, 0);
}
