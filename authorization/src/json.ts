/** A JSON object with unvalidated fields. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** Whether a value is an object, neither a list nor null. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is a list of texts, none of them empty. */
export function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string" && item !== "");
}

/** What a text holds as JSON. @throws Error with the complaint if it is none. */
export function parseJson(text: string, complaint: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(complaint);
  }
}

/** The object that a text holds; undefined if it is no JSON, or holds something else. */
export function parseRecord(text: string): JsonRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
