// The generator on a device, with small random models: against the models' own forward pass, and what must not make a difference.
import { noGrad, type Tensor, tensor } from "@attune/tensor";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OPT_DEFAULTS } from "../opt/config.js";
import { freshOpt } from "../opt/load.js";
import { Opt, optPositions } from "../opt/opt.js";
import { mt19937 } from "../random.js";
import { T5_DEFAULTS } from "../t5/config.js";
import { freshT5 } from "../t5/load.js";
import { T5 } from "../t5/t5.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import { SequenceGenerator } from "./generator.js";
import type { Processor } from "./processors/processor.js";
import { answerTokens, padPrompts, streamAnswer } from "./text.js";

/** A tied head says again what was said last. */
const UNTIED = { tieWordEmbeddings: false, scaleDecoderOutputs: false };
let device: NodeDevice;
let t5: T5;
let opt: Opt;
const held: { dispose(): void }[] = [];
beforeAll(async () => {
  device = await openDevice();
  const sizes = { vocabSize: 37, dModel: 16, dKv: 4, dFf: 20, numLayers: 1, numDecoderLayers: 2, numHeads: 2, dropoutRate: 0 };
  const freshT = freshT5(device, { ...T5_DEFAULTS, ...sizes, ...UNTIED }, 1);
  t5 = new T5(freshT.config, lively(freshT.weights, 11));
  const small = {
    vocabSize: 37,
    hiddenSize: 16,
    wordEmbedProjDim: 16,
    numLayers: 2,
    ffnDim: 20,
    numHeads: 2,
    maxPositionEmbeddings: 48,
  };
  const freshO = freshOpt(device, { ...OPT_DEFAULTS, ...small }, 2);
  opt = new Opt(freshO.config, lively(freshO.weights, 4));
  held.push(freshT.trainable!, freshO.trainable!);
});
afterAll(() => {
  for (const one of held) one.dispose();
  device.destroy();
});

/** Weights so large that choices are varied and far from ties. */
function lively(weights: ReadonlyMap<string, Tensor>, seed: number): ReadonlyMap<string, Tensor> {
  const random = mt19937(seed);
  for (const [name, weight] of weights)
    if (weight.shape.length === 2)
      weight.write(Float32Array.from({ length: weight.size }, () => (/shared/.test(name) ? 1 : 0.5) * random.normal()));
  return weights;
}

const PROMPTS = [
  [5, 6, 7, 8, 9],
  [10, 11],
  [12, 13, 14, 15, 16, 17, 18, 19, 20, 21],
];
const NO_END = { eosTokenIds: [] as number[] };
const inputsFor = (model: T5 | Opt, prompts = PROMPTS) => padPrompts(prompts, 16, model === opt, model.traits.padTokenId);
const models = [["T5", () => t5], ["OPT", () => opt]] as const; // biome-ignore format: a table
async function using<T>(model: T5 | Opt, body: (generator: SequenceGenerator) => Promise<T>, options = {}): Promise<T> {
  const generator = new SequenceGenerator(device, model, { config: NO_END, ...options });
  try {
    return await body(generator);
  } finally {
    generator.dispose();
  }
}

/** What a whole forward pass over prompt and answer would have chosen at each place, and the log-probability of each token of the answer. */
async function wholePass(model: T5 | Opt, prompt: readonly number[], made: readonly number[]) {
  const i32 = (ids: readonly number[]) => tensor(device, Int32Array.from(ids), [1, ids.length]);
  const all = model === opt ? [...prompt, ...made] : [0, ...made];
  const logits = device.scope(() =>
    noGrad(() => {
      if (model === t5) return t5.forward({ inputIds: i32(prompt), decoderInputIds: i32(all) });
      return opt.forward({
        inputIds: i32(all),
        positionIds: i32([...optPositions(new Int32Array(all.length).fill(1), all.length)]),
      });
    }),
  );
  const values = (await logits.toArray()) as Float32Array;
  logits.dispose();
  const vocab = model.traits.vocabSize;
  const first = all.length - made.length - 1;
  return made.map((id, i) => {
    const row = [...values.subarray((first + i) * vocab, (first + i + 1) * vocab)];
    const total = Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0));
    return { best: row.indexOf(Math.max(...row)), logProb: row[id]! - total };
  });
}

