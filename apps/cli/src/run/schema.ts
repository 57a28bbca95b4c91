// What a run's YAML may say. Unknown keys are refused everywhere: a misspelt option that is silently ignored costs a night.
import { MIXTURE_STOPS } from "@attune/tuning";
import { z } from "zod";
import { refuseContradictions } from "./contradictions.js";
import { MODEL_CONFIG_KEYS } from "./modelConfigKeys.js";
import { adafactor, adam, schedule, scheduleOptions, skipNonFinite } from "./optimization.js";
import { rowSource } from "./rowSource.js";

const count = z.int().min(1);
const fraction = z.number().min(0).lt(1);
const file = z.string().min(1);

const model = z
  .strictObject({
    /** A Hugging Face folder: config.json, model.safetensors, tokenizer.json. */
    path: file.optional(),
    /** Or a new model with random weights. */
    init: z
      .strictObject({
        /** The fields of a config.json, in Hugging Face's names. */
        config: z.record(z.string(), z.json()),
        /** A folder with tokenizer.json. */
        tokenizer: file,
        seed: z.int().min(0).max(0xffffffff).default(17),
      })
      .optional(),
  })
  .superRefine((value, context) => {
    if ((value.path === undefined) === (value.init === undefined)) {
      context.addIssue({ code: "custom", message: "needs either path (a model folder) or init (a new model), not both" });
    }
    const config = value.init?.config;
    if (!config) return;
    const type = config.model_type ?? "t5";
    const known = typeof type === "string" ? MODEL_CONFIG_KEYS[type] : undefined;
    if (!known) {
      const types = Object.keys(MODEL_CONFIG_KEYS).join(" or ");
      context.addIssue({
        code: "custom",
        path: ["init", "config", "model_type"],
        message: `must be ${types}, not ${JSON.stringify(type)}`,
      });
      return;
    }
    const keys = Object.keys(config).filter((key) => !known.includes(key));
    if (keys.length > 0) context.addIssue({ code: "unrecognized_keys", keys, path: ["init", "config"], input: config });
  });

/** A template's name alone, or its parts. */
const template = z.preprocess(
  (value) => (typeof value === "string" ? { name: value } : value),
  z.strictObject({
    /** One of the templates that attune has: alpaca, instruction, flan, chainOfThought, chat, ... */
    name: z.string().min(1).optional(),
    /** Fields of a row in braces: "summarize: {dialogue}". Of several, each row takes one by the seed. */
    prompt: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
    completion: z.string().default(""),
    /** What stands in front of the final answer within a completion: answers are judged by what follows it. */
    answerAfter: z.string().min(1).optional(),
  }),
);

const format = z.string().min(1).default("auto");

