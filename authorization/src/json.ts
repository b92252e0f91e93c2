/** A JSON object whose fields nobody has checked. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** Whether a value is an object, neither a list nor null. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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
