// A few updates of a real run under the profiler: its own model, data and shapes, nothing saved.
import type { WebGpuDevice } from "@attune/tensor";
import { measurePeaks, type Profile, profile } from "@attune/tensor/debug";
import type { MicroBatch } from "@attune/tuning";
import { userError } from "../errors.js";
import { openRun, type PreparedRun } from "../recipes/tune.js";

/** Every step of the profile is the same update, the first of the run: other shapes would be other programs. */
export async function profileRun(device: WebGpuDevice, prepared: PreparedRun, steps: number): Promise<Profile> {
  const peaks = await measurePeaks(device);
  const opened = await openRun(device, prepared);
  try {
    const [update] = prepared.data.updates();
    if (!update) throw userError("data", `${prepared.run.data.train}: no update to profile`);
    const batches: readonly MicroBatch[] = update;
    const { trainer } = opened;
    const label = `${prepared.run.name}: updates of ${batches.map(({ rows, source, target }) => `${rows} x (${source} + ${target})`).join(", ")}`;
    const step = async (): Promise<void> => {
      trainer.update(batches);
      await trainer.readLoss(1);
    };
    return await profile(device, label, step, { steps, peaks });
  } finally {
    opened.dispose();
  }
}
