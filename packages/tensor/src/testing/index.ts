import { attentionCases } from "./cases/attention.js";
import { decodeCases } from "./cases/decode.js";
import { elementwiseCases } from "./cases/elementwise.js";
import { fusedCases } from "./cases/fused.js";
import { lossCases } from "./cases/loss.js";
import { matmulCases } from "./cases/matmul.js";
import { modelCases } from "./cases/model.js";
import type { OpCase } from "./opCase.js";

export { generator } from "@attune/kernels-wgsl/testing";
export { type GradcheckOptions, type GradcheckReport, gradcheck } from "./gradcheck.js";
export { type CaseReport, DEFAULT_BOUNDS, runCase, runExtremes } from "./harness.js";
export type { CaseInput, Dims, OpCase } from "./opCase.js";

/** Every op of the engine, as the harness tests it. */
export const opCases: readonly OpCase[] = [
  ...elementwiseCases,
  ...matmulCases,
  ...attentionCases,
  ...decodeCases,
  ...lossCases,
  ...modelCases,
  ...fusedCases,
];
