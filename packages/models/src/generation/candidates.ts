// The ways to go on from the beams of a prompt: the best of all, or drawn.
import type { Beam, Candidate } from "./beamSearch.js";
import { kthLargest } from "./processors/warpers.js";
import { pick } from "./random.js";

/** The `count` best of each beam [beams][count], which a device has found, or bestOf. */
export interface BestOfBeam {
  ids: ArrayLike<number>;
  scores: ArrayLike<number>;
}

/** The `count` best ids of a row of scores, best first; the lowest id first where they tie. */
export function bestOf(scores: Float32Array, count: number): BestOfBeam {
  const least = kthLargest(scores, count);
  const found: number[] = [];
  let ties = 0;
  for (let id = 0; id < scores.length; id++) {
    if (scores[id]! > least) found.push(id);
    else if (scores[id] === least && ties++ < count) found.push(id);
  }
  const ids = found.sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, count);
  return { ids, scores: ids.map((id) => scores[id]!) };
}

/** The `count` best sums of all beams, best first. */
export function bestCandidates(running: readonly Beam[], best: readonly BestOfBeam[], count: number): Candidate[] {
  const all = running.flatMap(({ score }, beam) => {
    const { ids, scores } = best[beam]!;
    return Array.from(scores, (tokenScore, i) => ({ beam, id: ids[i]!, tokenScore, sum: Math.fround(score + tokenScore) }));
  });
  return all.sort((a, b) => b.sum - a.sum || a.beam - b.beam || a.id - b.id).slice(0, count);
}

/**
 * `count` of all beams' tokens drawn without replacement, each draw from what the ones before have left, with probabilities that are the
 * softmax of the sums. What is left where nothing has a probability any more are the best sums.
 *
 * @param scores processed log-probabilities [beams][vocab]
 * @returns null where no token has a probability
 */
export function drawCandidates(
  running: readonly Beam[],
  scores: readonly Float32Array[],
  count: number,
  uniform: (draw: number) => number,
): Candidate[] | null {
  const vocab = scores[0]!.length;
  const sums = new Float32Array(vocab * scores.length);
  scores.forEach((row, beam) => {
    for (let id = 0; id < vocab; id++) sums[beam * vocab + id] = running[beam]!.score + row[id]!;
  });
  const highest = sums.reduce((most, sum) => Math.max(most, sum), Number.NEGATIVE_INFINITY);
  const weights = Float64Array.from(sums, (sum) => Math.exp(sum - highest));
  const drawn: number[] = [];
  while (drawn.length < count) {
    const at = pick(weights, uniform(drawn.length));
    if (at < 0) break;
    drawn.push(at);
    weights[at] = 0;
  }
  if (drawn.length === 0) return null;
  if (drawn.length < count) {
    for (const at of drawn) sums[at] = Number.NEGATIVE_INFINITY;
    drawn.push(...Array.from(bestOf(sums, count - drawn.length).ids));
  }
  return drawn.map((at) => {
    const [beam, id] = [Math.floor(at / vocab), at % vocab];
    const tokenScore = scores[beam]![id]!;
    return { beam, id, tokenScore, sum: Math.fround(running[beam]!.score + tokenScore) };
  });
}
