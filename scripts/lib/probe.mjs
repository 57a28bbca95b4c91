// Asks Dawn for an adapter. Runs as a process of its own (`node probe.mjs` prints one line of JSON): the Vulkan
// loader reads its environment when it is loaded, and a crash in a graphics driver must not take the caller along.
import { fileURLToPath } from "node:url";
import { capture } from "./process.mjs";

const self = fileURLToPath(import.meta.url);

/** { ok: true, adapter } or { ok: false, reason: "no-adapter" | "cannot-load", message }. */
export async function probeAdapter(env = process.env) {
  const run = await capture(process.execPath, [self], { env, timeoutMs: 120_000 });
  const line = run.stdout
    .split("\n")
    .reverse()
    .find((text) => text.startsWith("{"));
  if (line) return JSON.parse(line);
  const why = run.timedOut ? "no answer from the graphics driver in 120 s" : run.stderr.trim().split("\n").pop();
  return { ok: false, reason: "no-adapter", message: why || `the probe ended with code ${run.code}` };
}

async function main() {
  const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
  let create;
  try {
    ({ create } = await import("webgpu"));
  } catch (error) {
    return answer({ ok: false, reason: "cannot-load", message: String(error?.message ?? error).split("\n")[0] });
  }
  try {
    const gpu = create([]);
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter) return answer({ ok: false, reason: "no-adapter", message: "Dawn lists no adapter" });
    const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
    answer({ ok: true, adapter: { vendor, architecture, device, description, isFallbackAdapter: isFallbackAdapter === true } });
  } catch (error) {
    answer({ ok: false, reason: "no-adapter", message: String(error?.message ?? error).split("\n")[0] });
  }
}

if (process.argv[1] === self) await main();
