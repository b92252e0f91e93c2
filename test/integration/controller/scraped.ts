/** One answer of a metrics port. */
export class Scraped {
  readonly text: string;

  private constructor(text: string) {
    this.text = text;
  }

  static async from(port: number): Promise<Scraped> {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
    return new Scraped(await answer.text());
  }

  /** Sum of the series of this name that have these labels; undefined if there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const found = this.#series().filter(
      (series) => series.name === name && wanted.every((pair) => series.labels.includes(pair)),
    );
    return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
  }

  /** Names of the metrics, as their types are declared. */
  get names(): readonly string[] {
    return [...this.text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = ""]) => name);
  }

  #series(): readonly { readonly name: string; readonly labels: readonly string[]; readonly value: number }[] {
    return [...this.text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name = "", labels = "", value]) => ({
      name,
      labels: labels.split(/,(?=\w+=")/),
      value: Number(value),
    }));
  }
}
