// Scores of summaries as people quote them: ROUGE f-measures times 100, with what exactly was computed.
import { corpusRouge, distinctShare } from "@attune/eval";

export interface SummaryScores {
  rouge1: number;
  rouge2: number;
  rougeL: number;
  /** Share of outputs that differ from all before them: a model that says the same of everything has few. */
  distinct: number;
  rows: number;
  signature: string;
}

/** A completion as a reader sees it: without the sentinel that a span-filling template puts in front. */
export function readable(completion: string): string {
  return completion.replace(/<extra_id_\d+>/g, "").trim();
}

/** Null where there is nothing to score. */
export function scoreSummaries(references: readonly string[], outputs: readonly string[]): SummaryScores | null {
  if (references.length === 0) return null;
  const { mean, signature } = corpusRouge(references, outputs, { useStemmer: true });
  const percent = (value: number): number => 100 * value;
  return {
    rouge1: percent(mean.rouge1.fmeasure),
    rouge2: percent(mean.rouge2.fmeasure),
    rougeL: percent(mean.rougeL.fmeasure),
    distinct: distinctShare(outputs),
    rows: references.length,
    signature,
  };
}
