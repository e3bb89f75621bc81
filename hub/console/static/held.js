// The orders that wait for a person, with what a person can say of each as a button.
import { byId, element, KeyedList, say } from "./dom.js";
import { idempotencyKey } from "./graphql.js";

const SHOWN = 15;
const DECISIONS = {
  CHANNEL_CONFLICT: ["CONFIRM"],
  UNKNOWN_STATE: ["CONFIRM"],
  GO_LIVE_REVIEW: ["CONFIRM", "DECLINE"],
};

export class Held {
  #client;
  #strings;
  #list;

  constructor(client, strings) {
    this.#client = client;
    this.#strings = strings;
    this.#list = new KeyedList(byId("held-list"), (order) => this.#item(order), byId("held-empty"));
  }

  async refresh() {
    const { orders } = await this.#client.run("HeldOrders", { first: SHOWN });
    this.#list.show(orders.edges.map((edge) => edge.node));
  }

  #item(order) {
    return element(
      "li",
      {},
      element(
        "div",
        { class: "top" },
        element("strong", {}, order.number),
        element("span", { class: "dim" }, order.channel?.name ?? "–"),
        element("span", { class: "dim" }, this.#strings.word("method", order.method)),
        element("span", { class: "tag", "data-word": order.hold }, this.#strings.word("hold", order.hold)),
        element("time", { datetime: order.placedAt }, this.#strings.time(order.placedAt)),
      ),
      this.#buttons(order),
    );
  }

  #buttons(order) {
    const decisions = DECISIONS[order.hold] ?? [];
    if (!decisions.length) return null;
    return element("div", { class: "buttons" }, ...decisions.map((decision) => this.#button(order, decision)));
  }

  #button(order, decision) {
    // One key for the button's life: pressed twice, or again after a lost answer, it counts once.
    const input = {
      orders: [{ id: order.id, expectedVersion: order.version }],
      reason: order.hold,
      decision,
      idempotencyKey: idempotencyKey(),
    };
    const label = this.#strings.word("decision", decision);
    const press = (event) => this.#decide(input, event.currentTarget);
    return element("button", { type: "button", "aria-label": `${label}: ${order.number}`, click: press }, label);
  }

  async #decide(input, button) {
    button.disabled = true;
    let problem = "";
    try {
      const { orderHoldRelease } = await this.#client.run("ReleaseHolds", { input });
      problem = orderHoldRelease.errors.map((error) => error.message).join("; ");
    } catch (error) {
      problem = error.message;
    }
    say(byId("held-problem"), problem && this.#strings.text("problem.failed", { message: problem }));
    button.disabled = false;
    await this.refresh();
  }
}
