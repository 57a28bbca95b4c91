import { describe, expect, it } from "vitest";
import { OPT_DEFAULTS } from "../opt/config.js";
import { optWeights } from "../opt/weights.js";
import { T5_DEFAULTS } from "../t5/config.js";
import { t5Weights } from "../t5/weights.js";
import { LORA_DEFAULTS } from "./adapterConfig.js";
import { ownWeights } from "./ownWeights.js";

const sizes = { vocabSize: 16, dModel: 8, dKv: 3, dFf: 12, numLayers: 1, numDecoderLayers: 1, numHeads: 2 };
const t5 = (tieWordEmbeddings: boolean) => t5Weights({ ...T5_DEFAULTS, ...sizes, tieWordEmbeddings });
const opt = optWeights({ ...OPT_DEFAULTS, vocabSize: 16, hiddenSize: 8, wordEmbedProjDim: 8, ffnDim: 12, numLayers: 1 });
const q = "model.decoder.layers.0.self_attn.q_proj";
const names = (config: object, weights = opt, adapted = [q]) =>
  ownWeights({ ...LORA_DEFAULTS, ...config }, weights, adapted).map(({ name }) => name);

describe("weights that an adapter has copies of", () => {
  it("are none, every bias, or those of adapted layers", () => {
    expect(names({})).toEqual([]);
    expect(names({ bias: "lora_only" })).toEqual([`${q}.bias`]);
    expect(names({ bias: "all" })).toEqual(opt.map(({ name }) => name).filter((name) => name.endsWith(".bias")));
    expect(names({ bias: "all" }, t5(true))).toEqual([]); // T5's relative_attention_bias.weight is no bias to PEFT
  });

  it("are whole modules by the end of their path, or of a module that holds them", () => {
    expect(names({ modulesToSave: ["final_layer_norm"] })).toEqual(
      ["final_layer_norm", "layers.0.final_layer_norm"].flatMap((at) => [
        `model.decoder.${at}.weight`,
        `model.decoder.${at}.bias`,
      ]),
    );
    expect(names({ modulesToSave: ["self_attn"] })).toHaveLength(8);
    expect(names({ modulesToSave: ["lm_head"] }, t5(false))).toEqual(["lm_head.weight"]);
  });

  it("take a tied head's first values from the embedding", () => {
    const [head] = ownWeights({ ...LORA_DEFAULTS, modulesToSave: ["lm_head"] }, opt, [q]);
    expect(head).toMatchObject({ name: "lm_head.weight", shape: [16, 8], source: "model.decoder.embed_tokens.weight" });
  });

  it("are named as PEFT names them, with the older spelling understood", () => {
    const [bias] = ownWeights({ ...LORA_DEFAULTS, bias: "lora_only" }, opt, [q]);
    expect(bias!.keys).toEqual([`base_model.model.${q}.base_layer.bias`, `base_model.model.${q}.bias`]);
  });

  it("are refused where a name matches nothing, where T5 shares its embeddings, and where the base is unknown", () => {
    expect(() => names({ modulesToSave: ["lm_heat"] })).toThrow(/modules_to_save: "lm_heat" matches no module; there are/);
    for (const name of ["shared", "embed_tokens"])
      expect(() => names({ modulesToSave: [name] }, t5(true))).toThrow(/T5's embedding/);
    expect(() => names({ bias: "all" }, [])).toThrow(/need the base model's weights/);
  });
});
