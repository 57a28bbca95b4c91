// Beam search and beam sampling over a batch of prompts. Beams that change places keep their caches: the programs' slots say whose keys a
// beam looks back on.
import { BeamSearch, type Candidate, type FinishedBeam, goesOn } from "./beamSearch.js";
import { type BestOfBeam, bestCandidates, bestOf, drawCandidates } from "./candidates.js";
import type { DecodePrograms } from "./programs.js";
import { philoxDraws } from "./random.js";
import type { Settings } from "./settings.js";
import { nothingLeft } from "./single.js";

/** Most columns that the device's topK gives. */
const MOST_ON_DEVICE = 64;

export interface BeamRows {
  settings: Settings;
  /** By source, without what is generated. */
  prompts: readonly (readonly number[])[];
  encoderIds: readonly (readonly number[])[];
  ends: (ids: readonly number[]) => boolean;
  isOver: () => boolean;
}

/** The finished beams of each prompt, best first. */
export async function searchBeams(programs: DecodePrograms, rows: BeamRows): Promise<FinishedBeam[][]> {
  const { settings, prompts, ends, isOver } = rows;
  const { beams, config, promptLength, maxLength, eos } = settings;
  const { lengthPenalty = 1, earlyStopping = false } = config;
  const { room } = programs.shape;
  const options = { beams, lengthPenalty, earlyStopping, promptLength, maxLength };
  const searches = prompts.map((prompt) => new BeamSearch(prompt, options));
  const count = Math.max(2, 1 + eos.length) * beams; // so many that enough can go on even if every end is among them
  let slots: Int32Array = Int32Array.from({ length: programs.rows * room }, (_, i) => Math.floor(i / room) % beams);
  let next: Int32Array | null = null;
  for (let made = 0; ; made++) {
    const candidates = await waysToGoOn(programs, rows, searches, { made, next, count });
    const isLast = isOver();
    const stops = (ids: readonly number[]): boolean => isLast || ids.length >= maxLength || ends(ids);
    const parents = searches.flatMap((search, source) => search.advance(candidates[source]!, stops));
    if (!goesOn(searches)) return searches.map(({ finished }) => finished);
    next = Int32Array.from(searches.flatMap(({ running }) => running.map(({ ids }) => ids.at(-1)!)));
    slots = inherited(slots, parents, { room, beams, made: made + 1 });
    programs.setSlots(slots);
  }
}

/** slots [rows, room] after the rows of each source have changed places: what a row's parent had so far, then its own. */
function inherited(
  slots: Int32Array,
  parents: readonly number[],
  { room, beams, made }: { room: number; beams: number; made: number },
): Int32Array {
  const changed = slots.slice();
  parents.forEach((parent, row) => {
    const first = Math.floor(row / beams) * beams;
    changed.set(slots.subarray((first + parent) * room, (first + parent) * room + made), row * room);
    changed.fill(row % beams, row * room + made, (row + 1) * room);
  });
  return changed;
}

/** The candidates of each prompt after one more step. */
async function waysToGoOn(
  programs: DecodePrograms,
  { settings, encoderIds }: BeamRows,
  searches: readonly BeamSearch[],
  { made, next, count }: { made: number; next: Int32Array | null; count: number },
): Promise<Candidate[][]> {
  const { beams, processors, config, promptLength, maxLength, seed, firstPrompt } = settings;
  const best = Math.min(count, programs.model.traits.vocabSize);
  if (processors.length === 0 && !config.doSample && best <= MOST_ON_DEVICE) {
    const step = programs.step({ best }, made, next);
    const [values, ids] = await Promise.all([step.read("values"), step.read("ids")]); // [rows, 1, best] each
    const of = (row: number): BestOfBeam => ({
      ids: ids.subarray(row * best, (row + 1) * best),
      scores: values.subarray(row * best, (row + 1) * best),
    });
    return searches.map(({ running }, source) =>
      bestCandidates(
        running,
        running.map((_, beam) => of(source * beams + beam)),
        count,
      ),
    );
  }
  const all = (await programs.step("logProbs", made, next).read("scores")) as Float32Array; // [rows, 1, vocab]
  const vocab = all.length / programs.rows;
  const draw = philoxDraws(seed);
  return searches.map(({ running }, source) => {
    const scores = running.map(({ ids }, beam) => {
      const row = source * beams + beam;
      const own = all.subarray(row * vocab, (row + 1) * vocab);
      for (const change of processors) change(own, { ids, source, promptLength, maxLength, encoderIds: encoderIds[source]! });
      return own;
    });
    if (!config.doSample) {
      return bestCandidates(
        running,
        scores.map((own) => bestOf(own, best)),
        count,
      );
    }
    const drawn = drawCandidates(running, scores, count, (i) => draw(firstPrompt + source, made, i));
    if (!drawn) throw nothingLeft();
    return drawn;
  });
}
