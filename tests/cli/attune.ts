// The command line as a user has it: a process of its own, run from source.
import { execFile } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface Surroundings {
  env?: NodeJS.ProcessEnv;
  /** For stdin. */
  input?: string;
  /** Where it runs; else at the project's root. */
  cwd?: string | undefined;
}

/** Runs `attune ...words`; paths are relative to the project's root. Never rejects for an exit code. */
export function attune(words: readonly string[], surroundings: Surroundings = {}): Promise<Ended> {
  return runScript("apps/cli/src/main.ts", words, surroundings);
}

/** Many command lines in one process (inTurn.ts): for those that end before they have anything to do. */
export async function attuneInTurn(
  lines: readonly (readonly string[])[],
  env: NodeJS.ProcessEnv,
  cwd?: string,
): Promise<Ended[]> {
  const { stdout, stderr } = await runScript("tests/cli/inTurn.ts", [], { env, input: JSON.stringify(lines), cwd });
  const last = stdout.slice(stdout.lastIndexOf("\n") + 1);
  if (!last.startsWith("[")) throw new Error(`tests/cli/inTurn.ts broke:\n${stderr}`);
  return JSON.parse(last) as Ended[];
}

function runScript(script: string, words: readonly string[], { env, input = "", cwd = root }: Surroundings): Promise<Ended> {
  const node = ["--import", import.meta.resolve("tsx"), "--conditions=@attune/source", path.join(root, script)];
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [...node, ...words],
      { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        if (error && typeof error.code !== "number")
          reject(new Error(`${script} ${words.join(" ")}: ${error.message}\n${stderr}`));
        else resolve({ code: (error?.code as number | undefined) ?? 0, stdout, stderr: withoutDawn(stderr) });
      },
    );
    child.stdin!.end(input);
  });
}

/** Dawn speaks for itself on stderr, past Node: of limits on a software adapter, and of drivers that it does not find. */
function withoutDawn(text: string): string {
  return text.replace(/^Warning: .*\n(?: +at .*\n)?\n?/gm, "");
}
