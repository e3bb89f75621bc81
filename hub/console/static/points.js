// The newest movements of points.
import { byId, element, KeyedList } from "./dom.js";

const SHOWN = 12;

export class Points {
  #client;
  #strings;
  #list;

  constructor(client, strings) {
    this.#client = client;
    this.#strings = strings;
    this.#list = new KeyedList(byId("points-list"), (change) => this.#item(change), byId("points-empty"));
  }

  async refresh() {
    const { recentPoints } = await this.#client.run("RecentPoints", { first: SHOWN });
    this.#list.show(recentPoints);
  }

  #item(change) {
    const sign = change.points > 0 ? "+" : "";
    const level = change.points > 0 ? "gain" : change.points < 0 ? "loss" : "dim";
    const order = change.orderNumber ? this.#strings.text("points.order", { number: change.orderNumber }) : null;
    return element(
      "li",
      { class: "top" },
      element("strong", { class: level }, sign + this.#strings.number(change.points)),
      element("span", {}, this.#strings.word("points", change.kind)),
      element("span", { class: "dim" }, [order, change.channelName].filter(Boolean).join(" · ")),
      element("time", { datetime: change.recordedAt }, this.#strings.time(change.recordedAt)),
    );
  }
}
