// Which linear layers get an adapter, by PEFT's rules. Pure functions over module paths such as
// "decoder.block.0.layer.1.EncDecAttention.q".

import { listSome, nearest, printable, usageError } from "../errors.js";
import type { WeightSpec } from "../pretrained.js";

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

/** A pattern that must match a whole path, as Python's re.fullmatch. Throws (usage). */
export function fullMatch(pattern: string, field: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch (cause) {
    throw usageError(
      `${field}: "${printable(pattern)}" is not a regular expression: ${printable((cause as Error).message)}`,
      cause,
    );
  }
}
