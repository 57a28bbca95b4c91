// @attune/eval: metrics as pure functions. Browser-clean.

export { lead1, lead3, longestTurn, randomSummary } from "./metrics/baselines.js";
export {
  type BleuOptions,
  type BleuScore,
  type BleuSmoothing,
  type BleuTokenizer,
  bleuTokens,
  corpusBleu,
  sentenceBleu,
} from "./metrics/bleu.js";
export {
  type BootstrapOptions,
  bootstrapMean,
  bootstrapSignature,
  type Interval,
  rougeIntervals,
} from "./metrics/bootstrap.js";
export { type ChrfOptions, type ChrfScore, corpusChrf, sentenceChrf } from "./metrics/chrf.js";
export {
  type ClassificationOptions,
  type ClassificationResult,
  type ClassScores,
  classification,
  type Label,
} from "./metrics/classification.js";
export { distinctShare } from "./metrics/distinct.js";
export { type ExactMatchOptions, type ExactMatchResult, exactMatch } from "./metrics/exactMatch.js";
export { porterStem } from "./metrics/porter.js";
export type { References } from "./metrics/references.js";
export {
  type CorpusRouge,
  corpusRouge,
  ROUGE_TYPES,
  type RougeColumns,
  type RougeOptions,
  type RougeScorer,
  type RougeScores,
  type RougeType,
  type RougeValue,
  rougeScorer,
  rougeTokens,
} from "./metrics/rouge.js";
export { normalizeAnswer, type SquadOptions, type SquadResult, type SquadValue, squad, squadScore } from "./metrics/squad.js";
