// Names that transformers, trl, axolotl, LLaMA-Factory and mlx-lm have for what a run says. They are taken at the top of a run and within
// the group that they lead to, and each is told; what has no like here, or means another thing, is explained and refused.
// Sources: transformers TrainingArguments, peft LoraConfig, trl SFTConfig/ModelConfig, axolotl's and LLaMA-Factory's YAML keys,
// mlx_lm.lora's YAML.

interface Alias {
  to: string;
  /** The value as it is written here; undefined where it says what is so anyway. Default: as it is. */
  value?: (given: unknown) => unknown;
}

const ON = (given: unknown) => given === true;
/** transformers' -1 and axolotl's empty value: not set. */
const COUNT = (given: unknown) => (given === -1 || given === null ? undefined : given);
const named = (table: Readonly<Record<string, unknown>>) => (given: unknown) =>
  typeof given === "string" && Object.hasOwn(table, given) ? structuredClone(table[given]) : given;

const SCHEDULE = named({
  constant_with_warmup: "constant",
  cosine_with_restarts: "cosineWithRestarts",
  cosine_with_min_lr: "cosineWithMinLr",
  cosine_warmup_with_min_lr: "cosineWarmupWithMinLr",
  inverse_sqrt: "inverseSqrt",
  warmup_stable_decay: "warmupStableDecay",
  reduce_lr_on_plateau: "reduceLrOnPlateau",
  cosine_decay: "cosine",
  linear_schedule: "linear",
});
const OPTIMIZER = named({
  adamw_torch: "adamw",
  adamw_torch_fused: "adamw",
  adamw_hf: "adamw",
  adamw_bnb_8bit: "adamw",
});
/** What transformers' schedules take by name. */
const SCHEDULE_KEYS: Readonly<Record<string, string>> = {
  num_cycles: "cycles",
  min_lr: "minLr",
  min_lr_rate: "minLrRatio",
  min_lr_ratio: "minLrRatio",
  warmup_lr_rate: "warmupLrRatio",
  lr_end: "lrEnd",
  num_decay_steps: "decaySteps",
  warmup_type: "warmupType",
  decay_type: "decayType",
  threshold_mode: "thresholdMode",
  max_lr: "maxLr",
  window_size: "windowSize",
  reset_start: "resetStart",
};
const SCHEDULE_GROUP = (given: unknown) =>
  isTree(given) ? Object.fromEntries(Object.entries(given).map(([key, value]) => [SCHEDULE_KEYS[key] ?? key, value])) : given;
/** false and axolotl's empty value say nothing: the other one may be set. */
const half = (name: string) => (given: unknown) =>
  given === true || given === "auto" ? name : given === false || given === null ? undefined : given;
const TARGETS = named({ all: "all-linear" });
const METHOD = named({ lora: {}, dora: { dora: true }, full: null, none: null, "": null });

const to = (key: string, value?: Alias["value"]): Alias => ({ to: key, ...(value ? { value } : {}) });

