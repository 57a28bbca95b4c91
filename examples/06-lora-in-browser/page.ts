// The page: opens the browser's own adapter, fetches the model beside it, tunes, and offers the adapter for download.
import { httpFiles } from "@attune/models";
import { openWebGpu } from "@attune/tensor";
import { type Pair, tune } from "./tune.js";

const log = document.querySelector("pre")!;
const say = (line: string): void => log.append(`${line}\n`);

const PAIRS: Pair[] = [
  {
    prompt: "Ida: Shall we fly kites?\nMax: Okay.\nIda: It would be on Monday.\nMax: I will bring grapes.\nSummary: <extra_id_0>",
    completion: "<extra_id_0> Max accepts and will bring grapes.",
  },
  {
    prompt: "Ruth: Shall we taste cheese?\nNoor: Alas, no, as the ferry is cancelled.\nSummary: <extra_id_0>",
    completion: "<extra_id_0> Noor declines because the ferry is cancelled.",
  },
];

document.querySelector("button")!.addEventListener("click", async ({ target }) => {
  (target as HTMLButtonElement).disabled = true;
  try {
    if (!navigator.gpu) throw new Error("this browser has no WebGPU");
    const device = await openWebGpu(navigator.gpu);
    say(`adapter: ${device.facts.adapter.description || device.facts.adapter.vendor}`);
    const model = httpFiles(new URL("model/", location.href).href);
    const { answer, adapter } = await tune(device, model, PAIRS, 40, ({ step, loss }) =>
      say(`step ${step}  loss ${loss.toFixed(3)}`),
    );
    say(`answer: ${answer}`);
    for (const [name, content] of Object.entries(adapter)) {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([content as BlobPart]));
      link.download = name;
      link.textContent = name;
      document.body.append(link, " ");
    }
    device.destroy();
  } catch (error) {
    say(String(error));
  }
});