describe.each(models)("%s", (_, modelOf) => {
  it("decodes step by step what a whole pass computes, whatever else is in the batch", async () => {
    const model = modelOf();
    await using(model, async (generator) => {
      const { sequences, promptLength, tokenScores } = await generator.generate(inputsFor(model), {
        maxNewTokens: 11,
        withTokenScores: true,
      });
      const fast = await generator.generate(inputsFor(model), { maxNewTokens: 11 });
      expect(fast.sequences).toEqual(sequences); // chosen on the device
      for (const [row, prompt] of PROMPTS.entries()) {
        const made = sequences[row]!.slice(promptLength);
        const whole = await wholePass(model, prompt, made);
        expect(made).toEqual(whole.map(({ best }) => best));
        whole.forEach(({ logProb }, i) => void expect(tokenScores![row]![i]!).toBeCloseTo(logProb, 4));
        const alone = await generator.generate(inputsFor(model, [prompt]), { maxNewTokens: 11 });
        expect(alone.sequences[0]!.slice(alone.promptLength)).toEqual(made);
      }
      expect(new Set(sequences.flat()).size).toBeGreaterThan(8); // not one token for ever
    });
  });

  it("beams: the score is that of a whole pass; found on the device and on the host alike", async () => {
    const model = modelOf();
    await using(model, async (generator) => {
      const settings = { maxNewTokens: 7, numBeams: 4, numReturnSequences: 4, withTokenScores: true };
      const found = await generator.generate(inputsFor(model), settings);
      const nothing: Processor = () => {};
      expect((await generator.generate(inputsFor(model), { ...settings, processors: [nothing] })).sequences).toEqual(
        found.sequences,
      );
      for (const row of [0, 3, 6]) {
        const made = found.sequences[row]!.slice(found.promptLength);
        const whole = await wholePass(model, PROMPTS[Math.floor(row / 4)]!, made);
        const sum = whole.reduce((total, { logProb }) => total + logProb, 0);
        expect(found.scores![row]!).toBeCloseTo(sum / made.length, 4);
        expect(found.tokenScores![row]!.reduce((total, v) => total + v, 0)).toBeCloseTo(sum, 4);
      }
    });
  });
});

describe("sampling", () => {
  const settings = { maxNewTokens: 6, doSample: true, topK: 0, seed: 3 };
  it("repeats itself by its seed, whatever else is in the batch", async () => {
    await using(opt, async (generator) => {
      const all = await generator.generate(inputsFor(opt), settings);
      expect((await generator.generate(inputsFor(opt), settings)).sequences).toEqual(all.sequences);
      expect((await generator.generate(inputsFor(opt), { ...settings, seed: 4 })).sequences).not.toEqual(all.sequences);
      const last = await generator.generate(inputsFor(opt, [PROMPTS[2]!]), { ...settings, firstPrompt: 2 });
      expect(last.sequences[0]!.slice(last.promptLength)).toEqual(all.sequences[2]!.slice(all.promptLength));
    });
  });

  it("draws tokens as often as they are likely; every sample of a prompt is its own", async () => {
    await using(t5, async (generator) => {
      let logits = new Float32Array(0);
      const keep: Processor = (scores) => {
        logits = scores.slice();
      };
      const count = 600;
      const one = inputsFor(t5, [PROMPTS[0]!]);
      const { sequences } = await generator.generate(one, {
        ...settings,
        maxNewTokens: 1,
        numReturnSequences: count,
        processors: [keep],
      });
      const total = logits.reduce((sum, v) => sum + Math.exp(v), 0);
      const drawn = new Array<number>(logits.length).fill(0);
      for (const [, id] of sequences) drawn[id!]!++;
      logits.forEach((v, id) => {
        const p = Math.exp(v) / total;
        expect(Math.abs(drawn[id]! - count * p)).toBeLessThan(4.5 * Math.sqrt(count * p) + 1);
      });
    });
  });

  it("beams too: sequences differ by seed, repeat by it, and score what they should", async () => {
    await using(opt, async (generator) => {
      const beams = { ...settings, numBeams: 3 };
      const found = await generator.generate(inputsFor(opt), beams);
      expect(await generator.generate(inputsFor(opt), beams)).toEqual(found);
      expect((await generator.generate(inputsFor(opt), { ...beams, seed: 9 })).sequences).not.toEqual(found.sequences);
      const made = found.sequences[1]!.slice(found.promptLength);
      const whole = await wholePass(opt, PROMPTS[1]!, made);
      expect(found.scores![1]!).toBeCloseTo(whole.reduce((sum, { logProb }) => sum + logProb, 0) / made.length, 4);
    });
  });
});

