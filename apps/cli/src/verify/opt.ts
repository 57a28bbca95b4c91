import {
  type Checkpoint,
  linearModules,
  loadOptWeights,
  Opt,
  type OptConfig,
  openOptWeights,
  optPositions,
  readOptConfig,
  shiftLeft,
} from "@attune/models";
import { type Device, tensor } from "@attune/tensor";
import { disposeWeights, type OpenedModel, type VerifiedModel } from "./model.js";

/** OPT: positions from the mask, labels shifted by one. */
export async function optRecord(json: Record<string, unknown>, where: string, checkpoint: Checkpoint): Promise<OpenedModel> {
  const config = readOptConfig(json, { where });
  const { weights: specs } = await openOptWeights(config, checkpoint);
  const linears = linearModules(specs);
  return { valuesBound: 3e-5, linears, specs, load: (device, trainable) => load(device, config, checkpoint, trainable) };
}

async function load(device: Device, config: OptConfig, checkpoint: Checkpoint, isTrainable: boolean): Promise<VerifiedModel> {
  const { weights, trainable } = await loadOptWeights(device, config, checkpoint, { trainable: isTrainable });
  const model = new Opt(config, weights);
  return {
    model,
    weights,
    trainable,
    forward({ inputs }, onHidden, lora = null) {
      const ids = inputs.get("input_ids")!;
      const mask = inputs.get("attention_mask");
      const labels = inputs.get("labels");
      const time = ids.shape[1]!;
      const positions = optPositions(mask?.values ?? new Int32Array(ids.values.length).fill(1), time);
      const given = {
        inputIds: tensor(device, ids.values, ids.shape),
        positionIds: tensor(device, positions, ids.shape),
        attentionMask: mask ? tensor(device, mask.values, mask.shape) : null,
      };
      return {
        logits: model.with({ lora }).forward(given, (index, hidden) => onHidden?.(`hidden.${index}`, hidden)),
        labels: labels ? tensor(device, shiftLeft(labels.values, time), labels.shape) : null,
      };
    },
    visible: ({ inputs }) => inputs.get("attention_mask")!.values,
    dispose: () => disposeWeights(weights, trainable),
  };
}
