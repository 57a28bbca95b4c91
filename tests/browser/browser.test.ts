// The engine in a browser: headless Chromium on its software adapter runs the ops and a LoRA step, and the numbers are those of Node.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { findBrowser } from "../../scripts/browser.mjs";
import type { BrowserReport } from "./page.js";

/** Served to the page. */
const MODEL = fileURLToPath(new URL("../../data/bundled/base", import.meta.url));
const TIMEOUT_MS = 240_000;
const FLAGS = [
  "--headless",
  "--no-sandbox", // root, as CI is, may not have one; the page is our own
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A script that does not even start tells so. */
const PAGE = `<!doctype html><script>
addEventListener("error", (event) => fetch("/report", { method: "POST", body: JSON.stringify({ error: event.message }) }), true);
</script><script type="module" src="/page.js"></script>`;

it("runs every op and trains a LoRA adapter in headless Chromium", { timeout: TIMEOUT_MS + 60_000 }, async (context) => {
  const browser = await findBrowser();
  if (!browser.command) return context.skip(`no browser: ${"reason" in browser ? browser.reason : ""}`);
  const script = await bundle();
  expect(script).not.toMatch(/\bfrom\s*"(node:|webgpu")/); // browser-clean
  const report = await runPage(browser.command, browser.env, script);
  expect(report.error).toBeUndefined();
  console.log(
    `browser: ${report.adapter}, subgroups of ${report.subgroupSize ?? "no fixed size"}; ${report.ops} ops, losses ${report.losses.map((loss) => loss.toFixed(3)).join(" ")}`,
  );
  expect(report.failures).toEqual([]);
  expect(report.ops).toBeGreaterThan(40);
  expect(report.adapterFiles).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
  expect(report.losses.every(Number.isFinite) && report.gradNorms.every((norm) => norm > 0)).toBe(true);
  expect(report.losses.at(-1)!).toBeLessThan(0.9 * report.losses[0]!);
});

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    conditions: ["@attune/source"],
  });
  return outputFiles[0]!.text;
}

/** Serves the page on loopback, opens it, and waits for its report. */
async function runPage(command: string, env: NodeJS.ProcessEnv, script: string): Promise<BrowserReport> {
  const profile = await mkdtemp(path.join(tmpdir(), "attune-browser-"));
  let child: ReturnType<typeof spawn> | null = null;
  let stderr = "";
  const progress: string[] = [];
  const server = http.createServer();
  try {
    return await new Promise<BrowserReport>((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new Error(
              `no report in ${TIMEOUT_MS / 1000} s. The page: ${progress.slice(-80).join("; ") || "nothing"}. Chromium: ${stderr.slice(-1000)}`,
            ),
          ),
        TIMEOUT_MS,
      );
      server.on("request", (request, response) => {
        if (request.method === "POST") {
          let text = "";
          request.setEncoding("utf8").on("data", (part: string) => {
            text += part;
          });
          request.on("end", () => {
            response.end();
            if (request.url !== "/report") {
              progress.push(text);
              return;
            }
            clearTimeout(timer);
            resolve(JSON.parse(text) as BrowserReport);
          });
        } else if (/^\/model\/[\w.-]+$/.test(request.url ?? "")) {
          readFile(path.join(MODEL, path.basename(request.url!))).then(
            (bytes) => response.end(bytes),
            () => response.writeHead(404).end(),
          );
        } else if (request.url === "/page.js") response.setHeader("content-type", "text/javascript").end(script);
        else response.setHeader("content-type", "text/html").end(PAGE);
      });
      server.listen(0, "127.0.0.1", () => {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
        child = spawn(command, [...FLAGS, `--user-data-dir=${profile}`, url], { env, stdio: ["ignore", "ignore", "pipe"] });
        child.stderr!.setEncoding("utf8").on("data", (text: string) => {
          stderr += text;
        });
        child.on("error", reject);
        child.on("exit", (code) => reject(new Error(`Chromium ended with ${code}: ${stderr.slice(-2000)}`)));
      });
    });
  } finally {
    (child as ReturnType<typeof spawn> | null)?.kill("SIGKILL");
    server.closeAllConnections();
    server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
