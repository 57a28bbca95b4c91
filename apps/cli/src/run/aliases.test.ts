import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ALIASES, EXPLAINED, resolveAliases } from "./aliases.js";
import { parseRun } from "./load.js";
import { runSchema } from "./schema.js";

const DATA = `data: {train: rows.jsonl, template: {prompt: "say: {text}", completion: "{answer}"}}\n`;
const parse = (text: string, overrides: string[] = []) => {
  const notes: string[] = [];
  const run = parseRun(DATA + text, { file: "my-run.yaml", cwd: "/", overrides, note: (line) => notes.push(line) });
  return { run, notes };
};
const faults = (text: string, overrides: string[] = []): string[] => {
  try {
    parse(text, overrides);
  } catch (error) {
    expect(error).toMatchObject({ exitClass: "usage" });
    return (error as Error).message.split("\n");
  }
  throw new Error("accepted");
};

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
}
const keyIn = (schema: JsonSchema | undefined, keys: readonly string[]): boolean => {
  if (!schema) return false;
  const { properties } = schema.properties ? schema : (schema.anyOf?.find((one) => one.properties) ?? {});
  return keys.length === 0 || keyIn(properties?.[keys[0]!], keys.slice(1));
};

test("every alias leads to a key that there is, and no name is both taken and explained", () => {
  const schema = z.toJSONSchema(runSchema, { io: "input" }) as JsonSchema;
  expect(Object.values(ALIASES).filter(({ to }) => !keyIn(schema, to.split(".")))).toEqual([]);
  expect(Object.keys(ALIASES).filter((name) => Object.hasOwn(EXPLAINED, name))).toEqual([]);
});

describe("files in the words of other tools", () => {
  test("transformers and trl", () => {
    const { run, notes } = parse(`
model_name_or_path: org/model
output_dir: /results
learning_rate: 2.0e-4
num_train_epochs: 2
per_device_train_batch_size: 4
gradient_accumulation_steps: 8
lr_scheduler_type: constant_with_warmup
warmup_ratio: 0.03
max_steps: -1
optim: adamw_torch_fused
use_peft: true
lora_r: 32
lora_target_modules: [q, v]
save_total_limit: 3
bf16: true
fp16: false
seed: 7
`);
    expect(run.model).toEqual({ path: "org/model" });
    expect(run.out).toBe("/results");
    expect(run.train).toMatchObject({
      lr: 2e-4,
      epochs: 2,
      batch: 4,
      accumulate: 8,
      schedule: "constant",
      warmup: 0.03,
      optimizer: "adamw",
      precision: "bf16",
      seed: 7,
    });
    expect(run.train.steps).toBeUndefined();
    expect(run.lora).toMatchObject({ rank: 32, targets: ["q", "v"] });
    expect(run.save.keep).toBe(3);
    expect(notes).toContain("learning_rate -> train.lr");
    expect(notes.join()).not.toContain("max_steps");
  });

  test("axolotl, LLaMA-Factory and mlx-lm", () => {
    const axolotl = parse(
      "base_model: org/model\nadapter: lora\nmicro_batch_size: 2\nval_set_size: 0.1\nsequence_len: 512\nlora_target_linear: true\n",
    ).run;
    expect(axolotl).toMatchObject({ train: { batch: 2 }, data: { split: { validation: 0.1 }, maxSource: 512 } });
    expect(axolotl.lora?.targets).toBe("all-linear");
    const factory = parse("model_name_or_path: org/model\nfinetuning_type: lora\nlora_target: all\ncutoff_len: 100\n").run;
    expect(factory).toMatchObject({ lora: { targets: "all-linear" }, data: { maxSource: 100 } });
    const mlx = parse(
      "model: org/model\nfine_tune_type: dora\nlora_parameters: {rank: 4, dropout: 0.1}\niters: 30\ngrad_checkpoint: true\n",
    ).run;
    expect(mlx).toMatchObject({
      model: { path: "org/model" },
      lora: { rank: 4, dropout: 0.1, dora: true },
      train: { steps: 30, gradientCheckpointing: true },
    });
  });

  test("within the group that a name leads to, and nowhere else", () => {
    expect(parse("model: {path: org/m}\ntrain: {learning_rate: 1.0e-4}\nlora: {r: 4}\n").run).toMatchObject({
      train: { lr: 1e-4 },
      lora: { rank: 4 },
    });
    expect(faults("model: {path: org/m}\nsave: {learning_rate: 1}\n")[0]).toMatch(
      /:3:8: unknown key save.learning_rate; here it is train.lr/,
    );
  });

  test("on the command line, before what the file says", () => {
    const { run, notes } = parse("model: {path: org/m}\ntrain: {lr: 1.0e-4}\n", ["learning_rate=3e-4", "lora_parameters.rank=2"]);
    expect(run.train.lr).toBe(3e-4);
    expect(run.lora?.rank).toBe(2);
    expect(notes).toEqual(["learning_rate -> train.lr", "lora_parameters.rank -> lora.rank"]);
  });
});

