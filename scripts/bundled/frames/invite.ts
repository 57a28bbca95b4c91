/** A invites B; B comes and brings something, cannot come, or will say later. */
import { drawGift, drawPhrase, drawReason } from "../compose.js";
import { drawDistinct, drawLater, drawWhen } from "../facts.js";
import { type Frame, pool, words } from "../stage.js";
import { closeGlad, closeSad, open } from "../talk.js";

const PLANS = pool(
  words(`have a barbecue in {town}, go to the concert in {town}, watch the match against {town}, go hiking near {town}, see the museum in {town}, play tennis with {someone},
    cook dinner with {someone}, go to the {town} market, join the book club in {town}, bake bread with {someone}, go camping near {town}, visit {someone} in {town}, go bowling with {someone},
    go to {someone}'s birthday party, watch a film with {someone}, try the new place in {town}, paint the {noun}, sell the {noun}, go swimming in {town}, play cards with {someone}, buy a {noun} in {town}`),
  words(
    "go kayaking near {town}, hear the poets in {town}, join the choir with {someone}, taste cheese in {town}, repair the {noun} with {someone}, celebrate with {someone}",
  ),
);
const ASK = pool(
  [
    "[Do you want|Would you like] to {plan} with [me|us] on {when}?",
    "We are going to {plan} on {when}. Are you in?",
    "How about this: we {plan} on {when}?",
    "I want to {plan} on {when}. Will you come along?",
  ],
  ["Fancy a plan for {when}? I would love to {plan}, with you.", "On {when} we shall {plan}. Shall I count you in?"],
);
const YES = pool(
  [
    "[I'd love to|Yes, gladly|Sounds great]! [Should I|Can I] bring anything?",
    "[Count me in|What a nice idea]. What can I bring?",
  ],
  ["You bet. What should I pack?", "With pleasure. Is there something I could carry along?"],
);
const BRING = pool(
  ["[Maybe|Just] {gift}.", "{gift} would be [great|nice].", "Could you bring {gift}?"],
  ["We lack {gift}, so that would be ideal.", "If you have {gift}, take it with you."],
);
const WILL = pool(
  ["[Okay|Sure], I'll bring {gift}.", "[No problem|Done]. See you on {when}!"],
  ["Consider it packed.", "That I can do."],
);
const NO = pool(
  ["I'd love to, but {reason}.", "[Sorry|Oh no], I can't. {reason}.", "I can't that day, because {reason}."],
  ["Alas, no, as {reason}.", "Count me out this time. {reason}."],
);
const MOVE = pool(
  ["[What about|How about] {new}? I'm free then.", "Could we do it on {new} instead?"],
  ["{new} would suit me, if you can shift it."],
);
const MOVED = pool(["[Good idea|Fine], then {new}.", "Yes, {new} is fine with me too."], ["Then {new} it is."]);
const MAYBE = pool(
  [
    "[I'm not sure|Let me think], because {reason}. I'll tell you {later}.",
    "Maybe. The problem is that {reason}. Can I tell you {later}?",
  ],
  ["Hard to say, as {reason}. You will know {later}."],
);
const WAIT = pool(["[Okay|Sure], no hurry.", "Fine, just let me know."], ["Take your time."]);

export const invite: Frame = {
  name: "invite",
  isFormal: false,
  write(stage) {
    const [when, fresh] = drawDistinct(2, () => drawWhen(stage.rng));
    const plan = drawPhrase(stage, PLANS);
    stage.topic = plan;
    stage.facts({ plan, when: when!, new: fresh!, gift: drawGift(stage) });
    stage.facts({ reason: drawReason(stage), later: drawLater(stage) }, "B");
    open(stage);
    stage.a(ASK);
    const head = "{A} [invites {B} to {plan}|asks {B} to {plan}] on {when}.";
    const outcome = stage.rng.below(4);
    if (outcome <= 1) {
      stage.b(YES);
      stage.a(BRING);
      stage.b(WILL);
      return [`${head} {B} accepts and will bring {gift}.`, "{A} and {B} will {plan} on {when}. {B} will bring {gift}."];
    }
    if (outcome === 2) {
      stage.b(NO);
      if (stage.rng.chance(0.5)) {
        stage.more(MOVE);
        stage.a(MOVED);
        closeGlad(stage);
        return [`${head} {B} cannot come because {reason}, so they choose {new}.`];
      }
      closeSad(stage);
      return [`${head} {B} refuses because {reason}.`, `${head} {B} cannot come because {reason}.`];
    }
    stage.b(MAYBE);
    stage.a(WAIT);
    return [`${head} {B} is not sure because {reason} and will decide {later}.`];
  },
};
