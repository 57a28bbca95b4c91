// Attention over operands larger than a binding: whole entries of the batch at a time. Rows of one batch entry share nothing with those of
// another but T5's table, so each group is the same kernels over ranges of q, k, v and y. Dropout counts rows, and the sums of the table's
// gradient lie, as in the whole batch (AttentionSizes.first), so the bits are those of one group.
import type { AttentionSizes, DeviceFacts } from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { Tensor } from "../tensor.js";

/** Entries first .. first + count - 1 of the batch. */
export interface AttentionGroup {
  readonly first: number;
  readonly count: number;
}

/**
 * The batch in as few groups as bindings hold, one unless something is larger. `blockRows`: rows of a block of scores where the backward
 * pass has some, [batch, heads, blockRows, keys rounded up to 4] floats.
 *
 * @throws TensorError where one entry, or the fewest that begin at an aligned offset, are larger than a binding
 */
export function attentionGroups(sizes: AttentionSizes, blockRows: number | null, { limits }: DeviceFacts): AttentionGroup[] {
  const { batch, heads, queries, keys, dKv } = sizes;
  const { maxStorageBufferBindingSize: limit, minStorageBufferOffsetAlignment: alignment } = limits;
  const row = 4 * heads * dKv;
  const largest = Math.max(
    row * Math.max(queries, keys), // q, y, k, v and their gradients
    8 * heads * queries, // stats
    4 * (queries + keys), // numbers
    blockRows === null ? 0 : 4 * heads * blockRows * 4 * Math.ceil(keys / 4), // s and dp
  );
  const fitting = Math.floor(limit / largest);
  if (fitting >= batch) return [{ first: 0, count: batch }];
  const step = lcm(alignment / gcd(alignment, row * queries), alignment / gcd(alignment, row * keys));
  const most = Math.floor(fitting / step) * step;
  if (most === 0) {
    throw new TensorError(
      `attention: ${step === 1 ? "one entry" : `${step} entries (the fewest that begin at a multiple of ${alignment} bytes)`} of the batch with ${queries} queries, ${keys} keys and ${heads} heads of ${dKv} needs ${step * largest} bytes in one tensor, more than the ${limit} that this device binds at once (maxStorageBufferBindingSize), and it has no axis along which it can be cut further. Use a shorter length${step === 1 ? "" : " or an even one"}.`,
    );
  }
  return Array.from({ length: Math.ceil(batch / most) }, (_, i) => ({
    first: i * most,
    count: Math.min(most, batch - i * most),
  }));
}

/** x [batch, ...] -> [count, ...], the same memory */
export function entriesOf(x: Tensor, { first, count }: AttentionGroup): Tensor {
  if (count === x.shape[0]) return x;
  const bytes = (4 * x.size) / x.shape[0]!;
  const used = 16 * Math.ceil((count * bytes) / 16);
  const storage = x.storage.slice(
    first * bytes,
    Math.min(used, x.storage.bytes - first * bytes),
    `${x.storage.label} from entry ${first}`,
  );
  return new Tensor(x.device, storage, [count, ...x.shape.slice(1)], x.dtype);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
function lcm(a: number, b: number): number {
  return (a / gcd(a, b)) * b;
}