describe("what is refused", () => {
  test("mlx's scale is explained with its numbers, never guessed", () => {
    expect(faults("model: org/m\nlora_parameters: {rank: 8, scale: 20.0}\n")).toEqual([
      "my-run.yaml:3:28: lora_parameters.scale of mlx-lm is alpha / rank itself: lora.alpha is scale x rank; here 20 x 8 = 160",
    ]);
    expect(faults("model: {path: org/m}\nlora: {scale: 20}\n")[0]).toMatch(/lora.scale of mlx-lm is alpha \/ rank itself/);
    expect(faults("model: org/m\n", ["lora_parameters.scale=20"])).toEqual([
      "command line: lora_parameters.scale of mlx-lm is alpha / rank itself: lora.alpha is scale x rank",
    ]);
  });

  test("optimizer and schedule in transformers' words", () => {
    const { run } = parse(`
model: org/m
learning_rate: 1.0e-3
lr_scheduler_type: cosine_with_min_lr
lr_scheduler_kwargs: {num_cycles: 1.5, min_lr: 1.0e-4}
adam_beta1: 0.8
adam_beta2: 0.95
adam_epsilon: 1.0e-6
`);
    expect(run.train).toMatchObject({
      schedule: "cosineWithMinLr",
      scheduleOptions: { cycles: 1.5, minLr: 1e-4 },
      adam: { beta1: 0.8, beta2: 0.95, eps: 1e-6 },
    });
    expect(faults("model: org/m\nlr_scheduler_type: linear\nlr_scheduler_kwargs: {num_cycle: 2}\n")[0]).toMatch(
      /unknown key train\.scheduleOptions\.num_cycle/,
    );
  });

  test("a wrong value stands where it was written, under its name here", () => {
    expect(faults("model: org/m\nlearning_rate: fast\nlr_scheduler_type: magic\n")).toEqual([
      'my-run.yaml:3:1: train.lr must be a number, not "fast"',
      expect.stringMatching(/^my-run.yaml:4:1: train.schedule must be linear or cosine .*, not "magic"$/),
    ]);
  });

  test("twice the same, contradictions, and what has no like here, all at once", () => {
    expect(
      faults("model: org/m\nmax_length: 4\ncutoff_len: 5\nfinetuning_type: full\nlora_rank: 3\nload_in_4bit: true\n"),
    ).toEqual([
      "my-run.yaml:4:1: cutoff_len stands beside max_length: both say data.maxSource",
      "my-run.yaml:6:1: lora_rank is set, but finetuning_type says that there is none",
      expect.stringMatching(/^my-run.yaml:7:1: load_in_4bit is not known here: weights are not quantised here/),
    ]);
  });
});

test("the tree that was given stays as it was, and a prototype is no alias", () => {
  const given = { learning_rate: 1, constructor: 2, lora_parameters: { rank: 1 } };
  const { tree } = resolveAliases(given);
  expect(given.lora_parameters).toEqual({ rank: 1 });
  expect(tree).toEqual({ train: { lr: 1 }, constructor: 2, lora: { rank: 1 } });
});
