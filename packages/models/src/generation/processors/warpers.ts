// What narrows the distribution before a token is drawn; only sampling has these. Each keeps at least `atLeast` tokens (one; with beams, one
// more than there are ends). Sums are in double precision where transformers has f32: only ties to the last digit could tell.
import { logSumExp } from "./penalties.js";
import { BANNED, type Processor } from "./processor.js";

export function temperature(value: number): Processor {
  return (scores) => {
    for (let i = 0; i < scores.length; i++) scores[i] = scores[i]! / value;
  };
}

/** The k best (Fan et al. 2018); all that tie with the last of them stay. */
export function topK(k: number, atLeast: number): Processor {
  return (scores) => {
    const least = kthLargest(scores, Math.max(k, atLeast));
    for (let i = 0; i < scores.length; i++) if (scores[i]! < least) scores[i] = BANNED;
  };
}

/** The fewest that together have at least probability p (Holtzman et al. 2019, nucleus sampling). */
export function topP(p: number, atLeast: number): Processor {
  return (scores) => {
    const logSum = logSumExp(scores);
    const sorted = descending(scores);
    let mass = 0;
    let kept = 0;
    // ascending sums at most 1 - p go: a token stays where what is above it has less than p
    while (kept < sorted.length && (kept < atLeast || mass < p)) mass += Math.exp(sorted[kept++]! - logSum);
    keepBest(scores, sorted, kept);
  };
}

/** Keeps the `kept` best; of those that tie with the last, the ones with the largest ids, as an ascending stable sort has it. */
function keepBest(scores: Float32Array, sorted: Float32Array, kept: number): void {
  if (kept >= sorted.length) return;
  const least = sorted[kept - 1]!;
  let ties = 0; // that stay
  for (let i = kept - 1; i >= 0 && sorted[i] === least; i--) ties++;
  for (let i = scores.length - 1; i >= 0; i--) {
    if (scores[i]! > least) continue;
    if (scores[i] === least && ties-- > 0) continue;
    scores[i] = BANNED;
  }
}

/** Those with at least min_p times the probability of the best (Nguyen et al. 2024). */
export function minP(p: number, atLeast: number): Processor {
  return (scores) => {
    const sorted = descending(scores);
    const least = Math.log(p) + sorted[0]!;
    const sure = sorted[Math.min(atLeast, sorted.length) - 1]!;
    for (let i = 0; i < scores.length; i++) if (scores[i]! < least && scores[i]! < sure) scores[i] = BANNED;
  };
}

/** Those whose surprise is nearest to the entropy, until they have mass p (Meister et al. 2022). */
export function typicalP(p: number, atLeast: number): Processor {
  return (scores) => {
    const { logProbs, entropy } = distribution(scores);
    const shift = logProbs.map((logProb) => Math.fround(Math.abs(-logProb - entropy)));
    const order = Uint32Array.from(scores.keys()).sort((a, b) => shift[a]! - shift[b]! || a - b);
    let mass = 0;
    let last = 0;
    for (; last < order.length - 1; last++) {
      mass += Math.exp(logProbs[order[last]!]!);
      if (!(mass < p)) break;
    }
    const most = shift[order[last]!]!;
    for (let i = atLeast; i < order.length; i++) if (shift[order[i]!]! > most) scores[order[i]!] = BANNED;
  };
}

/** Those with at least this probability (Hewitt et al. 2022). */
export function epsilonCutoff(epsilon: number, atLeast: number): Processor {
  return (scores) => cutBelow(scores, Math.log(epsilon) + logSumExp(scores), atLeast);
}

/** The same with a bound that falls with the entropy (Hewitt et al. 2022, eta sampling). */
export function etaCutoff(epsilon: number, atLeast: number): Processor {
  return (scores) => {
    const eta = Math.min(epsilon, Math.sqrt(epsilon) * Math.exp(-distribution(scores).entropy));
    cutBelow(scores, Math.log(eta) + logSumExp(scores), atLeast);
  };
}

/** The best hundred in order, until their share of the entropy is `share` (Potraghloo et al. 2025, top-H). */
export function topH(share: number): Processor {
  return (scores) => {
    const best = descending(scores).slice(0, 100);
    const logSum = logSumExp(best);
    const terms = Array.from(best, (score) => -Math.exp(score - logSum) * (score - logSum));
    const most = share * terms.reduce((sum, term) => sum + term, 0);
    let sum = terms[0]!;
    let kept = 1;
    while (kept < best.length && sum + terms[kept]! <= most) sum += terms[kept++]!;
    keepFirst(scores, best, kept);
  };
}

/** Keeps the `kept` best; of those that tie with the last, the ones with the lowest ids. */
function keepFirst(scores: Float32Array, sorted: Float32Array, kept: number): void {
  const least = sorted[kept - 1]!;
  let ties = 0;
  for (let i = kept - 1; i >= 0 && sorted[i] === least; i--) ties++;
  for (let i = 0; i < scores.length; i++) {
    if (scores[i]! > least) continue;
    if (scores[i] === least && ties-- > 0) continue;
    scores[i] = BANNED;
  }
}

function cutBelow(scores: Float32Array, least: number, atLeast: number): void {
  const sure = kthLargest(scores, atLeast);
  for (let i = 0; i < scores.length; i++) if (scores[i]! < least && scores[i]! < sure) scores[i] = BANNED;
}

function distribution(scores: Float32Array): { logProbs: Float64Array; entropy: number } {
  const logSum = logSumExp(scores);
  const logProbs = Float64Array.from(scores, (score) => score - logSum);
  let entropy = 0;
  for (const logProb of logProbs) if (logProb !== BANNED) entropy -= Math.exp(logProb) * logProb;
  return { logProbs, entropy };
}

/** What is not banned, the largest first. */
function descending(scores: Float32Array): Float32Array {
  return scores
    .filter((score) => score !== BANNED)
    .sort()
    .reverse();
}

/** The k-th largest, equal ones counted each; the smallest where there are fewer. Kept in a small heap: k is far below the vocabulary. */
export function kthLargest(scores: Float32Array, k: number): number {
  if (k >= scores.length) return scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY);
  const heap = scores.slice(0, k).sort(); // ascending: the first is the least of the best so far
  for (let i = k; i < scores.length; i++) {
    if (!(scores[i]! > heap[0]!)) continue;
    let at = 0;
    for (let child = 1; child < k; child = 2 * at + 1) {
      if (child + 1 < k && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= scores[i]!) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = scores[i]!;
  }
  return heap[0]!;
}
