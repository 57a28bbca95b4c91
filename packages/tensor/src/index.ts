export { backward } from "./autograd.js";
export { checkpoint } from "./checkpoint.js";
export type { Backend } from "./device/backend.js";
export { type CaptureOptions, capture, type InputSpec, Program, type ProgramPlan } from "./device/capture.js";
export { Device } from "./device/device.js";
export { CATEGORIES, type Category, MemoryLedger } from "./device/memory.js";
export { nullBackend } from "./device/null.js";
export { type OpenOptions, openWebGpu, type WebGpuDevice } from "./device/open.js";
export { ScratchSet } from "./device/scratch.js";
export { Storage } from "./device/storage.js";
export { WebGpuBackend, type WebGpuOptions } from "./device/webgpu.js";
export { byteSize, type DType, type TypedArray } from "./dtype.js";
export {
  AllocationError,
  DeviceError,
  type DeviceErrorDetails,
  DeviceLostError,
  DeviceStalledError,
  FreedError,
  type Holder,
  MemoryBudgetError,
  PipelineError,
  TensorError,
} from "./errors.js";
export {
  apply,
  BackwardContext,
  ForwardContext,
  type Gradient,
  noGrad,
  type Op,
  OpContext,
  wantF32,
  wantI32,
} from "./op.js";
export { type AttentionBias, type AttentionOptions, attention } from "./ops/attention.js";
export { type DecodeAttentionOptions, decodeAttention } from "./ops/attentionDecode.js";
export { type CachePlaces, cacheAppend, chooseGreedy, type GreedyState, topK } from "./ops/decode.js";
export { dropout } from "./ops/dropout.js";
export {
  accumulateInto,
  add,
  affine,
  div,
  exp,
  geluNew,
  log,
  maximum,
  mul,
  reciprocal,
  relu,
  sigmoid,
  sqrt,
  square,
  sub,
  tanh,
} from "./ops/elementwise.js";
export { embedding, selectRows } from "./ops/embedding.js";
export { linearCrossEntropy } from "./ops/linearCrossEntropy.js";
export { type CrossEntropyOptions, crossEntropy } from "./ops/loss.js";
export { linear, matmul } from "./ops/matmul.js";
export { layerNorm, rmsNorm } from "./ops/norm.js";
export { allFinite, mean, reshape, sum } from "./ops/reduce.js";
export { logSoftmax, softmax } from "./ops/softmax.js";
export { Adafactor, type AdafactorOptions } from "./optim/adafactor.js";
export { AdamW, type AdamWOptions } from "./optim/adamW.js";
export { type ArenaPlace, type ArenaRange, ParameterSet, type ParameterSpec } from "./optim/parameterSet.js";
export { type LossScaleOptions, UpdateControl, type UpdateOptions, type UpdateReport } from "./optim/update.js";
export { ProgramState } from "./programState.js";
export { type Shape, show, sizeOf } from "./shape.js";
export { parameter, persistent, Tensor, tensor } from "./tensor.js";
