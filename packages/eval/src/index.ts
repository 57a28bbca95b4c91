// @attune/eval: metrics as pure functions. Browser-clean.

export { lead1, lead3, longestTurn, randomSummary } from "./metrics/baselines.js";
export {
  type BootstrapOptions,
  bootstrapMean,
  bootstrapSignature,
  type Interval,
  rougeIntervals,
} from "./metrics/bootstrap.js";
export { distinctShare } from "./metrics/distinct.js";
export { porterStem } from "./metrics/porter.js";
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
