// adapter_config.json in PEFT's form. Read: what PEFT 0.5 to 0.21 writes, as far as this project computes the same.
// Written: only the fields that old versions of PEFT know, since they refuse others.

import { dataError, printable } from "../errors.js";
import { ALL_LINEAR, fullMatch, type LoraTargets } from "./targets.js";

export type LoraBias = "none" | "all" | "lora_only";
export type LoraInitialization = "default" | "gaussian" | "none";

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
  /** Names or a pattern as for targetModules: what they match gets no layer. */
  excludeModules: LoraTargets | null;
  /** Only layers of these numbers; with names as targets alone. */
  layersToTransform: readonly number[] | number | null;
  /** Path parts before a layer's number, such as "layers" or "block"; null: whatever stands before the first number of a path. */
  layersPattern: LoraTargets | null;
  /** Modules trained whole, as copies beside the frozen ones: path endings. */
  modulesToSave: readonly string[] | null;
  /** Biases that are trained as well: none, every one, or those of adapted layers. */
  bias: LoraBias;
  /** How A and B begin: A random and B zero (uniform as PEFT's default, or normal), or both random (PEFT's false). */
  initialization: LoraInitialization;
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
  excludeModules: null,
  layersToTransform: null,
  layersPattern: null,
  modulesToSave: null,
  bias: "none",
  initialization: "default",
};

/** Fields that change what is computed in ways this project does not: anything but null, false or empty is refused. */
const UNSUPPORTED = [
  "alora_invocation_tokens",
  "arrow_config",
  "fan_in_fan_out",
  "layer_replication",
  "lora_bias",
  "megatron_config",
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
  expect(["none", "all", "lora_only", undefined].includes(json.bias as string), "bias", '"none", "all" or "lora_only"');
  const initialization = INITIALIZATIONS.find(([, value]) => value === (json.init_lora_weights ?? true))?.[0];
  expect(initialization !== undefined, "init_lora_weights", 'true, false or "gaussian" (others change the base weights)');
  const isRank = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
  const isScale = (value: unknown) => typeof value === "number" && Number.isFinite(value) && value > 0;
  const { layers_to_transform: layers } = json;
  const config: LoraConfig = {
    rank: (json.r ?? LORA_DEFAULTS.rank) as number,
    alpha: (json.lora_alpha ?? LORA_DEFAULTS.alpha) as number,
    dropout: (json.lora_dropout ?? 0) as number,
    targetModules: json.target_modules as LoraTargets,
    useRslora: json.use_rslora === true,
    useDora: json.use_dora === true,
    rankPattern: readPattern(json.rank_pattern, "rank_pattern", isRank, problems),
    alphaPattern: readPattern(json.alpha_pattern, "alpha_pattern", isScale, problems),
    excludeModules: isNames(json.exclude_modules) || isPattern(json.exclude_modules) ? json.exclude_modules : null,
    layersToTransform: (layers as number[] | number | null | undefined) ?? null,
    layersPattern: isNames(json.layers_pattern) || isPattern(json.layers_pattern) ? json.layers_pattern : null,
    modulesToSave: isNames(json.modules_to_save) ? json.modules_to_save : null,
    bias: (json.bias ?? "none") as LoraBias,
    initialization: initialization ?? "default",
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
  expect(isNames(json.target_modules) || isPattern(json.target_modules), "target_modules", "a list of names, or a pattern");
  const isEmpty = (value: unknown) =>
    value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
  for (const field of ["exclude_modules", "layers_pattern", "modules_to_save"] as const) {
    const isRight = isNames(json[field]) || (field !== "modules_to_save" && isPattern(json[field]));
    expect(
      isEmpty(json[field]) || isRight,
      field,
      field === "modules_to_save" ? "a list of names" : "a list of names, or a pattern",
    );
  }
  const isLayer = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  expect(
    isEmpty(layers) || isLayer(layers) || (Array.isArray(layers) && layers.every(isLayer)),
    "layers_to_transform",
    "numbers of layers, from 0",
  );
  if (Array.isArray(layers) && layers.length === 0) config.layersToTransform = null;
  if (config.layersToTransform !== null && !Array.isArray(config.targetModules))
    problems.push("layers_to_transform goes with a list of target_modules, not with a pattern");
  if (config.layersPattern && config.layersToTransform === null)
    problems.push("layers_pattern goes with layers_to_transform, which is not set");
  if (problems.length) throw dataError(`${where}: ${problems.join("; ")}`);
  return config;
}

const INITIALIZATIONS: readonly (readonly [LoraInitialization, boolean | string])[] = [
  ["default", true],
  ["none", false],
  ["gaussian", "gaussian"],
];

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string" && name !== "");
}

function isPattern(value: unknown): value is string {
  return typeof value === "string" && value !== "";
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
    bias: config.bias,
    // unknown to PEFT before 0.14: written only where it says something
    ...(config.excludeModules ? { exclude_modules: config.excludeModules } : {}),
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: INITIALIZATIONS.find(([name]) => name === config.initialization)![1],
    layers_pattern: config.layersPattern,
    layers_to_transform: config.layersToTransform,
    lora_alpha: config.alpha,
    lora_dropout: config.dropout,
    modules_to_save: config.modulesToSave,
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
