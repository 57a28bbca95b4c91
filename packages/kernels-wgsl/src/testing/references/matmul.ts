import { at, fill, type Values } from "./values.js";

/** c [..., m, n] = act(alpha * op(a) op(b) + bias) + residual (+ c); flags are 0 or 1, activation 0 none, 1 relu, 2 gelu_new. */
export function matmulCall(
  layout: "nt" | "nn" | "tn",
  a: Values,
  b: Values,
  bias: Values,
  residual: Values,
  c: Values,
  alpha: number,
  flags: { readonly [name: string]: number },
): Values {
  const depth = layout === "tn" ? a.shape.at(-2)! : a.shape.at(-1)!;
  return fill(c.shape, (...index) => {
    const [m, n] = index.slice(-2) as [number, number];
    const z = index.slice(0, -2);
    let sum = 0;
    for (let k = 0; k < depth; k++) {
      const left = layout === "tn" ? at(a, ...z, k, m) : at(a, ...z, m, k);
      const right = layout === "nt" ? at(b, ...z, n, k) : at(b, ...z, k, n);
      sum += left * right;
    }
    let y = alpha * sum + (flags.bias ? at(bias, n) : 0);
    if (flags.activation === 1) y = Math.max(0, y);
    if (flags.activation === 2) y = 0.5 * y * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (y + 0.044715 * y ** 3)));
    return y + (flags.residual ? at(residual, ...index) : 0) + (flags.accumulate ? at(c, ...index) : 0);
  });
}
