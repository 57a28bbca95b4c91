import { type MatmulStorage, planClear, planEmbedding, planEmbeddingBackward } from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { apply, type Op, wantF32, wantI32 } from "../op.js";
import { show } from "../shape.js";
import type { Tensor } from "../tensor.js";

/** y [..., cols] = table[ids [...], :], table [rows, cols] in f32, or frozen in bf16 or f16. Ids outside the table give zeros. */
export const embeddingOp: Op<null> = {
  name: "embedding",
  forward(ctx, [table, ids]) {
    wantI32("embedding", "ids", ids!);
    const [rows, cols] = table!.shape as [number, number];
    if (table!.shape.length !== 2) throw new TensorError(`embedding: table must be [rows, cols], got ${show(table!.shape)}`);
    const y = ctx.empty([...ids!.shape, cols]);
    const storage = table!.dtype as MatmulStorage;
    ctx.run(planEmbedding({ tokens: ids!.size, rows, cols, storage }, ctx.facts), { ids: ids!, table: table!, y });
    return y;
  },
  backward(ctx, dy) {
    const [table, ids] = ctx.inputs as [Tensor, Tensor];
    const [rows, cols] = table.shape as [number, number];
    return [
      (into) => {
        // dtable[ids] += dy; memory for the first sum must be zero, which an owned gradient is and scratch is not
        const dtable = into ?? zeros(ctx, table);
        ctx.run(planEmbeddingBackward({ tokens: ids.size, rows, cols }, ctx.facts), { ids, dy, dtable });
        return dtable;
      },
      null,
    ];
  },
};

function zeros(ctx: Parameters<typeof embeddingOp.backward>[0], like: Tensor): Tensor {
  const made = ctx.empty(like.shape);
  ctx.run(planClear({ count: like.size }, ctx.facts), { y: made });
  return made;
}

export const embedding = (table: Tensor, ids: Tensor): Tensor => apply(embeddingOp, [table, ids], null);

/**
 * y [count, cols] = x[indices, :], each row of x [rows, cols] at most once. `inverse` [rows] says where each row went, or -1, so that the
 * gradient is a selection too. An index of -1 gives a row of zeros.
 */
export const selectRowsOp: Op<null> = {
  name: "selectRows",
  forward(ctx, [x, indices, inverse]) {
    wantF32("selectRows", "x", x!);
    wantI32("selectRows", "indices", indices!);
    wantI32("selectRows", "inverse", inverse!);
    const [rows, cols] = x!.shape as [number, number];
    if (x!.shape.length !== 2 || inverse!.size !== rows) {
      throw new TensorError(
        `selectRows: x ${show(x!.shape)} must be [rows, cols] with an inverse of as many rows, got ${show(inverse!.shape)}`,
      );
    }
    const y = ctx.empty([indices!.size, cols]);
    ctx.run(planEmbedding({ tokens: indices!.size, rows, cols, storage: "f32" }, ctx.facts), { ids: indices!, table: x!, y });
    return y;
  },
  backward(ctx, dy) {
    const [x, , inverse] = ctx.inputs as [Tensor, Tensor, Tensor];
    const [rows, cols] = x.shape as [number, number];
    const dx = ctx.empty(x.shape); // dx[row, :] = dy[inverse[row], :]
    ctx.run(planEmbedding({ tokens: rows, rows: dy.shape[0]!, cols, storage: "f32" }, ctx.facts), {
      ids: inverse,
      table: dy,
      y: dx,
    });
    return [dx, null, null];
  },
};

export const selectRows = (x: Tensor, indices: Tensor, inverse: Tensor): Tensor =>
  apply(selectRowsOp, [x, indices, inverse], null);
