// What loading a model takes of host memory, beyond what the device holds, and how long it lasts.
//   node scripts/with-driver.mjs npx tsx --conditions=@attune/source scripts/measure-loading.ts /tmp/opt-1.3b
import { loadModelFolder, openModelFolder } from "@attune/models";
import { diskFiles } from "@attune/models/node";
import { openDevice } from "@attune/tensor/node";

const [folder, storage = "f16"] = process.argv.slice(2);
const MIB = 2 ** 20;
const opened = await openModelFolder(diskFiles(folder!));
const largest = Math.max(...[...opened.checkpoint.tensors.values()].map(({ begin, end }) => end - begin));
const device = await openDevice();
let most = 0;
let rss = 0;
const before = process.memoryUsage();
// on the way: at every read, so that no peak falls between two looks of a timer
const read = opened.checkpoint.read.bind(opened.checkpoint);
opened.checkpoint.read = async (name, elements) => {
  const raw = await read(name, elements);
  const now = process.memoryUsage();
  most = Math.max(most, now.arrayBuffers - before.arrayBuffers);
  rss = Math.max(rss, now.rss - before.rss);
  return raw;
};
const began = performance.now();
const model = await loadModelFolder(device, opened, { trainable: false, storage: storage as "f16" });
await device.read([...model.weights.values()].at(-1)!.storage, 16); // the device has taken all of it
const seconds = (performance.now() - began) / 1000;
const held = [...model.weights.values()].reduce((sum, weight) => sum + weight.storage.bytes, 0);
console.log(
  `${folder}: ${(held / MIB).toFixed(0)} MiB on the device in ${seconds.toFixed(1)} s; largest tensor in the files ${(largest / MIB).toFixed(0)} MiB; ` +
    `most in array buffers at once ${(most / MIB).toFixed(0)} MiB; process grew by ${(rss / MIB).toFixed(0)} MiB at its peak`,
);
device.destroy();
