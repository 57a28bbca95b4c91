import { expect, test } from "vitest";
import { knownMemory } from "./deviceMemory.js";

const sources = (nvidia: string | Error) => ({
  free: () => 1000,
  nvidia: async () => {
    if (nvidia instanceof Error) throw nvidia;
    return nvidia;
  },
});
const gpu = (vendor: string) => ({ isSoftware: false, adapter: { vendor, architecture: "", device: "", description: "" } });

test.each([
  ["a software adapter's is the machine's", { ...gpu("mesa"), isSoftware: true }, "", 1000],
  ["NVIDIA's driver is asked", gpu("nvidia"), "15360\n", 15360 * 2 ** 20],
  ["of several GPUs nobody knows which one it is", gpu("nvidia"), "15360\n8192\n", null],
  ["a driver that does not answer", gpu("nvidia"), new Error("ENOENT"), null],
  ["a driver that says something else", gpu("nvidia"), "[N/A]\n", null],
  ["another GPU", gpu("amd"), "15360\n", null],
])("%s", async (_, facts, said, bytes) => {
  expect((await knownMemory(facts as never, sources(said)))?.bytes ?? null).toBe(bytes);
});

test("this machine has some", async () => {
  expect((await knownMemory({ ...gpu(""), isSoftware: true } as never))!.bytes).toBeGreaterThan(2 ** 20);
});
