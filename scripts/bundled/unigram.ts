/**
 * Trains a Unigram vocabulary (Kudo 2018, "Subword regularization") on counted words, plainly:
 *   1. seeds: every substring that many words share or that is very frequent;
 *   2. EM: expected counts of pieces over all segmentations (forward-backward), then new log-probabilities;
 *   3. pruning: drop the pieces whose loss costs the corpus least, until the wanted size is left.
 * Single characters are never dropped, so that every name can be spelt. Ties break by the piece's text: same input, same output.
 */
export interface UnigramOptions {
  /** Pieces wanted, alphabet included. */
  size: number;
  /** Characters that must be pieces even if the text lacks them. */
  alphabet: readonly string[];
  maxPieceLength: number;
  /** A piece must stand in this many different words ... */
  minWords: number;
  /** ... or occur this often. Names and topics fall under neither, so training meets words in several pieces, as use will. */
  minCount: number;
}

type Scores = Map<string, number>;

export function trainUnigram(words: ReadonlyMap<string, number>, options: UnigramOptions): [piece: string, score: number][] {
  const kept = new Set(options.alphabet);
  let scores = seed(words, options, kept);
  while (scores.size > options.size) {
    for (let round = 0; round < 2; round++)
      scores = maximise(expectedCounts(words, scores, options.maxPieceLength), scores, kept);
    if (scores.size <= options.size) break;
    scores = prune(words, scores, Math.max(options.size, Math.floor(scores.size * 0.8)), kept, options.maxPieceLength);
  }
  for (let round = 0; round < 2; round++) scores = settle(expectedCounts(words, scores, options.maxPieceLength), scores);
  return [...scores].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

function seed(words: ReadonlyMap<string, number>, options: UnigramOptions, kept: ReadonlySet<string>): Scores {
  const counts = new Map<string, number>();
  const sharers = new Map<string, number>();
  for (const [word, count] of words) {
    for (let i = 0; i < word.length; i++) {
      for (let j = i + 1; j <= Math.min(word.length, i + options.maxPieceLength); j++) {
        const piece = word.slice(i, j);
        counts.set(piece, (counts.get(piece) ?? 0) + count);
        sharers.set(piece, (sharers.get(piece) ?? 0) + 1);
      }
    }
  }
  // Frequency times length, as sentencepiece weighs its seeds: long frequent pieces save most tokens.
  const isSeed = (piece: string, count: number) =>
    piece.length === 1 || count >= options.minCount || sharers.get(piece)! >= options.minWords;
  const weighed = [...counts].filter(([piece, count]) => kept.has(piece) || isSeed(piece, count));
  const total = weighed.reduce((sum, [piece, count]) => sum + count * piece.length, 0);
  const scores: Scores = new Map();
  for (const [piece, count] of weighed.sort((a, b) => (a[0] < b[0] ? -1 : 1)))
    scores.set(piece, Math.log((count * piece.length) / total));
  for (const character of kept) if (!scores.has(character)) scores.set(character, Math.log(0.5 / total));
  return scores;
}

/** Forward-backward over one word at a time; all in the log domain. */
function expectedCounts(words: ReadonlyMap<string, number>, scores: Scores, maxLength: number): Scores {
  const expected: Scores = new Map();
  for (const [word, count] of words) {
    const n = word.length;
    const alpha = new Float64Array(n + 1).fill(-Infinity);
    const beta = new Float64Array(n + 1).fill(-Infinity);
    alpha[0] = 0;
    beta[n] = 0;
    for (let j = 1; j <= n; j++) {
      for (let i = Math.max(0, j - maxLength); i < j; i++) {
        const score = scores.get(word.slice(i, j));
        if (score !== undefined) alpha[j] = logAdd(alpha[j]!, alpha[i]! + score);
      }
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let j = i + 1; j <= Math.min(n, i + maxLength); j++) {
        const score = scores.get(word.slice(i, j));
        if (score !== undefined) beta[i] = logAdd(beta[i]!, beta[j]! + score);
      }
    }
    for (let i = 0; i < n; i++) {
      for (let j = i + 1; j <= Math.min(n, i + maxLength); j++) {
        const piece = word.slice(i, j);
        const score = scores.get(piece);
        if (score === undefined) continue;
        const share = Math.exp(alpha[i]! + score + beta[j]! - alpha[n]!) * count;
        expected.set(piece, (expected.get(piece) ?? 0) + share);
      }
    }
  }
  return expected;
}

function logAdd(a: number, b: number): number {
  if (a === -Infinity) return b;
  if (b === -Infinity) return a;
  return a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b));
}

/** New log-probabilities; a piece expected less than half a time goes, unless it is a single character. */
function maximise(expected: Scores, scores: Scores, kept: ReadonlySet<string>): Scores {
  const next: Scores = new Map();
  for (const piece of scores.keys()) {
    if ((expected.get(piece) ?? 0) >= 0.5 || kept.has(piece) || piece.length === 1) next.set(piece, 0);
  }
  return settle(expected, next);
}

function settle(expected: Scores, scores: Scores): Scores {
  const next: Scores = new Map();
  let total = 0;
  for (const piece of scores.keys()) total += Math.max(expected.get(piece) ?? 0, 0.1); // 0.1: unseen characters stay spellable
  for (const piece of scores.keys()) next.set(piece, Math.log(Math.max(expected.get(piece) ?? 0, 0.1) / total));
  return next;
}

function prune(
  words: ReadonlyMap<string, number>,
  scores: Scores,
  size: number,
  kept: ReadonlySet<string>,
  maxLength: number,
): Scores {
  const uses: Scores = new Map();
  for (const [word, count] of words) {
    for (const piece of viterbi(word, scores, maxLength, null)) uses.set(piece, (uses.get(piece) ?? 0) + count);
  }
  const free = [...scores.keys()].filter((piece) => !kept.has(piece) && piece.length > 1);
  const losses = free.map((piece) => {
    const used = uses.get(piece) ?? 0;
    if (used === 0) return { piece, loss: 0 };
    const without = viterbi(piece, scores, maxLength, piece).reduce((sum, part) => sum + scores.get(part)!, 0);
    return { piece, loss: used * (scores.get(piece)! - without) };
  });
  losses.sort((a, b) => b.loss - a.loss || (a.piece < b.piece ? -1 : 1));
  const survivors = new Set(losses.slice(0, size - (scores.size - free.length)).map(({ piece }) => piece));
  return new Map([...scores].filter(([piece]) => kept.has(piece) || piece.length === 1 || survivors.has(piece)));
}

/** The best segmentation, optionally without one piece. */
function viterbi(word: string, scores: Scores, maxLength: number, without: string | null): string[] {
  const n = word.length;
  const best = new Float64Array(n + 1).fill(-Infinity);
  const from = new Int32Array(n + 1);
  best[0] = 0;
  for (let j = 1; j <= n; j++) {
    for (let i = Math.max(0, j - maxLength); i < j; i++) {
      const piece = word.slice(i, j);
      const score = piece === without ? undefined : scores.get(piece);
      if (score !== undefined && best[i]! + score > best[j]!) {
        best[j] = best[i]! + score;
        from[j] = i;
      }
    }
  }
  const pieces: string[] = [];
  for (let j = n; j > 0; j = from[j]!) pieces.push(word.slice(from[j]!, j));
  return pieces.reverse();
}
