import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadRun } from "../run/load.js";
import { commentOf, copyRecipe, listRecipes, recipeNamed, summaryOf, withPathsFrom } from "./recipesList.js";

const folder = mkdtempSync(path.join(tmpdir(), "attune-recipes-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("every recipe is a run, named as its file, and says in its first comment what it is", async () => {
  const recipes = await listRecipes();
  expect(recipes.map(({ name }) => name)).toContain("bundled-lora");
  for (const { name, run, summary, description } of recipes) {
    expect(run.name).toBe(name);
    expect(summary.length, name).toBeGreaterThan(20);
    expect(description).not.toContain("#   ");
  }
});

test("a copy elsewhere is the same run, from its text's last letter to where its files are", async () => {
  const recipe = await recipeNamed("bundled-lora.yaml");
  mkdirSync(path.join(folder, "deep"));
  const target = path.join(folder, "deep", "mine.yaml");
  await copyRecipe(recipe, target);
  expect(await loadRun(target, { cwd: "/" })).toEqual(await loadRun(recipe.file, { cwd: "/" }));
  const [before, after] = [recipe.file, target].map((file) => readFileSync(file, "utf8").split("\n"));
  const changed = after!.filter((line, i) => line !== before![i]);
  expect(changed).toHaveLength(3); // model, train, validation
  await expect(copyRecipe(recipe, target)).rejects.toMatchObject({
    exitClass: "usage",
    message: expect.stringMatching(/--force/),
  });
  await copyRecipe(recipe, target, { force: true });
});

test("names on the hub and files that are not there stay as they are; those of mixtures move", async () => {
  writeFileSync(path.join(folder, "rows: 1.jsonl"), "{}");
  const text =
    'model: {path: org/name}\ndata:\n  validation: none.jsonl # mine\n  mixture: [{train: "rows: 1.jsonl"}, {train: no.jsonl}]\n';
  expect(await withPathsFrom(text, folder, path.join(folder, "deep"))).toBe(
    text.replace('"rows: 1.jsonl"', '"../rows: 1.jsonl"'),
  );
});

test("an unknown name is told with the nearest", async () => {
  await expect(recipeNamed("bundled-lroa")).rejects.toMatchObject({
    exitClass: "usage",
    message: expect.stringMatching(/did you mean bundled-lora\?/),
  });
  await expect(recipeNamed("../bundled-lora")).rejects.toMatchObject({ exitClass: "usage" });
});

test("a summary is the first sentence, its brackets whole", () => {
  expect(summaryOf("A T5 of 2.3 M parameters (v1.0 form: ReLU,\ntied.) on rows: for a look. More.")).toBe(
    "A T5 of 2.3 M parameters (v1.0 form: ReLU, tied.) on rows",
  );
  expect(summaryOf("No end")).toBe("No end");
});

test("the first comment is read without its marks, and without the line for editors", () => {
  expect(commentOf("# yaml-language-server: $schema=x\n# One.\n#   two\n#\n# three\nname: x # four\n")).toBe(
    "One.\n  two\n\nthree",
  );
});
