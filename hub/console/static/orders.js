// The newest orders, where each was sent, and why.
import { byId, element, KeyedList } from "./dom.js";
import { GraphQLError } from "./graphql.js";

const SHOWN = 12;
const PLAIN = "NewestOrdersPlain";

export class Orders {
  #client;
  #strings;
  #list;
  #document = "NewestOrders";

  constructor(client, strings) {
    this.#client = client;
    this.#strings = strings;
    this.#list = new KeyedList(byId("orders-list"), (order) => this.#item(order), byId("orders-empty"));
  }

  async refresh() {
    const { orders } = await this.#read();
    this.#list.show(orders.edges.map((edge) => edge.node));
  }

  /** Who may not read routing decisions sees the orders without the reasons. */
  async #read() {
    try {
      return await this.#client.run(this.#document, { first: SHOWN });
    } catch (error) {
      if (this.#document === PLAIN || !(error instanceof GraphQLError && error.codes.includes("SCOPE_MISSING"))) throw error;
      this.#document = PLAIN;
      return this.#client.run(PLAIN, { first: SHOWN });
    }
  }

  #item(order) {
    const sentences = order.routingDecisions?.at(-1)?.explanation ?? [];
    return element(
      "li",
      {},
      element(
        "div",
        { class: "top" },
        element("strong", {}, order.number),
        element("span", { class: "dim" }, order.channel?.name ?? "–"),
        element("span", { class: "dim" }, this.#strings.word("method", order.method)),
        element("span", { class: "tag", "data-word": order.status }, this.#strings.word("status", order.status)),
        element("time", { datetime: order.capturedAt }, this.#strings.time(order.capturedAt)),
      ),
      this.#places(order),
      sentences.length ? element("p", { class: "why", lang: "en" }, sentences[0]) : null,
      sentences.length > 1 ? this.#others(sentences) : null,
    );
  }

  #places(order) {
    const places = order.fulfillmentOrders.map(
      (part) => `${part.location?.name ?? "–"} (${this.#strings.word("status", part.status)})`,
    );
    const handedOver = order.method === "HANDED_OVER" ? null : this.#strings.text("orders.unrouted");
    const text = places.length ? `→ ${places.join(", ")}` : handedOver;
    return text ? element("p", {}, text) : null;
  }

  #others(sentences) {
    return element(
      "details",
      {},
      element("summary", {}, this.#strings.text("orders.candidates", { count: sentences.length })),
      element("ul", { lang: "en" }, ...sentences.map((sentence) => element("li", { class: "plain" }, sentence))),
    );
  }
}
