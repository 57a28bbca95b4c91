import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { DeviceStalledError } from "../errors.js";
import { Failures } from "./failures.js";

const gpu = { lost: new Promise(() => {}) } as unknown as GPUDevice;
const wait = (promise: Promise<unknown>): Promise<unknown> => promise;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("waits as long as something is finished now and then, however much lies in front of a read-back", async () => {
  const failures = new Failures(gpu);
  const sign = setInterval(() => failures.alive(), 50_000);
  let isRead = false;
  const read = new Promise<void>((resolve) => setTimeout(resolve, 3_600_000));
  const settled = failures.settled(read, wait, 60_000, "a read-back").then(() => (isRead = true));
  await vi.advanceTimersByTimeAsync(3_599_000);
  expect(isRead).toBe(false);
  expect(() => failures.throwEnd()).not.toThrow();
  await vi.advanceTimersByTimeAsync(1_000);
  await settled;
  clearInterval(sign);
});

it("gives up where nothing was finished for so long, and from then on", async () => {
  const failures = new Failures(gpu);
  const settled = failures.settled(new Promise(() => {}), wait, 60_000, "a read-back of 4 bytes", 4);
  const refused = expect(settled).rejects.toThrow(/nothing was finished in 60 s, while a read-back of 4 bytes waits/);
  await vi.advanceTimersByTimeAsync(30_000);
  failures.alive();
  await vi.advanceTimersByTimeAsync(59_000);
  expect(() => failures.throwEnd()).not.toThrow();
  await vi.advanceTimersByTimeAsync(1_000);
  await refused;
  expect(() => failures.throwEnd()).toThrow(DeviceStalledError);
});
