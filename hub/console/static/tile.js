// One part of the board: refreshed now or soon, never twice at once, and hidden when it is none of this person's business.
import { byId } from "./dom.js";
import { GraphQLError } from "./graphql.js";

const SETTLE_MS = 300;
const NOT_ALLOWED = new Set(["SCOPE_MISSING", "DENIED", "LOCATION_NOT_ALLOWED", "CHANNEL_NOT_ALLOWED"]);

export class Tile {
  #content;
  #sections;
  #running = false;
  #again = false;
  #timer = null;

  /** `content.refresh()` looks anew; `sections` are the ids of the parts of the page that it fills. */
  constructor(content, sections) {
    this.#content = content;
    this.#sections = sections.map(byId);
  }

  /** Refresh once, a moment after the first of a burst of events. */
  soon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.refresh();
    }, SETTLE_MS);
  }

  async refresh() {
    this.#again = true;
    if (this.#running || this.#hidden()) return;
    this.#running = true;
    try {
      while (this.#again) {
        this.#again = false;
        await this.#content.refresh();
      }
    } catch (error) {
      this.#tell(error);
    } finally {
      this.#running = false;
    }
  }

  #hidden() {
    return this.#sections[0].hidden;
  }

  /** A refusal for want of authority hides the tile for good; anything else is tried again by the clock. */
  #tell(error) {
    if (error instanceof GraphQLError && error.codes.some((code) => NOT_ALLOWED.has(code))) {
      for (const section of this.#sections) section.hidden = true;
    } else {
      console.warn(error);
    }
  }
}
