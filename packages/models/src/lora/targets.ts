// Which linear layers get an adapter, by PEFT's rules. Pure functions over module paths such as
// "decoder.block.0.layer.1.EncDecAttention.q".

import { listSome, nearest, printable, usageError } from "../errors.js";
import type { WeightSpec } from "../pretrained.js";
import { whyDangerous } from "../tokenizers/regexGuard.js";
import type { LoraConfig } from "./adapterConfig.js";

/** Names that end a path, a regular expression for the whole path, or every linear layer but the output head. */
export type LoraTargets = readonly string[] | string;
export const ALL_LINEAR = "all-linear";

/** A linear layer of the base model, y = W x with W [outFeatures, inFeatures]. */
export interface LinearModule {
  path: string;
  inFeatures: number;
  outFeatures: number;
}

/** The linear layers among a model's weights, in their order (which is torch's named_modules order). */
export function linearModules(weights: readonly WeightSpec[]): LinearModule[] {
  return weights
    .filter(({ kind }) => kind === "linear")
    .map(({ name, shape }) => ({ path: name.replace(/\.weight$/, ""), outFeatures: shape[0]!, inFeatures: shape[1]! }));
}

/**
 * The modules that `targets` picks, in the order given. A name matches the path itself or its end behind a dot; T5's "q" thus
 * matches self and cross attention. Throws (usage) for a name that matches nothing, or a pattern that does not compile.
 * @param head the output head, which "all-linear" leaves out
 */
export function matchTargets<M extends { path: string }>(targets: LoraTargets, modules: readonly M[], head = "lm_head"): M[] {
  if (targets === ALL_LINEAR) return modules.filter(({ path }) => path !== head);
  if (typeof targets === "string") {
    const pattern = fullMatch(targets, "target_modules");
    const matched = modules.filter(({ path }) => pattern.test(path));
    if (matched.length === 0)
      throw usageError(
        `target_modules: the pattern "${printable(targets)}" matches no linear layer; a path is e.g. ${modules[0]?.path ?? "(there are none)"}`,
      );
    return matched;
  }
  if (targets.length === 0) throw usageError(`target_modules: is empty; expected names of linear layers, or "${ALL_LINEAR}"`);
  const matches = (path: string, target: string) => path === target || path.endsWith(`.${target}`);
  for (const target of targets) {
    if (modules.some(({ path }) => matches(path, target))) continue;
    const endings = [...new Set(modules.map(({ path }) => path.slice(path.lastIndexOf(".") + 1)))];
    const near = nearest(target, endings);
    throw usageError(
      `target_modules: "${printable(target)}" matches no linear layer; there are ${listSome(endings)}${near ? ` (did you mean "${near}"?)` : ""}`,
    );
  }
  return modules.filter(({ path }) => targets.some((target) => matches(path, target)));
}

type TargetConfig = Pick<
  LoraConfig,
  "targetModules" | "excludeModules" | "layersToTransform" | "layersPattern" | "modulesToSave"
>;

/**
 * The modules that get a layer by all of a config's rules (PEFT's check_target_module_exists): its targets, without what is excluded or
 * trained whole, in the layers asked for. Throws (usage) as matchTargets, and where nothing is left.
 */
export function selectTargets<M extends { path: string }>(config: TargetConfig, modules: readonly M[]): M[] {
  const { targetModules, excludeModules, layersToTransform, modulesToSave } = config;
  const left = matchTargets(targetModules, modules).filter(({ path }) => {
    if (excludeModules && isMatch(excludeModules, path, "exclude_modules")) return false;
    if (modulesToSave?.some((name) => new RegExp(`^(?:.*\\.)?${escaped(name)}(?:\\..*)?$`).test(path))) return false;
    // a path named in full is meant, whatever its layer
    if (layersToTransform === null || (Array.isArray(targetModules) && targetModules.includes(path))) return true;
    const layer = layerOf(path, config.layersPattern);
    return layer !== null && [layersToTransform].flat().includes(layer);
  });
  if (left.length === 0) {
    throw usageError(
      "target_modules: nothing is left to adapt after exclude_modules, modules_to_save and layers_to_transform; loosen one of them",
    );
  }
  return left;
}

function isMatch(names: LoraTargets, path: string, field: string): boolean {
  if (typeof names === "string") return fullMatch(names, field).test(path);
  return names.some((name) => path === name || path.endsWith(`.${name}`));
}

/** The number of a path's layer: the first number behind one of `patterns`, or, without any, the first number behind two names. */
function layerOf(path: string, patterns: LoraTargets | null): number | null {
  const before = patterns?.length ? [patterns].flat().map((pattern) => `(?:^|.*?\\.)(?:${pattern})`) : [".*?\\.[^.]*"];
  for (const start of before) {
    const match = anchored(start, "layers_pattern").exec(path);
    if (match) return Number(match[1]);
  }
  return null;
}

function anchored(start: string, field: string): RegExp {
  fullMatch(start, field); // says what is wrong with it
  return new RegExp(`^${start}\\.(\\d+)\\.`);
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Paths are short, so that their patterns may repeat more than those for texts. */
const PATH_PATTERN = { maxLength: 100_000, maxRepeats: 5 };

/** A pattern that must match a whole path, as Python's re.fullmatch. Throws (usage), also for one that might never be done with a path. */
export function fullMatch(pattern: string, field: string): RegExp {
  let compiled: RegExp;
  try {
    compiled = new RegExp(`^(?:${pattern})$`);
  } catch (cause) {
    throw usageError(
      `${field}: "${printable(pattern)}" is not a regular expression: ${printable((cause as Error).message)}`,
      cause,
    );
  }
  const why = whyDangerous(pattern, PATH_PATTERN); // adapters come from whoever wrote them
  if (why) throw usageError(`${field}: "${printable(pattern)}" ${why}: it could take years to match; write it simpler`);
  return compiled;
}
