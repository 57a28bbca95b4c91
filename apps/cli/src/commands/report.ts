// attune report RUNDIR: a run as one page, also while it goes.
import { access } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { userError } from "../errors.js";
import { whole } from "./numberOptions.js";

interface Flags {
  html?: string;
  serve?: boolean;
  port: number;
  open?: boolean;
  json?: boolean;
}

export function configure(command: Command): void {
  command
    .argument("<folder>", "a run's folder, such as runs/mine; it may still be running")
    .option("--html <file>", "where the page is written (report.html in the folder)")
    .option("--serve", "serve the page to this machine's browsers instead; it follows the run")
    .option("--port <n>", "with --serve: 0 takes one that is free", whole, 0)
    .option("--open", "open it in the default browser")
    .option("--json", "print what the page shows as JSON")
    .addHelpText(
      "after",
      `
The page needs nothing else: curves, evaluations and what was answered at each, the run's YAML, its data, where it ran, what it cost.

Examples:
  attune report runs/mine --open
  attune report runs/mine --serve --open
  attune report runs/mine --html mine.html`,
    )
    .action(report);
}

async function report(folder: string, { html, serve, port, open, json }: Flags): Promise<void> {
  if ([html !== undefined, serve, json].filter(Boolean).length > 1)
    throw userError("usage", "--html, --serve and --json are three ways to have the report: choose one");
  const isRun = await access(path.join(folder, "run.yaml")).then(
    () => true,
    () => false,
  );
  if (!isRun) throw userError("usage", `${folder}: is no run's folder: it has no run.yaml; attune runs list shows what there is`);
  const [{ readRunReport }, { runPage }, { writeText }] = await Promise.all([
    import("../report/runReport.js"),
    import("../report/runPage.js"),
    import("../report/writeText.js"),
  ]);
  if (json) return void process.stdout.write(`${JSON.stringify(await readRunReport(folder), null, 2)}\n`);
  if (serve) return serveRun(folder, port, open ?? false);
  const file = html ?? path.join(folder, "report.html");
  await writeText(file, runPage(await readRunReport(folder)));
  process.stdout.write(`${file}\n`);
  if (open) await show(pathToFileURL(path.resolve(file)).href);
}

async function serveRun(folder: string, port: number, isOpened: boolean): Promise<void> {
  const [{ readRunReport }, { runPage }, { servePage }] = await Promise.all([
    import("../report/runReport.js"),
    import("../report/runPage.js"),
    import("../report/serve.js"),
  ]);
  const page = await servePage(
    {
      html: async () => runPage(await readRunReport(folder), true),
      json: async () => JSON.stringify({ ...(await readRunReport(folder)), isServed: true }),
    },
    port,
  );
  process.stdout.write(`${page.url}\n`);
  process.stderr.write("served to this machine alone until Ctrl-C\n");
  if (isOpened) await show(page.url);
  // ending it is how it is meant to end: no fault, code 0
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  await page.close();
}

async function show(address: string): Promise<void> {
  const { openBrowser } = await import("../report/openBrowser.js");
  if (!(await openBrowser(address))) process.stderr.write(`no browser was found here; open ${address} yourself\n`);
}
