// Beam search over one prompt, as transformers has it since its version 4.50 (generation/utils.py, _beam_search): the state of its beams,
// without a model. Sums are rounded to f32 after each step as there, so that ties fall alike.

export interface BeamOptions {
  beams: number;
  /** Divides a sequence's score by its number of new tokens, its end counted, to this power. */
  lengthPenalty: number;
  earlyStopping: boolean | "never";
  promptLength: number;
  maxLength: number;
}

/** A way to go on: the beam, the token, the token's processed log-probability, and the whole sequence's. */
export interface Candidate {
  beam: number;
  id: number;
  tokenScore: number;
  sum: number;
}

export interface Beam {
  /** With the prompt. */
  ids: readonly number[];
  /** Of the new tokens. */
  tokenScores: readonly number[];
  /** Sum of log-probabilities; of a finished beam, divided by the length's penalty. */
  score: number;
}

export interface FinishedBeam extends Beam {
  isFinished: boolean;
}

/** What is worse than any sequence can be: kept finite, since sums of it are compared. */
const NEVER = -1e9;
const { fround } = Math;

export class BeamSearch {
  /** Best first. All begin alike, so only the first counts at first. */
  running: Beam[];
  /** Best first; those that are not filled yet have the score of never. */
  finished: FinishedBeam[];
  /** Whether a running beam may still beat the worst finished one. It never comes back. */
  #canImprove = true;
  /** Whether every way to go on ended. */
  #isAtEnd = false;

  constructor(
    prompt: readonly number[],
    readonly options: BeamOptions,
  ) {
    const places = Array.from({ length: options.beams }, (_, beam) => beam);
    this.running = places.map((beam) => ({ ids: prompt, tokenScores: [], score: beam === 0 ? 0 : NEVER }));
    this.finished = places.map(() => ({ ids: prompt, tokenScores: [], score: NEVER, isFinished: false }));
  }

  get canImprove(): boolean {
    return this.#canImprove;
  }
  get isFull(): boolean {
    return this.finished.every(({ isFinished }) => isFinished);
  }
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /**
   * Takes the best ways to go on, best first (drawn ones in the order drawn), more than there are beams.
   * @param ends whether a sequence [ids] ends with its last token
   * @returns the beam that each running one comes from
   */
  advance(candidates: readonly Candidate[], ends: (ids: readonly number[]) => boolean): number[] {
    const { beams, lengthPenalty, earlyStopping, promptLength, maxLength } = this.options;
    const longer = candidates.map(({ beam, id, tokenScore, sum }) => {
      const from = this.running[beam]!;
      const ids = [...from.ids, id];
      return { beam, ids, tokenScores: [...from.tokenScores, tokenScore], score: sum, isFinished: ends(ids) };
    });
    this.#isAtEnd = longer.every(({ isFinished }) => isFinished);
    const running = best(
      longer.map((beam) => ({ ...beam, score: fround(beam.score + (beam.isFinished ? NEVER : 0)) })),
      beams,
    );
    // only the first of the candidates may finish: the others are there so that enough can go on
    const length = (this.running[0]!.ids.length + 1 - promptLength) ** lengthPenalty;
    const isClosed = (earlyStopping === true && this.isFull ? NEVER : 0) + (this.#canImprove ? 0 : NEVER);
    const ended = longer.map(({ ids, tokenScores, score, isFinished }, rank) => {
      const counts = isFinished && rank < beams;
      return {
        ids,
        tokenScores,
        score: fround(fround(fround(score / length) + isClosed) + (counts ? 0 : NEVER)),
        isFinished: counts,
      };
    });
    this.finished = best([...this.finished, ...ended], beams);
    this.running = running.map(({ ids, tokenScores, score }) => ({ ids, tokenScores, score }));
    const now = this.running[0]!.ids.length - promptLength;
    const hoped = earlyStopping === "never" && lengthPenalty > 0 ? maxLength - promptLength : now;
    const possible = fround(this.running[0]!.score / hoped ** lengthPenalty);
    const worst = this.finished.at(-1)!.score;
    this.#canImprove &&= this.finished.some(({ isFinished }) => possible > (isFinished ? worst : NEVER));
    return running.map(({ beam }) => beam);
  }
}

/** Whether a batch of searches goes on: as long as one can improve, not all are full (stopping early), and something has not ended. */
export function goesOn(searches: readonly BeamSearch[]): boolean {
  const isEarly = searches[0]!.options.earlyStopping === true;
  return (
    searches.some(({ canImprove }) => canImprove) &&
    !(isEarly && searches.every(({ isFull }) => isFull)) &&
    !searches.every(({ isAtEnd }) => isAtEnd)
  );
}

/** The `count` with the highest score, best first; equal ones in their order. */
function best<T extends { score: number }>(all: readonly T[], count: number): T[] {
  return [...all].sort((a, b) => b.score - a.score).slice(0, count);
}
