// A captured program into commands: nothing is made here but encoders, and a pipeline is set only where it changes.
import type { KernelCall } from "@attune/kernels-wgsl";
import type { Place } from "./backend.js";
import { type SubmitPace, workOf } from "./submitPace.js";
import { dueCopies, encodeCopies, type TextureCopy } from "./textures.js";

/** A call with all that encoding it takes. */
export interface ReadyCall {
  readonly call: KernelCall;
  readonly places: readonly Place[];
  /** Operands that the kernel reads as textures. */
  readonly copies: readonly TextureCopy[];
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

/** @param submit takes an encoder and the work in it, wherever the pace cuts and at the end */
export function encodeProgram(
  gpu: GPUDevice,
  ready: readonly ReadyCall[],
  pace: SubmitPace,
  submit: (encoder: GPUCommandEncoder, work: number) => void,
): void {
  let encoder = gpu.createCommandEncoder();
  let pass = encoder.beginComputePass();
  let current: GPUComputePipeline | null = null;
  let work = 0;
  for (const { call, copies, pipeline, bindGroup, x, y, z } of ready) {
    const more = workOf(call);
    if (pace.cuts(work, more)) {
      pass.end();
      submit(encoder, work);
      encoder = gpu.createCommandEncoder();
      pass = encoder.beginComputePass();
      current = null;
      work = 0;
    }
    work += more;
    const due = dueCopies(copies);
    if (due.length > 0) {
      pass.end();
      encodeCopies(encoder, due);
      pass = encoder.beginComputePass();
      current = null;
    }
    if (pipeline !== current) {
      pass.setPipeline(pipeline);
      current = pipeline;
    }
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(x, y, z);
  }
  pass.end();
  submit(encoder, work);
}