export const ALIASES: Readonly<Record<string, Alias>> = {
  // what is trained
  model: to("model.path", (given) => given), // a name where a group of keys stands otherwise
  model_name_or_path: to("model.path"),
  base_model: to("model.path"),
  model_name: to("model.path"),
  train_file: to("data.train"),
  validation_file: to("data.validation"),
  val_file: to("data.validation"),
  val_size: to("data.split.validation"),
  val_set_size: to("data.split.validation"),
  max_source_length: to("data.maxSource"),
  max_prompt_length: to("data.maxSource"),
  max_length: to("data.maxSource"),
  max_seq_length: to("data.maxSource"),
  cutoff_len: to("data.maxSource"),
  sequence_len: to("data.maxSource"),
  max_target_length: to("data.maxTarget"),
  max_completion_length: to("data.maxTarget"),
  max_train_samples: to("data.limit"),
  max_samples: to("data.limit"),
  output_dir: to("out"),
  adapter_path: to("out"),
  run_name: to("name"),
  // LoRA
  finetuning_type: to("lora", METHOD),
  fine_tune_type: to("lora", METHOD),
  adapter: to("lora", METHOD),
  use_peft: to("lora", (given) => (given === true ? {} : given === false ? null : given)),
  r: to("lora.rank"),
  lora_r: to("lora.rank"),
  lora_rank: to("lora.rank"),
  "lora_parameters.rank": to("lora.rank"),
  lora_alpha: to("lora.alpha"),
  "lora_parameters.alpha": to("lora.alpha"),
  lora_dropout: to("lora.dropout"),
  "lora_parameters.dropout": to("lora.dropout"),
  target_modules: to("lora.targets"),
  lora_target_modules: to("lora.targets"),
  lora_target: to("lora.targets", TARGETS),
  lora_target_linear: to("lora.targets", (given) => (given === true ? "all-linear" : undefined)),
  use_rslora: to("lora.rslora"),
  lora_use_rslora: to("lora.rslora"),
  peft_use_rslora: to("lora.rslora"),
  use_dora: to("lora.dora"),
  lora_use_dora: to("lora.dora"),
  peft_use_dora: to("lora.dora"),
  lora_bias: to("lora.bias"),
  modules_to_save: to("lora.modulesToSave"),
  lora_modules_to_save: to("lora.modulesToSave"),
  // the loop
  learning_rate: to("train.lr"),
  num_train_epochs: to("train.epochs"),
  num_epochs: to("train.epochs"),
  max_steps: to("train.steps", COUNT),
  iters: to("train.steps"),
  batch_size: to("train.batch"),
  micro_batch_size: to("train.batch"),
  per_device_train_batch_size: to("train.batch"),
  gradient_accumulation_steps: to("train.accumulate"),
  grad_accumulation_steps: to("train.accumulate"),
  lr_scheduler_type: to("train.schedule", SCHEDULE),
  lr_scheduler: to("train.schedule", SCHEDULE),
  lr_scheduler_kwargs: to("train.scheduleOptions", SCHEDULE_GROUP),
  cosine_min_lr_ratio: to("train.scheduleOptions.minLrRatio"),
  adam_beta1: to("train.adam.beta1"),
  adam_beta2: to("train.adam.beta2"),
  adam_epsilon: to("train.adam.eps"),
  scale_parameter: to("train.adafactor.scaleParameter"),
  relative_step: to("train.adafactor.relativeStep"),
  warmup_init: to("train.adafactor.warmupInit"),
  warmup_ratio: to("train.warmup"),
  warmup_steps: to("train.warmup"),
  weight_decay: to("train.weightDecay"),
  max_grad_norm: to("train.clipNorm", (given) => (given === 0 ? null : given)),
  bf16: to("train.precision", half("bf16")),
  fp16: to("train.precision", half("f16")),
  optim: to("train.optimizer", OPTIMIZER),
  optimizer: to("train.optimizer", OPTIMIZER),
  label_smoothing_factor: to("train.labelSmoothing"),
  gradient_checkpointing: to("train.gradientCheckpointing", ON),
  grad_checkpoint: to("train.gradientCheckpointing", ON),
  packing: to("data.packing"),
  sample_packing: to("data.packing"),
  seed: to("train.seed"),
  logging_steps: to("train.logEvery"),
  steps_per_report: to("train.logEvery"),
  // evaluation and saving
  per_device_eval_batch_size: to("eval.batch"),
  eval_batch_size: to("eval.batch"),
  max_eval_samples: to("eval.rows"),
  max_new_tokens: to("eval.maxNewTokens"),
  no_repeat_ngram_size: to("eval.noRepeatNgramSize"),
  repetition_penalty: to("eval.repetitionPenalty"),
  num_beams: to("eval.beams"),
  generation_num_beams: to("eval.beams"),
  eval_steps: to("eval.every"),
  steps_per_eval: to("eval.every"),
  eval_on_start: to("eval.first", ON),
  load_best_model_at_end: to("eval.best", (given) => (given === false ? null : undefined)),
  metric_for_best_model: to("eval.best", (given) => (typeof given === "string" ? given.replace(/^eval_/, "") : given)),
  early_stopping_patience: to("train.earlyStopping.patience"),
  early_stopping_threshold: to("train.earlyStopping.minDelta"),
  predict_with_generate: to("eval.generate"),
  save_steps: to("save.every"),
  save_every: to("save.every"),
  save_total_limit: to("save.keep", COUNT),
};

/** Keys that are known, but not taken: what to do instead. */
export const EXPLAINED: Readonly<Record<string, string>> = {
  tf32: "arithmetic is in f32 here; leave it out",
  load_in_4bit: "weights are not quantised here; train.frozenStorage: bf16 halves the memory of frozen weights",
  load_in_8bit: "weights are not quantised here; train.frozenStorage: bf16 halves the memory of frozen weights",
  quantization_bit: "weights are not quantised here; train.frozenStorage: bf16 halves the memory of frozen weights",
  group_by_length: "rows of about the same length always share a batch here; leave it out",
  report_to:
    "every number is in the run's folder, in metrics.jsonl and for TensorBoard in tensorboard/ (log.tensorboard); leave it out",
  plot_loss: "curves are in the page of attune report RUNDIR; leave it out",
  resume_from_checkpoint: "to go on with a run: attune resume RUNDIR",
  resume_adapter_file: "to go on with a run: attune resume RUNDIR",
  overwrite_output_dir: "to replace a run: attune train RUN.yaml --overwrite",
  push_to_hub: "to publish what a run made: attune push RUNDIR ORG/NAME",
  hub_model_id: "to publish what a run made: attune push RUNDIR ORG/NAME",
  hub_token: "the token comes from HF_TOKEN, or the file that hf auth login writes, and never from a run",
  datasets: "one file is data.train, several are data.mixture",
  dataset: "one file is data.train, several are data.mixture",
  dataset_name: "one file is data.train, several are data.mixture",
  train_on_inputs: "only completions are learnt, as attune data preview shows; leave it out",
  mask_prompt: "only completions are learnt, as attune data preview shows; leave it out",
  completion_only_loss: "only completions are learnt, as attune data preview shows; leave it out",
  do_train: "attune train trains; leave it out",
  do_eval: "what is in data.validation is evaluated; leave it out",
  num_layers: "LoRA goes into every layer; lora.targets takes a pattern of whole paths",
  lora_layers: "LoRA goes into every layer; lora.targets takes a pattern of whole paths",
  scale: "of mlx-lm is alpha / rank itself: lora.alpha is scale x rank",
  "lora_parameters.scale": "of mlx-lm is alpha / rank itself: lora.alpha is scale x rank",
  "lora_parameters.keys": "of mlx-lm are paths of its own modules: name layers as the model's files do, in lora.targets",
};

