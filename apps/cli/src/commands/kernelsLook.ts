// attune kernels list | show | check: which kernels there are, their exact texts, and whether all of them compile.
import type { MatmulLayout, MatmulStorage, RepresentativeDevice } from "@attune/kernels-wgsl";
import { type Command, Option } from "commander";
import { EXIT_CODES, userError } from "../errors.js";
import { color, errColor, table } from "../terminal.js";

interface ShowFlags {
  dtype?: MatmulStorage;
  device: RepresentativeDevice;
  layout: MatmulLayout;
  shape: string;
  set: Record<string, string>;
}

export function configureList(command: Command): void {
  command.option("--json", "print JSON, with every variant").action(async ({ json }: { json?: boolean }) => {
    const { kernelEntries } = await import("../inspect/kernelList.js");
    const entries = kernelEntries();
    if (json) {
      process.stdout.write(`${JSON.stringify(entries, null, 2)}\n`);
      return;
    }
    // a generator's texts are one line: there is one for each chain of steps
    const groups = new Map<string, typeof entries>();
    for (const entry of entries) {
      const name = entry.source === "file" ? entry.name : entry.name.replace(/<.*/, "<...>");
      groups.set(name, [...(groups.get(name) ?? []), entry]);
    }
    const rows = [...groups].map(([name, [first, ...others]]) => [
      name,
      first!.source,
      String([first!, ...others].reduce((sum, { variants }) => sum + variants.length, 0)),
      others.some(({ bindings }) => bindings.length !== first!.bindings.length)
        ? "as the text needs"
        : first!.bindings.map(({ name: binding, access }) => (access === "read" ? binding : `>${binding}`)).join(" "),
      others.some(({ params }) => params.length !== first!.params.length)
        ? "as the text needs"
        : first!.params.map((param) => param.name).join(" "),
    ]);
    const columns = ["kernel", "text", "variants", "bindings (> written)", "params"].map((title) => ({ title }));
    process.stdout.write(`${table(columns, rows)}\n`);
  });
}

export function configureShow(command: Command): void {
  command
    .argument("<name>", "as `attune kernels list` prints it, without its variant too; or matmul, planned by --shape")
    .addOption(new Option("--dtype <dtype>", "how operands are stored").choices(["f32", "bf16", "f16"]))
    .addOption(
      new Option("--device <device>", "whose plan to follow")
        .choices(["software", "gpu", "gpu-no-subgroups"])
        .default("software"),
    )
    .addOption(new Option("--layout <layout>", "of a matmul").choices(["nt", "nn", "tn"]).default("nt"))
    .option("--shape <m,k,n>", "of a matmul", "512,512,512")
    .option("--set <name=value>", "the right-hand side of an alias or const; repeatable", collectSet, {})
    .addHelpText("after", "\nExample:\n  attune kernels show matmul --device gpu --dtype f16 --shape 256,512,2048")
    .action(async (name: string, flags: ShowFlags) => {
      const [{ callToShow }, { specialize }] = await Promise.all([
        import("../inspect/kernelList.js"),
        import("@attune/kernels-wgsl"),
      ]);
      const { call, others } = callToShow(name, { ...flags, shape: shapeOf(flags.shape) });
      let text: string;
      try {
        text = specialize(call);
      } catch (error) {
        throw userError("usage", (error as Error).message);
      }
      const more = others > 0 ? `; ${others} more variants are in attune kernels list --json` : "";
      process.stderr.write(`${errColor.dim(`${call.kernel.name}: ${call.reason}${more}`)}\n`);
      process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
    });
}

export function configureCheck(command: Command): void {
  command.action(async () => {
    const [{ checkKernels }, { faultText }] = await Promise.all([
      import("../inspect/kernelCheck.js"),
      import("@attune/tensor/debug"),
    ]);
    const start = performance.now();
    const { texts, kernels, faults } = await checkKernels();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    for (const fault of faults) process.stdout.write(`${faultText(fault)}\n`);
    const verdict = faults.length === 0 ? color.green("all compile") : color.red(`${faults.length} faults`);
    process.stdout.write(`${texts} texts of ${kernels} kernels on Dawn's null backend: ${verdict} (${seconds} s)\n`);
    if (faults.length > 0) process.exitCode = EXIT_CODES.mismatch;
  });
}

function collectSet(text: string, set: Record<string, string>): Record<string, string> {
  const [, name, value] = /^(\w+)=([\w.+-]+)$/.exec(text) ?? [];
  if (!name || !value) throw userError("usage", `--set ${text}: expected NAME=VALUE, such as LANES=32u`);
  return { ...set, [name]: value };
}

function shapeOf(text: string): [number, number, number] {
  const sizes = text.split(",").map(Number);
  if (sizes.length === 3 && sizes.every((size) => Number.isInteger(size) && size > 0)) return sizes as [number, number, number];
  throw userError("usage", `--shape ${text}: expected m,k,n, three whole numbers above 0`);
}
