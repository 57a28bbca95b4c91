// attune recipes: the runs that come with attune, to look at and to start from.
import type { Command } from "commander";
import type { Recipe } from "../recipesList/recipesList.js";
import { color, fit, oneLine, sanitizeForTerminal, table } from "../terminal.js";

export function configure(command: Command): void {
  command.addHelpText("after", "\nExamples:\n  attune recipes list\n  attune recipes copy bundled-lora mine.yaml");
  command
    .command("list", { isDefault: true })
    .description("print every recipe and what it is")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  attune recipes list --json")
    .action(async ({ json }: { json?: boolean }) => {
      const { listRecipes } = await import("../recipesList/recipesList.js");
      const recipes = await listRecipes();
      process.stdout.write(
        json
          ? `${JSON.stringify(
              recipes.map(({ name, file, summary, description }) => ({ name, file, summary, description })),
              null,
              2,
            )}\n`
          : `${recipesText(recipes)}\n`,
      );
    });

  command
    .command("describe")
    .description("print what a recipe is, what it needs, and how it is run")
    .argument("<name>", "as attune recipes list prints it")
    .addHelpText("after", "\nExample:\n  attune recipes describe bundled-lora")
    .action(async (name: string) => {
      const { recipeNamed } = await import("../recipesList/recipesList.js");
      const recipe = await recipeNamed(name);
      const { run } = recipe;
      const { steps, epochs, batch, accumulate, lr, schedule } = run.train;
      const rows = [
        ["trains", methodOf(recipe)],
        ["model", modelOf(recipe)],
        ["data", run.data.mixture ? run.data.mixture.map((set) => set.train).join(", ") : run.data.train],
        ["validation", run.data.validation ?? (run.data.split ? `${run.data.split.validation} of the rows` : "none")],
        ["length", steps === undefined ? `${epochs} epochs` : `${steps} updates`],
        ["rows of an update", String(batch * accumulate)],
        ["learning rate", `${lr}, ${schedule}`],
        ["file", recipe.file],
      ];
      process.stdout.write(
        `${color.bold(recipe.name)}\n${fit(sanitizeForTerminal(recipe.description))}\n\n${table([{ title: "" }, { title: "" }], rows)}\n\n  attune train ${oneLine(recipe.file)}\n  attune recipes copy ${recipe.name}\n`,
      );
    });

  command
    .command("copy")
    .description("write a recipe to a file of your own, its paths set right from there")
    .argument("<name>", "as attune recipes list prints it")
    .argument("[file]", "where to; left out, NAME.yaml here")
    .option("--force", "replace the file if it is there")
    .addHelpText("after", "\nExample:\n  attune recipes copy bundled-lora mine.yaml")
    .action(async (name: string, file: string | undefined, { force }: { force?: boolean }) => {
      const { copyRecipe, recipeNamed } = await import("../recipesList/recipesList.js");
      const recipe = await recipeNamed(name);
      const target = file ?? `${recipe.name}.yaml`;
      await copyRecipe(recipe, target, { force });
      process.stdout.write(
        `${color.green("wrote")} ${oneLine(target)}\nnext:\n  attune plan ${oneLine(target)}\n  attune train ${oneLine(target)}\n`,
      );
    });
}

export function recipesText(recipes: readonly Recipe[]): string {
  const rows = recipes.map((recipe) => [recipe.name, methodOf(recipe), modelOf(recipe), recipe.summary]);
  return table(
    ["recipe", "trains", "model", "what"].map((title) => ({ title })),
    rows,
  );
}

const methodOf = ({ run }: Recipe): string =>
  run.lora ? `LoRA, rank ${run.lora.rank}` : run.model.init ? "a new model" : "all weights";
const modelOf = ({ run }: Recipe): string => run.model.path ?? `${run.model.init!.config.model_type ?? "t5"} from scratch`;
