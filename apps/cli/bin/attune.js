#!/usr/bin/env node
// Starts attune where Dawn finds an adapter. The Vulkan loader reads its environment when its process starts, so with
// the project's software driver (.attune/driver, see scripts/driver.mjs) node is started once more, with that set.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const home = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const built = path.join(home, "dist", "main.js");
const source = path.join(home, "src", "main.ts");
// Words with which no driver is needed, and so no second process: anywhere, and as the command.
const ONLY_ASKS = new Set(["--help", "-h", "--version", "-V"]);
const NEEDS_NO_DEVICE = new Set([
  "help",
  "completion",
  "config",
  "convert",
  "data",
  "init",
  "push",
  "recipes",
  "runs",
  "score",
  "tokenize",
]);

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`error: Node ${process.versions.node} is too old: attune needs Node 20.19 or newer`);
  process.exit(2);
}

const driver = softwareDriver();
const fromSource = !existsSync(built);
if (driver || fromSource) respawn(driver);
else await (await import(pathToFileURL(built).href)).run();

/** The environment of the driver folder nearest above this package, if one is wanted, switched on and whole. */
function softwareDriver() {
  if (process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES) return null;
  const words = process.argv.slice(2);
  if (words.length === 0 || NEEDS_NO_DEVICE.has(words[0]) || words.some((word) => ONLY_ASKS.has(word))) return null;
  for (let folder = home; ; folder = path.dirname(folder)) {
    try {
      const env = JSON.parse(readFileSync(path.join(folder, ".attune", "driver", "env.json"), "utf8"));
      if (existsSync(env.VK_DRIVER_FILES)) return env;
    } catch {
      // none here, or not readable: the next folder up
    }
    if (folder === path.dirname(folder)) return null;
  }
}

function respawn(extra) {
  const env = { ...extra, ...process.env };
  if (extra) env.LD_LIBRARY_PATH = [extra.LD_LIBRARY_PATH, process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  // Without a build the sources run as they are, through tsx.
  const entry = fromSource ? ["--conditions=@attune/source", "--import", import.meta.resolve("tsx"), source] : [built];
  const child = spawn(process.execPath, [...process.execArgv, ...entry, ...process.argv.slice(2)], { env, stdio: "inherit" });
  // A terminal sends Ctrl-C to the whole group by itself, and any of the three says that there is one.
  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  process.on("SIGINT", () => hasTerminal || child.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`error: cannot start node: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) =>
    process.exit(code ?? 128 + ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 0)),
  );
}
