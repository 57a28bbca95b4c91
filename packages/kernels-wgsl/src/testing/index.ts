export { type MutationRule, mutate, mutationRules } from "./mutate.js";
export type { Values } from "./references.js";
export * as references from "./references.js";
