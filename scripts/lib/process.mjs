// Child processes for the scripts: captured, or passed through to the terminal.
import { spawn } from "node:child_process";

/** Runs a command and returns what it printed. Never throws: a missing command gives code 127. */
export function capture(command, args, { env = process.env, cwd, timeoutMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    let timedOut = false;
    const timer = timeoutMs
      ? setTimeout(() => {
          timedOut = true;
          child.kill("SIGKILL");
        }, timeoutMs)
      : undefined;
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ code: error.code === "ENOENT" ? 127 : 126, stdout, stderr: stderr + error.message, timedOut });
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code: code ?? 128 + (signal === "SIGINT" ? 2 : signal === "SIGTERM" ? 15 : 9), stdout, stderr, timedOut });
    });
  });
}

/** Runs a command on this terminal, hands signals on to it, and returns its exit code. */
export function passThrough(command, args, { env = process.env, cwd } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, cwd, stdio: "inherit", shell: false });
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    // Ctrl-C reaches the whole group by itself; handed on as well, the child would count two of them.
    const forward = (signal) => (signal === "SIGINT" && process.stdin.isTTY) || child.kill(signal);
    for (const signal of signals) process.on(signal, forward);
    const finish = (code) => {
      for (const signal of signals) process.off(signal, forward);
      resolve(code);
    };
    child.on("error", (error) => {
      console.error(`${command}: ${error.code === "ENOENT" ? "no such command" : error.message}`);
      finish(error.code === "ENOENT" ? 127 : 126);
    });
    child.on("close", (code, signal) => finish(code ?? 128 + ({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal] ?? 9)));
  });
}
