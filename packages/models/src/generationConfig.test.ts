import { describe, expect, it } from "vitest";
import { checkGenerationConfig, generationWarnings, readGenerationConfig, writeGenerationConfig } from "./generationConfig.js";

describe("generation_config.json", () => {
  it("is read, and written as it was", () => {
    const json = {
      decoder_start_token_id: 0,
      eos_token_id: [1, 2],
      pad_token_id: 0,
      max_new_tokens: 64,
      early_stopping: "never",
    };
    const config = readGenerationConfig({ ...json, transformers_version: "4.57.6", use_cache: true, top_k: null });
    expect(config).toEqual({
      decoderStartTokenId: 0,
      eosTokenIds: [1, 2],
      padTokenId: 0,
      maxNewTokens: 64,
      earlyStopping: "never",
    });
    expect(readGenerationConfig(writeGenerationConfig(config))).toEqual(config);
    expect(writeGenerationConfig({ eosTokenIds: [1], padTokenId: 0 })).toEqual({
      _from_model_config: true,
      eos_token_id: 1,
      pad_token_id: 0,
      use_cache: true,
    });
  });

  it("is refused with every wrong field named, and what nothing here computes", () => {
    const json = {
      eos_token_id: "1",
      temperature: 0,
      top_p: 1.5,
      bad_words_ids: [[]],
      stop_strings: ["", "a"],
      num_beam_groups: 2,
    };
    for (const name of Object.keys(json))
      expect(() => readGenerationConfig(json, "file")).toThrow(new RegExp(`file: .*${name} is`));
    expect(() => readGenerationConfig({ num_beam_groups: 2 })).toThrow(/num_beam_groups is 2, which is not supported/);
    expect(readGenerationConfig({ guidance_scale: 1, diversity_penalty: 0 })).toEqual({});
    expect(() => readGenerationConfig({ top_k: -1 })).toThrow(expect.objectContaining({ exitClass: "data" }));
  });
});

describe("a caller's settings", () => {
  it("are checked alike; an unknown one is named with the nearest", () => {
    expect(() => checkGenerationConfig({ numBeams: 0 })).toThrow(/numBeams is 0, expected a whole number above 0/);
    expect(() => checkGenerationConfig({ topk: 3 } as object)).toThrow(/no setting named topk; did you mean topK\?/);
    expect(() => checkGenerationConfig({ topK: 1.5 })).toThrow(expect.objectContaining({ exitClass: "usage" }));
    expect(checkGenerationConfig({ topK: 0, maxNewTokens: undefined })).toEqual({ topK: 0, maxNewTokens: undefined });
  });
});

describe("warnings", () => {
  it("say what contradicts itself", () => {
    expect(generationWarnings({ padTokenId: 2, eosTokenIds: [1, 2] })).toEqual([expect.stringMatching(/one token \(2\)/)]);
    expect(generationWarnings({ temperature: 0.7, topP: 1 })).toEqual([expect.stringMatching(/^temperature only counts when/)]);
    expect(generationWarnings({ lengthPenalty: 2 })).toEqual([expect.stringMatching(/^lengthPenalty only counts with beams/)]);
    expect(generationWarnings({ temperature: 0.7, doSample: true, numBeams: 2, lengthPenalty: 2 })).toEqual([]);
  });
});
