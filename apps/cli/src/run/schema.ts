// What a run's YAML may say. Unknown keys are refused everywhere: a misspelt option that is silently ignored costs a night.
import { SCHEDULE_KINDS } from "@attune/tuning";
import { z } from "zod";
import { MODEL_CONFIG_KEYS } from "./modelConfigKeys.js";

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
  }),
);

const format = z.string().min(1).default("auto");

const data = z.strictObject({
  /** JSONL, JSON, CSV, TSV, Parquet or text, packed (.gz) or not. */
  train: file.optional(),
  validation: file.nullable().default(null),
  /** What the rows are: auto tells it from the file, rows takes them as they are. */
  format,
  /** Where left out, the format's own; with prompt and completion the rows are taken as they are. */
  template: template.optional(),
  encoding: z.enum(["utf-8", "latin1", "auto"]).optional(),
  /** Of text files: what a row is. */
  unit: z.enum(["line", "paragraph"]).optional(),
  /** skip: at most 1 % of the rows. */
  onBadRow: z.enum(["refuse", "skip"]).default("refuse"),
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
  /** Several sets instead of train. */
  mixture: z
    .array(
      z.strictObject({
        train: file,
        name: z.string().min(1).optional(),
        format,
        template: template.optional(),
        weight: z.number().min(0).optional(),
      }),
    )
    .min(1)
    .optional(),
  mixing: z
    .strictObject({
      kind: z.enum(["fixed", "proportional", "temperature"]).default("fixed"),
      temperature: z.number().gt(0).default(1),
      /** Rows that a larger set counts as. */
      cap: count.nullable().default(null),
      stop: z.enum(["first_exhausted", "all_exhausted"]).default("first_exhausted"),
      seed: z.int().min(0).max(0xffffffff).default(42),
    })
    .prefault({}),
  maxSource: count.max(65_536).default(256),
  maxTarget: count.max(65_536).default(64),
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
  schedule: z.enum(SCHEDULE_KINDS).default("cosine"),
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
  seed: z.int().min(0).max(0xffffffff).default(42),
  logEvery: count.default(10),
  precision: z.literal("f32").default("f32"),
  /** How weights that are not trained are kept; null: as their file has them. */
  frozenStorage: z.enum(["f32", "bf16", "f16"]).nullable().default(null),
});

const evaluation = z.strictObject({
  rows: count.default(100),
  maxNewTokens: count.max(65_536).default(64),
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
    out: file.optional(),
  })
  .superRefine(refuseContradictions);

// Each of these is a valid value beside another valid value; all that contradict are named together.
function refuseContradictions(run: z.output<typeof bare>, context: z.RefinementCtx): void {
  const refuse = (path: string, message: string) => context.addIssue({ code: "custom", path: path.split("."), message });
  const { steps, epochs, warmup, frozenStorage } = run.train;
  if (steps !== undefined && epochs !== undefined)
    refuse("train.epochs", "stands beside train.steps: one of the two ends the run");
  if (steps !== undefined && warmup >= 1 && warmup >= steps)
    refuse("train.warmup", `is ${warmup} steps of ${steps}: nothing is left to train`);
  if (frozenStorage !== null && frozenStorage !== "f32" && run.lora === null) {
    refuse("train.frozenStorage", `is ${frozenStorage}, but without lora every weight is trained, in f32`);
  }
  refuseDataContradictions(run.data, run.objective, refuse);
}

function refuseDataContradictions(
  { train, mixture, validation, split, template, mixing }: z.output<typeof data>,
  objective: string,
  refuse: (path: string, message: string) => void,
): void {
  if (train === undefined && mixture === undefined) refuse("data.train", "is missing; name a file, or several in data.mixture");
  if (train !== undefined && mixture !== undefined)
    refuse("data.mixture", "stands beside data.train: one of the two names the rows");
  if (split !== null && validation !== null)
    refuse("data.split", "stands beside data.validation: one of the two is the validation set");
  if (split !== null && mixture !== undefined)
    refuse("data.split", "does not go with data.mixture: name a file in data.validation");
  if (
    mixing.kind === "fixed" &&
    mixture?.some(({ weight }) => weight === undefined) &&
    mixture.some(({ weight }) => weight !== undefined)
  )
    refuse("data.mixture", "has weights for some of its sets only");
  const templates = [template, ...(mixture ?? []).map((set) => set.template)];
  for (const [i, one] of templates.entries()) {
    if (one === undefined) continue;
    const key = i === 0 ? "data.template" : `data.mixture.${i - 1}.template`;
    const fields = (text: string) => /\{[^{}]+\}/.test(text);
    if ((one.name === undefined) === (one.prompt === undefined)) refuse(key, "needs either a name or a prompt, not both");
    const prompts = one.prompt === undefined ? [] : [one.prompt].flat();
    if (!prompts.every(fields)) refuse(`${key}.prompt`, 'names no field of a row, such as "{text}"');
    if (objective === "instruction" && prompts.length > 0 && !fields(one.completion))
      refuse(`${key}.completion`, 'names no field of a row, such as "{summary}"');
  }
}
// Only for its type: the checks above see a run before its last defaults are filled in.
const bare = z.strictObject({ data, lora: lora.nullable(), objective: z.string(), train });

/** As the YAML gives it, checked, and with the plain defaults. */
export type RunInput = z.output<typeof runSchema>;

/** A run with nothing left open: what recipes take. */
export interface Run extends Omit<RunInput, "train" | "data" | "out"> {
  out: string;
  /** Of a mixture, `train` is its first file. */
  data: RunInput["data"] & { train: string };
  train: Omit<RunInput["train"], "lr"> & { lr: number };
}
