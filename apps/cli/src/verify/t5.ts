import {
  type Checkpoint,
  linearModules,
  loadT5Weights,
  openT5Weights,
  readT5Config,
  shiftRight,
  T5,
  type T5Config,
} from "@attune/models";
import { type Device, type Tensor, tensor } from "@attune/tensor";
import { disposeWeights, type OpenedModel, type VerifiedModel } from "./model.js";
import type { ForwardCase } from "./record.js";

/** T5: the record's decoder inputs, or the labels shifted right. */
export async function t5Record(json: Record<string, unknown>, where: string, checkpoint: Checkpoint): Promise<OpenedModel> {
  const config = readT5Config(json, { where });
  const { weights: specs } = await openT5Weights(config, checkpoint);
  const linears = linearModules(specs);
  const valuesBound = config.scaleDecoderOutputs ? 1e-5 : 3e-5;
  return { valuesBound, linears, specs, load: (device, trainable) => load(device, config, checkpoint, trainable) };
}

async function load(device: Device, given: T5Config, checkpoint: Checkpoint, isTrainable: boolean): Promise<VerifiedModel> {
  const { config, weights, trainable } = await loadT5Weights(device, given, checkpoint, { trainable: isTrainable });
  const model = new T5(config, weights);
  return {
    model,
    weights,
    trainable,
    forward(forwardCase, onHidden, lora = null) {
      const { inputs, labels } = inputsOf(device, config, forwardCase);
      const logits = model.with({ lora }).forward(inputs, (stack, index, hidden) => {
        onHidden?.(`${stack}_hidden.${index}`, hidden);
        if (stack === "encoder" && index === config.numLayers) onHidden?.("encoder_last_hidden_state", hidden);
      });
      return { logits, labels };
    },
    visible: (forwardCase) => forwardCase.inputs.get("decoder_attention_mask")!.values,
    dispose: () => disposeWeights(weights, trainable),
  };
}

function inputsOf(device: Device, config: T5Config, forwardCase: ForwardCase) {
  const get = (name: string): Tensor | null => {
    const input = forwardCase.inputs.get(name);
    return input ? tensor(device, input.values, input.shape) : null;
  };
  const labels = forwardCase.inputs.get("labels");
  const decoderInputIds =
    get("decoder_input_ids") ?? tensor(device, shiftRight(labels!.values, labels!.shape.at(-1)!, config), labels!.shape);
  const inputs = {
    inputIds: get("input_ids")!,
    attentionMask: get("attention_mask"),
    decoderInputIds,
    decoderAttentionMask: get("decoder_attention_mask"),
  };
  return { inputs, labels: labels ? tensor(device, labels.values, labels.shape) : null };
}
