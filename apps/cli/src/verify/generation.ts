// Generation against a record: greedy and beam search by their ids and scores, sampling by the distribution that it draws from.
import {
  type FileSource,
  type GenerationConfig,
  type GenerationInputs,
  type GenerativeModel,
  openGenerationConfig,
  openSafetensors,
  processorsFor,
  readGenerationConfig,
  readJsonObject,
  SequenceGenerator,
  toFloat32,
} from "@attune/models";
import type { Device } from "@attune/tensor";
import { type Comparison, missing, PartComparison, scaledMaxError } from "./compare.js";

interface CaseJson {
  settings: Record<string, unknown>;
  sequences: number[][];
  sequences_scores?: number[];
}

const CASES = "generation/cases.json";
const SAMPLING = "generation/sampling.json";
const SCORES_BOUND = 1e-5;

/** Every part under generation/ that the record has; the greedy cases must be there. */
export async function compareGeneration(device: Device, model: GenerativeModel, source: FileSource): Promise<Comparison[]> {
  if (!(await source.has(CASES))) return [missing("greedy ids", `the record has no ${CASES} with greedy cases`)];
  const json = await readJsonObject(source, CASES);
  const { input_ids: ids, attention_mask: mask } = json.inputs as { input_ids: number[][]; attention_mask?: number[][] };
  const inputs: GenerationInputs = {
    rows: ids.length,
    inputIds: Int32Array.from(ids.flat()),
    ...(mask ? { attentionMask: Int32Array.from(mask.flat()) } : {}),
  };
  const config = await openGenerationConfig(source);
  const generator = new SequenceGenerator(device, model, { config });
  const [greedy, beams, scores] = ["greedy ids", "beam ids", "beam scores"].map((part) => new PartComparison(part)) as [
    PartComparison,
    PartComparison,
    PartComparison,
  ];
  let hasBeams = false;
  for (const [name, { settings, sequences, sequences_scores: expected }] of Object.entries(
    json.cases as Record<string, CaseJson>,
  )) {
    const ours = await generator.generate(inputs, readGenerationConfig(settings, `${CASES}: ${name}`));
    const isBeams = expected !== undefined;
    hasBeams ||= isBeams;
    (isBeams ? beams : greedy).add(name, sequences.flat().length, different(ours.sequences, sequences), 0);
    if (!isBeams) continue;
    const error = ours.scores?.length === expected.length ? scaledMaxError(ours.scores, expected) : Number.NaN;
    scores.add(name, expected.length, error, SCORES_BOUND);
  }
  const parts = [greedy.result(), ...(hasBeams ? [beams.result(), scores.result()] : [])];
  if (await source.has(SAMPLING)) parts.push(...(await compareSampling(generator, source, config)));
  generator.dispose();
  return parts;
}

/** Number of ids that are not where they should be; what is too short or too long counts in full. */
function different(ours: readonly (readonly number[])[], theirs: readonly (readonly number[])[]): number {
  const rows = Math.max(ours.length, theirs.length);
  let wrong = 0;
  for (let row = 0; row < rows; row++) {
    const [a, b] = [ours[row] ?? [], theirs[row] ?? []];
    for (let i = 0; i < Math.max(a.length, b.length); i++) if (a[i] !== b[i]) wrong++;
  }
  return wrong;
}

/** What the first token is drawn from: the model's logits, and probabilities after the processors of each case. */
async function compareSampling(
  generator: SequenceGenerator,
  source: FileSource,
  config: GenerationConfig | undefined,
): Promise<Comparison[]> {
  const json = await readJsonObject(source, SAMPLING);
  const tensors = await openSafetensors(source, "generation/sampling.safetensors");
  const integers = async (name: string): Promise<Int32Array> =>
    new Int32Array(new Uint8Array((await tensors.read(name)).bytes).buffer);
  const floats = async (name: string): Promise<Float32Array> => toFloat32(name, await tensors.read(name));
  const inputIds = await integers("input_ids");
  const first = await floats("first_logits");
  const { traits } = generator.model;
  const rows = first.length / traits.vocabSize;
  const inputs = { rows, inputIds, attentionMask: await integers("attention_mask") };
  const time = inputIds.length / rows;
  const idsOf = (row: number): number[] => [...inputIds.subarray(row * time, (row + 1) * time)];

  // the model's own logits, seen by a processor that changes nothing
  const logits: Float32Array[] = [];
  await generator.generate(inputs, { maxNewTokens: 1, processors: [(scores) => void logits.push(scores.slice())] });
  const flat = Float32Array.from(logits.flatMap((row) => [...row]));
  const logitsPart = new PartComparison("first logits");
  logitsPart.add("first_logits", first.length, scaledMaxError(flat, first), 3e-5);

  const probabilities = new PartComparison("sampling probabilities");
  const kept = new PartComparison("sampling kept");
  for (const [name, { settings }] of Object.entries(json.cases as Record<string, { settings: Record<string, unknown> }>)) {
    const expected = await floats(`${name}.probabilities`);
    const eos = config?.eosTokenIds ?? [traits.eosTokenId];
    const processors = processorsFor({
      config: { ...readGenerationConfig(settings, `${SAMPLING}: ${name}`), doSample: true },
      eos,
      own: [],
    });
    const ours = logits.map((row, source) => {
      const scores = row.slice();
      const encoderIds = idsOf(source);
      const ids = traits.isEncoderDecoder ? [traits.decoderStartTokenId!] : encoderIds;
      const context = { ids, source, promptLength: ids.length, maxLength: ids.length + 20, encoderIds };
      for (const process of processors) process(scores, context);
      return softmax(scores);
    });
    const all = ours.flat();
    probabilities.add(name, expected.length, scaledMaxError(all, expected), SCORES_BOUND);
    kept.add(name, expected.length, expected.filter((p, i) => p > 0 !== all[i]! > 0).length, 0);
  }
  return [logitsPart.result(), probabilities.result(), kept.result()];
}

function softmax(scores: Float32Array): number[] {
  const highest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  const exponentials = Array.from(scores, (score) => Math.exp(score - highest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}
