export * as references from "./references.js";
export type { Values } from "./references.js";
export { type MutationRule, mutate, mutationRules } from "./mutate.js";
