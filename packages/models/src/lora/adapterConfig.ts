// adapter_config.json in PEFT's form. Read: what PEFT 0.5 to 0.21 writes, as far as this project computes the same.
// Written: only the fields that old versions of PEFT know, since they refuse others.

import { dataError, printable } from "../errors.js";
import { ALL_LINEAR, fullMatch, type LoraTargets } from "./targets.js";

export interface LoraConfig {
  rank: number;
  alpha: number;
  /** Probability of dropping an input of A while training. */
  dropout: number;
  targetModules: LoraTargets;
  /** Scale alpha / sqrt(rank) in place of alpha / rank (Kalajdzievski 2023). */
  useRslora: boolean;
  /** Weight decomposition (Liu et al. 2024): a magnitude vector for each output. */
  useDora: boolean;
  /** Path endings (regular expressions) -> rank or alpha of their modules. */
  rankPattern: Readonly<Record<string, number>>;
  alphaPattern: Readonly<Record<string, number>>;
  /** Where the base model came from. */
  baseModel?: string;
  /**
   * PEFT's "SEQ_2_SEQ_LM" or "CAUSAL_LM"; undefined writes null. With SEQ_2_SEQ_LM PEFT 0.21 crashes on transformers 5, whose models
   * lack a method that it wants to wrap; without, and with baseClass, all of its ways to load an adapter work.
   */
  taskType?: string;
  /** The class of the base model in Python, for PEFT's AutoPeftModel. */
  baseClass?: { name: string; library: string };
}

/** PEFT's defaults; targets are T5's. */
export const LORA_DEFAULTS: Readonly<LoraConfig> = {
  rank: 8,
  alpha: 8,
  dropout: 0,
  targetModules: ["q", "v"],
  useRslora: false,
  useDora: false,
  rankPattern: {},
  alphaPattern: {},
};

/** Fields that change what is computed in ways this project does not: anything but null, false or empty is refused. */
const UNSUPPORTED = [
  "alora_invocation_tokens",
  "arrow_config",
  "exclude_modules",
  "layer_replication",
  "layers_pattern",
  "layers_to_transform",
  "lora_bias",
  "megatron_config",
  "modules_to_save",
  "monteclora_config",
  "target_parameters",
  "trainable_token_indices",
  "kasa_config",
  "use_bdlora",
  "use_qalora",
  "velora_config",
] as const;

/** A LoraConfig from a parsed adapter_config.json. Throws (data) naming every wrong field at once. */
export function readAdapterConfig(json: Readonly<Record<string, unknown>>, where = "adapter_config.json"): LoraConfig {
  const problems: string[] = [];
  const show = (value: unknown) => printable(String(JSON.stringify(value)));
  const expect = (isRight: boolean, field: string, expected: string) => {
    if (!isRight) problems.push(`${field} is ${show(json[field])}, expected ${expected}`);
  };
  if (json.peft_type !== "LORA") throw dataError(`${where}: peft_type is ${show(json.peft_type)}, expected "LORA"`);
  for (const field of UNSUPPORTED) {
    const value = json[field];
    const isEmpty =
      value === undefined || value === null || value === false || (typeof value === "object" && Object.keys(value).length === 0);
    if (!isEmpty) problems.push(`${field} is ${show(value)}, which is not supported`);
  }
  expect(["none", undefined].includes(json.bias as string), "bias", '"none"');
  expect(
    [true, false, "gaussian", undefined].includes(json.init_lora_weights as boolean),
    "init_lora_weights",
    'true, false or "gaussian" (others change the base weights)',
  );
  const isRank = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
  const isScale = (value: unknown) => typeof value === "number" && Number.isFinite(value) && value > 0;
  const config: LoraConfig = {
    rank: (json.r ?? LORA_DEFAULTS.rank) as number,
    alpha: (json.lora_alpha ?? LORA_DEFAULTS.alpha) as number,
    dropout: (json.lora_dropout ?? 0) as number,
    targetModules: json.target_modules as LoraTargets,
    useRslora: json.use_rslora === true,
    useDora: json.use_dora === true,
    rankPattern: readPattern(json.rank_pattern, "rank_pattern", isRank, problems),
    alphaPattern: readPattern(json.alpha_pattern, "alpha_pattern", isScale, problems),
    ...(typeof json.base_model_name_or_path === "string" ? { baseModel: json.base_model_name_or_path } : {}),
    ...(typeof json.task_type === "string" ? { taskType: json.task_type } : {}),
    ...readBaseClass(json.auto_mapping),
  };
  expect(isRank(config.rank), "r", "a whole number above 0");
  expect(isScale(config.alpha), "lora_alpha", "a number above 0");
  expect(
    typeof config.dropout === "number" && config.dropout >= 0 && config.dropout < 1,
    "lora_dropout",
    "at least 0 and below 1",
  );
  const targets = config.targetModules;
  const isList = Array.isArray(targets) && targets.length > 0 && targets.every((name) => typeof name === "string");
  expect(isList || (typeof targets === "string" && targets !== ""), "target_modules", "a list of names, or a pattern");
  if (problems.length) throw dataError(`${where}: ${problems.join("; ")}`);
  return config;
}

