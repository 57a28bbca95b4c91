// How long a run will train on the device at hand: two of its own updates, a small and a large one, are run and timed; the others lie
// between by their FLOPs. Evaluation is not in it.
import type { Device } from "@attune/tensor";
import type { MicroBatch, Trainer } from "@attune/tuning";
import { openRun, type PreparedRun } from "./tune.js";

export interface TimePlan {
  /** Of the whole run, training alone. */
  trainSeconds: number;
  /** Of an update of mean size. */
  updateSeconds: number;
  /** Compiling the kernels of the two that were run: once, at the start. */
  compileSeconds: number;
  positionsPerSecond: number;
  measured: { flops: number; seconds: number }[];
}

/** Updates that are looked through for a small and a large one. */
const LOOKED_AT = 64;
const ROUNDS = 3;

export async function measureTime(
  device: Device,
  prepared: PreparedRun,
  totals: { updates: number; totalFlops: number; positions: number },
): Promise<TimePlan> {
  const opened = await openRun(device, prepared);
  try {
    const { trainer } = opened;
    const [small, large] = extremes(prepared, trainer);
    const start = performance.now();
    const measured: TimePlan["measured"] = [];
    for (const { batches } of [small, large]) await run(trainer, batches);
    const warm = (performance.now() - start) / 1000;
    for (const { batches, flops } of [small, large]) {
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round++) times.push(await run(trainer, batches));
      measured.push({ flops, seconds: times.sort((a, b) => a - b)[1]! });
    }
    const trainSeconds = totalSeconds(measured, totals);
    const compileSeconds = Math.max(0, warm - measured.reduce((sum, { seconds }) => sum + seconds, 0));
    return {
      trainSeconds,
      updateSeconds: trainSeconds / totals.updates,
      compileSeconds,
      positionsPerSecond: totals.positions / trainSeconds,
      measured,
    };
  } finally {
    opened.dispose();
  }
}

/** Seconds of all updates by the line through two of them: a part that every update takes, and a part by FLOPs; neither below 0. */
export function totalSeconds(
  [small, large]: readonly { flops: number; seconds: number }[],
  { updates, totalFlops }: { updates: number; totalFlops: number },
): number {
  const rise = large!.flops - small!.flops;
  const isLine = rise > 0.1 * large!.flops && large!.seconds > small!.seconds;
  const perFlop = isLine ? (large!.seconds - small!.seconds) / rise : 0;
  const each = isLine ? Math.max(0, small!.seconds - perFlop * small!.flops) : 0;
  if (isLine && each > 0) return updates * each + totalFlops * perFlop;
  // too alike for a line, or a line that would begin below 0: in proportion
  const seconds = small!.seconds + large!.seconds;
  return (totalFlops * seconds) / (small!.flops + large!.flops);
}

async function run(trainer: Trainer, batches: readonly MicroBatch[]): Promise<number> {
  const start = performance.now();
  trainer.update(batches);
  await trainer.readLoss(1);
  return (performance.now() - start) / 1000;
}

function extremes(
  { data }: PreparedRun,
  trainer: Trainer,
): [{ batches: MicroBatch[]; flops: number }, { batches: MicroBatch[]; flops: number }] {
  const seen: { batches: MicroBatch[]; flops: number }[] = [];
  for (const batches of data.updates()) {
    const flops = batches.reduce(
      (sum, batch) => sum + trainer.planOf(batch).micro.flops,
      trainer.planOf(batches[0]!).update.flops,
    );
    seen.push({ batches, flops });
    if (seen.length === Math.min(LOOKED_AT, data.totalSteps)) break;
  }
  seen.sort((a, b) => a.flops - b.flops);
  return [seen[0]!, seen.at(-1)!];
}
