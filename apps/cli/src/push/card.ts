// The model card: README.md with YAML in front, as the hub reads it. Pure; nothing in it is of this machine: paths are cut to their names.
import path from "node:path";
import { stringify } from "yaml";
import type { Run } from "../run/schema.js";
import { redactSecrets } from "../secrets.js";
import { formatSeconds } from "../terminal.js";
import { hubNameOf, type Publication } from "./collect.js";

/** In every card that attune writes: a card without it is somebody's own work, and stays. */
export const CARD_MARK = "<!-- written by attune push -->";

export interface CardFacts {
  /** org/name. */
  repo: string;
  license: string | null;
  versions: Readonly<Record<string, string>>;
}

export function modelCard(publication: Publication, { repo, license, versions }: CardFacts): string {
  const { kind, config, baseModel, run, result } = publication;
  const isAdapter = kind === "adapter";
  const isT5 = isAdapter ? config.task_type === "SEQ_2_SEQ_LM" : config.model_type === "t5";
  const metrics = metricsOf(result);
  const datasets = run ? setsOf(run).flatMap((name) => hubNameOf(name) ?? []) : [];
  const front = {
    library_name: isAdapter ? "peft" : "transformers",
    pipeline_tag: isT5 ? "text2text-generation" : "text-generation",
    ...(baseModel ? { base_model: baseModel, base_model_relation: isAdapter ? "adapter" : "finetune" } : {}),
    ...(datasets.length > 0 ? { datasets } : {}),
    ...(license ? { license } : {}),
    ...(metrics.length > 0 ? { metrics: [...new Set(metrics.map(([name]) => familyOf(name)))] } : {}),
    tags: ["attune", ...(isAdapter ? ["lora"] : []), isT5 ? "t5" : "opt"],
  };
  const name = repo.split("/").at(-1)!;
  const sections = [
    `---\n${stringify(front, { lineWidth: 0 })}---\n\n${CARD_MARK}`,
    `# ${name}\n\n${intro(publication)}`,
    license
      ? null
      : "License: not stated yet. Set `license` at the top of this card; that of the base model and of the data bind it.",
    metrics.length > 0
      ? `## Scores\n\n${markdownTable(
          ["metric", "value"],
          metrics.map(([metric, value]) => [metric, String(value)]),
        )}`
      : null,
    `## Use\n\n${useOf(publication, repo, isT5)}`,
    run ? `## Training\n\n${trainingOf(run, result)}` : null,
    `## Versions\n\n${Object.entries(versions)
      .map(([tool, version]) => `- ${tool} ${version}`)
      .join("\n")}`,
  ];
  return `${redactSecrets(sections.filter((section) => section !== null).join("\n\n"))}\n`;
}

function intro({ kind, baseModel, run }: Publication): string {
  const what = kind === "adapter" ? "A LoRA adapter" : "A model";
  const base = baseModel ? ` of [${baseModel}](https://huggingface.co/${baseModel})` : "";
  const data = run
    ? `, trained on ${setsOf(run)
        .map((name) => `\`${shortName(name)}\``)
        .join(", ")}`
    : "";
  return `${what}${base}${data} with attune.`;
}

function useOf({ kind, baseModel }: Publication, repo: string, isT5: boolean): string {
  const auto = isT5 ? "AutoModelForSeq2SeqLM" : "AutoModelForCausalLM";
  const python =
    kind === "adapter"
      ? [
          "from peft import PeftModel",
          `from transformers import ${auto}, AutoTokenizer`,
          "",
          `base = "${baseModel ?? "BASE"}"`,
          `model = PeftModel.from_pretrained(${auto}.from_pretrained(base), "${repo}")`,
          "tokenizer = AutoTokenizer.from_pretrained(base)",
        ]
      : [
          `from transformers import ${auto}, AutoTokenizer`,
          "",
          `model = ${auto}.from_pretrained("${repo}")`,
          `tokenizer = AutoTokenizer.from_pretrained("${repo}")`,
        ];
  const attune =
    kind === "adapter" ? `attune generate ${baseModel ?? "BASE"} --adapter ${repo} "..."` : `attune generate ${repo} "..."`;
  return `\`\`\`sh\n${attune}\n\`\`\`\n\n\`\`\`python\n${python.join("\n")}\n\`\`\``;
}

function trainingOf(run: Run, result: Publication["result"]): string {
  const number = (key: string): number | undefined => (typeof result?.[key] === "number" ? (result[key] as number) : undefined);
  const adapter = (result?.adapter as { description?: unknown } | undefined)?.description;
  const facts: [string, string | undefined][] = [
    ["updates", number("steps")?.toString()],
    [
      "first and last loss",
      number("firstLoss") === undefined ? undefined : `${number("firstLoss")!.toFixed(3)}, ${number("lastLoss")?.toFixed(3)}`,
    ],
    ["time", number("trainSeconds") === undefined ? undefined : formatSeconds(number("trainSeconds")!)],
    ["device", typeof adapter === "string" ? adapter : undefined],
  ];
  const rows = facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
  const config = stringify(withoutPlaces(run), { version: "1.2", schema: "core", lineWidth: 0 });
  return `${rows.length > 0 ? `${markdownTable(["", ""], rows)}\n\n` : ""}The run, complete (\`attune train\` reads it):\n\n\`\`\`yaml\n${config}\`\`\``;
}

/** The run without where things lie on this machine. */
function withoutPlaces(run: Run): unknown {
  const { out: _, ...rest } = run;
  const visit = (value: unknown): unknown => {
    if (typeof value === "string") return path.isAbsolute(value) ? path.basename(value) : value;
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item)]));
  };
  return visit(rest);
}

const setsOf = ({ data }: Run): string[] => [...new Set(data.mixture?.map(({ train }) => train) ?? [data.train])];
const shortName = (name: string): string => (path.isAbsolute(name) ? path.basename(name) : name).replaceAll("`", "'");

/** Numbers of result.json's scores, two digits behind the point where they have more. */
function metricsOf(result: Publication["result"]): [name: string, value: number][] {
  const { scores } = (result ?? {}) as { scores?: unknown };
  if (typeof scores !== "object" || scores === null) return [];
  return Object.entries(scores).flatMap(([name, value]): [string, number][] =>
    typeof value === "number" && Number.isFinite(value) && !/^(rows|count|distinct)$/.test(name)
      ? [[name, Number(value.toFixed(4))]]
      : [],
  );
}

/** As the hub names metrics: rouge, not rouge1 and rougeL. */
const familyOf = (name: string): string => name.replace(/^rouge.*/i, "rouge").toLowerCase();

function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replace(/[|\n]/g, " ")).join(" | ")} |`;
  return [line(titles), `|${titles.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}