const data = z.strictObject({
  /** JSONL, JSON, CSV, TSV, Parquet or text, packed (.gz) or not; or hub:ORG/NAME. */
  train: rowSource("train").optional(),
  validation: rowSource("validation").nullable().default(null),
  /** What the rows are: auto tells it from the file, rows takes them as they are. */
  format,
  /** Where left out, the format's own; with prompt and completion the rows are taken as they are. */
  template: template.optional(),
  encoding: z.enum(["utf-8", "latin1", "auto"]).optional(),
  /** Of text files: what a row is. */
  unit: z.enum(["line", "paragraph"]).optional(),
  /** skip: at most 1 % of the rows. */
  onBadRow: z.enum(["refuse", "skip"]).default("refuse"),
  /** Bytes that are not UTF-8, halves of surrogate pairs: refused, or replaced by U+FFFD. */
  onBadText: z.enum(["refuse", "replace"]).default("refuse"),
  /** Longest line (JSON: element, CSV: record); a longer one means that the file is something else. */
  maxLineBytes: count.max(2 ** 28).default(2 ** 24),
  /** Texts for {{name}} and other placeholders within the rows. */
  fill: z.record(z.string(), z.string()).optional(),
  /** Fields whose special tokens stay tokens; in all others </s> and the like are text. */
  trustedFields: z.array(z.string().min(1)).default([]),
  /** A part of train for validation, where there is no file of its own. */
  split: z
    .strictObject({
      validation: fraction.gt(0),
      seed: z.int().min(0).max(0xffffffff).default(42),
      /** A field whose values are shared out alike. */
      stratify: z.string().min(1).nullable().default(null),
      /** A field whose equal values stay on one side; null: what the format keeps together. */
      group: z.string().min(1).nullable().default(null),
    })
    .nullable()
    .default(null),
  /** Solved examples in front of each prompt. */
  fewShot: z
    .strictObject({
      count: count.max(64),
      label: z.string().min(1).nullable().default(null),
      separator: z.string().default("\n\n"),
    })
    .nullable()
    .default(null),
  /** Classes that are to count alike: by "label", "task" or a field of the rows. */
  balance: z
    .strictObject({
      by: z.string().min(1),
      /** oversample: rows of smaller classes repeat; undersample: rows of larger ones are left out. */
      how: z.enum(["oversample", "undersample"]).default("oversample"),
    })
    .nullable()
    .default(null),
  /** Further versions of a row that mean the same: epoch e learns version e, from the first on again after the last. */
  augment: z
    .strictObject({
      /** Another phrasing of the template's. */
      phrasings: z.boolean().default(false),
      /** Speakers of a dialogue change places or names, in the answer too. */
      speakers: z.boolean().default(false),
      /** Listed options in another order, other solved examples. */
      order: z.boolean().default(false),
      /** The row itself is the first. */
      versions: z.int().min(2).max(64).default(4),
    })
    .nullable()
    .default(null),
  /** Several sets instead of train. */
  mixture: z
    .array(
      z.strictObject({
        train: rowSource("train"),
        /** The set's own; its examples bear the set's name, so that it is evaluated by itself. */
        validation: rowSource("validation").optional(),
        name: z.string().min(1).optional(),
        format,
        template: template.optional(),
        weight: z.number().min(0).optional(),
        /** What its answers are judged by, in place of eval.metric. */
        metric: z.string().min(1).optional(),
      }),
    )
    .min(1)
    .optional(),
  mixing: z
    .strictObject({
      kind: z.enum(["fixed", "proportional", "temperature", "roundRobin"]).default("fixed"),
      temperature: z.number().gt(0).default(1),
      /** Rows that a larger set counts as. */
      cap: count.nullable().default(null),
      stop: z.enum(MIXTURE_STOPS).default("first_exhausted"),
      seed: z.int().min(0).max(0xffffffff).default(42),
    })
    .prefault({}),
  /** Several sequences in a row of maxSource + maxTarget ids (causalLm: maxSource), each by itself; decoder-only models. */
  packing: z.boolean().default(false),
  maxSource: count.max(65_536).default(256),
  maxTarget: count.max(65_536).default(64),
  /** The side on which a prompt that is too long is cut; null: encoder-decoders lose the end, decoders the start. */
  truncate: z.enum(["start", "end"]).nullable().default(null),
  /** Instructions whose answers never end are refused: the model would not learn to stop. false: train all the same. */
  requireEnd: z.boolean().default(true),
  /** Only the first N rows of train. */
  limit: count.nullable().default(null),
});

const spanCorruption = z.strictObject({
  noiseDensity: z.number().gt(0).lt(1).default(0.15),
  meanSpanLength: z.number().min(1).default(3),
});

const lora = z.strictObject({
  rank: count.max(1024).default(8),
  alpha: z.number().gt(0).default(16),
  dropout: fraction.default(0),
  /** Names of linear layers, a pattern for whole paths, or "all-linear"; where left out q and v, as the model calls them. */
  targets: z.union([z.array(z.string().min(1)).min(1), z.string().min(1)]).optional(),
  rslora: z.boolean().default(false),
  dora: z.boolean().default(false),
  bias: z.enum(["none", "all", "lora_only"]).default("none"),
  /** Modules trained whole beside the adapter. */
  modulesToSave: z.array(z.string().min(1)).min(1).nullable().default(null),
  init: z.enum(["default", "gaussian"]).default("default"),
});

