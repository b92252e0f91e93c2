import { DENIED_INGRESS_ANNOTATIONS } from "../controller/src/config/policy-config.ts";
import { chartValues, retiredChartValues } from "./chart-values.ts";
import { code, generatedNote, table } from "./markdown.ts";
import { defaultOf, fieldsOf, typeOf } from "./schema-rows.ts";

/** The reference page of the chart's values. */
export function settingsPage(): string {
  const rows = fieldsOf(chartValues, "")
    .filter(({ path }) => !path.includes("[]"))
    .map((field) => [code(field.path), typeOf(field.node), defaultOf(field), field.node.description ?? ""]);
  return `${generatedNote}

# Settings

Values of the chart \`helm-chart/amalthea\`; they reach the controller as environment variables. A key that is not listed
here is refused.

${table(["Value", "Type", "Default", "Meaning"], rows)}

The following values of earlier charts are accepted and have no effect: ${retiredChartValues.map(code).join(", ")}.

## Ingress annotations omitted by default

Where \`policy.ingressAnnotations.denied\` is empty, Ingresses are created without these. \`*\` stands for any characters but a
slash.

${DENIED_INGRESS_ANNOTATIONS.map((name) => `- ${code(name)}`).join("\n")}
`;
}
