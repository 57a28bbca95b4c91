// Writing a measured choice of kernels, and which products are measured for it.
import { rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { type DeviceFacts, type MatmulChoice, type MatmulSizes, writeChoice } from "@attune/kernels-wgsl";
import { makeFolder } from "@attune/models/node";

/** All of it or nothing: a reader never sees half a file. */
export async function writeTuned(file: string, choice: MatmulChoice): Promise<void> {
  await makeFolder(path.dirname(file));
  const part = `${file}.${process.pid}.part`;
  try {
    await writeFile(part, writeChoice(choice));
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** One product, dense, in a layout. */
export function denseProduct(layout: MatmulSizes["layout"], m: number, k: number, n: number): MatmulSizes {
  const [a, b] = [layout === "tn" ? m : k, layout === "nt" ? k : n];
  return { layout, m, n, k, a: { rowStride: a }, b: { rowStride: b }, c: { rowStride: n } };
}

/** A layer's widths in small and base models, by tokens of a decode step and of batches; less of it where a CPU does the work. */
export function usualProducts({ isSoftware }: DeviceFacts): MatmulSizes[] {
  const tokens = isSoftware ? [4, 256] : [4, 64, 512, 2048];
  const widths: readonly (readonly [number, number])[] = isSoftware
    ? [[512, 512], [512, 2048], [2048, 512]]
    : [[512, 512], [512, 2048], [2048, 512], [768, 768], [768, 3072], [3072, 768], [2048, 2048]]; // biome-ignore format: pairs
  return widths.flatMap(([inputs, outputs]) =>
    tokens.flatMap((rows) => [
      denseProduct("nt", rows, inputs, outputs), // x W^T
      ...(rows < 16 ? [] : [denseProduct("nn", rows, outputs, inputs), denseProduct("tn", outputs, rows, inputs)]), // dy W, dy^T x
    ]),
  );
}
