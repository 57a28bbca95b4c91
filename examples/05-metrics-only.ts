// Scores of two systems' answers, how sure they are, and whether one is better: no model, no device, no file.
//   npx tsx --conditions=@attune/source examples/05-metrics-only.ts
import { corpusRouge, intervals, MEASURES, pairedBootstrap, rougeIntervals, Tally } from "@attune/eval";

const references = [
  "The library is open until nine.",
  "Max lost his ticket and must buy a new one.",
  "Ida declines because the ferry is cancelled.",
  "They meet on Saturday at the pool.",
];
const systems = {
  first: ["The library is open.", "Max has a ticket.", "Ida goes by ferry.", "They meet on Sunday."],
  second: [
    "The library is open until nine.",
    "Max lost a ticket and buys a new one.",
    "Ida declines, the ferry is cancelled.",
    "They meet on Saturday.",
  ],
};

for (const [name, predictions] of Object.entries(systems)) {
  const rouge = corpusRouge(references, predictions, { useStemmer: true }); // references first, everywhere
  const { low, high } = rougeIntervals(rouge, { seed: 17 }).rougeL.fmeasure;
  console.log(`${name}: ROUGE-L ${rouge.mean.rougeL.fmeasure.toFixed(3)}, 95 % between ${low.toFixed(3)} and ${high.toFixed(3)}`);
}

// Any measure by its name, row by row: constant memory over millions of rows, unless they are kept to be drawn again.
const measure = MEASURES.chrf!.make({});
const [first, second] = Object.values(systems).map((predictions) => {
  const tally = new Tally(measure, true);
  for (const [row, prediction] of predictions.entries()) tally.add([references[row]!], prediction);
  return tally;
});
const { chrf } = second!.result().values;
const { low, high } = intervals(measure, second!.kept).intervals.chrf!;
const { pValue } = pairedBootstrap(measure, first!.kept, second!.kept).differences.chrf!;
console.log(`second: chrF ${chrf!.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)}), p ${pValue.toFixed(3)} against first`);
console.log(second!.result().signature); // says exactly what was computed
