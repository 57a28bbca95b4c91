import { describe, expect, it } from "vitest";
import { globMatches } from "./glob.js";
import { chooseFiles, configsOf, hubDataText, parseHubData } from "./hubFiles.js";

const choose = (files: string[], text: string, card?: unknown) => {
  const name = parseHubData(text);
  const configs = configsOf(name.repo, files, card);
  return configs && chooseFiles(configs, name);
};

describe("names", () => {
  it.each<[string, object]>([
    ["hub:org/set", { repo: "org/set", revision: "main" }],
    ["hub:squad#validation", { repo: "squad", revision: "main", split: "validation" }],
    ["hub:org/set@refs/pr/1:main#test", { repo: "org/set", revision: "refs/pr/1", config: "main", split: "test" }],
  ])("%s", (text, parts) => {
    expect(parseHubData(text)).toEqual(parts);
    expect(hubDataText(parseHubData(text))).toBe(text);
  });
});

describe("files of a split, as datasets finds them by name", () => {
  it.each<[string, string[], string, string[]]>([
    ["in a file's name", ["train.csv", "dev.csv", "test.csv"], "hub:a/b#validation", ["dev.csv"]],
    ["a word, not a part of one", ["trainer.csv", "my-train.csv"], "hub:a/b", ["my-train.csv"]],
    ["in a folder's name", ["data/train/a.jsonl", "data/eval/a.jsonl"], "hub:a/b#test", ["data/eval/a.jsonl"]],
    ["one file is train", ["alpaca_data.json", "LICENSE.txt", "dataset_infos.json"], "hub:a/b", ["alpaca_data.json"]],
    [
      "Parquet before its copy as JSON",
      ["data/train-00000-of-00001-a09b.parquet", "train.json"],
      "hub:tatsu-lab/alpaca",
      ["data/train-00000-of-00001-a09b.parquet"],
    ],
    ["a folder as configuration", ["x/train.csv", "y/train.csv"], "hub:a/b:y", ["y/train.csv"]],
  ])("%s", (_, files, name, expected) => expect(choose(files, name)).toEqual(expected));

  it("a script of Python's, or no rows at all, decide nothing", () => {
    expect(choose(["b.py", "train.csv"], "hub:a/b")).toBeUndefined();
    expect(choose(["README.md", "x.bin"], "hub:a/b")).toBeUndefined();
  });

  it("a card that names nothing that is there, or is anything else, is passed over", () => {
    for (const card of [
      null,
      3,
      "x",
      { configs: 1 },
      { configs: [null, {}, { data_files: [null, 3, {}] }, { data_files: "y.csv" }] },
    ])
      expect(choose(["train.csv"], "hub:a/b", card)).toEqual(["train.csv"]);
  });
});

describe("globMatches", () => {
  it.each<[string, string, boolean]>([
    ["*.csv", "a.csv", true],
    ["*.csv", "x/a.csv", false],
    ["**/*.csv", "a.csv", true],
    ["**/*.csv", "x/y/a.csv", true],
    ["main/train-*", "main/train-00000-of-1.parquet", true],
    ["data/[a-c]?.txt", "data/b1.txt", true],
    ["data/[!a-c]?.txt", "data/b1.txt", false],
    ["./a.csv", "a.csv", true],
    ["a.csv", "aXcsv", false],
    ["**", "x/y", true],
  ])("%s on %s: %s", (pattern, path, expected) => expect(globMatches(pattern, path)).toBe(expected));

  it("ends soon whatever the pattern", () => {
    const begin = performance.now();
    expect(globMatches(`${"*a".repeat(200)}b`, "a".repeat(5000))).toBe(false);
    expect(globMatches(`${"**/".repeat(100)}b`, "a/".repeat(500))).toBe(false);
    expect(performance.now() - begin).toBeLessThan(2000);
  });
});
