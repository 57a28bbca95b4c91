/** A cannot choose between two things; B recommends one for a reason; A follows, or not. */
import { drawPrice } from "../facts.js";
import { type Frame, pool } from "../stage.js";
import { open } from "../talk.js";

interface Choice {
  /** "<what> for <aim>": what A has to pick. */
  what: string;
  options: readonly string[];
  merits: readonly string[];
}

const CHOICES = pool<Choice>(
  [
    {
      what: "a present for my mother",
      options: ["a silk scarf", "a cookbook", "a perfume", "a photo album"],
      merits: ["it is more personal", "she can use it every day", "it is easy to send"],
    },
    {
      what: "a holiday for the summer",
      options: ["a week in Spain", "a cabin in Norway", "a trip to Japan", "a cruise"],
      merits: ["the food is better", "it is never too hot", "the kids will love it"],
    },
    {
      what: "a course for next term",
      options: ["statistics", "drawing", "history", "Italian"],
      merits: ["the teacher is great", "it helps at work", "there is no exam"],
    },
    {
      what: "a flat near the office",
      options: ["the flat on the ground floor", "the room with a balcony", "the loft", "the studio"],
      merits: ["the rent is lower", "it is quiet at night", "the kitchen is new"],
    },
    {
      what: "a dish for the party",
      options: ["lasagne", "a lentil soup", "roast chicken", "a cheese plate"],
      merits: ["everybody likes it", "it is quick to make", "it can be eaten cold"],
    },
    {
      what: "a pet for the children",
      options: ["a hamster", "a puppy", "a kitten", "two budgies"],
      merits: ["it needs little space", "it is good with kids", "it is easy to keep"],
    },
    {
      what: "a colour for the kitchen",
      options: ["pale green", "dark blue", "warm yellow", "plain white"],
      merits: ["it makes the room bigger", "dirt won't show", "it matches the floor"],
    },
    {
      what: "a bike for the way to work",
      options: ["a racing bike", "an electric bike", "a folding bike", "a used bike"],
      merits: ["it fits on the train", "the hills are steep", "nobody will steal it"],
    },
    {
      what: "a sport for the winter",
      options: ["swimming", "fencing", "climbing", "badminton"],
      merits: ["it is good for the back", "you meet nice people", "the hall is close"],
    },
    {
      what: "a phone for my father",
      options: ["a flip phone", "a smartphone", "a tablet", "an old model"],
      merits: ["the keys are bigger", "the battery lasts a week", "it is easy to learn"],
    },
  ],
  [
    {
      what: "a tree for the yard",
      options: ["a cherry tree", "a magnolia", "a pine", "a fig tree"],
      merits: ["it grows fast", "birds nest in it", "it survives frost"],
    },
    {
      what: "an instrument for my nephew",
      options: ["a trumpet", "a cello", "a flute", "an accordion"],
      merits: ["the school lends it", "it is not too loud", "the first songs come easily"],
    },
    {
      what: "a speech topic for the ceremony",
      options: ["courage", "friendship", "the old days", "travel"],
      merits: ["nobody falls asleep", "you know a good joke on it", "it moves people"],
    },
  ],
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
    const { what, options, merits } = stage.from(CHOICES);
    const [x, y] = stage.rng.shuffled(options);
    const first = stage.rng.chance(0.5);
    stage.topic = what.replace(" my ", " the ");
    stage.facts({
      what: what.replace("my", "<my>"),
      x: x!,
      y: y!,
      pick: first ? x! : y!,
      rest: first ? y! : x!,
      merit: stage.rng.pick(merits),
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
