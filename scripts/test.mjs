// `npm test`: set-up, lint, types, then the tests of every workspace, two at a time, on a real WebGPU adapter.
//   --long              also the tests that take long (ATTUNE_LONG=1)
//   --filter=@attune/x  one workspace only; the minimum of dispatches does not apply then
// The last line is always "N passed, N failed, N skipped". Lint and types count as one check each.
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { findBrowser } from "./browser.mjs";
import { projectRoot, withDriverEnv } from "./driver.mjs";
import { passThrough } from "./lib/process.mjs";
import { setupOrExplain, turboEnv } from "./setup.mjs";

const root = projectRoot;
const reports = path.join(root, ".attune", "test");
const filters = process.argv.filter((word) => word.startsWith("--filter="));
const isLong = process.argv.includes("--long");
const count = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const skipped = [];

const check = (name, isOk, message = "") => {
  if (isOk) count.passed++;
  else {
    count.failed++;
    failures.push({ name, message });
  }
};

const start = performance.now();
const found = await setupOrExplain();
check("set-up and a WebGPU adapter", found !== null, "see above; without an adapter nothing is tested");
if (found) await everything();
report();

async function everything() {
  await rm(reports, { recursive: true, force: true });
  await mkdir(reports, { recursive: true });
  const env = {
    ...turboEnv(withDriverEnv(process.env)),
    ATTUNE_REPORTS: reports,
    ATTUNE_STATS: path.join(reports, "stats.jsonl"),
    ...(isLong ? { ATTUNE_LONG: "1" } : {}),
  };
  const turbo = (task, ...more) => {
    const args = [
      "run",
      task,
      "--env-mode=loose",
      "--ui=stream",
      "--concurrency=2", // compiling kernels and the host side use one core each
      "--continue",
      "--output-logs=new-only",
      ...more,
    ];
    const bin = path.join(root, "node_modules", ".bin", process.platform === "win32" ? "turbo.cmd" : "turbo");
    return passThrough(bin, args, { cwd: root, env });
  };
  // once, and beside what needs no browser: several tests would fetch it at the same time
  const browser = findBrowser().catch(() => {}); // tests that want one say why there is none
  if (filters.length === 0) {
    check("lint (npm run lint)", (await turbo("lint")) === 0, "its output is above; `npm run format` puts most of it right");
    check("types (npm run typecheck)", (await turbo("typecheck")) === 0, "its output is above");
  }
  await browser;
  const code = await turbo("test", ...filters);
  const unreported = await readReports();
  if (code !== 0 && !failures.some(({ isTest }) => isTest))
    check("the test run", false, `turbo ended with code ${code} though no test failed`);
  for (const name of unreported)
    check(`${name}: vitest`, false, "wrote no report: it crashed, or was ended; its output is above");
  await readStatistics(env.ATTUNE_STATS);
}

/** Adds up the reports; returns the workspaces that should have written one and did not. */
async function readReports() {
  const missing = [];
  for (const group of ["packages", "apps", "."]) {
    const names = group === "." ? ["tests"] : await readdir(path.join(root, group));
    for (const name of names) {
      const workspace = path.join(root, group, name);
      const manifest = JSON.parse(await readFile(path.join(workspace, "package.json"), "utf8").catch(() => "{}"));
      if (!manifest.scripts?.test || (filters.length > 0 && !filters.includes(`--filter=${manifest.name}`))) continue;
      const text = await readFile(path.join(reports, `${name}.json`), "utf8").catch(() => "");
      if (!text) {
        missing.push(manifest.name);
        continue;
      }
      for (const test of JSON.parse(text).tests) addTest(manifest.name, test);
    }
  }
  return missing;
}

function addTest(workspace, { file, name, state, message, note }) {
  if (state === "passed") count.passed++;
  else if (state === "skipped") {
    count.skipped++;
    skipped.push({ name: `${workspace} ${name}`, note: note ?? "no reason given" });
  } else {
    count.failed++;
    failures.push({ name: `${workspace} ${file} > ${name}`, message: message ?? state, isTest: true });
  }
}

/** Every engine process appends { adapter, texts, compileSeconds, dispatches } to the file when it ends. */
async function readStatistics(file) {
  const lines = (await readFile(file, "utf8").catch(() => ""))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const sum = (key) => lines.reduce((total, line) => total + (line[key] ?? 0), 0);
  const names = [...new Set(lines.map((line) => line.adapter).filter(Boolean))];
  const dispatches = sum("dispatches");
  console.log(
    `\nadapter: ${found.adapter.description || found.adapter.device}${names.length > 1 ? ` (the tests ran on ${names.join(", ")})` : ""}`,
  );
  console.log(`kernel texts compiled: ${sum("texts")} in ${sum("compileSeconds").toFixed(1)} s; dispatches: ${dispatches}`);
  if (filters.length > 0) return;
  const minimum = JSON.parse(await readFile(path.join(root, "tests", "minimums.json"), "utf8")).dispatches;
  check("dispatches on the adapter", dispatches >= minimum, `${dispatches} ran, at least ${minimum} must (tests/minimums.json)`);
}

function report() {
  if (skipped.length > 0) console.log("\nskipped:");
  for (const { name, note } of skipped) console.log(`  ${name}: ${note}`);
  if (failures.length > 0) console.log("\nfailed:");
  for (const { name, message } of failures) {
    console.log(`  ${name}`);
    for (const line of message.split("\n").slice(0, 20)) console.log(`    ${line}`);
  }
  console.log(`\n${((performance.now() - start) / 1000).toFixed(0)} s`);
  if (count.failed > 0) process.exitCode ||= 1;
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
}
