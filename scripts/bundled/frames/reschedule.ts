/** A wants to move an appointment; B agrees, offers another time, or has to ask first. */
import { drawOffice, drawReason } from "../compose.js";
import { drawDistinct, drawLater, drawPromise, drawShop, drawWhen } from "../facts.js";
import { type Frame, pool, type Stage, words } from "../stage.js";
import { closeGlad, closeSad, open } from "../talk.js";

const LESSONS = pool(
  words(
    "piano, guitar, driving, Spanish, dance, singing, tennis, drum, yoga, painting, riding, French, cooking, flute, maths, violin, boxing, sewing, English, ski, pottery, golf, harp, judo",
  ),
  words("swimming, chess, sailing, Greek, trumpet, archery"),
);
const VISITS = pool(
  words(
    "dentist, doctor, vet, passport, bank, hair, visa, massage, tax, dress fitting, tattoo, allergy, nail, physio, adoption, mortgage",
  ),
  words("eye clinic, notary, X-ray, podiatrist, beard"),
);
const CHECKS = pool(
  words(
    "car, roof, boiler, kitchen, elevator, bike, window, heating, garden, chimney, engine, water, fire, hearing, alarm, brake, mould, pool",
  ),
  words("cellar, gas, drain, brick, solar panel"),
);
const KINDS: readonly (readonly [typeof LESSONS, readonly string[]])[] = [
  [LESSONS, ["lesson", "class", "course", "exam"]],
  [VISITS, ["appointment", "consultation", "session"]],
  [CHECKS, ["inspection", "repair", "check", "test", "cleaning"]],
];
function drawEvent(stage: Stage): string {
  const [subjects, kinds] = stage.rng.pick(KINDS);
  return `${stage.from(subjects)} ${stage.rng.pick(kinds)}`;
}

const ASK = pool(
  [
    "I have a {event} on {old}, but I can't make it. Could we move it to {new}?",
    "Is it possible to move my {event} from {old} to {new}?",
    "About my {event} on {old}: would {new} be possible instead?",
    "I need to change my {event}. It is on {old} now, and {new} would be better.",
    "My {event} is on {old}, and I would like to move it to {new}.",
  ],
  [
    "You have me down for a {event} on {old}. Any chance of swapping that for {new}?",
    "I won't manage the {event} on {old}. How does {new} look?",
    "Would it be a bother to put the {event} of {old} on {new}?",
  ],
);
const WHY = pool(
  ["[What happened|Did something come up]?", "May I ask why?", "Oh, is everything all right?", "What is the reason?"],
  ["How come?", "Has anything gone wrong?"],
);
const BECAUSE = pool(
  ["It's because {reason}.", "[Well|You see], {reason}.", "I'm afraid {reason}.", "{reason}."],
  ["The thing is that {reason}.", "To be honest, {reason}."],
);
const YES = pool(
  [
    "[Sure|Of course], {new} is [free|fine]. I'll {promise}.",
    "[No problem|Let me see]. Yes, {new} works. I will {promise}.",
    "{new} is [still free|open], so that's settled. I'll {promise}.",
  ],
  ["By all means, {new} suits us. I'll {promise}.", "You are in luck, {new} has just come free. I will {promise}."],
);
const NO = pool(
  [
    "I'm sorry, {new} is [fully booked|already taken]. I could offer {alt}.",
    "[Unfortunately|Sadly] there is nothing on {new}. What about {alt}?",
    "{new} won't work, but {alt} is free.",
  ],
  ["No luck, {new} is gone. The nearest I have is {alt}.", "We are shut on {new}. Might {alt} do?"],
);
const TAKE = pool(
  ["{alt} is fine [too|with me].", "[Okay|All right], I'll take {alt}.", "Yes, {alt} works."],
  ["Put me down for {alt}, then.", "I can live with {alt}."],
);
const KEEP = pool(
  ["That doesn't suit me. Then I'll keep {old}.", "[No|Hmm], I can't then. Leave it on {old}, I will find a way."],
  ["{alt} is no use to me. Let it stay as it is on {old}."],
);
const CHECK = pool(
  [
    "I have to ask {boss} first. I'll call you back {later}.",
    "I can't decide that alone. Let me check with {boss}. You will hear from me {later}.",
  ],
  ["That is up to {boss}. I will be in touch {later}."],
);

export const reschedule: Frame = {
  name: "reschedule",
  isFormal: true,
  write(stage) {
    const [old, fresh, alt] = drawDistinct(3, () => drawWhen(stage.rng));
    const event = drawEvent(stage);
    stage.topic = event;
    stage.facts({
      shop: drawShop(stage),
      event,
      old: old!,
      new: fresh!,
      alt: alt!,
      reason: drawReason(stage),
      promise: drawPromise(stage),
    });
    stage.facts({ boss: drawOffice(stage), later: drawLater(stage) }, "B");
    open(stage);
    stage.a(ASK);
    if (stage.rng.chance(0.7)) {
      stage.b(WHY);
      stage.a(BECAUSE);
    } else stage.more(BECAUSE);
    const ask = "{A} [asks {B} to move|wants {B} to move] the {event} from {old} to {new} because {reason}.";
    const outcome = stage.rng.below(4);
    if (outcome === 0) {
      stage.b(NO);
      stage.a(TAKE);
      closeGlad(stage);
      return [`${ask} That is not possible, so they agree on {alt}.`];
    }
    if (outcome === 1) {
      stage.b(NO);
      stage.a(KEEP);
      return [`${ask} {B} can only offer {alt}, so {A} keeps {old}.`];
    }
    if (outcome === 2) {
      stage.b(CHECK);
      closeSad(stage);
      return [`${ask} {B} has to ask {boss} first and will call back {later}.`];
    }
    stage.b(YES);
    closeGlad(stage);
    return [
      `${ask} {B} agrees and will {promise}.`,
      "Because {reason}, {A} moves the {event} from {old} to {new}. {B} will {promise}.",
    ];
  },
};
