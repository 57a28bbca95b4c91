// What a run will take on disk, and whether it is there: checkpoints, one more while the next is written, and the result.
import { statfs } from "node:fs/promises";
import path from "node:path";
import type { Run } from "../run/schema.js";

export interface DiskPlan {
  /** One checkpoint: weights that are trained and the optimizer's state, in f32. */
  checkpointBytes: number;
  /** That lie there at once, the one that is being written among them. */
  checkpoints: number;
  /** The adapter or the model, without its tokenizer. */
  resultBytes: number;
  peakBytes: number;
  /** On the disk of `out`; null where the system does not say. */
  freeBytes: number | null;
}

const BYTES = { f32: 4, bf16: 2, f16: 2 } as const;

export function diskPlan(
  run: Pick<Run, "save" | "lora">,
  sizes: { checkpointBytes: number; parameters: number; trainableParameters: number; updates: number },
): Omit<DiskPlan, "freeBytes"> {
  const { every, keep, dtype } = run.save;
  const saved = every === null ? 0 : Math.ceil(sizes.updates / every); // the last update's among them
  // an interrupted run saves one in any case; the oldest goes when the newest is in place
  const checkpoints = Math.max(1, saved > keep ? keep + 1 : saved);
  const resultBytes = run.lora ? 4 * sizes.trainableParameters : BYTES[dtype] * sizes.parameters;
  const { checkpointBytes } = sizes;
  return { checkpointBytes, checkpoints, resultBytes, peakBytes: checkpoints * checkpointBytes + resultBytes };
}

/** Of the nearest folder that is there. */
export async function freeBytesAt(folder: string): Promise<number | null> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const facts = await statfs(at).catch(() => null);
    if (facts) return facts.bavail * facts.bsize;
    if (at === path.dirname(at)) return null;
  }
}

/** "8GiB", "500 MB", "1.5G": bytes; null for anything else. A unit alone (8G) is taken as 2^30, as memory is counted. */
export function parseBytes(text: string): number | null {
  const [, number, unit = "", decimal = ""] = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(i?B)?$/i.exec(text.trim()) ?? [];
  if (number === undefined) return null;
  const power = unit === "" ? 0 : "KMGT".indexOf(unit.toUpperCase()) + 1;
  return Math.floor(Number(number) * (decimal.toUpperCase() === "B" ? 1000 : 1024) ** power);
}
