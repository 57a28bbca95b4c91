// Perplexity from log-probabilities of tokens: exp of the mean negative log-probability. Over all tokens of a corpus it is what
// lm-evaluation-harness calls token perplexity; the mean of the rows' perplexities is what evaluate's `perplexity` prints.

import { dataError } from "./pairs.js";

export interface PerplexityResult {
  /** Over all tokens: exp(loss). Infinity where a token is impossible, NaN where a log-probability is. */
  perplexity: number;
  /** Mean of the rows' own perplexities: evaluate's mean_perplexity. A long row counts as much as a short one. */
  meanPerplexity: number;
  /** Mean negative log-probability a token, in nats. */
  loss: number;
  tokens: number;
  /** [rows] */
  rows: Float64Array;
  signature: string;
}

/** @param logProbabilities natural logarithms, one a token, row by row. Throws (data) for no rows and for a row without tokens. */
export function perplexity(logProbabilities: readonly ArrayLike<number>[]): PerplexityResult {
  if (logProbabilities.length === 0) throw dataError("perplexity: 0 rows; a score needs at least one row");
  let sum = 0;
  let tokens = 0;
  const rows = Float64Array.from(logProbabilities, (row, index) => {
    if (row.length === 0) throw dataError(`perplexity: row ${index} has no tokens; leave it out, or give it an end token`);
    let ofRow = 0;
    for (let i = 0; i < row.length; i++) ofRow -= row[i]!;
    sum += ofRow;
    tokens += row.length;
    return Math.exp(ofRow / row.length);
  });
  const loss = sum / tokens;
  const meanPerplexity = rows.reduce((total, value) => total + value, 0) / rows.length;
  const signature = `perplexity|base:e|mean:tokens|tokens:${tokens}|rows:${rows.length}`;
  return { perplexity: Math.exp(loss), meanPerplexity, loss, tokens, rows, signature };
}
