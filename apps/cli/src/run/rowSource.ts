// Where rows come from, as a run's YAML says it: a file, or a data set of the hub as one text or in parts.
import { hubDataText, isHubData, parseHubData } from "@attune/tuning";
import { z } from "zod";

const PARTS = ["hub", "config", "split", "revision"] as const;

/**
 * "rows.jsonl", "hub:ORG/NAME[@REVISION][:CONFIG][#SPLIT]", or {hub: ORG/NAME, config, split, revision}; all become the one text.
 * @param split taken where none is named
 */
export function rowSource(split: "train" | "validation") {
  return z.preprocess(
    (value, context) => {
      const text = typeof value === "object" && value !== null ? joined(value) : value;
      if (typeof text === "object" && text !== null)
        context.addIssue({ code: "custom", message: "must be a file, hub:ORG/NAME, or {hub, config, split, revision}" });
      return withSplit(text, split);
    },
    z
      .string()
      .min(1)
      .superRefine((text, context) => {
        if (!isHubData(text)) return;
        try {
          parseHubData(text);
        } catch (error) {
          context.addIssue({ code: "custom", message: (error as Error).message });
        }
      }),
  );
}

/** The text of an object that holds the parts and nothing else; what is no such object stays what it is. */
function joined(value: object): unknown {
  const given = Object.entries(value);
  const isKnown = given.every(([key, part]) => (PARTS as readonly string[]).includes(key) && typeof part === "string");
  const { hub, config, split, revision = "main" } = value as Partial<Record<(typeof PARTS)[number], string>>;
  if (!isKnown || hub === undefined) return value;
  return hubDataText({ repo: hub, revision, config, split });
}

function withSplit(value: unknown, split: string): unknown {
  if (typeof value !== "string" || !isHubData(value)) return value;
  try {
    return hubDataText({ split, ...parseHubData(value) });
  } catch {
    return value; // refused with its reason below
  }
}