describe("ends", () => {
  const tokenizer = {
    decode: (ids: Iterable<number>) => [...ids].map((id) => String.fromCharCode(97 + (id % 26))).join(""),
  } as Tokenizer;
  it("a stop string across tokens ends its row alone; streamed text ends before it", async () => {
    await using(
      opt,
      async (generator) => {
        const { sequences, promptLength } = await generator.generate(inputsFor(opt), { maxNewTokens: 12 });
        const text = tokenizer.decode(sequences[1]!.slice(promptLength));
        const stop = text.slice(4, 6);
        const stopped = await generator.generate(inputsFor(opt), { maxNewTokens: 12, stopStrings: [stop] });
        const ids = stopped.sequences[1]!.slice(promptLength);
        const end = text.indexOf(stop) + 2;
        expect(tokenizer.decode(ids.slice(0, end))).toBe(text.slice(0, end));
        expect(ids.slice(end).every((id) => id === opt.config.padTokenId)).toBe(true);
        const [answer] = await answerTokens(generator, tokenizer, [PROMPTS[1]!], {
          maxPrompt: 16,
          maxNewTokens: 12,
          stopStrings: [stop],
        });
        expect(answer![0]!.text).toBe(text.slice(0, text.indexOf(stop)));
        const pieces: string[] = [];
        const encoder = { ...tokenizer, encode: () => PROMPTS[1]! } as unknown as Tokenizer;
        for await (const piece of streamAnswer(generator, encoder, "", { maxPrompt: 16, maxNewTokens: 12, stopStrings: [stop] }))
          pieces.push(piece);
        expect(pieces.join("")).toBe(text.slice(0, text.indexOf(stop)));
        expect(pieces.length).toBeGreaterThan(1);
      },
      { tokenizer },
    );
  });

  it("time", async () => {
    await using(opt, async (generator) => {
      const { sequences, promptLength } = await generator.generate(inputsFor(opt), { maxNewTokens: 20, maxTime: 1e-6 });
      expect(sequences[0]!.length).toBe(promptLength + 1);
    });
  });

  it("any of several end tokens, on the device as on the host", async () => {
    await using(t5, async (generator) => {
      const { sequences } = await generator.generate(inputsFor(t5), { maxNewTokens: 12 });
      const ends = { maxNewTokens: 12, eosTokenIds: [sequences[0]![3]!, sequences[1]![5]!] };
      const onDevice = await generator.generate(inputsFor(t5), ends);
      expect((await generator.generate(inputsFor(t5), { ...ends, withTokenScores: true })).sequences).toEqual(onDevice.sequences);
      expect(onDevice.sequences[0]!.findIndex((id, i) => i > 0 && ends.eosTokenIds.includes(id))).toBeLessThanOrEqual(3);
    });
  });
});

describe("what cannot be is refused", () => {
  it.each<[string, object, RegExp]>([
    ["samples of greedy search", { numReturnSequences: 2 }, /greedy search gives one sequence/],
    ["more sequences than beams", { numReturnSequences: 3, numBeams: 2 }, /numReturnSequences 3 is more than numBeams 2/],
    ["a length beyond the positions", { maxNewTokens: 40 }, /exceed the model's 48 positions; ask for at most/],
    ["no room", { maxLength: 8 }, /leaves no room for new tokens/],
    ["an end token beyond the vocabulary", { eosTokenIds: [37] }, /the end token 37 is beyond the model's vocabulary of 37/],
    ["stop strings without a tokenizer", { stopStrings: ["x"] }, /need a tokenizer/],
    ["settings that forbid every token", { doSample: true, suppressTokens: [...Array(37).keys()] }, /no token has a probability/],
  ])("%s", async (_, settings, message) => {
    await using(opt, (generator) => expect(generator.generate(inputsFor(opt), settings)).rejects.toThrow(message));
  });

  it("ids that the model has not, and a prompt that ends in padding", async () => {
    await using(opt, async (generator) => {
      const given = (ids: number[], mask?: number[]) => ({
        rows: 1,
        inputIds: Int32Array.from(ids),
        ...(mask ? { attentionMask: Int32Array.from(mask) } : {}),
      });
      await expect(generator.generate(given([5, 37]))).rejects.toThrow(/row 0 has the id 37; the model's go from 0 to 36/);
      await expect(generator.generate(given([5, 1], [1, 0]))).rejects.toThrow(/row 0 ends in padding; .* on the left/);
      await expect(generator.stream(given([5]), { numBeams: 2 }).next()).rejects.toThrow(/beams cannot be streamed/);
    });
  });
});

it("keeps the programs of a few shapes, and gives all memory back", async () => {
  const before = { ...device.memory.live };
  await using(opt, async (generator) => {
    let most = 0;
    for (let i = 1; i <= 7; i++) {
      await generator.generate(inputsFor(opt, [PROMPTS[0]!]), { maxNewTokens: 1 + ((8 * i) % 40) });
      if (i === 5) most = device.memory.live.cache;
      if (i > 5) expect(device.memory.live.cache).toBeLessThan(2 * most);
    }
  });
  expect(device.memory.live).toEqual(before);
});

it("OPT: a length of the whole, and what looks at the prompt, do not meet the padding that spares programs", async () => {
  const generator = new SequenceGenerator(device, opt);
  held.push(generator);
  const tokenizer = { decode: (ids: number[]) => ids.join(" ") } as unknown as Tokenizer;
  const settings = [
    { maxLength: 13 }, // less than the 16 that ten tokens are padded to
    { minLength: 13, maxLength: 15, eosTokenIds: [3] },
    { badWordsIds: [[opt.config.padTokenId, 3]], repetitionPenalty: 1.5, maxNewTokens: 4 },
  ];
  for (const options of settings) {
    const alone = await generator.generate({ rows: 1, inputIds: Int32Array.from(PROMPTS[2]!) }, { ...options });
    const [answers] = await answerTokens(generator, tokenizer, [PROMPTS[2]!], { ...options, maxPrompt: 16 });
    const made = alone.sequences[0]!.slice(PROMPTS[2]!.length);
    expect(answers![0]!.ids).toEqual(made.slice(0, answers![0]!.ids.length));
    expect(answers![0]!.ids.length).toBeGreaterThan(0);
  }
});
