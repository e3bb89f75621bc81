// What waits in stores, with the next step of each as a button.
import { byId, element, KeyedList, say } from "./dom.js";
import { idempotencyKey } from "./graphql.js";

const SHOWN = 15;
const STEPS = {
  OPEN: { document: "FulfillmentOrderAccept", field: "fulfillmentOrderAccept", label: "queue.accept" },
  IN_PROGRESS: { document: "FulfillmentOrderReady", field: "fulfillmentOrderReady", label: "queue.ready" },
};

export class Queue {
  #client;
  #strings;
  #list;

  constructor(client, strings) {
    this.#client = client;
    this.#strings = strings;
    this.#list = new KeyedList(byId("queue-list"), (part) => this.#item(part), byId("queue-empty"));
  }

  async refresh() {
    const { fulfillmentOrders } = await this.#client.run("WaitingInStores", { first: SHOWN });
    this.#list.show(fulfillmentOrders.edges.map((edge) => edge.node));
  }

  #item(part) {
    const units = part.lines.reduce((sum, line) => sum + line.quantity, 0);
    return element(
      "li",
      {},
      element(
        "div",
        { class: "top" },
        element("strong", {}, part.location?.name ?? "–"),
        element("span", { class: "dim" }, part.order?.number ?? "–"),
        element("span", { class: "dim" }, this.#strings.word("method", part.method)),
        element("span", { class: "dim" }, this.#strings.text("queue.units", { count: units })),
        element("span", { class: "tag", "data-word": part.status }, this.#strings.word("status", part.status)),
        element("time", { datetime: part.createdAt }, this.#strings.time(part.createdAt)),
      ),
      this.#button(part),
    );
  }

  #button(part) {
    const step = STEPS[part.status];
    if (!step) return null;
    // One key for the button's life: pressed twice, or again after a lost answer, it counts once.
    const input = { id: part.id, expectedVersion: part.version, idempotencyKey: idempotencyKey() };
    const press = (event) => this.#take(step, input, event.currentTarget);
    const label = this.#strings.text(step.label);
    const name = `${label}: ${part.location?.name ?? ""} ${part.order?.number ?? ""}`;
    return element("div", { class: "buttons" }, element("button", { type: "button", "aria-label": name, click: press }, label));
  }

  async #take(step, input, button) {
    button.disabled = true;
    let problem = "";
    try {
      const answer = (await this.#client.run(step.document, { input }))[step.field];
      problem = answer.errors.map((error) => error.message).join("; ");
    } catch (error) {
      problem = error.message;
    }
    say(byId("queue-problem"), problem && this.#strings.text("problem.failed", { message: problem }));
    button.disabled = false;
    await this.refresh();
  }
}
