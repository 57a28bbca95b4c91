// The launcher as a person meets it: exit codes, closed pipes, and the software driver found from any folder.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const launcher = path.join(root, "apps/cli/bin/attune.js");

const attune = (...words: string[]) => {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, ...env } = process.env;
  return spawnSync(process.execPath, [launcher, ...words], {
    cwd: tmpdir(),
    encoding: "utf8",
    env: { ...env, NODE_OPTIONS: "" },
  });
};

test("hands the exit code and the streams on", () => {
  expect(attune("--version")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: "" });
  expect(attune("config", "none.yaml")).toMatchObject({ status: 2, stdout: "", stderr: "error: none.yaml: no such file\n" });
});

test("a closed pipe is no fault", (context) => {
  if (process.platform === "win32") return context.skip("needs a POSIX shell");
  const script = `set -o pipefail; "${process.execPath}" "${launcher}" config --schema | head -c 1`;
  expect(spawnSync("bash", ["-c", script], { encoding: "utf8" })).toMatchObject({ status: 0, stdout: "{", stderr: "" });
});

describe("a project with a software driver", () => {
  const home = mkdtempSync(path.join(tmpdir(), "attune launcher-"));
  afterAll(() => rmSync(home, { recursive: true, force: true }));
  const bin = path.join(home, "apps/cli/bin/attune.js");
  const icd = path.join(home, ".attune/driver/icd.json");
  for (const folder of ["apps/cli/bin", "apps/cli/dist", ".attune/driver"])
    mkdirSync(path.join(home, folder), { recursive: true });
  cpSync(launcher, bin);
  writeFileSync(path.join(home, "package.json"), '{ "type": "module" }');
  writeFileSync(path.join(home, ".attune/driver/env.json"), JSON.stringify({ VK_DRIVER_FILES: icd, LD_LIBRARY_PATH: "/ours" }));
  writeFileSync(
    path.join(home, "apps/cli/dist/main.js"),
    `export const run = async () => show();
     const show = () => console.log(process.env.VK_DRIVER_FILES ?? "none", process.env.LD_LIBRARY_PATH ?? "none");
     if (process.argv[1].endsWith("main.js")) show();
     if (process.argv[2] === "count") {
       process.on("SIGINT", () => console.log("interrupted"));
       console.log("ready");
       setTimeout(() => process.exit(0), 2500);
     }
     if (process.argv[2] === "wait") {
       process.on("SIGTERM", () => process.exit(143));
       setTimeout(() => process.exit(9), 20_000);
     }`,
  );
  const start = (words: string[], extra: Record<string, string> = {}) =>
    spawnSync(process.execPath, [bin, ...words], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, LD_LIBRARY_PATH: "/theirs", ...extra },
    });

  test("starts with it in its environment, before the user's own libraries", () => {
    writeFileSync(icd, "{}");
    expect(start(["train"]).stdout).toBe(`${icd} /ours:/theirs\n`);
  });

  test("leaves a driver that was chosen alone, and asks for none where none is needed", () => {
    expect(start(["train"], { VK_DRIVER_FILES: "/other.json" }).stdout).toBe("/other.json /theirs\n");
    expect(start(["--help"]).stdout).toBe("none /theirs\n");
  });

  test("hands signals on and ends as its child does", async () => {
    const child = spawn(process.execPath, [bin, "wait"], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([143, null]);
  });

  // script(1) makes a terminal, whose Ctrl-C goes to the whole group; the launcher's stdin is none
  const hasTerminal = spawnSync("script", ["--version"]).status === 0;
  test.skipIf(!hasTerminal)("Ctrl-C on a terminal comes once, whatever stdin is", async () => {
    const command = `"${process.execPath}" "${bin}" count < /dev/null`;
    const env = { PATH: process.env.PATH, TERM: "dumb" };
    const child = spawn("script", ["-qefc", command, "/dev/null"], { env, stdio: ["pipe", "pipe", "inherit"] });
    let text = "";
    // three times: two signals that come while nothing runs are one for the system
    let left = 3;
    child.stdout.on("data", (chunk) => {
      text += chunk;
      if (left < 3 || !text.includes("ready")) return;
      const timer = setInterval(() => void (left-- > 0 ? child.stdin.write("\x03") : clearInterval(timer)), 300);
    });
    await once(child, "close");
    expect(text.split("interrupted")).toHaveLength(1 + 3);
  });

  test("a driver that is gone is not used", () => {
    rmSync(icd);
    expect(start(["train"]).stdout).toBe("none /theirs\n");
  });
});
