// Questions to Prometheus' HTTP API.
import { askJson } from './ask.ts';

export type Series = { metric: Record<string, string>; value: [time: number, value: string] };
export type Samples = { metric: Record<string, string>; values: [time: number, value: string][] };
export type Target = { labels: Record<string, string>; health: string; lastError: string };
export type Rule = { type: string; name: string; health: string; state?: string; lastError?: string };

type Reply<T> = { data: T };

export class Prometheus {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async query(text: string): Promise<Series[]> {
    return (await this.#get<{ result: Series[] }>(`query?${new URLSearchParams({ query: text })}`)).result;
  }

  /** The samples themselves, for a selector with a range. */
  async samples(selector: string): Promise<Samples[]> {
    return (await this.#get<{ result: Samples[] }>(`query?${new URLSearchParams({ query: selector })}`)).result;
  }

  async targets(): Promise<Target[]> {
    return (await this.#get<{ activeTargets: Target[] }>('targets?state=active')).activeTargets;
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.#get<{ groups: { rules: Rule[] }[] }>('rules');
    return groups.flatMap(({ rules }) => rules);
  }

  async #get<T>(path: string): Promise<T> {
    return (await askJson<Reply<T>>(`${this.#url}/api/v1/${path}`)).data;
  }
}
