// What a run will take, before anything is allocated: the run itself, on a device that only counts.
import type { DeviceFacts } from "@attune/kernels-wgsl";
import type { FileSink } from "@attune/models";
import { CATEGORIES, type Category, Device, nullBackend, WebGpuBackend } from "@attune/tensor";
import { saveTrainer } from "@attune/tuning";
import { type RunModel, readRunModel } from "./model.js";
import { type DiskPlan, diskPlan, freeBytesAt } from "./planDisk.js";
import { openRun, type PreparedRun } from "./tune.js";

export interface RunPlan {
  name: string;
  adapter: string;
  /** A bucket's source and target are two sequences; else one and the same. */
  isEncoderDecoder: boolean;
  parameters: number;
  trainableParameters: number;
  examples: number;
  /** Of an epoch, without padding. */
  tokens: number;
  /** Rows of packed sequences; null: each row is a sequence. */
  packing: { rows: number; paddingShareApart: number } | null;
  /** Evaluations on the way and at the end. */
  evaluations: number;
  updates: number;
  /** Share of the computed positions that is padding. */
  paddingShare: number;
  /** Shapes of micro-batches, each a captured program. */
  buckets: { source: number; target: number; dispatches: number; flops: number; scratchBytes: number; lowerBoundBytes: number }[];
  /** Of one update: mean over the run's first epoch (or the run, if shorter), and the largest. */
  perUpdate: { tokens: number; dispatches: number; flops: number; largestDispatches: number; largestFlops: number };
  /** Of the whole run, training only: positions, padding among them. */
  positions: number;
  totalFlops: number;
  disk: DiskPlan;
  peakDeviceBytes: number;
  /** What the peak consists of. */
  memory: Record<Category, number>;
}

export async function planRun(prepared: PreparedRun, facts: DeviceFacts): Promise<RunPlan> {
  const { run, files, data, evaluations } = prepared;
  const device = new Device(nullBackend(facts), WebGpuBackend.engineBytes(facts));
  const opened = await openRun(device, prepared);
  const { trainer, model, evaluator } = opened;
  const rows = run.train.batch;
  const hasSegments = data.packing !== null;

  const updatePlan = trainer.planOf({ rows, ...data.plan.buckets[0]!, hasSegments }).update;
  const counted = Math.min(data.totalSteps, data.plan.updatesPerEpoch);
  const totals = { tokens: 0, dispatches: 0, flops: 0, largestDispatches: 0, largestFlops: 0 };
  let done = 0;
  for (const batches of data.updates()) {
    if (done++ === counted) break;
    let dispatches = updatePlan.dispatches;
    let flops = updatePlan.flops;
    for (const batch of batches) {
      const { micro } = trainer.planOf(batch);
      dispatches += micro.dispatches;
      flops += micro.flops;
      totals.tokens += trainer.positions(batch);
    }
    totals.dispatches += dispatches;
    totals.flops += flops;
    totals.largestDispatches = Math.max(totals.largestDispatches, dispatches);
    totals.largestFlops = Math.max(totals.largestFlops, flops);
  }

  // the rest of the run allocates too, in the order of the run: evaluation, reading a checkpoint and weights back to save them, decoding
  // with its caches
  await trainer.readLoss(1);
  await evaluator.evaluate(0, 0, {});
  if (run.save.every !== null || evaluations.best) await saveTrainer(trainer, NOWHERE);
  await readRunModel(run, model, files);
  await evaluator.answer(data.validation.length, {});

  const plan: RunPlan = {
    name: run.name,
    adapter: facts.adapter.description || facts.adapter.device,
    isEncoderDecoder: model.model.traits.isEncoderDecoder,
    parameters: sizeOf(model),
    trainableParameters: model.trainable.size,
    examples: data.count,
    tokens: data.tokens,
    packing: data.packing,
    evaluations: evaluations.points + (evaluations.first ? 1 : 0),
    updates: data.totalSteps,
    paddingShare: data.plan.paddingShare(),
    buckets: data.plan.buckets.map(({ source, target }) => {
      const { dispatches, flops, scratchBytes, lowerBoundBytes } = trainer.planOf({ rows, source, target, hasSegments }).micro;
      return { source, target, dispatches, flops, scratchBytes, lowerBoundBytes };
    }),
    perUpdate: {
      tokens: totals.tokens / counted,
      dispatches: totals.dispatches / counted,
      flops: totals.flops / counted,
      largestDispatches: totals.largestDispatches,
      largestFlops: totals.largestFlops,
    },
    positions: Math.round((totals.tokens / counted) * data.totalSteps),
    totalFlops: (totals.flops / counted) * data.totalSteps,
    disk: {
      ...diskPlan(run, {
        checkpointBytes: trainer.stored.reduce((sum, { storage }) => sum + storage.bytes, 0),
        parameters: sizeOf(model),
        trainableParameters: model.trainable.size,
        updates: data.totalSteps,
      }),
      freeBytes: await freeBytesAt(run.out),
    },
    peakDeviceBytes: device.memory.peakBytes,
    memory: Object.fromEntries(CATEGORIES.map((name) => [name, device.memory.atPeak[name]])) as Record<Category, number>,
  };
  opened.dispose();
  return plan;
}

/** What is read to be saved, and is not. */
const NOWHERE: FileSink = {
  async write() {},
  async create() {
    return { async write() {}, async close() {}, async abort() {} };
  },
  describe: (name) => name,
};

const sizeOf = ({ model }: RunModel): number => [...model.weights.values()].reduce((sum, weight) => sum + weight.size, 0);
