/**
 * Mutants that compute the same, or that no test on this adapter can tell, each with the reason.
 * Key: kernel without its variant (`shortName`), rule, which of its matches in the text.
 */
export const EQUIVALENT: Readonly<Record<string, string>> = {};