type Tree = Record<string, unknown>;

export interface ResolvedAliases {
  /** A copy with the names of this schema. */
  tree: Tree;
  /** Dotted names as they were given, and as they are here. */
  moved: { from: string; to: string }[];
  /** What is refused: a dotted name as given, and why. */
  faults: { from: string; message: string }[];
}

/** Renames what is known by another name. A name that is no alias stays for the schema to refuse. */
export function resolveAliases(given: Tree): ResolvedAliases {
  const tree = structuredClone(given);
  const resolved: ResolvedAliases = { tree, moved: [], faults: [] };
  for (const [from, parent, key] of entriesOf(tree)) {
    const alias = aliasAt(from, key, parent[key]);
    const why = alias ? undefined : explanation(from, key, tree);
    if (!alias && why === undefined) continue;
    const value = parent[key];
    delete parent[key];
    if (why !== undefined) resolved.faults.push({ from, message: why });
    else put(resolved, from, alias!, value);
  }
  // a group that held nothing else is gone with what was in it
  if (isTree(tree.lora_parameters) && Object.keys(tree.lora_parameters).length === 0) delete tree.lora_parameters;
  return resolved;
}

/** Keys at the top, and of groups at the top, with where they stand. */
function entriesOf(tree: Tree): [from: string, parent: Tree, key: string][] {
  return Object.entries(tree).flatMap(([key, value]): [string, Tree, string][] => [
    [key, tree, key],
    ...(isTree(value) ? Object.keys(value).map((inner): [string, Tree, string] => [`${key}.${inner}`, value, inner]) : []),
  ]);
}

function aliasAt(from: string, key: string, value: unknown): Alias | undefined {
  if (from === "model") return typeof value === "string" ? ALIASES.model : undefined;
  if (Object.hasOwn(ALIASES, from)) return ALIASES[from];
  if (key === "model" || from === key || !Object.hasOwn(ALIASES, key)) return undefined;
  const alias = ALIASES[key]!;
  // train.learning_rate is meant well; data.learning_rate is not. What has this name here already is no alias (train.seed).
  return alias.to !== from && alias.to.startsWith(`${from.slice(0, from.indexOf("."))}.`) ? alias : undefined;
}

function explanation(from: string, key: string, tree: Tree): string | undefined {
  const isInLora = /^(?:lora|lora_parameters)\./.test(from);
  const name = Object.hasOwn(EXPLAINED, from) ? from : from.startsWith("train.") || isInLora ? key : "";
  if (!Object.hasOwn(EXPLAINED, name)) return undefined;
  const text = EXPLAINED[name]!;
  if (!text.startsWith("of ")) return `is not known here: ${text}`;
  return name.endsWith("scale") ? text + product(from, tree) : text;
}

/** "; here 20 x 8 = 160", where both are given. */
function product(from: string, tree: Tree): string {
  const at = (dotted: string): unknown =>
    dotted.split(".").reduce<unknown>((node, key) => (isTree(node) ? node[key] : undefined), tree);
  const ranks = ["lora.rank", "lora_parameters.rank", "lora_rank", "lora_r", "r"].map(at);
  const [scale, rank] = [at(from), ranks.find((one) => typeof one === "number")];
  return typeof scale === "number" && typeof rank === "number" ? `; here ${scale} x ${rank} = ${scale * rank}` : "";
}

function put({ tree, moved, faults }: ResolvedAliases, from: string, alias: Alias, given: unknown): void {
  const value = alias.value ? alias.value(given) : given;
  if (value === undefined) return;
  const keys = alias.to.split(".");
  let node = tree;
  for (const key of keys.slice(0, -1)) {
    const next = node[key];
    if (next === null) {
      faults.push({ from, message: `is set, but ${moved.find((one) => one.to === key)?.from ?? key} says that there is none` });
      return;
    }
    if (next !== undefined && !isTree(next)) return; // the schema will say what is wrong with it
    node[key] ??= {};
    node = node[key] as Tree;
  }
  const last = keys.at(-1)!;
  const before = node[last];
  if (isTree(before) && isTree(value)) node[last] = { ...value, ...before };
  else if (before !== undefined && alias.to === "lora")
    faults.push({ from, message: `is ${JSON.stringify(given)}, but other keys ask for ${before === null ? "none" : "LoRA"}` });
  else if (before !== undefined) {
    const other = moved.find((one) => one.to === alias.to)?.from ?? alias.to;
    faults.push({ from, message: `stands beside ${other}: both say ${alias.to}` });
    return;
  } else node[last] = value;
  moved.push({ from, to: alias.to });
}

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);
