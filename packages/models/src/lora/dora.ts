// DoRA (Liu et al. 2024) as PEFT computes it (tuners/lora/dora.py): y = m / ||W + s B A|| * (W + s B A) x, row by row of W, with the
// norm held constant in the backward pass. W + s B A itself is never formed:
//
//   ||W_o + s (B A)_o||^2 = ||W_o||^2 + 2 s sum_r B_or (W A^T)_or + s^2 sum_rq B_or (A A^T)_rq B_oq
import { accumulateInto, add, embedding, linear, mul, noGrad, relu, sqrt, square, sum, Tensor, tensor } from "@attune/tensor";

/** Bytes of f32 rows that are squared at a time. */
const BLOCK_BYTES = 4 << 20;
/** A slice of a buffer that is bound begins at a multiple of 256 bytes. */
const ALIGNED_ROWS = 64;

/** ||W_o||^2 of each row of W [out, in], f32 or packed halves: [out], which lives until disposed of. */
export function rowSquares(weight: Tensor): Tensor {
  const { device } = weight;
  const [outputs, inputs] = weight.shape as [number, number];
  const label = `${weight.storage.label}.squares`;
  const storage = device.persistent(Math.ceil(outputs / ALIGNED_ROWS) * ALIGNED_ROWS * 4, label, "weights");
  const rows = Math.max(ALIGNED_ROWS, Math.floor(BLOCK_BYTES / (4 * inputs * ALIGNED_ROWS)) * ALIGNED_ROWS);
  for (let begin = 0; begin < outputs; begin += rows) {
    const count = Math.min(rows, outputs - begin);
    device.scope(() =>
      noGrad(() => {
        const ids = Int32Array.from({ length: count }, (_, i) => begin + i);
        const widened = embedding(weight, tensor(device, ids, [count])); // [count, in]
        const part = new Tensor(device, storage.slice(begin * 4, Math.ceil(count / 4) * 16, label), [count], "f32");
        accumulateInto(sum(square(widened), 1), part);
      }),
    );
  }
  return new Tensor(device, storage, [outputs], "f32");
}

export interface AdaptedWeight {
  /** [out, in] */
  weight: Tensor;
  /** [out], of `weight`, see rowSquares */
  squares: Tensor;
  /** [rank, in] */
  a: Tensor;
  /** [out, rank] */
  b: Tensor;
  /** [rank, rank], ones on the diagonal */
  identity: Tensor;
  scale: number;
}

/** ||W_o + s (B A)_o|| of each row, [out]; no gradient flows through it. */
export function adaptedNorms({ weight, squares, a, b, identity, scale }: AdaptedWeight): Tensor {
  return noGrad(() => {
    const transposed = linear(identity, b); // B^T [rank, out]
    const cross = sum(mul(transposed, linear(a, weight)), 0); // [out], of A W^T [rank, out]
    const quadratic = sum(mul(transposed, linear(linear(a, a), b)), 0); // [out], of A A^T [rank, rank] and (A A^T) B^T
    const squared = add(add(squares, cross, 2 * scale), quadratic, scale * scale);
    return sqrt(relu(squared)); // rounding may leave a vanishing row below zero
  });
}

/** Ones on the diagonal, [rank, rank]. */
export function identityValues(rank: number): Float32Array {
  return Float32Array.from({ length: rank * rank }, (_, i) => (i % (rank + 1) === 0 ? 1 : 0));
}