const train = z.strictObject({
  steps: count.optional(),
  epochs: z.number().gt(0).optional(),
  batch: count.max(65_536).default(8),
  /** Micro-batches for one update. */
  accumulate: count.max(65_536).default(1),
  /** Where left out: 1e-3 for LoRA and for a new model, 3e-4 for a whole pre-trained one. */
  lr: z.number().gt(0).max(1).optional(),
  schedule,
  scheduleOptions: scheduleOptions.optional(),
  /** Below 1 a share of all steps, from 1 on a number of steps. */
  warmup: z
    .number()
    .min(0)
    .refine((value) => value < 1 || Number.isInteger(value), "must be a share below 1 or a whole number of steps")
    .default(0.1),
  weightDecay: z.number().min(0).max(1).default(0.01),
  clipNorm: z.number().gt(0).nullable().default(1),
  /** null: as the model's configuration says. */
  dropout: fraction.nullable().default(null),
  /** Less memory, a third more time: blocks are computed again for backward. */
  gradientCheckpointing: z.boolean().default(false),
  /** Of the target that is spread over the vocabulary. */
  labelSmoothing: fraction.default(0),
  optimizer: z.enum(["adamw", "adafactor"]).default("adamw"),
  adam: adam.optional(),
  adafactor: adafactor.optional(),
  skipNonFinite: skipNonFinite.optional(),
  seed: z.int().min(0).max(0xffffffff).default(42),
  logEvery: count.default(10),
  /** bf16, f16: frozen weights that are f32 are kept so; f16 scales the loss, too. What is trained, and the arithmetic, stays f32. */
  precision: z.enum(["f32", "bf16", "f16"]).default("f32"),
  /** Stop when so many evaluations in a row were no better than the best by more than minDelta. */
  earlyStopping: z
    .strictObject({ patience: count.default(3), minDelta: z.number().min(0).default(0) })
    .nullable()
    .default(null),
  /** How weights that are not trained are kept; null: as precision says, and half ones as their file has them. */
  frozenStorage: z.enum(["f32", "bf16", "f16"]).nullable().default(null),
});

const evaluation = z.strictObject({
  /** Updates between evaluations on the way, below 1 a share of the run; null: at the end alone. */
  every: z
    .number()
    .gt(0)
    .refine((value) => value < 1 || Number.isInteger(value), "must be a share below 1 or a whole number of updates")
    .nullable()
    .default(null),
  /** An evaluation before the first update, too: what the model could do untuned. It is never the best one. */
  first: z.boolean().default(false),
  /** What the best evaluation is judged by: loss, or a value of the metric. Where left out, loss if there are several evaluations. */
  best: z.string().min(1).nullable().optional(),
  /** Evaluations on the way answer prompts, too, and judge the answers. */
  generate: z.boolean().default(false),
  /** How a class is chosen: generate reads it from the answer, likelihood takes the label that is most probable behind the prompt. */
  method: z.enum(["generate", "likelihood"]).default("generate"),
  /** The first so many validation rows are answered on the way; at the end all are. */
  generateRows: count.default(16),
  /** Where left out, what the data's format is judged by. */
  metric: z.string().min(1).optional(),
  /** Validation rows. */
  rows: count.default(100),
  maxNewTokens: count.max(65_536).default(64),
  /** No answer has a sequence of so many tokens twice; 0: it may. */
  noRepeatNgramSize: z.int().min(0).max(1024).default(0),
  /** Above 1 makes tokens that were there less likely. */
  repetitionPenalty: z.number().gt(0).default(1),
  batch: count.max(4096).default(16),
  /** Greedy search; more beams are refused rather than ignored. */
  beams: z.literal(1).default(1),
});

const save = z.strictObject({
  /** How a fully trained model is written; adapters are always f32. */
  dtype: z.enum(["f32", "bf16", "f16"]).default("f32"),
  /** Updates between checkpoints; null: only when the run is interrupted. */
  every: count.nullable().default(500),
  /** Checkpoints that stay. */
  keep: count.default(2),
});

const log = z.strictObject({
  /** Numbers for TensorBoard in OUT/tensorboard, beside metrics.jsonl. */
  tensorboard: z.boolean().default(true),
});

export const runSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][\w.-]*$/, "must be made of letters, digits, dot, dash and underscore: it names a folder"),
    model,
    data,
    objective: z.enum(["instruction", "spanCorruption", "causalLm"]).default("instruction"),
    spanCorruption: spanCorruption.prefault({}),
    lora: lora.nullable().default(null),
    train: train.prefault({}),
    eval: evaluation.prefault({}),
    save: save.prefault({}),
    log: log.prefault({}),
    out: file.optional(),
  })
  .superRefine(refuseContradictions);

// Only for its type: contradictions are looked for before a run's last defaults are filled in.
const bare = z.strictObject({ data, lora: lora.nullable(), objective: z.string(), train, eval: evaluation });
export type BareRun = z.output<typeof bare>;

/** As the YAML gives it, checked, and with the plain defaults. */
export type RunInput = z.output<typeof runSchema>;

/** A run with nothing left open: what recipes take. */
export interface Run extends Omit<RunInput, "train" | "data" | "eval" | "out"> {
  out: string;
  /** Of a mixture, `train` is its first file. */
  data: RunInput["data"] & { train: string };
  train: Omit<RunInput["train"], "lr"> & { lr: number };
  eval: Omit<RunInput["eval"], "best"> & { best: string | null };
}
