// The command line as a user has it: a process of its own, run from source.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Runs `attune ...words`; paths are relative to the project's root. Never rejects for an exit code. */
export function attune(words: readonly string[], options: { env?: NodeJS.ProcessEnv; input?: string } = {}): Promise<Ended> {
  const node = ["--import", "tsx", "--conditions=@attune/source", "apps/cli/src/main.ts"];
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [...node, ...words],
      { cwd: root, env: { ...process.env, ...options.env }, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        if (error && typeof error.code !== "number") reject(new Error(`attune ${words.join(" ")}: ${error.message}\n${stderr}`));
        else resolve({ code: (error?.code as number | undefined) ?? 0, stdout, stderr: withoutDawn(stderr) });
      },
    );
    child.stdin!.end(options.input ?? "");
  });
}

/** Dawn itself says two things about limits whenever it opens a software adapter; they are not ours. */
function withoutDawn(text: string): string {
  return text.replace(/^Warning: max\w+ artificially reduced .*\n/gm, "");
}
