// Cases again at the widths that models have: thousands of terms a sum, a whole vocabulary a row. Small shapes find what is wrong, these how
// far sums of that length stray.
import type { KernelCase } from "../kernelCase.js";

interface Width {
  dims: KernelCase["dims"];
  bound?: KernelCase["bound"];
}

const deep = { n: [1, 12], k: [512, 8192], inner: [1, 1] } as const; // few columns: each is a long sum, and the reference takes it in JS
const products: Width["bound"] = { value: 3e-4, why: "sums of up to 8,192 products below 1 in f32, of size 50" };
const hidden = { rows: [1, 4], cols: [768, 8192] } as const;
const vocabulary = { rows: [1, 2], cols: [32_128, 50_272] } as const;

/** By the name of the case. */
const WIDTHS: Readonly<Record<string, Width>> = {
  "matmul/subgroup, nt, f32": { dims: { ...deep, m: [17, 18] }, bound: products },
  "matmul/subgroup, tn, f32": { dims: { ...deep, m: [17, 18] }, bound: products },
  "matmul/subgroup, textures, nt, f32": { dims: { ...deep, m: [17, 18] }, bound: products },
  "matmul/subgroup, panels": { dims: { ...deep, m: [1, 12] }, bound: products },
  "matmul/workgroup, nt, f32": { dims: { ...deep, m: [1, 12] }, bound: products },
  "matmul/workgroup, nt, f32 and bf16": { dims: { ...deep, m: [1, 12] }, bound: products },
  "matmul/plain, nn, f32": { dims: { ...deep, m: [1, 12] }, bound: products },
  "matmul/vector, nt, f32 and bf16": { dims: deep, bound: products },
  "softmax/rows": { dims: vocabulary },
  "softmax/log_rows": { dims: vocabulary },
  "norm/rms": { dims: hidden },
  "norm/layer": { dims: hidden },
  "norm/layer_backward": { dims: hidden },
  "crossEntropy/rows": { dims: vocabulary },
  "crossEntropy/in_place": { dims: vocabulary },
  "reduce/rows": { dims: { rows: [1, 2], cols: [768, 50_272] } },
  "generate/top_k": { dims: vocabulary },
};

/** @throws where a name is of no case */
export function wideCases(cases: readonly KernelCase[]): KernelCase[] {
  return Object.entries(WIDTHS).map(([name, { dims, bound }]) => {
    const narrow = cases.find((one) => one.name === name);
    if (!narrow) throw new Error(`wide: no case is named ${name}`);
    const [edge] = narrow.edges;
    const widest = Object.fromEntries(Object.entries(dims).map(([size, [, most]]) => [size, most]));
    return {
      ...narrow,
      name: `${name}, wide`,
      dims: { ...narrow.dims, ...dims },
      edges: [{ ...edge!, ...widest, why: "as wide as models are" }],
      ...(bound ? { bound } : {}),
    };
  });
}