/** Information for others alone: whatever is not as PEFT writes it is left out. */
function readBaseClass(value: unknown): Pick<LoraConfig, "baseClass"> {
  const { base_model_class: name, parent_library: library } = (value ?? {}) as Record<string, unknown>;
  return typeof name === "string" && typeof library === "string" ? { baseClass: { name, library } } : {};
}

function readPattern(
  value: unknown,
  field: string,
  isValid: (v: unknown) => boolean,
  problems: string[],
): Record<string, number> {
  if (value === undefined || value === null) return {};
  if (typeof value === "object" && !Array.isArray(value) && Object.values(value).every(isValid))
    return value as Record<string, number>;
  problems.push(`${field} is ${printable(String(JSON.stringify(value)))}, expected path endings with numbers above 0`);
  return {};
}

/** adapter_config.json's content: PEFT's core fields, keys in order. */
export function writeAdapterConfig(config: LoraConfig): Record<string, unknown> {
  const { targetModules } = config;
  return {
    alpha_pattern: config.alphaPattern,
    auto_mapping: config.baseClass ? { base_model_class: config.baseClass.name, parent_library: config.baseClass.library } : null,
    base_model_name_or_path: config.baseModel ?? null,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    lora_alpha: config.alpha,
    lora_dropout: config.dropout,
    modules_to_save: null,
    peft_type: "LORA",
    r: config.rank,
    rank_pattern: config.rankPattern,
    revision: null,
    // the word "all-linear" is unknown to PEFT before 0.8: writers give the names (see adapterTargets)
    target_modules: typeof targetModules === "string" ? targetModules : [...targetModules],
    task_type: config.taskType ?? null,
    use_dora: config.useDora,
    use_rslora: config.useRslora,
  };
}

/** The targets to write for the modules that are adapted: "all-linear" becomes the endings of their paths, sorted. */
export function adapterTargets(targets: LoraTargets, paths: readonly string[]): LoraTargets {
  if (targets !== ALL_LINEAR) return targets;
  return [...new Set(paths.map((path) => path.slice(path.lastIndexOf(".") + 1)))].sort();
}

/** Rank and scale (the factor of B A x) of one module: the patterns first, else the config's own. */
export function adapterScale(config: LoraConfig, path: string): { rank: number; alpha: number; scale: number } {
  const rank = fromPattern(config.rankPattern, path, "rank_pattern") ?? config.rank;
  const alpha = fromPattern(config.alphaPattern, path, "alpha_pattern") ?? config.alpha;
  return { rank, alpha, scale: alpha / (config.useRslora ? Math.sqrt(rank) : rank) };
}

function fromPattern(pattern: Readonly<Record<string, number>>, path: string, field: string): number | undefined {
  const key = Object.keys(pattern).find((ending) => fullMatch(`(?:.*\\.)?(?:${ending})`, field).test(path));
  return key === undefined ? undefined : pattern[key];
}
