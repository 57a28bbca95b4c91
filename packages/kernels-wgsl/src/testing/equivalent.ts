/**
 * Mutants that compute the same, or that no test on this adapter can tell, each with the reason.
 * Key: kernel without its variant (`shortName`), rule, which of its matches in the text.
 */
export const EQUIVALENT: Readonly<Record<string, string>> = {
  "elementwise/accumulate|tail guard dropped|0":
    "elements beyond the count keep their values anyhow: `inside` is false for all of a vec4",
  "crossEntropy/backward|ignored rows counted|0":
    "-1 as a u32 is no column either; the row's zeros come from the second test of the label",
  "crossEntropy/in_place|adds become subtractions|2": "what is added is 0 or NaN",
  "attention/queries|barrier dropped|0":
    "the workgroup is one subgroup, which a software adapter runs in step: only a GPU could tell",
  "attention/queries|bound off by one|1":
    "a column behind the end sees nothing: it stores 0 in the last column's place, whose own store follows",
  "attention/keys|bound off by one|1": "as in attention/queries",
  "attention/rows|bound off by one|1": "a column beyond the head size is held in a register that is never stored",
  "attention/rows|bound off by one|2": "a column beyond the head size is held in a register that is never stored",
  "attention/decode|bound off by one|1": "a column beyond the head size is held in a register that is never stored",
  "attention/decode|sum starts at 1|0":
    "the first visible key shrinks it to nothing; without one nothing is held that it could divide",
  "generate/argmax|NaN is no largest|0":
    "a NaN without a sign has a key below all others anyhow; packages/tensor/src/ops/decode.test.ts has one with a sign",
  "generate/top_k|NaN is no largest|0": "as in generate/argmax",
  "matmul/workgroup|bound off by one|0": "a row beyond m reaches only sums that are not stored",
  "matmul/workgroup|bound off by one|2": "a column beyond n reaches only sums that are not stored",
  "matmul/vector|loop ends early|0": "a turn takes 4 k a lane, and k is a multiple of that",
  "matmul/subgroup<tn,8>|column step ignored|0": "tiles of few rows take no panels: the step is 1",
  "matmul/subgroup<tn,8>|column step ignored|1": "tiles of few rows take no panels: the step is 1",
};
