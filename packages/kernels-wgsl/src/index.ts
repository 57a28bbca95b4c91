export {
  type AttentionBlock,
  attentionBackwardWay,
  attentionBlock,
  planAttentionBiasBuckets,
  planAttentionBiasDiagonals,
  planAttentionBlockGradient,
  planAttentionRows,
} from "./attention/blocks.js";
export { type DecodeSizes, planAttentionDecode } from "./attention/decode.js";
export {
  type AttentionGradients,
  type AttentionPart,
  type AttentionSizes,
  attentionTiles,
  planAttention,
  planAttentionBias,
  planAttentionBiasGradient,
  planAttentionDelta,
  planAttentionNumbers,
  planAttentionPart,
} from "./attention/plan.js";
export { attentionTile } from "./attention/tile.js";
export {
  type CrossEntropySizes,
  planCrossEntropy,
  planCrossEntropyBackward,
  planCrossEntropyInPlace,
} from "./crossEntropy/plan.js";
export { planDropout } from "./dropout/plan.js";
export { type Chain, type ChainOperand, type ChainStep, planChain } from "./elementwise/fused.js";
export {
  BINARY_OPS,
  type BinaryOp,
  planAccumulate,
  planBinary,
  planBroadcast,
  planMaxBackward,
  planUnary,
  planUnaryBackward,
  UNARY_OPS,
  type UnaryOp,
} from "./elementwise/plan.js";
export {
  FORMULAS,
  type Pointwise,
  type PointwiseOp,
  type PointwiseOperand,
  type Reading,
} from "./elementwise/pointwise.js";
export { planClear, planEmbedding, planEmbeddingBackward } from "./embedding/plan.js";
export { type DeviceFacts, factsOf, MATRIX_FEATURE, type MatrixConfig, rowVariant, softwareFacts, spread } from "./facts.js";
export { type CacheAppendSizes, planArgmax, planCacheAppend, planTopK, TOP_K_LIMIT } from "./generate/plan.js";
export { fileKernels } from "./generated/kernels.js";
export { planRange, RANGE_WORDS } from "./inspect/plan.js";
export { type Kernel, type KernelCall, paramBytes, specialize, type TexelFormat, writeParams } from "./kernel.js";
export { locateInSource, type SourcePlace } from "./locate.js";
export { fingerprintOf, shapeClass, tunedVariant } from "./matmul/choice.js";
export { planMatmul } from "./matmul/plan.js";
export {
  MATMUL_VARIANTS,
  type MatmulChoice,
  type MatmulEpilogue,
  type MatmulLayout,
  type MatmulSizes,
  type MatmulStorage,
  type MatmulVariant,
  type MatrixPlace,
} from "./matmul/sizes.js";
export { type MatmulPlan, type MatmulStep, planMatmulSteps, planPacked, planSplitK, splitsFor } from "./matmul/steps.js";
export { subgroupMatmul } from "./matmul/subgroup.js";
export { candidatesFor, chooseVariant, type MatmulTimer, readChoice, tuneMatmul, writeChoice } from "./matmul/tuning.js";
export {
  type NormCall,
  planAddNorm,
  planLayerNorm,
  planLayerNormBackward,
  planNormWeightBackward,
  planRmsNorm,
  planRmsNormBackward,
} from "./norm/plan.js";
export {
  type AdafactorGroup,
  type AdafactorLayout,
  type AdafactorTensor,
  layoutAdafactor,
  planAdafactorApply,
  planAdafactorSquares,
  planAdafactorStats,
  planAdafactorTotals,
} from "./optimizer/adafactor.js";
export { type AdamWSizes, type DecideSizes, planAdamW, planDecide, UPDATE_WORDS } from "./optimizer/plan.js";
export { readKernel } from "./read.js";
export { finiteBlocks, planColumnSum, planFinite, planRowSum, planSumSquares, sumSquaresBlocks } from "./reduce/plan.js";
export { planLogSoftmax, planLogSoftmaxBackward, planSoftmax, planSoftmaxBackward } from "./softmax/plan.js";
export { cutCall, type Piece, type SplitAxis } from "./split/axes.js";
export { TEXTURE_FEATURE, TEXTURE_GAP, textureWidth } from "./texture.js";
export { type PlannedVariant, plannedVariants, REPRESENTATIVE_DEVICES, type RepresentativeDevice } from "./variants.js";
