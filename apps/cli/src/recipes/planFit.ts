// Which settings would fit a budget of device memory: the same updates in smaller micro-batches, first as they are, then with blocks
// computed again. Each is planned in full, so what is said is the peak that the run will have.
import type { DeviceFacts } from "@attune/kernels-wgsl";
import type { Run } from "../run/schema.js";
import { planRun } from "./plan.js";
import { prepareRun } from "./tune.js";

export interface Fit {
  batch: number;
  accumulate: number;
  gradientCheckpointing: boolean;
  peakDeviceBytes: number;
}

/** Smaller batches with as many rows to an update; those first that cost the least time. */
export function candidates({
  train: { batch, accumulate, gradientCheckpointing },
}: Pick<Run, "train">): Omit<Fit, "peakDeviceBytes">[] {
  const smaller: { batch: number; accumulate: number }[] = [];
  for (let rows = batch; rows >= 1; rows = Math.floor(rows / 2))
    smaller.push({ batch: rows, accumulate: Math.ceil((batch * accumulate) / rows) });
  const plain = smaller.slice(1).map((one) => ({ ...one, gradientCheckpointing }));
  return gradientCheckpointing ? plain : [...plain, ...smaller.map((one) => ({ ...one, gradientCheckpointing: true }))];
}

/** The first that fits; null where even a batch of one does not. */
export async function fitBudget(run: Run, facts: DeviceFacts, budgetBytes: number): Promise<Fit | null> {
  for (const candidate of candidates(run)) {
    const prepared = await prepareRun({ ...run, train: { ...run.train, ...candidate } });
    const { peakDeviceBytes } = await planRun(prepared, facts);
    if (peakDeviceBytes <= budgetBytes) return { ...candidate, peakDeviceBytes };
  }
  return null;
}
