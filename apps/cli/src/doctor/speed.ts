// What the device really does, as the doctor tells it and profiles compare with.
export { measurePeaks as measureSpeed, type Peaks as Speed } from "@attune/tensor/debug";
