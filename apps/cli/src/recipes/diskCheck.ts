// Whether the disk has room for a run, before it starts: a night that ends at its first checkpoint is worse than a line now.
import path from "node:path";
import { printable } from "@attune/models";
import { userError } from "../errors.js";
import type { Run } from "../run/schema.js";
import { treeBytes } from "../runFolders/readRuns.js";
import { formatBytes } from "../terminal.js";
import { diskPlan, freeBytesAt } from "./planDisk.js";

export type DiskSizes = Parameters<typeof diskPlan>[1];

/**
 * Throws (storage) where not even one checkpoint and the result would fit, and notes where not all checkpoints would that are kept.
 * @param free bytes of the disk with the run's folder; null where the system does not say
 */
export async function checkDisk(
  run: Pick<Run, "out" | "save" | "lora">,
  sizes: DiskSizes,
  note: (line: string) => void,
  free: number | null = null,
): Promise<void> {
  const freeBytes = free ?? (await freeBytesAt(run.out));
  if (freeBytes === null) return;
  const { checkpointBytes, resultBytes, peakBytes, checkpoints } = diskPlan(run, sizes);
  // what a run that goes on has written already is there; only what is added needs room
  const held = await Promise.all(["checkpoints", "adapter", "model"].map((name) => treeBytes(path.join(run.out, name))));
  const added = Math.max(0, peakBytes - held.reduce((sum, bytes) => sum + bytes, 0));
  const least = resultBytes + (run.save.every === null ? 0 : checkpointBytes);
  const where = `${printable(run.out, 300)}: the disk has ${formatBytes(freeBytes)} free`;
  const parts = `a checkpoint takes ${formatBytes(checkpointBytes)}, the result ${formatBytes(resultBytes)}`;
  if (freeBytes < Math.min(least, added))
    throw userError(
      "storage",
      `${where}, and the run needs ${formatBytes(least)} at least (${parts}); free some space, or name another --out`,
    );
  if (freeBytes < added)
    note(
      `${where}, and ${checkpoints} checkpoints and the result will take ${formatBytes(peakBytes)}: ${parts}; save.keep says how many stay`,
    );
}
