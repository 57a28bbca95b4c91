// From a run's YAML to its losses: transformers' own trajectories (../../shared/golden), learnt by `attune train` from pre-tokenised rows.
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareRun, tune } from "../../apps/cli/src/recipes/tune.js";
import { parseRun } from "../../apps/cli/src/run/load.js";
import { TRAJECTORY_BOUND, type TrainingRecord } from "../../apps/cli/src/verify/training.js";
import { tinyTokenizer } from "../cli/tinyModel.js";

const GOLDEN = fileURLToPath(new URL("../../../shared/golden/models", import.meta.url));
const why = existsSync(GOLDEN) ? "" : ` (skipped: ${GOLDEN} is not there)`;

let device: NodeDevice;
let folder: string;
beforeAll(async () => {
  device = await openDevice();
  folder = await mkdtemp(path.join(tmpdir(), "attune-trajectory-"));
});
afterAll(async () => {
  device.destroy();
  await rm(folder, { recursive: true });
});

const jsonOf = async <T>(...parts: string[]): Promise<T> => JSON.parse(await readFile(path.join(GOLDEN, ...parts), "utf8")) as T;

/** Rows of the largest micro-batch of the record: a run's are all as large. */
const ROWS = 4;

/** The record's batches as rows: its padding stays in them, each says which micro-batch it is of, and smaller ones are filled with rows that weigh nothing. */
async function writeRows(model: string): Promise<string> {
  type Batches = Record<"input_ids" | "attention_mask" | "labels", number[][]>[];
  const { micro_batches } = await jsonOf<{ micro_batches: Batches }>(model, "train", "data.json");
  const rows = micro_batches.flatMap(({ input_ids, attention_mask, labels }, microBatch) =>
    Array.from({ length: ROWS }, (_, i) => {
      const at = Math.min(i, input_ids.length - 1);
      const learnt = labels[at]!.map((label) => (i < input_ids.length ? label : -100));
      return { inputIds: input_ids[at], attentionMask: attention_mask[at], labels: learnt, microBatch };
    }),
  );
  const file = path.join(folder, `${model}.jsonl`);
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return file;
}

/** The record's settings in this project's words. */
function trainOf({ settings }: TrainingRecord) {
  const { lr, betas, eps, scale_parameter, relative_step, warmup_init, weight_decay, schedule, warmup, steps, clip } = settings;
  const optimizer = betas
    ? { optimizer: "adamw", adam: { beta1: betas[0], beta2: betas[1], eps } }
    : {
        optimizer: "adafactor",
        adafactor: { scaleParameter: scale_parameter, relativeStep: relative_step, warmupInit: warmup_init },
      };
  const rate = lr === null ? {} : { lr, schedule: schedule === "constant_with_warmup" ? "constant" : schedule };
  const plain = { steps, batch: ROWS, accumulate: 2, warmup, weightDecay: weight_decay, clipNorm: clip, dropout: 0, logEvery: 1 };
  return { ...plain, ...optimizer, ...rate };
}

describe.each(["t5-relu-tied", "opt-pre-norm"])("%s", (model) => {
  it.skipIf(why !== "").each(["adamw", "adafactor-external-lr", "adafactor-t5-default"])(
    `has the losses, gradient norms and learning rates of transformers with %s${why}`,
    async (name) => {
      const { vocab_size } = await jsonOf<{ vocab_size: number }>(model, "config.json");
      const home = path.join(folder, model);
      await mkdir(home, { recursive: true });
      for (const file of ["config.json", "generation_config.json", "model.safetensors"])
        await copyFile(path.join(GOLDEN, model, file), path.join(home, file));
      await writeFile(path.join(home, "tokenizer.json"), JSON.stringify(tinyTokenizer(vocab_size))); // rows are ids already
      const record = await jsonOf<TrainingRecord>(model, "train", `${name}.json`);
      const out = path.join(folder, `${model}-${name}`);
      const yaml = {
        model: { path: home },
        data: { train: await writeRows(model), format: "pretokenized", maxSource: 64, maxTarget: 64, requireEnd: false },
        train: trainOf(record),
        save: { every: null },
        log: { tensorboard: false },
        out,
      };
      const run = parseRun(JSON.stringify(yaml), { file: path.join(folder, `${name}.yaml`) });
      await tune(device, await prepareRun(run), { note() {}, step() {}, evaluating() {} });

      const lines = (await readFile(path.join(out, "metrics.jsonl"), "utf8")).trim().split("\n");
      const reports = lines.map((line) => JSON.parse(line) as { step: number; loss: number; gradNorm: number; lr: number });
      expect(reports).toHaveLength(record.steps.length);
      for (const [i, { loss, grad_norm, lr }] of record.steps.entries()) {
        const { step, ...ours } = reports[i]!;
        expect(step).toBe(i + 1);
        expect(Math.abs(ours.loss - loss) / Math.max(1, loss), `loss of update ${step}`).toBeLessThan(TRAJECTORY_BOUND);
        expect(Math.abs(ours.gradNorm - grad_norm) / grad_norm, `gradient norm of update ${step}`).toBeLessThan(TRAJECTORY_BOUND);
        expect(Math.abs(ours.lr - lr), `learning rate of update ${step}`).toBeLessThanOrEqual(1e-6 * lr);
      }
    },
  );
});
