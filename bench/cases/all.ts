import type { NodeDevice } from "@attune/tensor/node";
import type { CaseMaker } from "../harness.js";
import { attentionCases } from "./attention.js";
import { generateCases } from "./generate.js";
import { kernelCases } from "./kernels.js";
import { matmulCases } from "./matmul.js";
import { stepCases } from "./steps.js";

/** Every benchmark, cheap ones first. */
export function caseMakers(device: NodeDevice): readonly CaseMaker[] {
  return [
    ...matmulCases(device),
    ...attentionCases(device),
    ...kernelCases(device),
    ...stepCases(device),
    ...generateCases(device),
  ];
}
