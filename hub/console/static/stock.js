// The stock board: variants by location, and what one channel may promise of each, live.
import { byId, element, highlight, say } from "./dom.js";

const MAX_LOCATIONS = 24;
const PRODUCTS = 12;
const VARIANTS_EACH = 4;
const MAX_VARIANTS = 32;
const PAGE = 100;
const TYPING_MS = 250;

export class StockBoard {
  #client;
  #strings;
  #onChange;
  #locations = null;
  #variants = [];
  #cells = new Map();
  #promises = new Map();
  #stale = new Set();
  #channel = null;
  #stop = () => {};
  #typing = null;
  #asked = 0;

  /** `onChange` is called when levels are to be read again: somebody then calls `refresh`. */
  constructor(client, strings, onChange) {
    this.#client = client;
    this.#strings = strings;
    this.#onChange = onChange;
    byId("stock-search").addEventListener("submit", (event) => event.preventDefault());
    byId("stock-words").addEventListener("input", () => this.#typed());
    byId("stock-channel").addEventListener("change", (event) => this.#watch(event.target.value));
  }

  /** Read the columns and rows the first time, then only the levels that may have changed. */
  async refresh() {
    if (!this.#locations) await this.#begin();
    const skus = [...this.#stale];
    this.#stale.clear();
    await this.#readLevels(skus);
  }

  get locations() {
    return this.#locations ?? [];
  }

  /** All levels may have changed. */
  spoil() {
    for (const { sku } of this.#variants) this.#stale.add(sku);
    this.#onChange();
  }

  /** The channels whose promise can be watched; the one with most listings is chosen first. */
  offerChannels(channels) {
    const select = byId("stock-channel");
    const known = new Set([...select.options].map((option) => option.value));
    for (const channel of channels.filter(({ code }) => !known.has(code))) {
      select.append(element("option", { value: channel.code }, channel.name));
    }
    if (this.#channel || !channels.length) return;
    const first = channels.reduce((best, channel) => (channel.listings > best.listings ? channel : best));
    select.value = first.code;
    byId("stock-channel-choice").hidden = false;
    this.#watch(first.code);
  }

  async #begin() {
    const { locations } = await this.#client.run("BoardLocations", { first: MAX_LOCATIONS });
    const columns = locations.edges.map((edge) => edge.node);
    const heads = columns.map(({ name }) => element("th", { scope: "col" }, name));
    const variant = element("th", { scope: "col" }, this.#strings.text("stock.variant"));
    const promise = element("th", { scope: "col" }, this.#strings.text("stock.promise"));
    byId("stock-head").replaceChildren(element("tr", {}, variant, promise, ...heads));
    this.#locations = columns;
    await this.#readVariants(null);
  }

  #typed() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#search(byId("stock-words").value.trim()), TYPING_MS);
  }

  async #search(words) {
    try {
      await this.#readVariants(words || null);
      this.spoil();
    } catch (error) {
      console.warn(error);
    }
  }

  async #readVariants(search) {
    const ask = ++this.#asked;
    const { products } = await this.#client.run("BoardVariants", { search, first: PRODUCTS, variants: VARIANTS_EACH });
    if (ask !== this.#asked) return;
    this.#variants = products.edges
      .flatMap(({ node }) => node.variants.edges.map((edge) => ({ ...edge.node, product: node.title })))
      .slice(0, MAX_VARIANTS);
    this.#stale = new Set(this.#variants.map(({ sku }) => sku));
    this.#rebuild();
    this.#watch(this.#channel);
  }

  #rebuild() {
    this.#cells.clear();
    this.#promises.clear();
    byId("stock-body").replaceChildren(...this.#variants.map((variant) => this.#row(variant)));
    byId("stock-empty").hidden = this.#variants.length > 0;
  }

  #row(variant) {
    const promise = element("td", { class: "promise" }, "–");
    this.#promises.set(variant.sku, promise);
    const cells = this.#locations.map(({ id }) => {
      const cell = element("td", { class: "none" }, "·");
      this.#cells.set(`${variant.sku} ${id}`, { cell, version: -1 });
      return cell;
    });
    const name = [...new Set([variant.product, variant.title])].filter(Boolean).join(" · ");
    const head = element("th", { scope: "row", title: name }, name, element("small", {}, variant.sku));
    return element("tr", { "data-sku": variant.sku }, head, promise, ...cells);
  }

  /** Each request asks for as many variants as surely fit a page with all their locations. */
  async #readLevels(skus) {
    const size = Math.max(1, Math.floor(PAGE / Math.max(1, this.#locations.length)));
    const parts = Array.from({ length: Math.ceil(skus.length / size) }, (_, part) => skus.slice(part * size, (part + 1) * size));
    await Promise.all(parts.map((part) => this.#readPart(part)));
  }

  async #readPart(skus) {
    const { stockLevels } = await this.#client.run("BoardLevels", { skus, first: PAGE });
    for (const { node } of stockLevels.edges) this.#show(node);
  }

  #show(level) {
    const known = this.#cells.get(`${level.variant?.sku} ${level.location?.id}`);
    if (!known || known.version >= level.version) return;
    const { cell } = known;
    cell.replaceChildren(element("span", { class: "available" }, this.#strings.number(level.available)));
    cell.className = level.available ? "" : "none";
    for (const [state, sign] of [["reserved", "r"], ["allocated", "a"], ["shortage", "−"]]) {
      if (level[state]) cell.append(element("span", { class: state }, sign + this.#strings.number(level[state])));
    }
    cell.title = this.#strings.text("stock.cell", level);
    if (known.version >= 0) highlight(cell);
    known.version = level.version;
  }

  #watch(channel) {
    if (channel !== this.#channel) for (const cell of this.#promises.values()) cell.textContent = "–";
    this.#channel = channel;
    this.#stop();
    const skus = this.#variants.map(({ sku }) => sku);
    if (!channel || !skus.length) return;
    // No cursor is kept: after a lost connection the first event is the whole state again.
    this.#stop = this.#client.subscribe("AvailabilityChanged", { skus, channel }, (data) => this.#changed(data));
  }

  #changed({ availabilityChanged: event }) {
    for (const { sku, quantity } of event.availabilities) {
      const cell = this.#promises.get(sku);
      if (!cell) continue;
      const text = quantity === null ? "∞" : this.#strings.number(quantity);
      say(cell, text, { flash: event.kind === "CHANGE" });
      this.#stale.add(sku);
    }
    this.#onChange();
  }
}
