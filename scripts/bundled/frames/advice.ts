/** A cannot choose between two things; B recommends one for a reason; A follows, or not. */
import { drawPhrase, drawThing } from "../compose.js";
import { drawDistinct, drawPrice } from "../facts.js";
import { type Frame, pool, words } from "../stage.js";
import { open } from "../talk.js";

const AIMS = pool(
  [
    "the party",
    "{someone}",
    "the flat in {town}",
    "the office",
    "the trip to {town}",
    "the garden",
    "my mother",
    "the kitchen",
    "the new school",
    "the winter",
    "{someone}'s wedding",
    "the club in {town}",
    "my {relative}",
  ],
  ["the ceremony", "the cabin near {town}", "{someone}'s farewell", "my {relative}"],
);
const MERITS = pool(
  words(`it is more personal, it is easy to clean, it is cheaper, it lasts longer, it fits in the car, the kids will love it, it is made in {town}, {someone} has one too, it is lighter,
    it needs little space, the shop in {town} repairs it, nobody will steal it, {someone} likes the colour, it matches the {noun}, it is quiet, the old one came from {town}, it goes with the {noun}`),
  words("it can be folded, {someone} swears by it, it survives frost, they sell it in {town}, it goes beside the {noun}"),
);
const ASK = pool(
  [
    "I need {what}. Should I take {x} or {y}?",
    "I'm looking for {what}, and I can't decide between {x} and {y}.",
    "What do you think? I want {what}: {x} or {y}?",
  ],
  ["Help me pick {what}. On my list are {x} and {y}.", "Which would you go for? It is about {what}, either {x} or {y}."],
);
const PRICE = pool(["How much do they cost?", "Do you have a budget?"], ["What may it cost?"]);
const BUDGET = pool(["[About|At most] {price}.", "I can spend {price}."], ["No more than {price}."]);
const ADVISE = pool(
  ["I would take {pick}, because {merit}.", "[Definitely|Clearly] {pick}. {merit}.", "{pick} is better, I think. {merit}."],
  ["My vote goes to {pick}, since {merit}.", "If I were you, {pick}. After all, {merit}."],
);
const FOLLOW = pool(
  ["[You're right|Good point]. I'll take {pick}.", "That convinces me. {pick} it is."],
  ["Say no more, {pick} wins."],
);
const AGAINST = pool(
  ["[Hmm|True], but I like {rest} more. I'll take {rest}.", "Still, my heart says {rest}."],
  ["I hear you, and yet I lean to {rest}."],
);
const THINK = pool(
  ["I'll think about it [tonight|over the weekend].", "Thanks. I have to sleep on it."],
  ["Let me mull it over."],
);

export const advice: Frame = {
  name: "advice",
  isFormal: false,
  write(stage) {
    const aim = drawPhrase(stage, AIMS);
    const what = `${stage.rng.pick(["something", "a present", "a prize", "a new thing"])} for ${aim}`;
    const [x, y] = drawDistinct(2, () => drawThing(stage).name).map((name) => `a ${name}`);
    const first = stage.rng.chance(0.5);
    stage.topic = x!.split(" ").at(-1)!;
    stage.facts({
      what: what.replace("my", "<my>"),
      x: x!,
      y: y!,
      pick: first ? x! : y!,
      rest: first ? y! : x!,
      merit: drawPhrase(stage, MERITS),
      price: drawPrice(stage.rng),
    });
    open(stage);
    stage.a(ASK);
    if (stage.rng.chance(0.45)) {
      stage.b(PRICE);
      stage.a(BUDGET);
    }
    stage.b(ADVISE);
    const head = "{A} needs {what} and asks {B} about {x} and {y}. {B} recommends {pick} because {merit}";
    const outcome = stage.rng.below(4);
    if (outcome <= 1) {
      stage.a(FOLLOW);
      return [`${head}, and {A} agrees.`];
    }
    stage.a(outcome === 2 ? AGAINST : THINK);
    return [outcome === 2 ? `${head}, but {A} prefers {rest}.` : `${head}. {A} will think about it.`];
  },
};
