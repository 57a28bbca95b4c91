export { kernelCases } from "./cases/all.js";
export { GUARD_WORDS, type KernelDevice } from "./deviceRun.js";
export { EQUIVALENT } from "./equivalent.js";
export { generator } from "./generator.js";
export { narrowed } from "./halves.js";
export { DEFAULT_BOUND, EXTREMES, type KernelReport, type KernelRunOptions, runKernel } from "./harness.js";
export type { Dims, KernelCase, KernelInput, Result, StateValues } from "./kernelCase.js";
export { isNoticed, kernelsOf, type Mutant, mutantsOf, shortName } from "./mutants.js";
export { type MutationRule, mutate, mutationRules } from "./mutate.js";
export {
  type CheckOptions,
  type CheckReport,
  type Counterexample,
  checkKernel,
  parseDims,
  replayOf,
} from "./property.js";
export type { Values } from "./references.js";
export * as references from "./references.js";
