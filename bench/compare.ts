// npm run bench:compare [-- FILTER] [--rounds N] [--json FILE]: ours against PyTorch on this machine, case by case. Both wait in
// processes of their own and take turns, so that whatever else the machine does falls on both. A round in which the peer's 1024^3 matmul
// falls below 70 GFLOP/s is run again: the machine was busy then. Where it stays busy the line says that it must not be quoted.
//
// The Python stack goes into a virtual environment under .attune/peer on first use; ATTUNE_PEER_PYTHON names another interpreter that has it.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { COMPARED, OURS } from "./compared.js";
import { commit, median, round } from "./harness.js";

const root = fileURLToPath(new URL("../", import.meta.url));
const BUSY_BELOW_GFLOPS = 70;
const PROBE = "matmul-1024";
const PROBE_FLOPS = 2 * 1024 ** 3;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "5" }, json: { type: "string" } },
});
const filter = positionals[0] ?? "";
const rounds = Number(options.rounds);

interface Answer {
  [name: string]: number | string;
}

/** A process that answers each line with one line of JSON. */
class Worker {
  readonly #lines: AsyncIterableIterator<string>;

  constructor(
    readonly name: string,
    readonly child: ChildProcess,
  ) {
    this.#lines = readline.createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  async next(): Promise<Answer> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`${this.name} ended early, see what it wrote above`);
      if (value.startsWith("{")) return JSON.parse(value) as Answer;
    }
  }

  /** What the process says last; then it goes. */
  async end(): Promise<Answer> {
    const last = await this.ask("end");
    this.child.kill();
    return last;
  }

  async ask(line: string): Promise<Answer> {
    this.child.stdin!.write(`${line}\n`);
    return this.next();
  }
}

const python = peerPython();
const probe = await start("probe", python, ["bench/peer/torchPeer.py", PROBE]);
const lines: Record<string, string | number>[] = [];
for (const name of COMPARED) {
  if (!name.includes(filter)) continue;
  const ours = await start("attune", process.execPath, [...process.execArgv, "bench/serve.ts", OURS[name] ?? name]);
  const peer = await start("torch", python, ["bench/peer/torchPeer.py", name]);
  lines.push(await duel(name, ours, peer));
  printLine(lines.at(-1)!);
}
await probe.worker.end();
if (options.json) writeFileSync(options.json, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));

async function duel(name: string, ours: Started, peer: Started): Promise<Record<string, string | number>> {
  const times = {
    ours: repeats((await ours.worker.ask("1")).ms as number),
    peer: repeats((await peer.worker.ask("1")).ms as number),
  };
  const samples: { ours: number; peer: number }[] = [];
  let busy = 0;
  let countedBusy = 0; // the machine never came to rest: better told than waited for without end
  while (samples.length < rounds) {
    const gflops = PROBE_FLOPS / ((await probe.worker.ask("10")).ms as number) / 1e6;
    const sample = {
      ours: (await ours.worker.ask(String(times.ours))).ms as number,
      peer: (await peer.worker.ask(String(times.peer))).ms as number,
    };
    if (gflops < BUSY_BELOW_GFLOPS) {
      if (busy < 2 * rounds) {
        busy++;
        continue;
      }
      countedBusy++;
    }
    samples.push(sample);
  }
  const [a, b] = [await ours.worker.end(), await peer.worker.end()];
  const [ms, peerMs] = [median(samples.map((s) => s.ours)), median(samples.map((s) => s.peer))];
  const { flops, tokens, adapter } = ours.ready as { flops: number; tokens?: number; adapter: string };
  return {
    case: name,
    ms: round(ms),
    peer_ms: round(peerMs),
    ratio: round(peerMs / ms),
    gflops: round(flops / ms / 1e6),
    peer_gflops: round(flops / peerMs / 1e6),
    ...(tokens ? { tokens_per_s: round((tokens / ms) * 1e3), peer_tokens_per_s: round((tokens / peerMs) * 1e3) } : {}),
    peak_mib: Math.round(a.peak_mib as number),
    device_mib: Math.round(a.device_mib as number),
    peer_peak_mib: Math.round(b.peak_mib as number),
    rounds: samples.length,
    busy_rounds: busy,
    counted_busy_rounds: countedBusy,
    adapter,
    torch: String(peer.ready.torch),
    threads: peer.ready.threads!,
    commit: commit(),
  };
}

/** Executions of a run that lasts about half a second. */
function repeats(ms: number): number {
  return Math.max(1, Math.round(500 / ms));
}

function printLine(line: Record<string, string | number>): void {
  const memory = `${line.peak_mib} MiB against ${line.peer_peak_mib}`;
  const left = Number(line.busy_rounds) > 0 ? `, ${line.busy_rounds} busy rounds left out` : "";
  const counted =
    Number(line.counted_busy_rounds) > 0 ? `, ${line.counted_busy_rounds} busy rounds counted: not to be quoted` : "";
  console.log(
    `${String(line.case).padEnd(28)} ${String(line.ms).padStart(8)} ms, torch ${String(line.peer_ms).padStart(8)} ms: ratio ${line.ratio} (${line.gflops} of ${line.peer_gflops} GFLOP/s; peak ${memory}${left}${counted})`,
  );
}

interface Started {
  worker: Worker;
  ready: Answer;
}

async function start(name: string, command: string, args: string[]): Promise<Started> {
  // threads that wait must not spin while the other side is measured
  const env = { ...process.env, OMP_WAIT_POLICY: "passive", KMP_BLOCKTIME: "0" };
  const child = spawn(command, args, { cwd: root, env, stdio: ["pipe", "pipe", "inherit"] });
  const worker = new Worker(`${name} ${args.at(-1)}`, child);
  return { worker, ready: await worker.next() };
}

/** The interpreter of a virtual environment that has the peer, made on first use. */
function peerPython(): string {
  const given = process.env.ATTUNE_PEER_PYTHON;
  if (given) return given;
  const venv = path.join(root, ".attune/peer");
  const interpreter = path.join(venv, "bin/python");
  if (!existsSync(path.join(venv, "ready"))) {
    console.error("installing PyTorch, transformers and peft into .attune/peer");
    try {
      execFileSync("python3", ["-m", "venv", venv], { stdio: "inherit" });
      execFileSync(interpreter, ["-m", "pip", "install", "--quiet", "-r", "bench/peer/requirements.txt"], {
        cwd: root,
        stdio: "inherit",
      });
    } catch {
      console.error(
        "bench/compare: no Python stack to compare with. Install Python 3.10 or newer with venv, or name one by ATTUNE_PEER_PYTHON.",
      );
      process.exit(1);
    }
    writeFileSync(path.join(venv, "ready"), "");
  }
  return interpreter;
}
