import {
  CONDITION_MEANINGS,
  CONDITION_TYPES,
  messageOf,
  REASONS,
  type ConditionType,
  type Reason,
} from "../api/src/index.ts";
import { code, generatedNote, table } from "./markdown.ts";

/** The reference page of conditions: every type with its reasons, when they apply and what they tell. */
export function conditionsPage(): string {
  return `${generatedNote}

# Conditions

\`status.conditions\` says what holds for a server and why. \`Ready\` is always there; the others only while they are true,
so \`kubectl wait\`, Argo CD and Flux understand them (kstatus). Reasons keep their meaning; programs may compare them.
The text after the reason is an example of the message.

${CONDITION_TYPES.map(section).join("\n\n")}
`;
}

function section(type: ConditionType): string {
  const reasons = (Object.keys(REASONS) as Reason[]).filter((reason) => REASONS[reason].conditions.includes(type));
  const rows = reasons.map((reason) => [code(reason), REASONS[reason].when, exampleOf(reason)]);
  return `## ${type}\n\n${CONDITION_MEANINGS[type]}\n\n${table(["Reason", "When", "Message, for example"], rows)}`;
}

function exampleOf<R extends Reason>(reason: R): string {
  return messageOf(reason, REASONS[reason].example);
}
