// The page's language: its table of strings, numbers and times.

export async function loadStrings(language = document.documentElement.lang) {
  const answer = await fetch(new URL(`./strings/${language}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`no strings for ${language}`);
  return new Strings(language, await answer.json());
}

class Strings {
  #table;
  #numbers;
  #times;

  constructor(language, table) {
    this.#table = table;
    this.#numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
    this.#times = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
  }

  /** The text under `key`, with `{name}` filled from `values`; numbers are written in the page's language. */
  text(key, values = {}) {
    const text = this.#table[key];
    if (text === undefined) throw new Error(`no string ${key}`);
    return text.replace(/\{(\w+)\}/g, (_, name) => this.#written(values[name]));
  }

  /** The word for a code of the API, or the code itself: the API may learn codes before the page does. */
  word(kind, code) {
    return this.#table[`${kind}.${code}`] ?? code ?? "–";
  }

  number(value) {
    return value === null || value === undefined ? "–" : this.#numbers.format(value);
  }

  time(instant) {
    return this.#times.format(new Date(instant));
  }

  #written(value) {
    return typeof value === "number" || value === null ? this.number(value) : String(value);
  }
}
